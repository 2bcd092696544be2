"""The codec against packets of others, kept as files: bytes, and beside them what they say.

Those of keepalived 2.2.7 were captured in a network namespace; those of auth_hmac are the draft's.
"""

import json
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest

from labkit.trace import SECOND
from labkit.vrrp.config import Address, HmacConfig, Peer, RouterConfig
from labkit.vrrp.events import Received, SendAdvert
from labkit.vrrp.hearing import hear4, hear6
from labkit.vrrp.packet import Advert, DecodeError, ErrorKind, group
from labkit.vrrp.sending import destinations, message, packet4

PACKETS = Path(__file__).parent.parent / "conformance" / "packets"
NAMES = sorted(path.stem for path in PACKETS.glob("*.hex"))
IPV6_HEADER = 40
CHECKSUM = slice(10, 12)


@dataclass(frozen=True)
class Vector:
    """One file: the packet from its IP header on."""

    packet: bytes
    told: dict[str, Any]
    source: Address
    destination: Address

    @property
    def advert(self) -> Advert:
        fields = dict(self.told["advert"])
        fields["addresses"] = tuple(map(ip_address, fields["addresses"]))
        fields["auth"] = fields["auth"].encode() if fields["auth"] else None
        return Advert(**fields)

    @property
    def config(self) -> RouterConfig:
        """The configuration of the sender."""
        advert, told = self.advert, self.told
        key = HmacConfig(keys={1: bytes.fromhex(told["hmac"])}, active=1) if "hmac" in told else None
        unicast = self.destination != group(self.destination.version)
        return RouterConfig(
            name="V",
            interface="eth0",
            vrid=advert.vrid,
            addresses=advert.addresses,
            family=self.source.version,
            version=advert.version,
            auth=advert.auth,
            ah=told["ah"].encode() if "ah" in told else None,
            hmac=key,
            checksum_as_v2=advert.as_v2,
            peers=(Peer(address=self.destination),) if unicast else (),
        )

    def heard(self, packet: bytes) -> Received:
        if isinstance(self.source, IPv4Address):
            return hear4("eth0", packet)
        assert isinstance(self.destination, IPv6Address)
        return hear6("eth0", packet[IPV6_HEADER:], source=self.source, destination=self.destination)


def vector(name: str) -> Vector:
    packet = bytes.fromhex((PACKETS / f"{name}.hex").read_text())
    told = json.loads((PACKETS / f"{name}.json").read_text())
    source = ip_address(told["source"])
    return Vector(packet, told, source, ip_address(told.get("destination", str(group(source.version)))))


@pytest.mark.parametrize("name", NAMES)
def test_understood(name: str) -> None:
    given = vector(name)
    event = given.heard(given.packet)
    assert (event.source, event.destination, event.ttl) == (given.source, given.destination, 255)
    assert isinstance(event.packet, Advert)
    assert replace(event.packet, trailer=b"") == given.advert
    assert len(event.packet.trailer) == (28 if "hmac" in given.told else 0)


@pytest.mark.parametrize("name", NAMES)
def test_reproduced(name: str) -> None:
    given = vector(name)
    action = SendAdvert(router="V", advert=given.advert, sequence=given.told.get("sequence", 0))
    assert given.destination in destinations(given.config)
    if isinstance(given.source, IPv6Address):
        assert message(given.config, action, given.source, given.destination) == given.packet[IPV6_HEADER:]
        return
    assert isinstance(given.destination, IPv4Address)
    identification = int.from_bytes(given.packet[4:6])
    sent = bytearray(packet4(given.config, action, given.source, given.destination, identification))
    sent[CHECKSUM] = given.packet[CHECKSUM]  # the kernel's
    assert bytes(sent) == given.packet


@pytest.mark.parametrize("name", NAMES)
def test_no_part_of_it_is_an_advert(name: str) -> None:
    given = vector(name)
    start = IPV6_HEADER if given.source.version == 6 else 0
    for length in range(start, len(given.packet)):
        error = given.heard(given.packet[:length]).packet
        assert isinstance(error, DecodeError)
        assert error.kind in (ErrorKind.LENGTH, ErrorKind.CHECKSUM)


def test_adverts_of_unicast_peers_go_to_each() -> None:
    peers = (Peer(address=IPv4Address("192.0.2.1")), Peer(address=IPv4Address("192.0.2.2")))
    config = RouterConfig(name="V", interface="eth0", vrid=1, addresses=(), peers=peers)
    assert destinations(config) == (peers[0].address, peers[1].address)
    assert destinations(replace(config, peers=(), unicast=True)) == ()


def test_another_group() -> None:
    group4 = IPv4Address("224.0.0.99")
    config = RouterConfig(name="V", interface="eth0", vrid=1, addresses=(), destination=group4)
    assert destinations(config) == (group4,)


def test_a_router_that_only_verifies_does_not_sign() -> None:
    given = vector("v3-hmac")
    action = SendAdvert(router="V", advert=given.advert)
    assert message(given.config, action, given.source, given.destination) == given.packet[20:-28]


def test_the_ttl_of_unicast() -> None:
    config = RouterConfig(name="V", interface="eth0", vrid=1, addresses=(), ttl=64)
    action = SendAdvert(router="V", advert=Advert(version=2, vrid=1, priority=1, interval=SECOND, addresses=()))
    packet = packet4(config, action, IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"), 7)
    header, body = "45c00024000700004070 0000 c0000201 c0000202", "2101 0100 0001 ddfd 0000000000000000"
    assert packet == bytes.fromhex(header + body)
