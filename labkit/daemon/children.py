"""Commands that the daemon runs: check scripts, notify scripts, readers of FIFOs, nft, the mail process.

A command inherits the daemon's environment and working directory and runs without a shell.  Starting never waits for
it, and whoever asks for several gets one at a time: between two the loop looks at its sockets and deadlines, so that a
hundred scripts which are due together do not hold up an advert.
"""

import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable
from itertools import count

from labkit.daemon.loop import Loop
from labkit.daemon.programs import Account
from labkit.daemon.spawning import spawn
from labkit.hints import TypeAlias
from labkit.kernel.process import now
from labkit.values import dataclass

_KEPT_BYTES = 4096
_READ_BYTES = 1 << 16
_LEFT_OPEN = 64

Ended: TypeAlias = Callable[[int, int | OSError], None]
"""Called with the number that `start` returned and how it ended: the exit status, negative for a signal, or why the
command could not be started."""


class Output:
    """The last 4 KiB that a command writes to its standard output and standard error, read as they come.

    A program that the command leaves behind may go on writing: that is read too, and forgotten, until it ends.
    """

    def __init__(self, loop: Loop) -> None:
        """Make the pipe.

        Raises:
            OSError: no descriptor is left.
        """
        self._loop = loop
        self._tail = b""
        self._keeps = True
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        loop.watch(self._reader, self._read)
        self.is_open = True

    @property
    def text(self) -> str:
        """What was written, its end where it was long."""
        return self._tail.decode(errors="replace").strip()

    def _read(self) -> None:
        try:
            data = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self.close()
        elif self._keeps:
            self._tail = (self._tail + data)[-_KEPT_BYTES:]

    def started(self) -> None:
        """Let go of the command's end, which the command has now."""
        os.close(self.writer)

    def ended(self) -> None:
        """Take what the command wrote last; what comes later is not its own."""
        if self.is_open:
            self._read()
        self._keeps = False

    def close(self) -> None:
        """Stop reading."""
        if self.is_open:
            self.is_open = False
            self._loop.unwatch(self._reader)
            os.close(self._reader)


@dataclass(slots=True)
class _Order:
    """A command that is to be started when its turn comes, unless it is given up before: `given_up` is the signal."""

    number: int
    argv: tuple[str, ...]
    who: Account | None
    ended: Ended
    output: Output | None
    source: int | None
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class _Running:
    pid: int
    descriptor: int


class Children:
    """The commands that run now or are about to; each one's end is told through the loop, never from within a call."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._numbers = count(1)
        self._orders: deque[_Order] = deque()
        self._running: dict[int, _Running] = {}
        self._left_open: deque[Output] = deque()

    def start(
        self,
        argv: tuple[str, ...],
        who: Account | None,
        ended: Ended,
        *,
        output: Output | None = None,
        source: int | None = None,
    ) -> int:
        """Have a command started in one of the next turns of the loop, and return a number to kill it by.

        It writes to `output` and reads from what the descriptor `source` refers to, where these are given.

        Raises:
            OSError: no descriptor is left.
        """
        kept = None if source is None else os.dup(source)
        order = _Order(next(self._numbers), argv, who, ended, output, kept)
        if not self._orders:
            self._loop.at(now(), self._start_one)
        self._orders.append(order)
        return order.number

    def _start_one(self) -> None:
        order = self._orders.popleft()
        if self._orders:
            self._loop.at(now(), self._start_one)
        try:
            failure = None if order.given_up else self._spawn(order)
        finally:
            if order.source is not None:
                os.close(order.source)
            if order.output is not None:
                order.output.started()
        if order.given_up or failure is not None:
            if order.output is not None:
                order.output.close()
            order.ended(order.number, failure or -order.given_up)

    def _spawn(self, order: _Order) -> OSError | None:
        """Start a command; return why that could not be."""
        try:
            pid = spawn(
                order.argv, order.who, source=order.source, output=order.output.writer if order.output else None
            )
        except OSError as error:
            return error
        try:
            descriptor = os.pidfd_open(pid)
        except OSError as error:
            _signal(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return error
        self._running[order.number] = _Running(pid, descriptor)
        self._loop.watch(descriptor, lambda: self._reap(order))
        return None

    def output(self) -> Output:
        """Return a place for the output of a command that is about to be started.

        Raises:
            OSError: no descriptor is left.
        """
        return Output(self._loop)

    def _reap(self, order: _Order) -> None:
        running = self._running.pop(order.number)
        self._loop.unwatch(running.descriptor)
        os.close(running.descriptor)
        _, status = os.waitpid(running.pid, 0)  # it has ended: its pidfd is readable
        if order.output is not None:
            order.output.ended()
            self._leave_open(order.output)
        order.ended(order.number, os.waitstatus_to_exitcode(status))

    def _leave_open(self, output: Output) -> None:
        """Keep the pipe of what a command left running, or that would be ended by SIGPIPE; so many, and no more."""
        self._left_open = deque(kept for kept in (*self._left_open, output) if kept.is_open)
        while len(self._left_open) > _LEFT_OPEN:
            self._left_open.popleft().close()

    def kill(self, number: int, signal_number: int) -> None:
        """Send a signal to a command and to whatever it has started in its process group.

        One that has not been started yet will not be, and ends by that signal when its turn comes.
        """
        if running := self._running.get(number):
            _signal(running.pid, signal_number)
        for order in self._orders:
            if order.number == number:
                order.given_up = signal_number

    def kill_all(self) -> None:
        """Ask all that still run to end, and start no more."""
        for number in [*self._running, *(order.number for order in self._orders)]:
            self.kill(number, signal.SIGTERM)

    def __len__(self) -> int:
        return len(self._running) + len(self._orders)


def _signal(pid: int, number: int) -> None:
    for send in (os.killpg, os.kill):  # a forked child makes its group itself
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, number)
