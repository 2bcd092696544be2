"""What VRRP routers put on a network besides the VRRP message itself: IPv6 headers, gratuitous ARP, neighbour adverts.

    IPv6:  6c000000 | len16 70 hops | source | destination                         (RFC 8200; RFC 9568 5.1.2)
    ARP:   ff:ff:ff:ff:ff:ff sender 0806 | 0001 0800 06 04 0001 | sender VIP | ff:ff:ff:ff:ff:ff VIP     (RFC 826)
    NA:    33:33:00:00:00:01 sender 86dd | 60000000 0020 3a ff | VIP | ff02::1
           | 88 00 sum16 | flags32 | VIP | 02 01 sender                            (RFC 4861 4.4)

IPv4 packets with adverts are made in `labkit.vrrp.sending`.
"""

import struct
from ipaddress import IPv4Address, IPv6Address

from labkit.vrrp.config import Address
from labkit.vrrp.packet import PROTOCOL, TTL

_IPV6 = struct.Struct("!IHBB16s16s")
_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_TRAFFIC_CLASS = 0xC0  # CS6, internetwork control
_BROADCAST = b"\xff" * 6
_ALL_NODES = IPv6Address("ff02::1")
_ALL_NODES_LLADDR = bytes.fromhex("333300000001")
_ICMPV6, _NEIGHBOUR_ADVERTISEMENT, _TARGET_LLADDR = 58, 136, 2
_ROUTER, _OVERRIDE = 0x80000000, 0x20000000


def ipv6(message: bytes, source: Address, destination: Address, hop_limit: int = TTL) -> bytes:
    """Return the IPv6 packet that carries a VRRP message."""
    first = 6 << 28 | _TRAFFIC_CLASS << 20
    return _IPV6.pack(first, len(message), PROTOCOL, hop_limit, source.packed, destination.packed) + message


def gratuitous_arp(lladdr: bytes, address: IPv4Address) -> bytes:
    """Return the broadcast frame by which the holder of `address` tells everyone its link-layer address.

    keepalived: the request form, with the target hardware address all ones where RFC 5227 has zeros.
    """
    body = _ARP.pack(1, 0x0800, 6, 4, 1, lladdr, address.packed, _BROADCAST, address.packed)
    return _ETHERNET.pack(_BROADCAST, lladdr, 0x0806) + body


def neighbour_advertisement(lladdr: bytes, address: IPv6Address, *, router: bool) -> bytes:
    """Return the unsolicited advertisement that does the same for an IPv6 address (RFC 4861 7.2.6).

    Routers say so in it (RFC 4861 4.4): neighbours that have it as their default router drop it otherwise.
    """
    flags = _OVERRIDE | (_ROUTER if router else 0)
    option = bytes([_TARGET_LLADDR, 1]) + lladdr
    body = struct.pack("!I16s8s", flags, address.packed, option)
    length = 4 + len(body)
    pseudo = struct.pack("!16s16sII", address.packed, _ALL_NODES.packed, length, _ICMPV6)
    first = struct.pack("!BB", _NEIGHBOUR_ADVERTISEMENT, 0)
    checksum = 0xFFFF - (int.from_bytes(pseudo + first + b"\0\0" + body, "big") % 0xFFFF or 0xFFFF)
    header = _IPV6.pack(6 << 28, length, _ICMPV6, TTL, address.packed, _ALL_NODES.packed)
    frame = _ETHERNET.pack(_ALL_NODES_LLADDR, lladdr, 0x86DD) + header
    return frame + first + struct.pack("!H", checksum) + body


def announcement(lladdr: bytes, address: Address, *, router: bool) -> bytes:
    """Return the gratuitous ARP or the unsolicited neighbour advertisement for a virtual address."""
    if isinstance(address, IPv4Address):
        return gratuitous_arp(lladdr, address)
    return neighbour_advertisement(lladdr, address, router=router)
