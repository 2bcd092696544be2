"""Headers and announcements, byte for byte as keepalived 2.2.7 was captured."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from labkit.kernel.frames import announcement, ipv6
from labkit.vrrp.packet import GROUP6

LLADDR = bytes.fromhex("020000000001")


def test_an_ipv6_packet_has_class_c0_next_header_112_and_hop_limit_255() -> None:
    source = IPv6Address("fe80::ff:fe00:1")
    assert ipv6(b"message!", source, GROUP6).hex() == (
        "6c000000" "0008" "70" "ff" "fe80000000000000" "000000fffe000001" "ff02000000000000" "0000000000000012"
        "6d65737361676521"
    )  # fmt: skip
    assert ipv6(b"", source, GROUP6, 64)[7] == 64


def test_a_gratuitous_arp_is_a_request_with_a_target_of_ones() -> None:
    frame = announcement(LLADDR, IPv4Address("192.168.1.20"), router=False)
    assert frame.hex() == (
        "ffffffffffff" "020000000001" "0806" "0001" "0800" "06" "04" "0001"
        "020000000001" "c0a80114" "ffffffffffff" "c0a80114"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("router", "checksum", "flags"),
    [
        pytest.param(False, "575b", "20000000", id="host"),
        pytest.param(True, "d75a", "a0000000", id="router"),  # one bit more at the top: the sum is 0x8000 more
    ],
)
def test_a_neighbour_advertisement_is_as_captured(router: bool, checksum: str, flags: str) -> None:
    frame = announcement(LLADDR, IPv6Address("fe80::1:20"), router=router)
    assert frame.hex() == (
        "333300000001" "020000000001" "86dd" "60000000" "0020" "3a" "ff"
        "fe800000000000000000000000010020" "ff020000000000000000000000000001"
        f"8800{checksum}{flags}" "fe800000000000000000000000010020" "0201020000000001"
    )  # fmt: skip
