"""VRRP adverts on the wire: encode and decode, versions 2 and 3 over IPv4.

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
    |                   count IPv4 addresses, 4 bytes each          |
    +---------------------------------------------------------------+

The checksum is that of RFC 1071.  Version 2 sums the message with its authentication data; version 3 puts the pseudo
header of RFC 5798 5.2.8 (source, destination, zero, protocol, length) in front, as keepalived does.
"""

import struct
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from labkit.trace import SECOND, Micros
from labkit.vrrp.config import Address

GROUP4 = IPv4Address("224.0.0.18")
PROTOCOL = 112
TTL = 255

CENTISECOND: Micros = 10_000
ADVERTISEMENT = 1
NO_AUTH, SIMPLE_TEXT = 0, 1
AUTH_LENGTH = 8

_IP = struct.Struct("!BxHxxxxBBxx4s4s")
_MESSAGE = struct.Struct("!BBBBHH")
_NOWHERE = IPv4Address(0)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeError:
    """A packet that is not taken, and why, in words with the figures; `vrid` where it could be read."""

    kind: ErrorKind
    detail: str
    vrid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """An ADVERTISEMENT (RFC 9568 5.2, RFC 3768 5.3); `auth` is VRRPv2's password without zero padding, or None."""

    version: int
    vrid: int
    priority: int
    interval: Micros
    addresses: tuple[Address, ...]
    auth: bytes | None = None


def encode(advert: Advert, source: IPv4Address, destination: IPv4Address = GROUP4) -> bytes:
    """Return the VRRP message (without IP header) that C keepalived 2.2.7 would send for `advert`."""
    body = b"".join(address.packed for address in advert.addresses)
    if advert.version == 2:
        auth_type = NO_AUTH if advert.auth is None else SIMPLE_TEXT
        timing = auth_type << 8 | advert.interval // SECOND
        body += (advert.auth or b"").ljust(AUTH_LENGTH, b"\0")
        pseudo = b""
    else:
        timing = advert.interval // CENTISECOND
        pseudo = _pseudo_header(source.packed, destination.packed, _MESSAGE.size + len(body))
    first = advert.version << 4 | ADVERTISEMENT
    count = len(advert.addresses)
    unsummed = _MESSAGE.pack(first, advert.vrid, advert.priority, count, timing, 0) + body
    checksum = _checksum(pseudo + unsummed)
    return _MESSAGE.pack(first, advert.vrid, advert.priority, count, timing, checksum) + body


def decode(packet: bytes) -> tuple[IPv4Address, Advert | DecodeError]:
    """Take a whole IPv4 packet as a raw socket gives it; return its source and the advert, or why it is none.

    The source is 0.0.0.0 where the packet is too short to have one.  Bytes behind the IP packet's own total length
    (Ethernet padding) are ignored; bytes between the VRRP message and that length are an error.  Never raises.
    """
    if len(packet) < _IP.size:
        return _NOWHERE, DecodeError(kind=ErrorKind.LENGTH, detail=f"{len(packet)} bytes are no IPv4 header")
    first, total, ttl, protocol, source, destination = _IP.unpack_from(packet)
    header = (first & 15) * 4
    if first >> 4 != 4 or header < _IP.size or not header <= total <= len(packet):
        detail = f"IPv4 header of {header} bytes, total length {total}, received {len(packet)}"
        return IPv4Address(source), DecodeError(kind=ErrorKind.LENGTH, detail=detail)
    if protocol != PROTOCOL:
        error = DecodeError(kind=ErrorKind.TYPE, detail=f"IP protocol {protocol}, expected {PROTOCOL}")
        return IPv4Address(source), error
    return IPv4Address(source), _decode_message(packet[header:total], ttl, source, destination)


def _decode_message(message: bytes, ttl: int, source: bytes, destination: bytes) -> Advert | DecodeError:
    """Check and take apart a VRRP message, in the order of RFC 9568 7.1."""
    if len(message) < _MESSAGE.size:
        return DecodeError(kind=ErrorKind.LENGTH, detail=f"{len(message)} bytes, at least {_MESSAGE.size} expected")
    first, vrid, _, count, _, _ = _MESSAGE.unpack_from(message)
    version, kind = first >> 4, first & 15

    def error(kind: ErrorKind, detail: str) -> DecodeError:
        return DecodeError(kind=kind, detail=detail, vrid=vrid)

    if ttl != TTL:
        return error(ErrorKind.TTL, f"TTL {ttl}, expected {TTL}")
    if version not in (2, 3):
        return error(ErrorKind.VERSION, f"version {version}, expected 2 or 3")
    if kind != ADVERTISEMENT:
        return error(ErrorKind.TYPE, f"message type {kind}, expected {ADVERTISEMENT}")
    addresses_end = _MESSAGE.size + 4 * count
    expected = addresses_end + (AUTH_LENGTH if version == 2 else 0)
    if len(message) != expected:
        return error(ErrorKind.LENGTH, f"{len(message)} bytes, {expected} expected with {count} addresses")
    pseudo = b"" if version == 2 else _pseudo_header(source, destination, len(message))
    if _checksum(pseudo + message):
        return error(ErrorKind.CHECKSUM, "wrong checksum")
    return _decode_body(message, version, count, addresses_end)


def _decode_body(message: bytes, version: int, count: int, addresses_end: int) -> Advert | DecodeError:
    """Read what the versions do not share, from a message of the right length and checksum."""
    _, vrid, priority, _, timing, _ = _MESSAGE.unpack_from(message)
    addresses = tuple(map(IPv4Address, struct.unpack_from(f"!{count}I", message, _MESSAGE.size)))
    if version == 3:
        interval = (timing & 0x0FFF) * CENTISECOND
        if not interval:  # it would make every backup take over at once
            return DecodeError(kind=ErrorKind.INTERVAL, detail="interval 0", vrid=vrid)
        return Advert(version=3, vrid=vrid, priority=priority, interval=interval, addresses=addresses)
    auth_type, interval = timing >> 8, (timing & 0xFF) * SECOND
    if auth_type not in (NO_AUTH, SIMPLE_TEXT):
        detail = f"authentication type {auth_type}, expected {NO_AUTH} or {SIMPLE_TEXT}"
        return DecodeError(kind=ErrorKind.AUTH_TYPE, detail=detail, vrid=vrid)
    auth = message[addresses_end:].rstrip(b"\0") if auth_type == SIMPLE_TEXT else None
    return Advert(version=2, vrid=vrid, priority=priority, interval=interval, addresses=addresses, auth=auth)


def _pseudo_header(source: bytes, destination: bytes, length: int) -> bytes:
    """Return what version 3 sums in front of the message."""
    return source + destination + struct.pack("!HH", PROTOCOL, length)


def _checksum(data: bytes) -> int:
    """Return the internet checksum (RFC 1071) of an even number of bytes; 0 over data that holds its own."""
    # 2**16 is 1 modulo 0xFFFF, so the big number's remainder is the end-around-carry sum; 0xFFFF stands for a sum of 0.
    return 0xFFFF - (int.from_bytes(data, "big") % 0xFFFF or 0xFFFF)
