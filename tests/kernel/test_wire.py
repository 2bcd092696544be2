"""Adverts and announcements on a real segment, byte for byte (reference capture of keepalived 2.2.7)."""

import select
from ipaddress import IPv4Address

import pytest

from labkit.kernel.wire import Announcer, Port, WireError, gratuitous_arp, ipv4
from labkit.vrrp.packet import Advert, encode
from tests.kernel.lan import Lan, Namespace

ADVERT = Advert(
    version=2,
    vrid=21,
    priority=150,
    interval=1_000_000,
    addresses=(IPv4Address("192.168.1.20"),),
    auth=b"Venezuel",
)
SOURCE = IPv4Address("192.168.1.21")
CAPTURED = bytes.fromhex("45c00028 00010000 ff7018d5 c0a80115 e0000012 21159601 0101e17e c0a80114 56656e657a75656c")


def test_a_packet_is_as_captured_but_for_the_checksum_that_the_kernel_adds() -> None:
    packet = ipv4(encode(ADVERT, SOURCE), SOURCE, 1)
    assert packet[:10] + packet[12:] == CAPTURED[:10] + CAPTURED[12:]


def test_a_gratuitous_arp_is_a_request_with_a_target_of_ones() -> None:
    frame = gratuitous_arp(bytes.fromhex("020000000001"), IPv4Address("192.168.1.20"))
    assert frame.hex() == (
        "ffffffffffff" "020000000001" "0806" "0001" "0800" "06" "04" "0001"
        "020000000001" "c0a80114" "ffffffffffff" "c0a80114"
    )  # fmt: skip


@pytest.mark.kernel
class TestOnTheWire:
    def test_an_advert_arrives_as_captured(self, lan: Lan) -> None:
        with lan.hosts[0].entered():
            port = Port("eth0", lan.hosts[0].index("eth0"))
        port.send(ipv4(encode(ADVERT, SOURCE), SOURCE, 1))
        frame = lan.sniffer.wait(lambda frame: frame.advert)
        assert frame.data == bytes.fromhex("01005e0000120200000000010800") + CAPTURED
        port.close()

    def test_a_neighbour_hears_it_and_the_sender_does_not(self, lan: Lan) -> None:
        ports = []
        for host in lan.hosts:
            with host.entered():
                ports.append(Port("eth0", host.index("eth0")))
        sender, hearer = ports
        sender.send(ipv4(encode(ADVERT, SOURCE), SOURCE, 1))
        assert select.select([hearer], [], [], 2)[0]
        assert list(hearer.receive(10)) == [CAPTURED]
        assert list(sender.receive(10)) == []
        for port in ports:
            port.close()

    def test_receiving_is_bounded(self, lan: Lan) -> None:
        ports = []
        for host in lan.hosts:
            with host.entered():
                ports.append(Port("eth0", host.index("eth0")))
        for identification in range(1, 8):
            ports[0].send(ipv4(encode(ADVERT, SOURCE), SOURCE, identification))
        lan.sniffer.wait(lambda frame: frame.advert and frame.data[18:20] == b"\0\x07")
        assert len(list(ports[1].receive(5))) == 5
        assert len(list(ports[1].receive(5))) == 2
        for port in ports:
            port.close()

    def test_an_announcement_arrives(self, lan: Lan) -> None:
        with lan.hosts[0].entered():
            announcer = Announcer()
            announcer.send("eth0", gratuitous_arp(bytes.fromhex("020000000001"), IPv4Address("192.168.1.20")))
        assert lan.sniffer.wait(lambda frame: frame.announced).announced == "192.168.1.20"
        announcer.close()

    def test_a_downed_interface_gives_no_packets_and_no_exception(self, lan: Lan) -> None:
        with lan.hosts[0].entered():
            port = Port("eth0", lan.hosts[0].index("eth0"))
        lan.hosts[0].set_link("eth0", up=False)
        assert list(port.receive(5)) == []
        with pytest.raises(OSError, match=r"unreachable|down"):
            port.send(ipv4(encode(ADVERT, SOURCE), SOURCE, 1))
        port.close()

    def test_a_missing_interface_is_refused_in_words(self, namespace: Namespace) -> None:
        with namespace.entered(), pytest.raises(WireError, match="cannot use eth7: No such device"):
            Port("eth7", 77)
