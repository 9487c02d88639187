"""Where webhooks may lead: to public addresses alone. Attack: server-side request forgery (OWASP API7:2023).

A url is taken apart here and nowhere else; its name is resolved once, every address it has is looked at, and the
connection goes to one of those very addresses: a name that changes its mind between the look and the connection
(DNS rebinding) gains nothing. Special addresses: IANA's registries, RFC 6890; the clouds' metadata services.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, urlsplit

from sdb_service.errors import Invalid
from sdb_service.settings import Settings, words

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

MOST_CHARACTERS = 2000
_PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]+")  # printable ASCII, no space and no backslash: parsers differ on those
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_.])?")

# Public by their number, and yet not for us: `is_global` of some versions of Python passes these.
_NEVER = tuple(
    ipaddress.ip_network(each)
    for each in (
        "168.63.129.16/32",  # the host's agent at Azure
        "192.0.0.0/24",  # protocol assignments; metadata at Oracle
        "192.88.99.0/24",  # relays of 6to4
        "100.64.0.0/10",  # behind carriers' NAT; metadata at Alibaba
        "198.18.0.0/15",
        "240.0.0.0/4",
        "::/96",  # IPv4 inside IPv6, of old
        "64:ff9b:1::/48",  # NAT64 of a site's own
        "100::/64",
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fec0::/10",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


class AddressRefused(Invalid):
    """The one answer for a private address, a name without one, and a name that is none: it tells nobody which."""

    def __init__(self) -> None:
        super().__init__(
            "webhook_address_refused",
            "The url's host has no public address, or also a private one; name a host that the internet reaches, or "
            "ask the operator to allow its network (SDB_WEBHOOK_ALLOWED_NETWORKS).",
        )


@dataclass(frozen=True)
class Rules:
    """What the operator lets webhooks reach."""

    allowed: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset({443, 8443})
    http: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        ports = {int(each) for each in words(settings.webhook_ports)} | ({80} if settings.webhook_http else set())
        allowed = tuple(ipaddress.ip_network(each) for each in words(settings.webhook_allowed_networks))
        return cls(allowed=allowed, ports=frozenset(ports), http=settings.webhook_http)


@dataclass(frozen=True)
class Target:
    """A url that may be asked, taken apart."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the `Host` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"https": 443, "http": 80}[self.scheme] else f"{host}:{self.port}"


def target_of(url: str, rules: Rules) -> Target:
    """The parts of a url. Raises `Invalid` where it is none that webhooks may have."""
    if len(url) > MOST_CHARACTERS or not _PLAIN.fullmatch(url):
        raise _bad_url("write it in plain ASCII, as https://host/path, in at most 2000 characters")
    parts, port = _split(url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in (("https", "http") if rules.http else ("https",)):
        raise _bad_url("it must begin with https://")
    if "@" in parts.netloc or parts.fragment or url.endswith("#"):
        raise _bad_url("leave user names and fragments out; put a secret into its path if you need one")
    if not (_is_ipv6(host) if ":" in host else _NAME.fullmatch(host)):
        raise _bad_url("its host is no host name; write other alphabets in punycode")
    port = {"https": 443, "http": 80}[parts.scheme] if port is None else port
    if port not in rules.ports:
        raise _bad_url(f"its port must be one of {', '.join(map(str, sorted(rules.ports)))}")
    return Target(parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def checked_addresses(target: Target, rules: Rules, resolve: Resolve) -> tuple[str, ...]:
    """The addresses of the target's host, all of them fit to be connected to. Raises `AddressRefused`."""
    found = [_address(text) for text in resolve(target.host, target.port)]
    if not found or not all(is_fit(address, rules.allowed) for address in found):
        raise AddressRefused
    return tuple(dict.fromkeys(map(str, found)))


def is_fit(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """Whether it is a public address of one machine, or in a network that the operator allowed."""
    inner = _inside(address)
    if any(each.version == network.version and each in network for each in (address, inner) for network in allowed):
        return True
    if any(inner.version == network.version and inner in network for network in _NEVER):
        return False
    is_odd = inner.is_multicast or inner.is_reserved or inner.is_unspecified or inner.is_link_local
    return inner.is_global and not inner.is_private and not inner.is_loopback and not is_odd


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host as the system's resolver says, whatever notation of a number it takes; none: empty."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


def _inside(address: Address) -> Address:
    """The IPv4 address that an IPv6 address carries in a form that reaches it, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    number = int(address)
    if address in _NAT64 or (number >> 32) & 0xFFFFFFFF in _ISATAP:
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    return address


def _address(text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise AddressRefused from error


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError as error:
        raise _bad_url("it cannot be read as an address") from error


def _is_ipv6(host: str) -> bool:
    try:
        return "%" not in host and ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _bad_url(why: str) -> Invalid:
    return Invalid("webhook_url_invalid", f"The url of a webhook cannot be this one: {why}.")
