"""How the kernel treats a process: when it runs and where, whether it is swapped out, what is left of it in a crash.

Each function says in words what the kernel refuses, or nothing: without the rights for one of these, VRRP runs as other
programs do.
"""

import os
import resource
from collections.abc import Collection
from pathlib import Path

from labkit.kernel.process import checked, libc
from labkit.trace import SECOND, Micros

_MCL_CURRENT, _MCL_FUTURE = 1, 2
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")


def set_nice(nice: int) -> str:
    """Run as ordinary programs do, at this nice value, -20 (first) to 19; children do not inherit one below 0."""
    try:
        os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    except OSError as error:
        return f"cannot set the priority to {nice}: {error.strerror}"
    return ""


def set_realtime(priority: int) -> str:
    """Run before everything that has no real-time priority (SCHED_RR, 1 to 99); children do not inherit it."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except OSError as error:
        return f"cannot set the real-time priority {priority}: {error.strerror}"
    return ""


def limit_realtime(microseconds: Micros, last: Micros) -> str:
    """Bound what a real-time process may run without once waiting: SIGXCPU after `microseconds`, SIGKILL at `last`."""
    try:
        resource.setrlimit(resource.RLIMIT_RTTIME, (microseconds, last))
    except (OSError, ValueError) as error:
        return f"cannot limit real-time running to {microseconds / SECOND:g} s: {error}"
    return ""


def lock_memory() -> str:
    """Keep all memory of the process from being swapped out (mlockall(2))."""
    try:
        checked(libc().mlockall(_MCL_CURRENT | _MCL_FUTURE))
    except OSError as error:
        return f"cannot keep from being swapped out: {error.strerror}"
    return ""


def bind_to(processors: Collection[int]) -> str:
    """Run on these processors only."""
    try:
        os.sched_setaffinity(0, processors)
    except (OSError, ValueError, OverflowError) as error:
        return f"cannot run on processors {', '.join(map(str, sorted(processors)))}: {error}"
    return ""


def allow_core_dumps() -> str:
    """Let a crash leave a core dump of any size (setrlimit(2), RLIMIT_CORE)."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError) as error:
        return f"cannot allow core dumps: {error}"
    return ""


def set_core_pattern(pattern: str) -> tuple[str, str]:
    """Name the core dumps of the whole machine; return the pattern that was there, and what is refused."""
    try:
        before = CORE_PATTERN.read_text()
        CORE_PATTERN.write_text(f"{pattern}\n")
    except OSError as error:
        return "", f"cannot set the names of core dumps: {error.strerror}"
    return before.rstrip("\n"), ""
