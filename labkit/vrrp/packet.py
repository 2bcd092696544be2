"""VRRP adverts on the wire: encode and decode, version 2 over IPv4 and version 3 over IPv4 and IPv6.

Version 2 (RFC 3768 5.1; the authentication data of RFC 2338 5.3.6 is always there, zeros where no password is used):

     0               1               2               3
    +-------+-------+---------------+---------------+---------------+
    | ver 2 | type 1|     VRID      |   priority    |     count     |
    +-------+-------+---------------+---------------+---------------+
    |   auth type   |  interval, s  |           checksum            |
    +---------------+---------------+-------------------------------+
    |                   count IPv4 addresses, 4 bytes each          |
    +---------------------------------------------------------------+
    |               authentication data, 8 bytes                    |
    +---------------------------------------------------------------+

Version 3 (RFC 9568 5.1):

    +-------+-------+---------------+---------------+---------------+
    | ver 3 | type 1|     VRID      |   priority    |     count     |
    +-------+-------+---------------+---------------+---------------+
    |  0    | interval, cs (12 bits)|           checksum            |
    +-------+-----------------------+-------------------------------+
    |                   count addresses, 4 or 16 bytes each        |
    +---------------------------------------------------------------+

The checksum is that of RFC 1071.  Version 2 sums the message with its authentication data; version 3 puts a pseudo
header in front (RFC 5798 5.2.8 for IPv4, RFC 8200 8.1 for IPv6), over IPv4 some peers leave it out (keepalived's
v3_checksum_as_v2).  Addresses have 4 bytes over IPv4 and 16 over IPv6.

Two things may be around a message: an authentication header between IPv4 and VRRP (`authentication.py`), and a trailer
of 28 bytes behind it (auth_hmac).  Their bytes are kept here and judged there.
"""

import struct
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from labkit.trace import SECOND, Micros
from labkit.values import dataclass
from labkit.vrrp.config import Address

GROUP4 = IPv4Address("224.0.0.18")
GROUP6 = IPv6Address("ff02::12")
PROTOCOL = 112
AH_PROTOCOL = 51
TTL = 255

CENTISECOND: Micros = 10_000
ADVERTISEMENT = 1
NO_AUTH, SIMPLE_TEXT, HEADER = 0, 1, 2
AUTH_LENGTH = 8
TRAILER_LENGTH = 28
AH_LENGTH = 24

_IP = struct.Struct("!BxHxxxxBBxx4s4s")
_MESSAGE = struct.Struct("!BBBBHH")
_NOWHERE = IPv4Address(0)


def group(family: int) -> Address:
    """Return where the adverts of an address family (4 or 6) go by default (RFC 9568 5.1.1.2, 5.1.2.2)."""
    return GROUP4 if family == 4 else GROUP6


class ErrorKind(StrEnum):
    """Why a packet was dropped; each is a counter of its own."""

    LENGTH = "length"
    TTL = "ttl"
    VERSION = "version"  # not 2 or 3, or not the router's version
    TYPE = "type"  # not an ADVERTISEMENT
    CHECKSUM = "checksum"
    VRID = "vrid"  # no router with that VRID on the interface
    AUTH_TYPE = "auth-type"
    PASSWORD = "password"
    INTERVAL = "interval"  # VRRPv2: the peer's differs from ours; VRRPv3: zero
    ADDRESSES = "addresses"  # the peer's list of virtual addresses differs from ours
    PEER = "peer"  # not one of the unicast peers, or adverts of a kind that the router does not take
    AH = "ah"  # the authentication header does not verify: another password, or changed on the way
    AH_REPLAY = "ah-replay"  # its sequence number was used before
    HMAC_MISSING = "hmac-missing"  # auth_hmac demands a trailer, there is none
    HMAC_UNEXPECTED = "hmac-unexpected"  # a trailer where auth_hmac is not configured
    HMAC_MALFORMED = "hmac-malformed"
    HMAC_KEY = "hmac-key"  # a key id that we do not have
    HMAC_BAD = "hmac-bad"  # the HMAC is not that of the key
    HMAC_STALE = "hmac-stale"  # its time is outside the window
    HMAC_REPLAY = "hmac-replay"  # its sequence is not above the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeError:
    """A packet that is not taken, and why, in words with the figures; `vrid` where it could be read."""

    kind: ErrorKind
    detail: str
    vrid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """An ADVERTISEMENT (RFC 9568 5.2, RFC 3768 5.3).

    `auth` is VRRPv2's password without zero padding, or None.  `header` says that the authentication type is 2: the
    message goes, or came, behind an authentication header.  `as_v2` says that a version 3 message over IPv4 has its
    checksum without the pseudo header.  `trailer` is what came behind the message, 28 bytes of auth_hmac or none.
    """

    version: int
    vrid: int
    priority: int
    interval: Micros
    addresses: tuple[Address, ...]
    auth: bytes | None = None
    header: bool = False
    as_v2: bool = False
    trailer: bytes = b""

    @property
    def auth_type(self) -> int:
        """The number in the message's field Auth Type; version 3 has none."""
        return HEADER if self.header else NO_AUTH if self.auth is None else SIMPLE_TEXT


