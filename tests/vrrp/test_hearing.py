"""From packets to events, with the particulars that sockets give."""

from ipaddress import IPv4Address, IPv6Address

from labkit.trace import SECOND
from labkit.vrrp.events import Received
from labkit.vrrp.hearing import hear4, hear6
from labkit.vrrp.packet import Advert, DecodeError, ErrorKind, encode

ADVERT = Advert(version=3, vrid=9, priority=100, interval=SECOND, addresses=(IPv4Address("192.0.2.9"),))
HEADER = bytes.fromhex("45c0002000010000 4070 0000 c0000201 c0000202")


def test_an_ipv4_packet() -> None:
    source, destination = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
    packet = HEADER + encode(ADVERT, source, destination)
    assert hear4("eth0", packet) == Received(
        interface="eth0", source=source, packet=ADVERT, destination=destination, ttl=64, raw=packet
    )


def test_less_than_a_header() -> None:
    error = DecodeError(kind=ErrorKind.LENGTH, detail="19 bytes are no IPv4 header")
    assert hear4("eth0", HEADER[:19]) == Received(
        interface="eth0", source=IPv4Address(0), packet=error, raw=HEADER[:19]
    )


def test_an_ipv6_message() -> None:
    source, destination = IPv6Address("fe80::1"), IPv6Address("ff02::12")
    advert = Advert(version=3, vrid=9, priority=100, interval=SECOND, addresses=(IPv6Address("fe80::9"),))
    message = encode(advert, source)
    assert hear6("eth0", message, source=source, destination=destination, hop_limit=254) == Received(
        interface="eth0", source=source, packet=advert, destination=destination, ttl=254, raw=message
    )
