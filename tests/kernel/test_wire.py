"""Adverts and announcements on a real segment, byte for byte (reference capture of keepalived 2.2.7)."""

import select
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest

from labkit.kernel.frames import gratuitous_arp, ipv6
from labkit.kernel.links import addresses
from labkit.kernel.wire import Announcer, Port, WireError
from labkit.vrrp.config import Address, RouterConfig
from labkit.vrrp.events import Received, SendAdvert
from labkit.vrrp.packet import GROUP4, GROUP6, Advert, encode
from labkit.vrrp.sending import packet4
from tests.kernel.lan import Lan, Namespace, eventually

pytestmark = pytest.mark.kernel
SOURCE = IPv4Address("192.168.1.21")
ADVERT = Advert(
    version=2,
    vrid=21,
    priority=150,
    interval=1_000_000,
    addresses=(IPv4Address("192.168.1.20"),),
    auth=b"Venezuel",
)
CAPTURED = bytes.fromhex("45c00028 00010000 ff7018d5 c0a80115 e0000012 21159601 0101e17e c0a80114 56656e657a75656c")
ADVERT6 = Advert(version=3, vrid=21, priority=150, interval=100_000, addresses=(IPv6Address("fe80::20"),))
Open = Callable[..., Port]


def packet(number: int = 1, *, to: IPv4Address = GROUP4, ttl: int = 255, advert: Advert = ADVERT) -> bytes:
    """Return an advert with its IPv4 header."""
    config = RouterConfig(name="X", interface="eth0", vrid=21, addresses=advert.addresses, ttl=ttl)
    return packet4(config, SendAdvert(router="X", advert=advert), SOURCE, to, number)


def other(vrid: int) -> bytes:
    """Return a packet for another router than the captured one."""
    return packet(advert=Advert(version=3, vrid=vrid, priority=1, interval=10_000, addresses=()))


@pytest.fixture
def port(lan: Lan) -> Iterator[Open]:
    """Open a port on eth0 of a host: port(number, family=4)."""
    opened: list[Port] = []

    def open_(number: int, family: int = 4, *, groups: frozenset[Address] | None = None) -> Port:
        host = lan.hosts[number]
        with host.entered():
            made = Port("eth0", host.index("eth0"), family=family)
        opened.append(made)
        made.join((GROUP4 if family == 4 else GROUP6,) if groups is None else groups)
        return made

    yield open_
    for made in opened:
        made.close()


def hear(port: Port) -> Received:
    """Return the next advert that a port hears."""
    assert select.select([port], [], [], 3)[0]
    return next(port.receive(1))


def test_an_advert_arrives_as_captured(lan: Lan, port: Open) -> None:
    port(0).send(packet(), "224.0.0.18")
    frame = lan.sniffer.wait(lambda frame: frame.advert)
    assert frame.data == bytes.fromhex("01005e0000120200000000010800") + CAPTURED


def test_a_neighbour_hears_it_and_the_sender_does_not(port: Open) -> None:
    sender, hearer = port(0), port(1)
    sender.send(packet(), "224.0.0.18")
    assert hear(hearer) == Received(
        interface="eth0", source=SOURCE, packet=ADVERT, destination=GROUP4, ttl=255, raw=CAPTURED
    )
    assert list(sender.receive(10)) == []


def test_over_ipv6_source_destination_and_hop_limit_are_heard(lan: Lan, port: Open) -> None:
    source = IPv6Address("fe80::ff:fe00:1")
    eventually(lambda: all(a.usable for a in addresses(lan.hosts[0].netlink) if a.address.version == 6))
    sender, hearer = port(0, 6), port(1, 6)
    message = encode(ADVERT6, source)
    for hops in (255, 64):
        sender.send(ipv6(message, source, GROUP6, hops), "ff02::12")
        assert hear(hearer) == Received(
            interface="eth0", source=source, packet=ADVERT6, destination=GROUP6, ttl=hops, raw=message
        )
    frame = lan.sniffer.wait(lambda frame: frame.advert)
    assert frame.data[:20] == bytes.fromhex("33330000001202000000000186dd6c0000000018")
    assert list(sender.receive(10)) == []