def encode(advert: Advert, source: Address, destination: Address | None = None) -> bytes:
    """Return the VRRP message (without IP header) that C keepalived 2.2.7 would send for `advert`.

    Without a `destination` it is for the group of the source's family.  Over IPv6 the checksum covers the trailer.
    """
    body = b"".join(address.packed for address in advert.addresses)
    if advert.version == 2:
        timing = advert.auth_type << 8 | advert.interval // SECOND
        body += (advert.auth or b"").ljust(AUTH_LENGTH, b"\0")
    else:
        timing = advert.interval // CENTISECOND
    first = advert.version << 4 | ADVERTISEMENT
    count = len(advert.addresses)
    summed = _MESSAGE.pack(first, advert.vrid, advert.priority, count, timing, 0) + body
    if source.version == 6:
        summed += advert.trailer
    if advert.version == 3 and not advert.as_v2:
        to = group(source.version) if destination is None else destination
        summed = _pseudo_header(source.packed, to.packed, len(summed)) + summed
    return _MESSAGE.pack(first, advert.vrid, advert.priority, count, timing, _checksum(summed)) + body + advert.trailer


def decode(packet: bytes) -> tuple[IPv4Address, Advert | DecodeError]:
    """Take a whole IPv4 packet as a raw socket gives it; return its source and the advert, or why it is none.

    The source is 0.0.0.0 where the packet is too short to have one.  Bytes behind the IP packet's own total length
    (Ethernet padding) are ignored; bytes between the VRRP message and that length are an error.  An authentication
    header is stepped over, and whom the packet was for and its TTL are not judged here.  Never raises.
    """
    if len(packet) < _IP.size:
        return _NOWHERE, DecodeError(kind=ErrorKind.LENGTH, detail=f"{len(packet)} bytes are no IPv4 header")
    first, total, _, protocol, source_bytes, destination = _IP.unpack_from(packet)
    source, header = IPv4Address(source_bytes), (first & 15) * 4
    if first >> 4 != 4 or header < _IP.size or not header <= total <= len(packet):
        detail = f"IPv4 header of {header} bytes, total length {total}, received {len(packet)}"
        return source, DecodeError(kind=ErrorKind.LENGTH, detail=detail)
    if protocol == AH_PROTOCOL:
        return source, _decode_behind_header(packet[header:total], source_bytes, destination)
    if protocol != PROTOCOL:
        error = DecodeError(kind=ErrorKind.TYPE, detail=f"IP protocol {protocol}, expected {PROTOCOL}")
        return source, error
    return source, _decode_message(packet[header:total], source_bytes, destination, header=False)


def decode_message(message: bytes, *, source: Address, destination: Address) -> Advert | DecodeError:
    """Take a VRRP message as an IPv6 raw socket gives it, without IP header; return the advert, or why it is none.

    An IPv4 message without an authentication header is taken too.  Never raises.
    """
    return _decode_message(message, source.packed, destination.packed, header=False)


def _decode_behind_header(payload: bytes, source: bytes, destination: bytes) -> Advert | DecodeError:
    """Step over an authentication header: next header, length in words minus 2 (RFC 4302 2.2)."""
    if len(payload) < AH_LENGTH:
        detail = f"{len(payload)} bytes, an authentication header has {AH_LENGTH}"
        return DecodeError(kind=ErrorKind.LENGTH, detail=detail)
    if payload[0] != PROTOCOL or payload[1] != AH_LENGTH // 4 - 2:
        detail = f"authentication header of {(payload[1] + 2) * 4} bytes before protocol {payload[0]}"
        return DecodeError(kind=ErrorKind.TYPE, detail=detail)
    return _decode_message(payload[AH_LENGTH:], source, destination, header=True)


