"""Whole IP packets as they travel on simulated segments: made, addressed and heard."""

from ipaddress import IPv4Address, IPv6Address

from labkit.vrrp.config import Address
from labkit.vrrp.events import Received
from labkit.vrrp.hearing import hear4, hear6
from labkit.vrrp.packet import GROUP4, GROUP6, PROTOCOL, TTL

_IPV6_HEADER = 40


def ipv4_packet(message: bytes, source: IPv4Address, destination: IPv4Address = GROUP4, *, ttl: int = TTL) -> bytes:
    """Return a VRRP message with the IPv4 header that keepalived gives it; the header checksum is left zero."""
    length = (20 + len(message)).to_bytes(2, "big")
    return b"\x45\xc0" + length + bytes(4) + bytes([ttl, PROTOCOL, 0, 0]) + source.packed + destination.packed + message


def ipv6_packet(message: bytes, source: IPv6Address, destination: IPv6Address = GROUP6, *, ttl: int = TTL) -> bytes:
    """Return a VRRP message with an IPv6 header."""
    length = len(message).to_bytes(2, "big")
    return b"\x6c\0\0\0" + length + bytes([PROTOCOL, ttl]) + source.packed + destination.packed + message


def heard(interface: str, packet: bytes) -> Received:
    """Return the event for a packet that came in; whatever is not an IPv6 packet is tried as an IPv4 one."""
    if len(packet) < _IPV6_HEADER or packet[0] >> 4 != 6:
        return hear4(interface, packet)
    source, destination = IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
    return hear6(interface, packet[_IPV6_HEADER:], source=source, destination=destination, hop_limit=packet[7])


def recipient(event: Received) -> Address | None:
    """Return the one whom a packet is for, or None where it is for all."""
    return None if event.destination is None or event.destination.is_multicast else event.destination
