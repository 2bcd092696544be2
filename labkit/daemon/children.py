"""Commands that the daemon runs: check scripts and notify scripts, as keepalived.conf(5) describes their surroundings.

A command inherits the daemon's environment and working directory, runs as its script user in a process group of its own
with /dev/null for input and output, and without a shell.  Starting one never waits for it, not even for its exec.
"""

import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable

from labkit.daemon.loop import Loop
from labkit.daemon.programs import Account
from labkit.kernel.process import die_with_parent

_RESTORED = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # what shells say
_KEPT_BYTES = 4096
_READ_BYTES = 1 << 16
_LEFT_OPEN = 64


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


class Children:
    """The commands that run now; each one's end is told through the loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._running: dict[int, int] = {}
        self._left_open: deque[Output] = deque()

    def start(
        self,
        argv: tuple[str, ...],
        who: Account | None,
        ended: Callable[[int, int], None],
        *,
        output: Output | None = None,
        source: int | None = None,
    ) -> int:
        """Start a command and return its process number; `ended` is called with it and the status (negative: the
        signal).

        It writes to `output` and reads from the descriptor `source`, where these are given.

        Raises:
            OSError: no process or descriptor is left.
        """
        pid = os.fork()
        if pid == 0:
            _become(argv, who, source, None if output is None else output.writer)
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            self.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        self._running[pid] = descriptor
        self._loop.watch(descriptor, lambda: self._reap(pid, ended, output))
        return pid

    def output(self) -> Output:
        """Return a place for the output of a command that is about to be started.

        Raises:
            OSError: no descriptor is left.
        """
        return Output(self._loop)

    def _reap(self, pid: int, ended: Callable[[int, int], None], output: Output | None) -> None:
        descriptor = self._running.pop(pid)
        self._loop.unwatch(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(pid, 0)  # it has ended: its pidfd is readable
        if output is not None:
            output.ended()
            self._leave_open(output)
        ended(pid, os.waitstatus_to_exitcode(status))

    def _leave_open(self, output: Output) -> None:
        """Keep the pipe of what a command left running, or that would be ended by SIGPIPE; so many, and no more."""
        self._left_open = deque(kept for kept in (*self._left_open, output) if kept.is_open)
        while len(self._left_open) > _LEFT_OPEN:
            self._left_open.popleft().close()

    def kill(self, pid: int, number: int) -> None:
        """Send a signal to a command and to whatever it has started in its process group."""
        for send in (os.killpg, os.kill):  # the group does not exist before the child has made it
            with contextlib.suppress(ProcessLookupError, PermissionError):
                send(pid, number)

    def kill_all(self) -> None:
        """Ask all that still run to end."""
        for pid in self._running:
            self.kill(pid, signal.SIGTERM)

    def __len__(self) -> int:
        return len(self._running)


def _become(argv: tuple[str, ...], who: Account | None, source: int | None, output: int | None) -> None:
    """Turn the forked child into the command; never returns."""
    status = _NOT_EXECUTABLE
    try:
        os.setpgid(0, 0)
        die_with_parent(signal.SIGTERM)
        signal.set_wakeup_fd(-1)
        for number in _RESTORED:
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        sink = null if output is None else output
        for descriptor, ours in enumerate((null if source is None else source, sink, sink)):
            os.dup2(ours, descriptor)
        if who is not None:
            os.initgroups(who.name, who.group)
            os.setgid(who.group)
            os.setuid(who.user)
            die_with_parent(signal.SIGTERM)  # forgotten when the user changes (prctl(2))
        os.execvp(argv[0], argv)
    except FileNotFoundError:
        status = _NOT_FOUND
    finally:
        os._exit(status)