def _decode_message(message: bytes, source: bytes, destination: bytes, *, header: bool) -> Advert | DecodeError:
    """Check and take apart a VRRP message, in the order of RFC 9568 7.1."""
    if len(message) < _MESSAGE.size:
        return DecodeError(kind=ErrorKind.LENGTH, detail=f"{len(message)} bytes, at least {_MESSAGE.size} expected")
    first, vrid, _, count, timing, _ = _MESSAGE.unpack_from(message)
    version, kind = first >> 4, first & 15

    def error(kind: ErrorKind, detail: str) -> DecodeError:
        return DecodeError(kind=kind, detail=detail, vrid=vrid)

    if version not in (2, 3) or (version == 2 and len(source) == 16):
        return error(ErrorKind.VERSION, f"version {version}, expected {'3' if len(source) == 16 else '2 or 3'}")
    if kind != ADVERTISEMENT:
        return error(ErrorKind.TYPE, f"message type {kind}, expected {ADVERTISEMENT}")
    addresses_end = _MESSAGE.size + len(source) * count
    end = addresses_end + (AUTH_LENGTH if version == 2 else 0)
    if len(message) not in (end, end + TRAILER_LENGTH):
        return error(ErrorKind.LENGTH, f"{len(message)} bytes, {end} expected with {count} addresses")
    summed = message if len(source) == 16 else message[:end]
    plain = version == 2
    if version == 3 and _checksum(_pseudo_header(source, destination, len(summed)) + summed):
        plain = len(source) == 4
        if not plain:
            return error(ErrorKind.CHECKSUM, "wrong checksum")
    if plain and _checksum(summed):
        return error(ErrorKind.CHECKSUM, "wrong checksum")
    if version == 2 and (timing >> 8 == HEADER) is not header:
        way = "behind" if header else "without"
        return error(ErrorKind.AUTH_TYPE, f"authentication type {timing >> 8} {way} an authentication header")
    return _decode_body(message, addresses_end, end, as_v2=version == 3 and plain)


def _decode_body(message: bytes, addresses_end: int, end: int, *, as_v2: bool) -> Advert | DecodeError:
    """Read what the versions do not share, from a message of the right length and checksum."""
    first, vrid, priority, count, timing, _ = _MESSAGE.unpack_from(message)
    addresses: tuple[Address, ...]
    if addresses_end - _MESSAGE.size == 4 * count:
        addresses = tuple(map(IPv4Address, struct.unpack_from(f"!{count}I", message, _MESSAGE.size)))
    else:
        addresses = tuple(IPv6Address(message[at : at + 16]) for at in range(_MESSAGE.size, addresses_end, 16))
    trailer = message[end:]
    if first >> 4 == 3:
        interval = (timing & 0x0FFF) * CENTISECOND
        if not interval:  # it would make every backup take over at once
            return DecodeError(kind=ErrorKind.INTERVAL, detail="interval 0", vrid=vrid)
        return Advert(
            version=3,
            vrid=vrid,
            priority=priority,
            interval=interval,
            addresses=addresses,
            as_v2=as_v2,
            trailer=trailer,
        )
    auth_type, interval = timing >> 8, (timing & 0xFF) * SECOND
    if auth_type not in (NO_AUTH, SIMPLE_TEXT, HEADER):
        detail = f"authentication type {auth_type}, expected {NO_AUTH}, {SIMPLE_TEXT} or {HEADER}"
        return DecodeError(kind=ErrorKind.AUTH_TYPE, detail=detail, vrid=vrid)
    return Advert(
        version=2,
        vrid=vrid,
        priority=priority,
        interval=interval,
        addresses=addresses,
        auth=message[addresses_end:end].rstrip(b"\0") if auth_type == SIMPLE_TEXT else None,
        header=auth_type == HEADER,
        trailer=trailer,
    )


def _pseudo_header(source: bytes, destination: bytes, length: int) -> bytes:
    """Return what version 3 sums in front of the message: as many zeros as there are do not matter to a sum."""
    return source + destination + struct.pack("!HH", PROTOCOL, length)


def _checksum(data: bytes) -> int:
    """Return the internet checksum (RFC 1071) of an even number of bytes; 0 over data that holds its own."""
    # 2**16 is 1 modulo 0xFFFF, so the big number's remainder is the end-around-carry sum; 0xFFFF stands for a sum of 0.
    return 0xFFFF - (int.from_bytes(data, "big") % 0xFFFF or 0xFFFF)
