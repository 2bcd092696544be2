"""A small event loop: descriptors, points in time, signals.

epoll and a timerfd, because asyncio rounds its timers to a millisecond; the figures are in docs/adr/0008.
"""

import heapq
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from itertools import count

from labkit.hints import TYPE_CHECKING, Protocol, TypeAlias
from labkit.kernel.process import now
from labkit.trace import SECOND, Micros

if TYPE_CHECKING:
    from labkit.kernel.timer import Timer

Handler: TypeAlias = Callable[[], None]
_FAR = 3
"""So many rests away a deadline is not endangered by one that takes longer."""


class Source(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        ...


class Appointment:
    """A handler that is to be called at a point in time, unless it is cancelled before."""

    __slots__ = ("handler",)

    def __init__(self, handler: Handler) -> None:
        self.handler: Handler | None = handler

    def cancel(self) -> None:
        """Do not call it any more."""
        self.handler = None


class Loop:
    """Waits for descriptors and for points in time."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._timer: Timer | None = None
        self._handlers: dict[int, Handler] = {}
        self._agenda: list[tuple[Micros, int, Appointment]] = []
        self._numbers = count()  # of two appointments for one moment the older comes first

    def watch(self, source: Source | int, handler: Handler, *, writable: bool = False) -> None:
        """Call `handler` whenever `source` is readable or hung up; with `writable`: whenever it can be written to."""
        descriptor = source if isinstance(source, int) else source.fileno()
        self._handlers[descriptor] = handler
        self._epoll.register(descriptor, select.EPOLLOUT if writable else select.EPOLLIN)

    def unwatch(self, source: Source | int) -> None:
        """Let go of a source that is still open."""
        descriptor = source if isinstance(source, int) else source.fileno()
        del self._handlers[descriptor]
        self._epoll.unregister(descriptor)

    def wait_for(self, source: Source | int, *, reading: bool = True, writing: bool = False) -> None:
        """Say what the handler of a watched source is to be called for; a hang-up always counts."""
        descriptor = source if isinstance(source, int) else source.fileno()
        self._epoll.modify(descriptor, (select.EPOLLIN if reading else 0) | (select.EPOLLOUT if writing else 0))

    def at(self, moment: Micros, handler: Handler) -> Appointment:
        """Call `handler` once at `moment` (absolute microseconds), behind everything that is ready."""
        appointment = Appointment(handler)
        heapq.heappush(self._agenda, (moment, next(self._numbers), appointment))
        return appointment

    def step(self, deadline: Micros | None, rest: Micros = 0) -> None:
        """Wait until a source is ready or `deadline` (absolute microseconds) has come, and call the handlers once.

        For `rest` microseconds the sources are not looked at, so that more of them is done at once; a deadline or an
        appointment near by does without.
        """
        earliest = self._earliest(deadline)
        if rest and (earliest is None or earliest - now() > _FAR * rest):
            time.sleep(rest / SECOND)  # noqa: TID251 - nothing is waited for
        if earliest is not None or self._timer is not None:
            self._set_timer(earliest)
        for descriptor, _ in self._epoll.poll():
            handler = self._handlers.get(descriptor)  # an earlier handler may have let go of it
            if handler is not None:
                handler()
            elif self._timer is not None and descriptor == self._timer.fileno():
                self._timer.clear()
        if self._agenda:
            self._keep_appointments(now())

    def _set_timer(self, at: Micros | None) -> None:
        if self._timer is None:
            from labkit.kernel.timer import Timer  # a process that only waits for others needs none

            self._timer = Timer()
            self._epoll.register(self._timer.fileno(), select.EPOLLIN)
        self._timer.set(at)

    def _earliest(self, deadline: Micros | None) -> Micros | None:
        while self._agenda and self._agenda[0][2].handler is None:
            heapq.heappop(self._agenda)
        if not self._agenda:
            return deadline
        first = self._agenda[0][0]
        return first if deadline is None else min(first, deadline)

    def _keep_appointments(self, moment: Micros) -> None:
        """Call what is due at `moment`; what these calls arrange for is left to the next step."""
        due: list[Appointment] = []
        while self._agenda and self._agenda[0][0] <= moment:
            due.append(heapq.heappop(self._agenda)[2])
        for appointment in due:
            handler, appointment.handler = appointment.handler, None
            if handler is not None:
                handler()

    def close(self) -> None:
        """Close the loop's own descriptors."""
        if self._timer is not None:
            self._timer.close()
        self._epoll.close()


class Signals:
    """Signals as bytes on a descriptor, so that they are handled between two pieces of work and never within one."""

    def __init__(self, numbers: Iterable[int], others: Iterable[int] = ()) -> None:
        """Catch these signals, and let `others` do nothing; the previous owner of this process's signals loses them.

        Signals that were blocked, so that none is lost between a fork and here, come now.
        """
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._numbers = frozenset(numbers)
        both = {*self._numbers, *others}
        for number in both:  # a program that is executed later has them by default, which it would not if ignored
            signal.signal(number, _noted_elsewhere)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, both)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._reader.fileno()

    def caught(self) -> list[int]:
        """Return the numbers of the signals that came since the last call."""
        try:
            return [number for number in self._reader.recv(4096) if number in self._numbers]
        except BlockingIOError:
            return []


def _noted_elsewhere(number: int, frame: object) -> None:
    """Do nothing: the interpreter has written the number to the wake-up descriptor already."""


SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGRTMIN + 2,
    signal.SIGRTMAX - 1,
)
"""Every signal that means something to the parent of keepalived."""
