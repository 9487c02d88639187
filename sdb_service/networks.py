"""Who counts as one sender, for limits of all kinds."""

import ipaddress

_IPV6_BITS = 64  # what one subscriber usually has to themselves


def network_of(address: str | None) -> str:
    """An IPv4 address, also where it comes mapped into IPv6; of other IPv6 its /64; what is no address, as it is."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return address or "unknown"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found.packed, _IPV6_BITS), strict=False))
