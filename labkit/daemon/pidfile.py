"""Pid files: a lock that says whether a daemon runs, and a number for init scripts to read.

The lock counts, not the number: it goes with the process however that ends, so a file left behind by kill -9 is no
obstacle, and neither is a number that meanwhile belongs to another process.
"""

import contextlib
import fcntl
import os
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
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            except OSError as error:
                raise PidFileError(f"cannot make the pid file {path}: {error.strerror}") from error
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not inherited by fork, unlike flock(2)
            except OSError as error:
                holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
                os.close(descriptor)
                raise AlreadyRunningError(f"keepalived is already running: pid {holder} holds {path}") from error
            if _same_file(path, descriptor):
                break
            os.close(descriptor)  # its holder removed it between our open and our lock
        if not _holds_number(descriptor):
            os.close(descriptor)
            raise PidFileError(f"{path} is no pid file, it holds something else than a number; name another with -p")
        _write_number(descriptor)
        return cls(path, descriptor)

    def remove(self) -> None:
        """Remove the file and let go of the lock."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _holds_number(descriptor: int) -> bool:
    """Tell whether a file is empty or a pid file: anything else is somebody's, and would be overwritten."""
    content = os.pread(descriptor, 64, 0).strip()
    return not content or content.isdigit()


def _write_number(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
