"""What an ear hears of an interface, and what it does not."""

import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from labkit.kernel.claims import Ear
from labkit.kernel.frames import gratuitous_arp, neighbour_advertisement
from labkit.kernel.wire import WireError
from tests.kernel.lan import Lan, eventually, why_not

pytestmark = pytest.mark.kernel
FOUR, SIX = IPv4Address("192.168.1.20"), IPv6Address("fd00::20")
WHO = bytes.fromhex("020000000099")


@pytest.fixture
def lan() -> Iterator[Lan]:
    """A host that hears, and one that claims."""
    if why_not():
        pytest.skip(why_not())
    made = Lan(1)
    yield made
    made.close()


def send(lan: Lan, *frames: bytes) -> None:
    with lan.observer.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("eth0", 0))
        for frame in frames:
            sender.send(frame)


def ear_of(lan: Lan, *addresses: IPv4Address | IPv6Address) -> Ear:
    host = lan.hosts[0]
    with host.entered():
        return Ear("eth0", host.index("eth0"), addresses)


def test_claims_of_both_families(lan: Lan) -> None:
    ear = ear_of(lan, FOUR, SIX)
    other = gratuitous_arp(WHO, IPv4Address("192.168.1.99"))
    send(lan, other, gratuitous_arp(WHO, FOUR), neighbour_advertisement(WHO, SIX, router=False))
    heard: list[object] = []
    eventually(lambda: heard.extend(ear.hear(9)) or len(heard) == 2)
    assert sorted(heard, key=str) == [(FOUR, WHO), (SIX, WHO)]
    ear.close()


def test_other_addresses_later(lan: Lan) -> None:
    ear = ear_of(lan, IPv4Address("192.168.1.99"))
    send(lan, gratuitous_arp(WHO, FOUR))
    ear.listen_for([FOUR])
    send(lan, gratuitous_arp(WHO, IPv4Address("192.168.1.99")), gratuitous_arp(WHO, FOUR))
    heard: list[object] = []
    eventually(lambda: heard.extend(ear.hear(9)) or heard)
    assert heard == [(FOUR, WHO)]
    ear.close()


def test_more_addresses_than_a_filter_holds(lan: Lan) -> None:
    addresses = [ip_address(0x0A000000 + number) for number in range(2500)]
    ear = ear_of(lan, *addresses)
    send(lan, gratuitous_arp(WHO, FOUR), gratuitous_arp(WHO, IPv4Address("10.0.9.1")))
    heard: list[object] = []
    eventually(lambda: heard.extend(ear.hear(9)) or heard)
    assert heard == [(IPv4Address("10.0.9.1"), WHO)]
    ear.close()


def test_broken_packets_are_no_claims(lan: Lan) -> None:
    ear = ear_of(lan, FOUR, SIX)
    arp, advert = gratuitous_arp(WHO, FOUR), neighbour_advertisement(WHO, SIX, router=False)
    token_ring = arp[:14] + struct.pack("!H", 6) + arp[16:]
    no_option = advert[:18] + struct.pack("!H", 24) + advert[20:78]  # its checksum is wrong: the kernel drops it
    send(lan, arp[:30], token_ring, no_option, arp)
    heard: list[object] = []
    eventually(lambda: heard.extend(ear.hear(9)) or heard)
    assert heard == [(FOUR, WHO)]
    ear.close()


def test_an_interface_that_is_gone(lan: Lan) -> None:
    with lan.hosts[0].entered(), pytest.raises(WireError, match="cannot watch eth7 for duplicates: No such device"):
        Ear("eth7", 77, [FOUR])
