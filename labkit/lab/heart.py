"""The heartbeat of a supervisor: it tells when the host did not run us, or let others wait."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from labkit.lab.provider import Emit
from labkit.trace import Kind, Micros, Record

_HEARTBEAT_S = 0.01
_STALL: Micros = 20_000  # a heartbeat that comes so much too late is told as a stall
_PRESSURE_BEATS = 10  # heartbeats from look to look at who waits for a CPU
_PRESSED: Micros = 10_000  # in that time: waiting that is told


async def heartbeat(now: Callable[[], Micros], emit: Emit, beaten: Callable[[], None]) -> None:
    """Beat until cancelled, calling `beaten` each time; what is told makes a late verdict nobody's fault."""
    loop = asyncio.get_running_loop()
    beats, waited = 0, _pressure()
    due = loop.time() + _HEARTBEAT_S
    waiter = asyncio.Event()
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await waiter.wait()
        late = int((loop.time() - due) * 1e6)
        if late > _STALL:
            emit(Record(at=now(), kind=Kind.STALL, data={"stalled_us": late}))
        due = loop.time() + _HEARTBEAT_S
        beaten()
        beats += 1
        if beats % _PRESSURE_BEATS == 0 and (more := _pressure() - waited) > 0:
            waited += more
            if more > _PRESSED:
                emit(Record(at=now(), kind=Kind.PRESSURE, data={"waited_us": more}))


def _pressure() -> Micros:
    """Return for how long, in all, some process of this machine waited for a CPU; 0 where the kernel does not count.

    Linux, Documentation/accounting/psi.rst.
    """
    try:
        line = Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return 0
    return int(line.rpartition("total=")[2])
