"""The Linux calls a daemon needs and Python 3.11 lacks: timerfd_create(2) and prctl(2)."""

import ctypes
import os
import time
from pathlib import Path

from labkit.trace import SECOND, Micros

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_TFD_TIMER_ABSTIME = 1

_CLONE_NEWNET = 0x40000000
NETWORK_NAMESPACES = Path("/run/netns")

_libc = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class _Itimerspec(ctypes.Structure):
    _fields_ = [("interval", _Timespec), ("value", _Timespec)]


def now() -> Micros:
    """Return CLOCK_MONOTONIC in microseconds."""
    return time.monotonic_ns() // 1000


def since_boot() -> Micros:
    """Return how long ago the machine started, its sleep included (CLOCK_BOOTTIME)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def utc_offset() -> Micros:
    """Return what to add to `now` to get microseconds since 1970 (CLOCK_REALTIME)."""
    return time.time_ns() // 1000 - now()


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


class Timer:
    """A timerfd on CLOCK_MONOTONIC: readable from the moment it is set to, exact to microseconds."""

    def __init__(self) -> None:
        """Create it, disarmed.

        Raises:
            OSError: no descriptor is left.
        """
        self._descriptor = _checked(_libc.timerfd_create(time.CLOCK_MONOTONIC, _TFD_FLAGS))
        self._setting = _Itimerspec()
        self._armed: Micros | None = None
        self._fired = False

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._descriptor

    def set(self, at: Micros | None) -> None:
        """Become readable at `at`, at once when that is past, never when it is None."""
        if at == self._armed and not self._fired:
            return
        self._armed, self._fired = at, False
        value = self._setting.value
        # all zeros would disarm it, so that the beginning of time becomes its first microsecond
        value.seconds, microseconds = divmod(max(at, 1), SECOND) if at is not None else (0, 0)
        value.nanoseconds = microseconds * 1000
        _checked(_libc.timerfd_settime(self._descriptor, _TFD_TIMER_ABSTIME, ctypes.byref(self._setting), None))

    def clear(self) -> None:
        """Take note that it fired: the next `set`, to whatever it is, makes it unreadable until then."""
        self._fired = True

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)


def set_process_name(name: str) -> None:
    """Set what `ps`, `killall` and `pidof` know this process by; 15 bytes count (prctl(2), PR_SET_NAME)."""
    _libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def enter_network_namespace(name: str) -> None:
    """Move this process to a network namespace that has a name (ip-netns(8)).

    Raises:
        OSError: there is none of that name, or it may not be entered.
    """
    descriptor = os.open(NETWORK_NAMESPACES / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(descriptor, _CLONE_NEWNET))
    finally:
        os.close(descriptor)


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process `signal_number` when its parent ends (prctl(2), PR_SET_PDEATHSIG)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
