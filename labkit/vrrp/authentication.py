"""Who sent an advert: the authentication header of VRRPv2 and the trailer of auth_hmac, made and checked.

Authentication header (RFC 2402 2, HMAC-MD5-96 of RFC 2403), between the IPv4 header and the message:

    +---------------+---------------+-------------------------------+
    |  next  (112)  |  length (4)   |           reserved            |
    +---------------+---------------+-------------------------------+
    |              SPI: the source address                          |
    +---------------------------------------------------------------+
    |              sequence number                                  |
    +---------------------------------------------------------------+
    |              integrity check value, 12 bytes                  |
    +---------------------------------------------------------------+

The value is over the whole IPv4 packet, with zeros for the value itself and for what may change on the way: TOS, flags
and fragment offset, checksum; keepalived: the TTL only where adverts are unicast.  The key is the password, 8 bytes.

Trailer of auth_hmac (draft-cassen-vrrp-auth-hmac), behind the message:

    +---------------+---------------+-------------------------------+
    |   type  (1)   |    key id     |        reserved (0)           |
    +---------------+---------------+-------------------------------+
    |              UTC seconds                                      |
    +-------------------------------+-------------------------------+
    |  binary fraction of a second  |         counter               |
    +-------------------------------+-------------------------------+
    |              HMAC-SHA256, its first 16 bytes                  |
    +---------------------------------------------------------------+

Time, fraction and counter are one sequence of 64 bits.  The HMAC is over a pseudo header (family, version, VRID, zero,
source in 16 bytes), the message with a zero checksum, and the trailer with a zero HMAC.
"""

import struct

from labkit.trace import SECOND, Micros
from labkit.vrrp.config import Address
from labkit.vrrp.packet import AH_LENGTH, PROTOCOL, TRAILER_LENGTH

HMAC_TYPE = 1
_AH = struct.Struct("!BBH4sI12s")
_TRAILER = struct.Struct("!BBHQ16s")
_PSEUDO = struct.Struct("!BBBB16s")
_ICV_LENGTH = 12
_HMAC_LENGTH = 16
_KEY_LENGTH = 8
_IP_LENGTH = 20
_TOS_AT, _FLAGS_AT, _TTL_AT, _SUM_AT, _SOURCE_AT = 1, 6, 8, 10, 12
_CHECKSUM_AT = 6


def prepare() -> None:
    """Load what signs: 3 MB of OpenSSL that only those who sign shall pay for, and before an advert is due."""
    import hashlib  # noqa: F401
    import hmac  # noqa: F401


# --- the authentication header ----------------------------------------------------------------------------------------


def header(source: Address, sequence: int) -> bytes:
    """Return the authentication header with zeros for its integrity check value."""
    return _AH.pack(PROTOCOL, AH_LENGTH // 4 - 2, 0, source.packed, sequence, bytes(_ICV_LENGTH))


def sealed(packet: bytes, key: bytes, *, unicast: bool) -> bytes:
    """Return a whole IPv4 packet with the integrity check value of its authentication header filled in."""
    at = (packet[0] & 15) * 4 + AH_LENGTH - _ICV_LENGTH
    return packet[:at] + _icv(packet, key, unicast=unicast) + packet[at + _ICV_LENGTH :]


def header_sequence(packet: bytes) -> int:
    """Return the sequence number in the authentication header of a packet that was decoded."""
    sequence: int = _AH.unpack_from(packet, (packet[0] & 15) * 4)[4]
    return sequence


def header_fault(packet: bytes, key: bytes, *, unicast: bool) -> str:
    """Say what is wrong with the authentication header of a packet that was decoded, or nothing."""
    import hmac

    _, _, _, spi, _, icv = _AH.unpack_from(packet, (packet[0] & 15) * 4)
    total = int.from_bytes(packet[2:4])
    if not hmac.compare_digest(icv, _icv(packet[:total], key, unicast=unicast)):
        return "the authentication header does not verify: another password, or changed on the way"
    if spi != packet[_SOURCE_AT : _SOURCE_AT + 4]:
        return "the authentication header has an SPI that is not the source address"
    return ""


def _icv(packet: bytes, key: bytes, *, unicast: bool) -> bytes:
    import hashlib
    import hmac

    cleared = bytearray(packet)
    at = (packet[0] & 15) * 4 + AH_LENGTH - _ICV_LENGTH
    cleared[at : at + _ICV_LENGTH] = bytes(_ICV_LENGTH)
    cleared[_TOS_AT] = 0
    cleared[_FLAGS_AT : _FLAGS_AT + 2] = cleared[_SUM_AT : _SUM_AT + 2] = bytes(2)
    if unicast:
        cleared[_TTL_AT] = 0
    return hmac.digest(key.ljust(_KEY_LENGTH, b"\0"), cleared, hashlib.md5)[:_ICV_LENGTH]


# --- the trailer of auth_hmac -----------------------------------------------------------------------------------------


def utc_sequence(utc: Micros) -> int:
    """Return the sequence for a moment in microseconds since 1970: seconds, fraction in 65536ths, counter 0."""
    seconds, rest = divmod(utc, SECOND)
    return (seconds << 32 | (rest << 16) // SECOND << 16) & (2**64 - 1)


def follows(sequence: int, mark: int) -> bool:
    """Whether a sequence is above another one (RFC 1982 3.2, 64 bits)."""
    return 0 < (sequence - mark) % 2**64 < 2**63


def trailer(message: bytes, source: Address, *, key_id: int, key: bytes, sequence: int) -> bytes:
    """Return the trailer that signs a message (without trailer)."""
    unsigned = _TRAILER.pack(HMAC_TYPE, key_id, 0, sequence, bytes(_HMAC_LENGTH))
    return unsigned[:-_HMAC_LENGTH] + _hmac(message, source, key, unsigned)


def trailer_fields(trailer: bytes) -> tuple[int, int] | None:
    """Return key id and sequence of a trailer of the right length, or None where it is malformed."""
    kind, key_id, reserved, sequence, _ = _TRAILER.unpack(trailer)
    return (key_id, sequence) if kind == HMAC_TYPE and key_id and not reserved else None


def signed(message: bytes, source: Address, key: bytes) -> bool:
    """Whether a message that ends in a trailer was signed with `key` by `source`."""
    import hmac

    body, end = message[:-TRAILER_LENGTH], message[-TRAILER_LENGTH:]
    unsigned = end[:-_HMAC_LENGTH] + bytes(_HMAC_LENGTH)
    return hmac.compare_digest(end[-_HMAC_LENGTH:], _hmac(body, source, key, unsigned))


def _hmac(message: bytes, source: Address, key: bytes, unsigned: bytes) -> bytes:
    import hashlib
    import hmac

    pseudo = _PSEUDO.pack(source.version, message[0] >> 4, message[1], 0, source.packed)
    summed = message[:_CHECKSUM_AT] + b"\0\0" + message[_CHECKSUM_AT + 2 :]
    return hmac.digest(key, pseudo + summed + unsigned, hashlib.sha256)[:_HMAC_LENGTH]
