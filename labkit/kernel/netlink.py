"""Netlink framing: attributes, messages, and a socket that sends many prepared messages in one go.

pyroute2 is the netlink library of labkit.  This module exists for the two places that may not wait for its encoder
(0.4 ms a message) or its import: the VRRP process, and the building of a topology.  `benchmarks/topology.py` holds the
figures, docs/adr/0007 the decision.  The layouts are those of netlink(7) and rtnetlink(7).
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence

from labkit.diagnostics import LabkitError
from labkit.hints import Self

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_BATCH = 30_000  # bytes a send; the kernel's socket buffer takes 32 KiB without asking

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLA_TYPE_MASK = 0x3FFF
_SOL_NETLINK, _NETLINK_EXT_ACK = 270, 11
_NLM_F_CAPPED, _NLM_F_ACK_TLVS = 0x100, 0x200
_NLMSGERR_ATTR_MSG = 1


class KernelRefusedError(LabkitError):
    """The kernel refused a netlink request; `code` is the errno, `reason` what the kernel said of it if anything."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"the kernel refused: {os.strerror(code)}{f' ({reason})' if reason else ''}")


def attribute(kind: int, payload: bytes = b"") -> bytes:
    """Return one attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def text(kind: int, value: str) -> bytes:
    """Return an attribute that holds a zero-terminated string."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """Return an attribute that holds an unsigned 32-bit number in host order."""
    return attribute(kind, struct.pack("=I", value))


def message(kind: int, flags: int, body: bytes) -> bytes:
    """Return one request that asks for an acknowledgement."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags | NLM_F_REQUEST | NLM_F_ACK, 0, 0) + body


def attributes(data: bytes) -> dict[int, bytes]:
    """Return the attributes in `data` by type; the last one wins, a broken tail is left out."""
    found: dict[int, bytes] = {}
    offset = 0
    while offset + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4 or offset + length > len(data):
            break
        found[kind & _NLA_TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (type, flags, body) of each message in a datagram."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, _, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            break
        yield kind, flags, data[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3


def _error_of(flags: int, body: bytes) -> KernelRefusedError | None:
    code = -struct.unpack_from("=i", body)[0]
    if code == 0:
        return None
    reason = ""
    if flags & _NLM_F_ACK_TLVS:
        inner = 0 if flags & _NLM_F_CAPPED else struct.unpack_from("=I", body, 4)[0] - _HEADER.size
        reason = attributes(body[4 + _HEADER.size + inner :]).get(_NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode()
    return KernelRefusedError(code, reason)


class Netlink:
    """A netlink socket, by default a route-netlink one; it keeps working in the namespace where it was opened."""

    def __init__(self, groups: int = 0, *, protocol: int = socket.NETLINK_ROUTE) -> None:
        """Open it and subscribe to the multicast `groups` (a bit mask; RTMGRP_* of rtnetlink(7))."""
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self.socket.bind((0, groups))

    @classmethod
    def adopt(cls, descriptor: int) -> Self:
        """Take over a socket that was opened in another namespace and handed over."""
        adopted = cls.__new__(cls)
        adopted.socket = socket.socket(fileno=descriptor)
        return adopted

    def fileno(self) -> int:
        """Return the descriptor, so that selectors and SCM_RIGHTS take the object itself."""
        return self.socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, requests: Sequence[bytes], *, allow: Iterable[int] = ()) -> None:
        """Send prepared requests in batches and wait for every acknowledgement.

        All requests are carried out (the kernel does not stop at a refused one); then the first refusal whose errno is
        not in `allow` is raised.  Not for a socket that is subscribed to groups.

        Raises:
            KernelRefusedError: the kernel refused a request.
        """
        refused: KernelRefusedError | None = None
        tolerated = frozenset(allow)
        for batch in _batches(requests):
            self.socket.send(b"".join(batch))
            pending = len(batch)
            while pending:
                for kind, flags, body in messages(self.socket.recv(1 << 17)):
                    if kind != _NLMSG_ERROR:
                        continue
                    pending -= 1
                    error = _error_of(flags, body)
                    if error and refused is None and error.code not in tolerated:
                        refused = error
        if refused:
            raise refused

    def get(self, kind: int, body: bytes) -> bytes:
        """Return the body of the one message that answers a request.

        Raises:
            KernelRefusedError: the kernel refused the request.
        """
        self.socket.send(_HEADER.pack(_HEADER.size + len(body), kind, NLM_F_REQUEST, 0, 0) + body)
        for answer, flags, content in messages(self.socket.recv(1 << 17)):
            if answer != _NLMSG_ERROR:
                return content
            raise _error_of(flags, content) or KernelRefusedError(errno.EPROTO)
        raise KernelRefusedError(errno.EPROTO)

    def dump(self, kind: int, body: bytes) -> list[tuple[int, bytes]]:
        """Return (type, body) of every object in answer to a dump request.

        Raises:
            KernelRefusedError: the kernel refused the dump.
        """
        size = _HEADER.size + len(body)
        self.socket.send(_HEADER.pack(size, kind, NLM_F_REQUEST | NLM_F_DUMP, 0, 0) + body)
        found: list[tuple[int, bytes]] = []
        while True:
            for answer, flags, content in messages(self.socket.recv(1 << 17)):
                if answer == _NLMSG_DONE:
                    return found
                if answer == _NLMSG_ERROR:
                    raise _error_of(flags, content) or KernelRefusedError(errno.EPROTO)
                found.append((answer, content))


def _batches(requests: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for request in requests:
        if batch and size + len(request) > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(request)
        size += len(request)
    if batch:
        yield batch
