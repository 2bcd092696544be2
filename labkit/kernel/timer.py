"""timerfd_create(2), which Python 3.11 lacks."""

import ctypes
import os
import time

from labkit.kernel.process import checked, libc
from labkit.trace import SECOND, Micros

_TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_TFD_TIMER_ABSTIME = 1


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class _Itimerspec(ctypes.Structure):
    _fields_ = [("interval", _Timespec), ("value", _Timespec)]


class Timer:
    """A timerfd on CLOCK_MONOTONIC: readable from the moment it is set to, exact to microseconds."""

    def __init__(self) -> None:
        """Create it, disarmed.

        Raises:
            OSError: no descriptor is left.
        """
        self._descriptor = checked(libc().timerfd_create(time.CLOCK_MONOTONIC, _TFD_FLAGS))
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
        checked(libc().timerfd_settime(self._descriptor, _TFD_TIMER_ABSTIME, ctypes.byref(self._setting), None))

    def clear(self) -> None:
        """Take note that it fired: the next `set`, to whatever it is, makes it unreadable until then."""
        self._fired = True

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)
