"""Adverts that a stranger might send, right or wrong in one respect; built without the code under test."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

GROUP = IPv4Address("224.0.0.18")
STRANGER_ADDRESS = IPv4Address("192.168.1.29")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forged:
    """A VRRPv3 advert for the VRID of the situations; `checksum` is added to the right one, `count` is what it says."""

    priority: int
    vrid: int = 21
    version: int = 3
    kind: int = 1
    interval: int = 10  # centiseconds
    addresses: tuple[str, ...] = ("192.168.1.20",)
    count: int | None = None
    ttl: int = 255
    checksum: int = 0

    def message(self) -> bytes:
        count = len(self.addresses) if self.count is None else self.count
        head = struct.pack("!BBBB", self.version << 4 | self.kind, self.vrid, self.priority, count)
        tail = b"".join(IPv4Address(address).packed for address in self.addresses)
        blank = head + struct.pack("!HH", self.interval, 0) + tail
        pseudo = STRANGER_ADDRESS.packed + GROUP.packed + struct.pack("!BBH", 0, 112, len(blank))
        right = internet_checksum(pseudo + blank)
        return head + struct.pack("!HH", self.interval, (right + self.checksum) & 0xFFFF) + tail

    def ip(self) -> bytes:
        """The IP packet; the kernel fills in its checksum."""
        message = self.message()
        head = struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(message), 1, 0, self.ttl, 112, 0)
        return head + STRANGER_ADDRESS.packed + GROUP.packed + message


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
