"""The codec against captured packets, by tables, and against anything a stranger may send."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.trace import SECOND
from labkit.vrrp.packet import GROUP4, GROUP6, Advert, DecodeError, ErrorKind, decode, decode_message, encode

VECTORS = Path(__file__).parent.parent / "conformance" / "packets"
SOURCE = IPv4Address("192.168.1.21")


def captured(name: str) -> bytes:
    return bytes.fromhex((VECTORS / f"{name}.hex").read_text())


def ip(message: bytes, *, ttl: int = 255, protocol: int = 112, options: bytes = b"", extra: int = 0) -> bytes:
    """An IPv4 packet from SOURCE to the group; `extra` is added to the total length."""
    length = 20 + len(options) + len(message) + extra
    start = bytes([0x45 + len(options) // 4, 0xC0]) + length.to_bytes(2, "big") + bytes(4)
    return start + bytes([ttl, protocol, 0, 0]) + SOURCE.packed + GROUP4.packed + options + message


V2 = captured("v2-password")[20:]
V3 = captured("v3-tenth")[20:]


def test_version_3_to_a_unicast_peer_sums_that_destination() -> None:
    advert = Advert(version=3, vrid=21, priority=150, interval=100_000, addresses=(IPv4Address("192.168.1.20"),))
    message = encode(advert, SOURCE, IPv4Address("192.168.1.22"))
    # 224.0.0.18 is e000 + 0012 = e012, 192.168.1.22 is c0a8 + 0116 = c1be; e012 - c1be = 1e54; d4d5 + 1e54 = f329
    assert message.hex() == "31159601000af329c0a80114"


def test_addresses_keep_their_order() -> None:
    addresses = tuple(IPv4Address(address) for address in ("10.0.0.9", "10.0.0.1", "10.0.0.5"))
    advert = Advert(version=2, vrid=1, priority=1, interval=SECOND, addresses=addresses)
    assert decode(ip(encode(advert, SOURCE))) == (SOURCE, advert)


@pytest.mark.parametrize(
    ("packet", "advert_version"),
    [
        pytest.param(ip(V2) + bytes(18), 2, id="ethernet-padding"),
        pytest.param(ip(V2, options=bytes(4)), 2, id="ip-options"),
        pytest.param(ip(V3) + b"trailing", 3, id="v3-ethernet-padding"),
        pytest.param(ip(V3, options=bytes(40)), 3, id="v3-longest-ip-header"),
    ],
)
def test_what_surrounds_the_message_does_not_matter(packet: bytes, advert_version: int) -> None:
    source, advert = decode(packet)
    assert source == SOURCE
    assert isinstance(advert, Advert)
    assert advert.version == advert_version


@pytest.mark.parametrize(
    ("packet", "kind", "detail", "vrid"),
    [
        pytest.param(b"", ErrorKind.LENGTH, "0 bytes are no IPv4 header", None, id="empty"),
        pytest.param(
            b"\x65" + ip(V2)[1:],
            ErrorKind.LENGTH,
            "IPv4 header of 20 bytes, total length 40, received 40",
            None,
            id="not-ipv4",
        ),
        pytest.param(
            b"\x44" + ip(V2)[1:],
            ErrorKind.LENGTH,
            "IPv4 header of 16 bytes, total length 40, received 40",
            None,
            id="ihl-4",
        ),
        pytest.param(
            ip(V2, extra=1),
            ErrorKind.LENGTH,
            "IPv4 header of 20 bytes, total length 41, received 40",
            None,
            id="total-length-beyond-packet",
        ),
        pytest.param(
            ip(V2, extra=-21),
            ErrorKind.LENGTH,
            "IPv4 header of 20 bytes, total length 19, received 40",
            None,
            id="total-length-within-header",
        ),
        pytest.param(ip(V2, protocol=17), ErrorKind.TYPE, "IP protocol 17, expected 112", None, id="udp"),
        pytest.param(ip(V2[:7]), ErrorKind.LENGTH, "7 bytes, at least 8 expected", None, id="message-cut-in-header"),
        pytest.param(
            ip(b"\x41" + V2[1:]), ErrorKind.VERSION, "version 4, expected 2 or 3", 21, id="rfc9568-7.1-version"
        ),
        pytest.param(ip(b"\x22" + V2[1:]), ErrorKind.TYPE, "message type 2, expected 1", 21, id="type"),
        pytest.param(ip(V2[:-1]), ErrorKind.LENGTH, "19 bytes, 20 expected with 1 addresses", 21, id="v2-cut"),
        pytest.param(ip(V2 + b"\0"), ErrorKind.LENGTH, "21 bytes, 20 expected with 1 addresses", 21, id="v2-trailing"),
        pytest.param(ip(V3[:-4]), ErrorKind.LENGTH, "8 bytes, 12 expected with 1 addresses", 21, id="v3-cut"),
        pytest.param(
            ip(V3 + bytes(27)), ErrorKind.LENGTH, "39 bytes, 12 expected with 1 addresses", 21, id="v3-cut-trailer"
        ),
        pytest.param(
            ip(V2[:2] + b"\x97" + V2[3:]), ErrorKind.CHECKSUM, "wrong checksum", 21, id="rfc9568-7.1-checksum"
        ),
        pytest.param(ip(V2[:-1] + b"m"), ErrorKind.CHECKSUM, "wrong checksum", 21, id="v2-checksum-covers-password"),
        pytest.param(
            # type 2 instead of 1 in the high byte: e17e - 0100 = e07e
            ip(V2[:4] + bytes.fromhex("0201e07e") + V2[8:]),
            ErrorKind.AUTH_TYPE,
            "authentication type 2 without an authentication header",
            21,
            id="v2-type-of-a-header-that-is-not-there",
        ),
        pytest.param(
            ip(V2[:4] + bytes.fromhex("0301df7e") + V2[8:]),
            ErrorKind.AUTH_TYPE,
            "authentication type 3, expected 0, 1 or 2",
            21,
            id="v2-type-3",
        ),
        pytest.param(
            ip(bytes(23), protocol=51),
            ErrorKind.LENGTH,
            "23 bytes, an authentication header has 24",
            None,
            id="ah-cut",
        ),
        pytest.param(
            ip(b"\x70\x05" + bytes(22) + V2, protocol=51),
            ErrorKind.TYPE,
            "authentication header of 28 bytes before protocol 112",
            None,
            id="ah-longer",
        ),
        pytest.param(
            ip(b"\x11\x04" + bytes(22) + V2, protocol=51),
            ErrorKind.TYPE,
            "authentication header of 24 bytes before protocol 17",
            None,
            id="ah-before-udp",
        ),
        pytest.param(
            ip(b"\x70\x04" + bytes(22) + V2, protocol=51),
            ErrorKind.AUTH_TYPE,
            "authentication type 1 behind an authentication header",
            21,
            id="ah-type-1",
        ),
        pytest.param(
            # interval 0 instead of 000a: d4d5 + 000a = d4df
            ip(V3[:4] + bytes.fromhex("0000d4df") + V3[8:]),
            ErrorKind.INTERVAL,
            "interval 0",
            21,
            id="v3-interval-0",
        ),
    ],
)
def test_refused(packet: bytes, kind: ErrorKind, detail: str, vrid: int | None) -> None:
    assert decode(packet)[1] == DecodeError(kind=kind, detail=detail, vrid=vrid)


def test_reserved_bits_of_version_3_are_ignored() -> None:
    # f00a instead of 000a: d4d5 - f000 with end-around borrow = e4d4
    _, advert = decode(ip(V3[:4] + bytes.fromhex("f00ae4d4") + V3[8:]))
    assert isinstance(advert, Advert)
    assert advert.interval == 100_000


def test_a_checksum_without_the_pseudo_header_is_noted() -> None:
    # 7722: without the pseudo header
    message = V3[:6] + bytes.fromhex("7722") + V3[8:]
    source, advert = decode(ip(message))
    assert isinstance(advert, Advert)
    assert advert.as_v2
    assert encode(advert, source) == message


def test_a_message_behind_an_authentication_header() -> None:
    # e17e - 0100 for type 2, and the password's bytes are zero: 862b + 0100 - 0200 = 852b
    message = bytes.fromhex("2115960102 01 852b c0a80114 0000000000000000")
    _, advert = decode(ip(b"\x70\x04" + bytes(22) + message, protocol=51))
    assert advert == Advert(
        version=2,
        vrid=21,
        priority=150,
        interval=SECOND,
        addresses=(IPv4Address("192.168.1.20"),),
        header=True,
    )


FE80_10, FE80_20 = IPv6Address("fe80::10"), IPv6Address("fe80::20")
V6 = bytes.fromhex("3133c8010064 0000 fe800000000000000000000000000100")


def six(checksum: str, trailer: str = "") -> bytes:
    return V6[:6] + bytes.fromhex(checksum) + V6[8:] + bytes.fromhex(trailer)


def test_ipv6() -> None:
    """The sum: 3133 + c801 + 0064 + fe80 + 0100 of the message, 3 times fe80 of which one is above, 10, 20, 18, 70."""
    # 3133+c801+0064 = f998; +fe80 = 1f818; +0100 = 1f918; +2*fe80 = 3f618; +0010+0020+0018+0070 = 3f6d0 -> f6d3; ~ 092c
    message = six("092c")
    advert = decode_message(message, source=FE80_10, destination=FE80_20)
    assert advert == Advert(version=3, vrid=51, priority=200, interval=SECOND, addresses=(IPv6Address("fe80::100"),))
    assert encode(advert, FE80_10, FE80_20) == message
    assert isinstance(decode_message(message, source=FE80_10, destination=GROUP6), DecodeError)


def test_ipv6_goes_to_its_group() -> None:
    advert = Advert(version=3, vrid=51, priority=200, interval=SECOND, addresses=(IPv6Address("fe80::100"),))
    # f6d0 of above without fe80::20, with ff02::12: 3f6d0 - fe9f... worked out whole:
    # f998 + fe80 + 0100 + fe80 + 0010 + ff02 + 0012 + 0018 + 0070 = 3f744 -> f747; ~ 08b8
    assert encode(advert, FE80_10)[6:8].hex() == "08b8"
    assert encode(advert, FE80_10, GROUP6) == encode(advert, FE80_10)


@pytest.mark.parametrize(
    ("message", "kind", "detail"),
    [
        pytest.param(six("092d"), ErrorKind.CHECKSUM, "wrong checksum", id="checksum"),
        # without the pseudo header: ~(f998 + fe80 + 0100 = 1f918 -> f919) = 06e6
        pytest.param(six("06e6"), ErrorKind.CHECKSUM, "wrong checksum", id="no-pseudo-header"),
        pytest.param(b"\x21" + six("092c")[1:], ErrorKind.VERSION, "version 2, expected 3", id="version-2"),
        pytest.param(six("092c")[:-1], ErrorKind.LENGTH, "23 bytes, 24 expected with 1 addresses", id="cut"),
        pytest.param(b"", ErrorKind.LENGTH, "0 bytes, at least 8 expected", id="empty"),
    ],
)
def test_ipv6_refused(message: bytes, kind: ErrorKind, detail: str) -> None:
    error = decode_message(message, source=FE80_10, destination=FE80_20)
    assert isinstance(error, DecodeError)
    assert (error.kind, error.detail) == (kind, detail)


TRAILER4 = "010100006800000080000000 1b84bc4e8e43892dc6d98448f8ee2265"
TRAILER6 = "010100006800000080000000 c8c56146ebfd66ee10ec4d8186461b78"


def test_a_trailer_is_kept_and_over_ipv4_not_summed() -> None:
    message = bytes.fromhex("3133c80100644402c0000264" + TRAILER4)
    source = IPv4Address("198.51.100.10")
    advert = decode_message(message, source=source, destination=GROUP4)
    assert isinstance(advert, Advert)
    assert (advert.priority, advert.trailer) == (200, bytes.fromhex(TRAILER4))
    assert encode(advert, source) == message


def test_over_ipv6_a_trailer_is_summed() -> None:
    message = six("a2e9", TRAILER6)
    advert = decode_message(message, source=FE80_10, destination=FE80_20)
    assert isinstance(advert, Advert)
    assert advert.trailer == bytes.fromhex(TRAILER6)
    assert encode(advert, FE80_10, FE80_20) == message


addresses = st.lists(st.builds(IPv4Address, st.integers(0, 2**32 - 1)), max_size=255).map(tuple)
adverts = st.one_of(
    st.builds(
        Advert,
        version=st.just(2),
        vrid=st.integers(0, 255),
        priority=st.integers(0, 255),
        interval=st.integers(0, 255).map(lambda seconds: seconds * SECOND),
        addresses=addresses,
        auth=st.none() | st.binary(max_size=8).map(lambda auth: auth.rstrip(b"\0")),
    ),
    st.builds(
        Advert,
        version=st.just(3),
        vrid=st.integers(0, 255),
        priority=st.integers(0, 255),
        interval=st.integers(1, 4095).map(lambda centiseconds: centiseconds * 10_000),
        addresses=addresses,
    ),
)


@given(adverts)
def test_round_trip(advert: Advert) -> None:
    assert decode(ip(encode(advert, SOURCE))) == (SOURCE, advert)


@given(st.binary(max_size=120))
def test_any_bytes_are_taken(packet: bytes) -> None:
    decode(packet)


@given(st.binary(max_size=60), st.sampled_from([V2, V3]), st.integers(0, 20))
def test_any_bytes_behind_a_valid_ip_header_are_taken(noise: bytes, message: bytes, keep: int) -> None:
    decode(ip(message[:keep] + noise))


@given(st.sampled_from([V2, V3]), st.data())
def test_one_flipped_bit_is_found(message: bytes, data: st.DataObject) -> None:
    bit = data.draw(st.integers(0, len(message) * 8 - 1))
    flipped = (int.from_bytes(message, "big") ^ 1 << bit).to_bytes(len(message), "big")
    assert isinstance(decode(ip(flipped))[1], DecodeError)
