"""VRRP adverts on the wire: encode and decode, versions 2 and 3 over IPv4 (skeleton of the interface)."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from labkit.trace import Micros

GROUP4 = IPv4Address("224.0.0.18")
PROTOCOL = 112
TTL = 255


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
    INTERVAL = "interval"  # VRRPv2: the peer's differs from ours
    ADDRESSES = "addresses"  # the peer's list of virtual addresses differs from ours


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeError:
    """A packet that is not taken, and why, in words with the figures; `vrid` where it could be read."""

    kind: ErrorKind
    detail: str
    vrid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """An ADVERTISEMENT (RFC 9568 5.2, RFC 3768 5.3); `auth` is the VRRPv2 password without its zero padding, or None."""

    version: int
    vrid: int
    priority: int
    interval: Micros
    addresses: tuple[IPv4Address, ...]
    auth: bytes | None = None


def encode(advert: Advert, source: IPv4Address, destination: IPv4Address = GROUP4) -> bytes:
    """Return the VRRP message (without IP header) that C keepalived 2.2.7 would send for `advert`."""
    raise NotImplementedError


def decode(packet: bytes) -> tuple[IPv4Address, Advert | DecodeError]:
    """Take a whole IPv4 packet as a raw socket gives it; return its source and the advert, or why it is none."""
    raise NotImplementedError
