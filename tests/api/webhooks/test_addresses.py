"""Webhooks lead to public addresses alone, however a private one is written."""

import ipaddress
import socket

import pytest

from api.webhooks.addresses import AddressRefused, Rules, checked_addresses, is_fit, resolved, target_of
from sdb_service.errors import Invalid
from sdb_service.settings import Settings

pytestmark = pytest.mark.trust

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "::ffff:168.63.129.16",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "2a00:1450::5efe:7f00:1",
    "2a00:1450::200:5efe:a00:1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2606:4700::1111",
    "2a00:1450::1",
]
LOOPBACK = [
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "localhost",
]
RULES = Rules()


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_fit(ipaddress.ip_address(address))
    with pytest.raises(AddressRefused):
        checked_addresses(target_of("https://name.example/", RULES), RULES, lambda *_: [address])


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_fit(address: str) -> None:
    assert is_fit(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_is_refused_in_each_notation_that_a_resolver_takes(host: str) -> None:
    target = target_of(f"https://{host}/", RULES)
    assert set(resolved(target.host, 443)) & {"127.0.0.1", "0.0.0.0"}, "the resolver no longer takes it"
    with pytest.raises(AddressRefused):
        checked_addresses(target, RULES, resolved)


@pytest.mark.parametrize("host", ["[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1", "169.254.169.254"])
def test_a_private_address_in_place_of_a_name_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        checked_addresses(target_of(f"https://{host}/", RULES), RULES, resolved)


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    target = target_of("https://name.example/", RULES)
    with pytest.raises(AddressRefused):
        checked_addresses(target, RULES, lambda *_: ["8.8.8.8", "10.0.0.1"])


def test_a_name_that_nobody_knows_is_answered_like_a_private_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    told = []
    for resolve in (resolved, lambda *_: ["10.0.0.1"], lambda *_: ["no address"]):
        with pytest.raises(AddressRefused) as refused:
            checked_addresses(target_of("https://name.example/", RULES), RULES, resolve)
        told.append((refused.value.code, refused.value.detail))
    assert len(set(told)) == 1


def test_the_operator_may_allow_a_private_network_and_no_other() -> None:
    rules = Rules(allowed=(ipaddress.ip_network("10.1.2.0/24"),))
    assert is_fit(ipaddress.ip_address("10.1.2.3"), rules.allowed)
    assert is_fit(ipaddress.ip_address("::ffff:10.1.2.3"), rules.allowed)
    assert not is_fit(ipaddress.ip_address("10.1.3.1"), rules.allowed)
    assert not is_fit(ipaddress.ip_address("127.0.0.1"), rules.allowed)


@pytest.mark.parametrize(
    "url",
    [
        "http://name.example/",
        "ftp://name.example/",
        "file:///etc/passwd",
        "gopher://name.example:443/",
        "//name.example/",
        "name.example",
        "https://",
        "https:///path",
        "https://user@name.example/",
        "https://user:secret@name.example/",
        "https://8.8.8.8@127.0.0.1/",
        "https://name.example/#part",
        "https://name.example/#",
        "https://name.example:22/",
        "https://name.example:6379/",
        "https://name.example:0/",
        "https://name.example:99999/",
        "https://name.example:port/",
        "https://name.example\\@127.0.0.1/",
        "https://name.example/ path",
        "https://name.example/\r\nX-Header: 1",
        "https://name.example\t/",
        "https://nämе.example/",
        "https://127。0。0。1/",
        "https://①②⑦.0.0.1/",
        "https://%31%32%37.0.0.1/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://[name]/",
        "https://na$me.example/",
        "https://" + "a" * 300 + "/",
        "https://name.example/" + "a" * 2000,
    ],
)
def test_a_url_that_parsers_could_read_differently_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        target_of(url, RULES)
    assert refused.value.code == "webhook_url_invalid"


def test_a_url_is_taken_apart_once() -> None:
    target = target_of("https://Name.Example:8443/a/b?c=d&e", RULES)
    assert (target.scheme, target.host, target.port, target.path) == ("https", "name.example", 8443, "/a/b?c=d&e")
    assert target.authority == "name.example:8443"
    assert target_of("https://[2606:4700::1111]", RULES).authority == "[2606:4700::1111]"


def test_the_settings_say_what_may_be_reached() -> None:
    plain = Rules.of(Settings())
    assert (plain.allowed, plain.http, plain.ports) == ((), False, frozenset({443, 8443}))
    wide = Rules.of(
        Settings(webhook_allowed_networks="10.0.0.0/8, fd00::/8", webhook_http=True, webhook_ports="443,9000")
    )
    assert wide.ports == {443, 9000, 80}
    assert [str(each) for each in wide.allowed] == ["10.0.0.0/8", "fd00::/8"]
    assert target_of("http://name.example/", wide).port == 80


@pytest.mark.parametrize("wrong", [{"webhook_allowed_networks": "10.0.0.1/8"}, {"webhook_ports": "443;80"}])
def test_settings_that_cannot_be_read_are_refused_at_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"host bits|SDB_WEBHOOK_PORTS"):
        Settings(**wrong)
