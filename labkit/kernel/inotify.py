"""inotify(7): the kernel tells when a file or what is in a folder changes."""

import ctypes
import os
import struct
from enum import IntFlag

from labkit.values import dataclass

_EVENT = struct.Struct("=iIII")  # watch, mask, cookie, length of the name
_READ_BYTES = 1 << 16

_libc = ctypes.CDLL(None, use_errno=True)


class Change(IntFlag):
    """What is to be told, and what was."""

    ATTRIBUTES = 0x4
    WRITTEN = 0x8  # IN_CLOSE_WRITE: by then the new content is whole
    MOVED_FROM = 0x40
    MOVED_TO = 0x80
    CREATED = 0x100
    DELETED = 0x200
    SELF_DELETED = 0x400
    SELF_MOVED = 0x800
    OVERFLOW = 0x4000  # told without asking: some events were lost
    IGNORED = 0x8000  # told without asking: the watch is gone


@dataclass(frozen=True, slots=True)
class Changed:
    """Something that a watch saw; `name` is the entry of a watched folder."""

    watch: int
    change: Change
    name: str


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


class Inotify:
    """A set of watches; readable when one of them saw something."""

    def __init__(self) -> None:
        """Make an empty set.

        Raises:
            OSError: no descriptor is left, or this user has too many of these.
        """
        self._descriptor = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._descriptor

    def add(self, path: str, changes: Change) -> int:
        """Watch a file or a folder; return the number of the watch.  A second watch of one file replaces the first.

        Raises:
            OSError: it is not there, may not be read, or there are too many watches.
        """
        return _checked(_libc.inotify_add_watch(self._descriptor, os.fsencode(path), int(changes)))

    def remove(self, watch: int) -> None:
        """End a watch; one that is gone already is nothing to speak of."""
        _libc.inotify_rm_watch(self._descriptor, watch)

    def read(self) -> list[Changed]:
        """Return what was seen since the last call."""
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return []
        seen: list[Changed] = []
        offset = 0
        while offset < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, offset)
            offset += _EVENT.size
            name = os.fsdecode(data[offset : offset + length].rstrip(b"\0"))
            offset += length
            seen.append(Changed(watch, Change(mask), name))
        return seen

    def close(self) -> None:
        """End every watch."""
        os.close(self._descriptor)
