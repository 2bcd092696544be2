"""What the kernel remembers of connections: elements of sets of nftables, and connection tracking, read by netlink.

Both are dumps of thousands of small messages many times a second, which is why they are not asked of `nft` and
`conntrack`.  Layouts: linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink_conntrack.h.
"""

import errno
import socket
import struct
import sys
from collections.abc import Iterator
from ipaddress import ip_address

from labkit.kernel.netlink import KernelRefusedError, Netlink, attribute, attributes, text
from labkit.lvs.model import Endpoint, Protocol
from labkit.values import dataclass

_NETLINK_NETFILTER = 12
_GET_CONNECTION, _GET_TABLE, _GET_ELEMENTS = 1 << 8 | 1, 10 << 8 | 1, 10 << 8 | 13
FAMILIES = {"ip": socket.AF_INET, "ip6": socket.AF_INET6, "netdev": 5}

_TABLE_NAME = 1
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS = 1, 2, 3
_KEY, _DATA, _EXPIRATION, _VALUE = 1, 2, 5, 1
_ORIGINAL, _REPLY, _PROTOCOL_INFO, _TIMEOUT, _MARK, _MARK_MASK = 1, 2, 4, 7, 8, 21
_TUPLE_IP, _TUPLE_PROTOCOL, _NUMBER, _SOURCE_PORT, _DESTINATION_PORT, _TCP, _TCP_STATE = 1, 2, 1, 2, 3, 1, 1
_STATES = (
    "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",
    "SYN_SENT",
)  # fmt: skip
ACTIVE_STATES = frozenset({"SYN_SENT", "SYN_RECV", "ESTABLISHED"})
"""What IPVS counts as ActiveConn; everything else, and all that is not TCP, is InActConn."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a set or a map: its key and value as the kernel keeps them, and its time left."""

    key: bytes
    value: int
    expires_s: float


@dataclass(frozen=True, slots=True)
class Tracked:
    """A connection of connection tracking; `raw` has the rest, taken apart on demand."""

    mark: int
    state: str
    raw: dict[int, bytes]

    @property
    def expires_s(self) -> int:
        """Seconds without a packet after which it is forgotten."""
        return int.from_bytes(self.raw.get(_TIMEOUT, b""))

    @property
    def ends(self) -> tuple[Protocol, Endpoint, Endpoint, Endpoint]:
        """Protocol, client, virtual service and real server."""
        protocol, client, virtual = _tuple(self.raw[_ORIGINAL])
        return protocol, client, virtual, _tuple(self.raw[_REPLY])[1]


def _tuple(raw: bytes) -> tuple[Protocol, Endpoint, Endpoint]:
    found = attributes(raw)
    source, destination = attributes(found[_TUPLE_IP]).values()
    ports = attributes(found[_TUPLE_PROTOCOL])
    from_port, to_port = (int.from_bytes(ports.get(kind, b"")) for kind in (_SOURCE_PORT, _DESTINATION_PORT))
    return (
        Protocol(ports[_NUMBER][0]),
        Endpoint(address=ip_address(source), port=from_port),
        Endpoint(address=ip_address(destination), port=to_port),
    )


class Memory:
    """A netlink socket to netfilter, of the namespace in which it is made."""

    def __init__(self) -> None:
        self._netlink = Netlink(protocol=_NETLINK_NETFILTER)

    def holds(self, table: str) -> bool:
        """Return whether a table is there."""
        family, name = table.split()
        body = struct.pack("=BBH", FAMILIES[family], 0, 0) + text(_TABLE_NAME, name)
        try:
            self._netlink.get(_GET_TABLE, body)
        except KernelRefusedError as error:
            if error.code != errno.ENOENT:
                raise
            return False
        return True

    def elements(self, table: str, name: str) -> list[Element]:
        """Return what a set or a map holds; nothing when it is not there."""
        family, table_name = table.split()
        body = struct.pack("=BBH", FAMILIES[family], 0, 0) + text(_LIST_TABLE, table_name) + text(_LIST_SET, name)
        try:
            answers = self._netlink.dump(_GET_ELEMENTS, body)
        except KernelRefusedError as error:
            if error.code != errno.ENOENT:
                raise
            return []
        return [
            _element(raw) for _, content in answers for raw in _nested(attributes(content[4:]).get(_LIST_ELEMENTS, b""))
        ]

    def tracked(self, family: str, mark: int, mask: int) -> list[Tracked]:
        """Return the connections of a family (`ip`, `ip6`) whose mark has the bits `mark` under `mask`."""
        body = struct.pack("=BBH", FAMILIES[family], 0, 0)
        body += attribute(_MARK, mark.to_bytes(4)) + attribute(_MARK_MASK, mask.to_bytes(4))
        return [_tracked(attributes(content[4:])) for _, content in self._netlink.dump(_GET_CONNECTION, body)]

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()


def _nested(data: bytes) -> Iterator[bytes]:
    """Yield the payloads of attributes that all have one type."""
    offset = 0
    while offset + 4 <= len(data):
        length = int.from_bytes(data[offset : offset + 2], sys.byteorder)
        yield data[offset + 4 : offset + length]
        offset += max((length + 3) & ~3, 4)


def _element(raw: bytes) -> Element:
    found = attributes(raw)
    data = attributes(found[_DATA]).get(_VALUE, b"") if _DATA in found else b""
    return Element(
        key=attributes(found[_KEY]).get(_VALUE, b""),
        value=struct.unpack("=I", data)[0] if len(data) == 4 else 0,
        expires_s=int.from_bytes(found.get(_EXPIRATION, b"")) / 1000,
    )


def _tracked(found: dict[int, bytes]) -> Tracked:
    tcp = attributes(found.get(_PROTOCOL_INFO, b"")).get(_TCP)
    state = _STATES[attributes(tcp)[_TCP_STATE][0]] if tcp is not None else "UDP"
    return Tracked(mark=int.from_bytes(found.get(_MARK, b"")), state=state, raw=found)
