"""Authentication header and auth_hmac trailer: what changes on the way, and what must not."""

from ipaddress import IPv4Address

import pytest

from labkit.vrrp.authentication import (
    follows,
    header_fault,
    header_sequence,
    sealed,
    signed,
    trailer_fields,
    utc_sequence,
)
from tests.vrrp.test_vectors import vector

AH = vector("v2-ah").packet
UNICAST = vector("v2-ah-unicast").packet
HMAC = vector("v3-hmac").packet[20:]
SOURCE = IPv4Address("198.51.100.10")
KEY = bytes(range(32))


def changed(packet: bytes, at: int) -> bytes:
    return packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1 :]


@pytest.mark.parametrize("at", [1, 6, 10], ids=["tos", "flags", "checksum"])
def test_what_routers_may_change(at: int) -> None:
    assert header_fault(changed(AH, at), b"Venezuel", unicast=False) == ""


@pytest.mark.parametrize("at", [4, 8, 12, 16, 28, 32, 44, 46, 63], ids=str)
def test_what_nobody_may_change(at: int) -> None:
    assert "does not verify" in header_fault(changed(AH, at), b"Venezuel", unicast=False)


def test_the_ttl_changes_for_unicast_only() -> None:
    assert header_fault(UNICAST, b"Vene", unicast=True) == ""
    assert header_fault(changed(UNICAST, 8), b"Vene", unicast=True) == ""
    assert header_fault(UNICAST, b"Vene", unicast=False) != ""
    assert header_fault(UNICAST, b"Vena", unicast=True) != ""


def test_the_spi_is_the_source() -> None:
    other = sealed(changed(AH, 24), b"Venezuel", unicast=False)
    assert header_fault(other, b"Venezuel", unicast=False) == (
        "the authentication header has an SPI that is not the source address"
    )


def test_padding_behind_the_packet_is_not_covered() -> None:
    assert header_fault(AH + bytes(6), b"Venezuel", unicast=False) == ""


def test_the_sequence_of_a_header() -> None:
    assert (header_sequence(AH), header_sequence(UNICAST)) == (1, 2)


def test_a_signature() -> None:
    assert signed(HMAC, SOURCE, KEY)
    assert not signed(HMAC, SOURCE, bytes(32))
    assert not signed(HMAC, IPv4Address("198.51.100.11"), KEY)


@pytest.mark.parametrize("at", [0, 1, 2, 5, 8, 12, 13, 19, 23, 24, 39], ids=str)
def test_a_change_is_found(at: int) -> None:
    assert not signed(changed(HMAC, at), SOURCE, KEY)


def test_the_checksum_is_not_signed() -> None:
    assert signed(changed(HMAC, 6), SOURCE, KEY)


@pytest.mark.parametrize(
    ("start", "fields"),
    [
        pytest.param("01010000", (1, 5), id="good"),
        pytest.param("01ff0000", (255, 5), id="key-255"),
        pytest.param("02010000", None, id="type"),
        pytest.param("01000000", None, id="key-0"),
        pytest.param("01010001", None, id="reserved"),
    ],
)
def test_the_fields_of_a_trailer(start: str, fields: tuple[int, int] | None) -> None:
    assert trailer_fields(bytes.fromhex(start + "0000000000000005") + bytes(16)) == fields


def test_the_sequence_of_a_moment() -> None:
    # 0x68000000 = 1744830464 s, and a half
    assert utc_sequence(1_744_830_464_500_000) == 0x6800000080000000
    assert utc_sequence(1_744_830_464_999_999) == 0x68000000FFFF0000


@pytest.mark.parametrize(
    ("sequence", "mark", "above"),
    [
        pytest.param(5, 4, True, id="next"),
        pytest.param(5, 5, False, id="same"),
        pytest.param(4, 5, False, id="before"),
        pytest.param(0, 2**64 - 1, True, id="around"),
        pytest.param(2**63 - 1, 0, True, id="far"),
        pytest.param(2**63, 0, False, id="half"),
    ],
)
def test_serial_numbers(sequence: int, mark: int, above: bool) -> None:
    assert follows(sequence, mark) is above
