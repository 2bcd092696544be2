"""The kernel's process events connector: who forks, executes, renames itself and exits.

    nlmsghdr (16 bytes) | cn_msg: idx, val, seq, ack, len, flags (20) | proc_event: what, cpu, time (16), data

It speaks to root in the first network namespace only, and counts processes as the first PID namespace does.
"""

import os
import socket
import struct
from enum import IntEnum
from pathlib import Path

from labkit.values import dataclass

_NETLINK_CONNECTOR = 11
_GROUP = _INDEX = _VALUE = 1  # CN_IDX_PROC, CN_VAL_PROC
_LISTEN = 1
_DONE = 3
_MESSAGE = struct.Struct("=IHHII")
_CONNECTOR = struct.Struct("=IIIIHH")
_DATA = _MESSAGE.size + _CONNECTOR.size + 16
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
_BUFFER_BYTES = 1 << 20
_MESSAGES_A_TURN = 256


class What(IntEnum):
    """What a process did."""

    FORK = 0x1
    EXEC = 0x2
    RENAME = 0x200
    EXIT = 0x80000000


_KNOWN = frozenset(What)


@dataclass(frozen=True, slots=True)
class ProcessEvent:
    """A process (never a mere thread) did something; of FORK `parent` is who forked it."""

    what: What
    pid: int
    parent: int = 0


def decode(data: bytes) -> ProcessEvent | None:
    """Return the event in a message, or None where it holds none of those that matter here."""
    if len(data) < _DATA + 16:
        return None
    (number,) = struct.unpack_from("=I", data, _DATA - 16)
    first, first_group, second, second_group = struct.unpack_from("=IIII", data, _DATA)
    if number == What.FORK:  # the first two are of the parent
        return ProcessEvent(What.FORK, second, first_group) if second == second_group else None
    return ProcessEvent(What(number), first) if number in _KNOWN and first == first_group else None


class ProcessEvents:
    """Readable when processes did something."""

    def __init__(self) -> None:
        """Ask to be told.

        Raises:
            OSError: not permitted, or not to be had in this namespace.
        """
        if Path("/proc/self/ns/pid").readlink() != Path(_FIRST_PID_NAMESPACE):
            raise PermissionError(1, "not in the first PID namespace")
        flags = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, flags, _NETLINK_CONNECTOR)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            self._socket.bind((0, _GROUP))
            body = _CONNECTOR.pack(_INDEX, _VALUE, 0, 0, 4, 0) + struct.pack("=I", _LISTEN)
            self._socket.send(_MESSAGE.pack(_MESSAGE.size + len(body), _DONE, 0, 0, os.getpid()) + body)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def read(self) -> list[ProcessEvent]:
        """Return what happened since the last call; a bounded part where it was much.

        Raises:
            OSError: events were lost (ENOBUFS).
        """
        events: list[ProcessEvent] = []
        for _ in range(_MESSAGES_A_TURN):
            try:
                data, (sender, _) = self._socket.recvfrom(512)
            except BlockingIOError:
                break
            event = decode(data) if sender == 0 else None  # 0: the kernel
            if event is not None:
                events.append(event)
        return events

    def close(self) -> None:
        """Ask for nothing more."""
        self._socket.close()
