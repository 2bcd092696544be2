"""The interfaces that carry virtual router MAC addresses (RFC 9568 7.3): macvlans on the interface of the network.

They are private, as those of keepalived are: two of them on one interface do not hear each other.
"""

import struct
from ipaddress import IPv6Address, IPv6Interface

from labkit.kernel.links import AddressOptions, add_address
from labkit.kernel.netlink import NLM_F_CREATE, NLM_F_EXCL, attribute, message, number, text

KIND = "macvlan"

_RTM_NEWLINK, _RTM_DELLINK, _RTM_SETLINK = 16, 17, 19
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINK, _IFLA_LINKINFO, _IFLA_AF_SPEC = 1, 3, 5, 18, 26
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _IFLA_MACVLAN_MODE, _IFLA_INET6_ADDR_GEN_MODE = 1, 2, 1, 8
_MACVLAN_MODE_PRIVATE, _ADDR_GEN_MODE_NONE, _AF_INET6 = 1, 1, 10
_LINK_LOCAL_LENGTH = 64


def virtual_lladdr(family: int, vrid: int) -> bytes:
    """Return the virtual router MAC address of an address family and a VRID (RFC 9568 7.3)."""
    return bytes.fromhex("00005e0001" if family == 4 else "00005e0002") + bytes([vrid])


def _ifinfo(index: int = 0) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, 0, 0)


def add(name: str, base: int, lladdr: bytes) -> bytes:
    """Make a macvlan on the interface with index `base`; it is down."""
    mode = attribute(_IFLA_INFO_DATA, number(_IFLA_MACVLAN_MODE, _MACVLAN_MODE_PRIVATE))
    info = text(_IFLA_INFO_KIND, KIND) + mode
    body = _ifinfo() + text(_IFLA_IFNAME, name) + number(_IFLA_LINK, base) + attribute(_IFLA_ADDRESS, lladdr)
    return message(_RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body + attribute(_IFLA_LINKINFO, info))


def no_addresses_by_itself(index: int) -> bytes:
    """Keep the kernel from giving an interface an IPv6 link-local address (addrgenmode none)."""
    mode = attribute(_AF_INET6, attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes([_ADDR_GEN_MODE_NONE])))
    return message(_RTM_SETLINK, 0, _ifinfo(index) + attribute(_IFLA_AF_SPEC, mode))


def copy_link_local(index: int, address: IPv6Address) -> bytes:
    """Give a macvlan the link-local address of the interface below, for IPv6 to work on it; nothing chooses it."""
    return add_address(index, IPv6Interface((address, _LINK_LOCAL_LENGTH)), AddressOptions(preferred_lft=0))


def remove(index: int) -> bytes:
    """Remove an interface."""
    return message(_RTM_DELLINK, 0, _ifinfo(index))
