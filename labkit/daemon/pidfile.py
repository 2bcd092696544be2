"""Pid files: a lock that says whether a daemon runs, and a number for init scripts to read.

The lock counts, not the number: it goes with the process however that ends, so a file left behind by kill -9 is no
obstacle, and neither is a number that meanwhile belongs to another process.
"""

import contextlib
import fcntl
import os
import stat
from pathlib import Path

from labkit.diagnostics import LabkitError
from labkit.hints import Self


class AlreadyRunningError(LabkitError):
    """Another daemon holds the pid file."""

    exit_code = 3


class PidFileError(LabkitError):
    """The pid file cannot be made."""


class PidFile:
    """A pid file that is held until `remove`, or until the process ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Self:
        """Lock the file and write our number into it.

        Raises:
            AlreadyRunningError: another process holds it.
            PidFileError: it cannot be opened or made, or holds something else than a number.
        """
        while True:
            descriptor = _open(path)
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not inherited by fork, unlike flock(2)
            except OSError as error:
                holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
                os.close(descriptor)
                raise AlreadyRunningError(f"keepalived is already running: pid {holder} holds {path}") from error
            if _same_file(path, descriptor):
                break
            os.close(descriptor)  # its holder removed it between our open and our lock
        try:
            _write_number(descriptor, path, os.getpid())
        except PidFileError:
            os.close(descriptor)
            raise
        return cls(path, descriptor)

    def remove(self) -> None:
        """Remove the file and let go of the lock."""
        with contextlib.suppress(OSError):  # the disk may be read-only by now
            self._path.unlink()
        os.close(self._descriptor)


def note(path: Path, number: int) -> None:
    """Write the number of another process, which holds no lock.

    Raises:
        PidFileError: the file cannot be opened or made, or holds something else than a number.
    """
    descriptor = _open(path)
    try:
        _write_number(descriptor, path, number)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    """Open the file, or make it; its folder may be new each time the machine starts, but not the one above that."""
    try:
        path.parent.mkdir(exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        raise PidFileError(f"cannot make the pid file {path}: {error.strerror}") from error


def _same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write_number(descriptor: int, path: Path, number: int) -> None:
    """Write a number into a file that is empty or a pid file: anything else is somebody's."""
    regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    content = os.pread(descriptor, 64, 0).strip() if regular else b""
    if not regular or (content and not content.isdigit()):
        raise PidFileError(f"{path} is no pid file, it holds something else than a number; name another")
    line = f"{number}\n".encode()
    with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
        os.pwrite(descriptor, line, 0)  # first: whoever reads meanwhile should not find nothing
        os.ftruncate(descriptor, len(line))
