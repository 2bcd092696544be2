"""What every probe is: tries at an even pace, and records of what became of them."""

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from labkit.lab.provider import Emit
from labkit.trace import Kind, Micros, Record

Open: TypeAlias = Callable[[int, int, int], socket.socket]
"""Opens a socket in the probe's node: address family, type and protocol, as socket(2)."""

SILENT_AFTER = 3  # intervals without an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSpec:
    """A probe to be: what it asks, from where, whom, and how often (microseconds from try to try)."""

    name: str
    kind: str
    node: str
    target: str
    interval: Micros
    port: int = 0
    path: str = "/"  # of HTTP
    query: str = "labkit.test"  # of DNS


class Probe:
    """Tries each `interval`; a kind says in `_try` how, and calls `_succeed` or `_fail` for each try in any order.

    Of a kind that tells `each`, there is a record for every try; of the others when answers stop, when they come
    back, when one was missed, and when somebody else answers.  A record's `gap_us` is the time since the last answer
    where tries were missed since or it was long, else 0.
    """

    each = True

    def __init__(self, spec: ProbeSpec, emit: Emit) -> None:
        self.spec = spec
        self.emit = emit
        self.sent = 0
        self.answered = 0
        self.longest_gap: Micros = 0
        self.silent = False
        self.last_answer: Micros | None = None
        self.last_sequence = 0
        self.lost = 0  # since the last answer
        self.last_by = ""
        self.loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Make the first try; the others follow."""
        self.due = self.loop.time()
        self._tick()

    def _tick(self) -> None:
        self.sent += 1
        self._try(self.sent)
        gap = now() - self.last_answer if self.last_answer is not None else 0
        if not self.each and not self.silent and gap > SILENT_AFTER * self.spec.interval:
            self.silent = True
            self._tell(self.last_answer or now(), ok=False)
        self.due += self.spec.interval / 1e6
        self.timer = self.loop.call_at(self.due, self._tick)

    def _try(self, sequence: int) -> None:
        raise NotImplementedError

    def _succeed(self, sequence: int, *, by: str = "", took: Micros = 0) -> None:
        at = now()
        self.answered += 1
        gap = at - self.last_answer if self.last_answer is not None else 0
        missed = max(0, sequence - self.last_sequence - 1) if not self.each else self.lost
        noteworthy = missed > 0 or gap > SILENT_AFTER * self.spec.interval
        self.longest_gap = max(self.longest_gap, gap)
        if self.each or self.silent or noteworthy or self.answered == 1 or by != self.last_by:
            self._tell(at, ok=True, gap=gap if noteworthy else 0, lost=missed, by=by, took=took)
        self.silent, self.last_answer, self.lost, self.last_by = False, at, 0, by
        self.last_sequence = max(self.last_sequence, sequence)

    def _fail(self, error: str, took: Micros) -> None:
        self.lost += 1
        self.silent = True
        self._tell(now(), ok=False, error=error, took=took)

    def _tell(
        self, at: Micros, *, ok: bool, gap: Micros = 0, lost: int = 0, by: str = "", error: str = "", took: Micros = 0
    ) -> None:
        data: dict[str, str | int | bool | float | None] = {
            "probe": self.spec.name,
            "target": self.spec.target,
            "ok": ok,
            "gap_us": gap,
            "lost": lost,
        }
        data |= {key: value for key, value in (("by", by), ("error", error), ("took_us", took)) if value}
        self.emit(Record(at=at, kind=Kind.PROBE, node=self.spec.node, data=data))

    def stop(self) -> dict[str, object]:
        """End the probe; return the sums (`longest_gap_us` is the time between two answers)."""
        self.timer.cancel()
        return {"sent": self.sent, "answered": self.answered, "longest_gap_us": self.longest_gap}


class RawProbe(Probe):
    """A probe by one raw socket of the node, whose answers `_receive` reads."""

    each = False

    def _use(self, opened: socket.socket) -> None:
        self.socket = opened
        self.loop.add_reader(opened.fileno(), self._receive)

    def _receive(self) -> None:
        raise NotImplementedError

    def stop(self) -> dict[str, object]:
        """End the probe; return the sums."""
        self.loop.remove_reader(self.socket.fileno())
        self.socket.close()
        return super().stop()


def now() -> Micros:
    """Return the time on the lab's clock."""
    return time.monotonic_ns() // 1000