def test_unicast_needs_no_group_and_multicast_is_not_heard(lan: Lan, port: Open) -> None:
    sender, hearer = port(0), port(1, groups=frozenset())
    to = IPv4Address("192.168.1.22")
    sender.send(packet(), "224.0.0.18")
    sender.send(packet(2, to=to, ttl=17), str(to))
    heard = hear(hearer)
    assert (heard.destination, heard.ttl, heard.packet) == (to, 17, ADVERT)
    assert list(hearer.receive(10)) == []


def test_a_group_can_be_left_and_another_one_joined(lan: Lan, port: Open) -> None:
    sender, hearer = port(0), port(1)
    group = IPv4Address("224.0.0.200")
    hearer.join({group})
    sender.send(packet(), "224.0.0.18")
    sender.send(packet(2, to=group), str(group))
    assert hear(hearer).destination == group


@pytest.mark.parametrize(
    ("vrids", "others", "heard"),
    [
        pytest.param((21,), False, [21], id="one"),
        pytest.param((20, 22), False, [20, 22], id="two"),
        pytest.param((20, 21), True, [22], id="all-but"),
        pytest.param((), True, [20, 21, 22], id="all"),
    ],
)
def test_only_the_wanted_vrids_are_heard(port: Open, vrids: tuple[int, ...], others: bool, heard: list[int]) -> None:
    sender, hearer, witness = port(0), port(1), port(1)
    hearer.listen_for(vrids, others=others)
    for vrid in (20, 21, 22):
        sender.send(other(vrid), "224.0.0.18")
    assert [hear(witness).packet.vrid for _ in range(3)] == [20, 21, 22]
    assert [received.packet.vrid for received in hearer.receive(10)] == heard


def test_the_filter_finds_the_vrid_over_ipv6(lan: Lan, port: Open) -> None:
    source = IPv6Address("fe80::ff:fe00:1")
    eventually(lambda: all(a.usable for a in addresses(lan.hosts[0].netlink) if a.address.version == 6))
    sender, hearer, witness = port(0, 6), port(1, 6), port(1, 6)
    hearer.listen_for((22,))
    for vrid in (21, 22):
        advert = Advert(version=3, vrid=vrid, priority=1, interval=10_000, addresses=())
        sender.send(ipv6(encode(advert, source), source, GROUP6), "ff02::12")
    assert [hear(witness).packet.vrid for _ in range(2)] == [21, 22]
    assert [received.packet.vrid for received in hearer.receive(10)] == [22]


def test_receiving_is_bounded(lan: Lan, port: Open) -> None:
    sender, hearer = port(0), port(1)
    for identification in range(1, 8):
        sender.send(packet(identification), "224.0.0.18")
    lan.sniffer.wait(lambda frame: frame.advert and frame.data[18:20] == b"\0\x07")
    assert len(list(hearer.receive(5))) == 5
    assert len(list(hearer.receive(5))) == 2


def test_an_announcement_arrives(lan: Lan) -> None:
    with lan.hosts[0].entered():
        announcer = Announcer()
        announcer.send("eth0", gratuitous_arp(bytes.fromhex("020000000001"), IPv4Address("192.168.1.20")))
    assert lan.sniffer.wait(lambda frame: frame.announced).announced == "192.168.1.20"
    announcer.close()


def test_a_downed_interface_gives_no_packets_and_no_exception(lan: Lan, port: Open) -> None:
    opened = port(0)
    lan.hosts[0].set_link("eth0", up=False)
    assert list(opened.receive(5)) == []
    with pytest.raises(OSError, match=r"unreachable|down"):
        opened.send(packet(), "224.0.0.18")


@pytest.mark.parametrize("family", [4, 6])
def test_a_missing_interface_is_refused_in_words(namespace: Namespace, family: int) -> None:
    with namespace.entered(), pytest.raises(WireError, match="cannot use eth7: No such device"):
        Port("eth7", 77, family=family)
