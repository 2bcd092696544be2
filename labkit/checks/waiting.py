"""What checks wait on, and who wakes them: descriptors, points in time, and ends that are told.

    a check ── awaits ready(...) ──> Waiter ── a moment, then epoll ──> resumed: True, or False when it was late

A check is a coroutine that awaits nothing but `ready` and `told`.  What it waits for has mostly come after a
millisecond, so that it may simply try again by then; only what it waits for a second time is watched by epoll.  So a
check of a server near by costs no call of epoll at all, and many checks are looked after in one go (docs/adr/0031).

The waiter belongs to no loop: whoever runs one watches its descriptor for reading, and calls `step` then and at its
deadline.  asyncio's own sockets cost two to four times what C keepalived's checks do.
"""

import heapq
import select
import time
from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Protocol, TypeAlias, TypeVar

from labkit.lvs.check import Result
from labkit.trace import Micros

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
_MOMENT: Micros = 1_000  # after which it is tried again what could not be done at once


class Descriptor(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        ...


class Ending:
    """The end of something that another part of the program sees; how it ended is told once, or never."""

    def __init__(self) -> None:
        self.end: int | OSError | None = None
        self._waiting: Callable[[], None] | None = None

    def tell(self, end: int | OSError) -> None:
        """It ended; whoever waits goes on, now."""
        self.end = end
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting()

    def call(self, waiting: Callable[[], None] | None) -> None:
        """Call this when the end is told (the waiter's part)."""
        self._waiting = waiting


Wait: TypeAlias = tuple[int, int, Micros] | tuple[Ending, int, Micros]
Check: TypeAlias = Coroutine[Wait, bool, Result]
T = TypeVar("T")


def now() -> Micros:
    """Return CLOCK_MONOTONIC in microseconds."""
    return time.monotonic_ns() // 1000


@coroutine
def ready(source: Descriptor, events: int, deadline: Micros) -> Generator[Wait, bool, bool]:
    """Wait until it is worth to try again what needs `events`; return False when `deadline` came before.

    The source may still not be ready, and is to be waited for again then.

    Raises:
        OSError: the kernel does not watch it.
    """
    return (yield (source.fileno(), events, deadline))


@coroutine
def told(ending: Ending, deadline: Micros) -> Generator[Wait, bool, bool]:
    """Wait until an end is told; return False when `deadline` came before."""
    if ending.end is not None:
        return True
    return (yield (ending, 0, deadline))


class Running:
    """One check that is under way."""

    __slots__ = ("check", "ended", "number", "registered", "source", "tried", "waiter")

    def __init__(self, waiter: "Waiter", check: Check, ended: Callable[[Result], None]) -> None:
        self.waiter = waiter
        self.check = check
        self.ended: Callable[[Result], None] | None = ended
        self.source: int | Ending | None = None  # what it waits on now
        self.tried: tuple[int, int] | None = None  # the descriptor and events that it last tried without asking epoll
        self.registered = -1  # the descriptor that epoll was last asked to watch for it
        self.number = -1  # of the entry among the deadlines that counts

    def cancel(self) -> None:
        """End it: what it has open is closed, and its result is never told.  Nothing happens if it has ended."""
        self.waiter.cancel(self)


class Waiter:
    """Runs checks side by side, each as far as it can go without waiting."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._trying: list[Running] = []
        self._try_at: Micros = 0
        self._watched: dict[int, Running] = {}
        self._deadlines: list[tuple[Micros, int, Running]] = []
        self._ended: list[tuple[Running, Result]] = []
        self._numbers = 0
        self._running = 0

    def __len__(self) -> int:
        """Return how many checks are under way."""
        return self._running

    def fileno(self) -> int:
        """Return the descriptor that is readable when `step` has something to do."""
        return self._epoll.fileno()

    @property
    def deadline(self) -> Micros | None:
        """When to call `step` at the latest, in absolute microseconds of CLOCK_MONOTONIC."""
        if self._ended:
            return 0
        earliest = self._earliest()
        if not self._trying:
            return earliest
        return self._try_at if earliest is None else min(earliest, self._try_at)

    def start(self, check: Check, ended: Callable[[Result], None]) -> Running:
        """Begin a check; `ended` is called with its result by a later `step`."""
        running = Running(self, check, ended)
        self._running += 1
        self._resume(running, None)
        return running

    def step(self) -> None:
        """Let every check go on whose source is ready or whose deadline has come; tell the results of what ended."""
        if self._watched:
            for descriptor, _ in self._epoll.poll(0):
                running = self._watched.pop(descriptor, None)
                if running is not None:
                    self._resume(running, True)
        moment = now()
        if self._try_at <= moment:
            trying, self._trying = self._trying, []
            for running in trying:
                if running.source is not None:  # not cancelled meanwhile
                    self._resume(running, True)
        while (deadline := self._earliest()) is not None and deadline <= moment:
            running = heapq.heappop(self._deadlines)[2]
            self._forget(running)
            self._resume(running, False)
        over, self._ended = self._ended, []
        for running, result in over:
            if running.ended is not None:
                running.ended(result)

    def cancel(self, running: Running) -> None:
        """End a check without a result."""
        running.ended = None
        if running.source is not None:
            self._forget(running)
            self._running -= 1
            running.check.close()

    def close(self) -> None:
        """End all checks and let go of the descriptor."""
        for running in {*self._trying, *(entry[2] for entry in self._deadlines)}:
            self.cancel(running)
        self._trying.clear()
        self._epoll.close()

    def _earliest(self) -> Micros | None:
        deadlines = self._deadlines
        while deadlines and deadlines[0][2].number != deadlines[0][1]:
            heapq.heappop(deadlines)
        return deadlines[0][0] if deadlines else None

    def _resume(self, running: Running, value: bool | OSError | None) -> None:
        running.number = -1
        running.source = None
        check = running.check
        try:
            wait = check.throw(value) if isinstance(value, OSError) else check.send(value)  # type: ignore[arg-type]
        except StopIteration as stop:
            self._running -= 1
            self._ended.append((running, stop.value))
        else:
            self._wait(running, *wait)

    def _wait(self, running: Running, source: int | Ending, events: int, deadline: Micros) -> None:
        running.source = source
        if isinstance(source, Ending):
            self._limit(running, deadline)
            source.call(lambda: self._resume(running, True))
        elif running.tried == (source, events):
            self._limit(running, deadline)
            self._watched[source] = running
            try:
                self._watch(running, source, events | select.EPOLLONESHOT)  # closing a descriptor takes it out
            except OSError as error:
                self._forget(running)
                self._resume(running, error)
        else:
            running.tried = source, events
            if not self._trying:
                self._try_at = now() + _MOMENT
            self._trying.append(running)

    def _limit(self, running: Running, deadline: Micros) -> None:
        self._numbers += 1
        running.number = self._numbers
        heapq.heappush(self._deadlines, (deadline, running.number, running))

    def _watch(self, running: Running, descriptor: int, events: int) -> None:
        if running.registered == descriptor:
            try:
                self._epoll.modify(descriptor, events)
            except FileNotFoundError:  # another socket, to which the kernel gave the same number
                self._epoll.register(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
            running.registered = descriptor

    def _forget(self, running: Running) -> None:
        source, running.source = running.source, None
        running.number = -1
        if isinstance(source, Ending):
            source.call(None)
        elif source is not None and self._watched.pop(source, None) is None:
            self._trying = [one for one in self._trying if one is not running]
