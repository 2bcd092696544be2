"""What a frame on the segment says, read without the code under test."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

_VRRP, _AH = 112, 51
_NEIGHBOUR_ADVERTISEMENT = 136
_TRAILER = 28  # bytes


@dataclass(frozen=True, slots=True)
class Advert:
    """The fixed part of a VRRP advertisement (RFC 9568 5.2, RFC 3768 5.3), and where it was sent."""

    source: str
    destination: str
    ttl: int
    version: int
    vrid: int
    priority: int
    count: int
    authenticated: bool  # by an authentication header (AH)
    signed: bool  # with an auth_hmac trailer behind the message


@dataclass(frozen=True, slots=True)
class Frame:
    """One Ethernet frame: when it came (seconds of CLOCK_REALTIME) and from which host's interface."""

    at: float
    host: int
    interface: str
    data: bytes

    @property
    def lladdr(self) -> str:
        return self.data[6:12].hex(":")

    @property
    def advert(self) -> Advert | None:
        found = self._ip()
        if found is None:
            return None
        source, destination, ttl, protocol, payload = found
        authenticated = protocol == _AH
        if authenticated:
            protocol, payload = payload[0], payload[4 * (payload[1] + 2) :]
        if protocol != _VRRP or len(payload) < 8:
            return None
        return Advert(
            source=source,
            destination=destination,
            ttl=ttl,
            version=payload[0] >> 4,
            vrid=payload[1],
            priority=payload[2],
            count=payload[3],
            authenticated=authenticated,
            signed=_signed(payload, 16 if ":" in source else 4),
        )

    def _ip(self) -> tuple[str, str, int, int, bytes] | None:
        kind, body = self.data[12:14], self.data[14:]
        if kind == b"\x08\x00":
            header = 4 * (body[0] & 15)
            source, destination = str(IPv4Address(body[12:16])), str(IPv4Address(body[16:20]))
            return source, destination, body[8], body[9], body[header : int.from_bytes(body[2:4])]
        if kind == b"\x86\xdd":
            source, destination = str(IPv6Address(body[8:24])), str(IPv6Address(body[24:40]))
            return source, destination, body[7], body[6], body[40:]
        return None

    @property
    def announced(self) -> str:
        """The address of a gratuitous ARP request or an unsolicited neighbour advertisement, else nothing."""
        if self.data[12:14] == b"\x08\x06":
            return str(IPv4Address(self.data[38:42])) if self.data[28:32] == self.data[38:42] else ""
        found = self._ip()
        if found is None or found[3] != 58 or found[4][0] != _NEIGHBOUR_ADVERTISEMENT or found[1] != "ff02::1":
            return ""
        return str(IPv6Address(found[4][8:24]))


def _signed(payload: bytes, size: int) -> bool:
    """Whether 28 bytes of type 1 follow the addresses, which are `size` bytes each, and in version 2 the password."""
    end = 8 + payload[3] * size + (8 if payload[0] >> 4 == 2 else 0)
    return len(payload) == end + _TRAILER and payload[end] == 1
