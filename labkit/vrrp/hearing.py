"""From what sockets give to the events that the core hears: IPv4 packets, and IPv6 messages with their particulars.

A raw IPv4 socket gives the IP header with the packet (raw(7)); a raw IPv6 socket gives the payload only, and source,
destination and hop limit beside it (RFC 3542).
"""

from collections.abc import Hashable
from ipaddress import IPv4Address, IPv6Address

from labkit.hints import TypeAlias
from labkit.vrrp.config import Address
from labkit.vrrp.events import Received
from labkit.vrrp.packet import TTL, decode, decode_message

_TTL_AT = 8
_SOURCE_AT = 12
_DESTINATION_AT = 16
_SHORTEST = 20

Key: TypeAlias = tuple[Hashable, ...]
"""What an advert has in common with the next one of a sender that has nothing new to say."""


def key4(interface: str, packet: bytes) -> Key:
    """Return the key of a whole IPv4 packet: what `hear4` looks at, and so neither identification nor checksum."""
    return interface, packet[:1], packet[_TTL_AT : _TTL_AT + 1], packet[_SOURCE_AT:]


def key6(interface: str, message: bytes, *, source: Address, destination: Address | None, hop_limit: int) -> Key:
    """Return the key of the payload of an IPv6 packet."""
    return interface, message, source, destination, hop_limit


def hear4(interface: str, packet: bytes) -> Received:
    """Return the event for a whole IPv4 packet, however short or wrong it is."""
    source, content = decode(packet)
    if len(packet) < _SHORTEST:
        return Received(interface=interface, source=source, packet=content, raw=packet)
    return Received(
        interface=interface,
        source=source,
        packet=content,
        destination=IPv4Address(packet[_DESTINATION_AT:_SHORTEST]),
        ttl=packet[_TTL_AT],
        raw=packet,
    )


def hear6(
    interface: str, message: bytes, *, source: IPv6Address, destination: IPv6Address, hop_limit: int = TTL
) -> Received:
    """Return the event for the payload of an IPv6 packet with next header 112."""
    return Received(
        interface=interface,
        source=source,
        packet=decode_message(message, source=source, destination=destination),
        destination=destination,
        ttl=hop_limit,
        raw=message,
    )
