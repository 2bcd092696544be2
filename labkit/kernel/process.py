"""The clocks, names and namespaces of this process, by Linux calls that Python 3.11 lacks where it must be.

ctypes takes half a megabyte, and is loaded where it is wanted.
"""

import os
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from labkit.hints import TYPE_CHECKING
from labkit.trace import Micros

if TYPE_CHECKING:
    import ctypes

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET = 0x40000000
NETWORK_NAMESPACES = Path("/run/netns")

_NAME = Path("/proc/self/comm")


@cache
def libc() -> "ctypes.CDLL":
    """Return the C library."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> int:
    """Return the result of a call of the C library.

    Raises:
        OSError: it failed.
    """
    if result < 0:
        import ctypes

        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def now() -> Micros:
    """Return CLOCK_MONOTONIC in microseconds."""
    return time.monotonic_ns() // 1000


def since_boot() -> Micros:
    """Return how long ago the machine started, its sleep included (CLOCK_BOOTTIME)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def utc_offset() -> Micros:
    """Return what to add to `now` to get microseconds since 1970 (CLOCK_REALTIME)."""
    return time.time_ns() // 1000 - now()


def set_process_name(name: str) -> None:
    """Set what `ps`, `killall` and `pidof` know this process by; 15 bytes count (proc(5), comm)."""
    with suppress(OSError):  # without /proc nobody sees it either
        _NAME.write_text(name)


def enter_network_namespace(name: str) -> None:
    """Move this process to a network namespace that has a name (ip-netns(8)).

    Raises:
        OSError: there is none of that name, or it may not be entered.
    """
    descriptor = os.open(NETWORK_NAMESPACES / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        checked(libc().setns(descriptor, _CLONE_NEWNET))
    finally:
        os.close(descriptor)


def allow_descriptors(wanted: int) -> None:
    """Let this process have so many descriptors open, or as many as it may allow itself (RLIMIT_NOFILE)."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    except ValueError:  # the second number is raised with CAP_SYS_RESOURCE alone
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process `signal_number` when its parent ends (prctl(2), PR_SET_PDEATHSIG)."""
    libc().prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
