"""FIFOs that are told of changes (notify_fifo and its kin), and the scripts that read them.

A FIFO is held open for reading as well, as C keepalived does, so that writing needs no reader.  What the kernel's pipe
does not take is queued here; when even that is full, the queue is dropped, counted, and the present states are written
instead as soon as there is room: a reader that is slow or comes late misses changes and never the outcome.
"""

import contextlib
import errno
import os
import signal
import stat
from collections import deque
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from labkit.conf.model import Fifo, GlobalDefs
from labkit.daemon.children import Children, Ended
from labkit.daemon.loop import Loop
from labkit.daemon.programs import NoSuchAccountError, account, prepare
from labkit.daemon.report import DeliveryReport
from labkit.daemon.tidings import Subject, Tidings
from labkit.hints import TypeAlias

_QUEUED_LINES = 1000
_MODE = 0o600


class FifoWriter:
    """The writing end of one FIFO; one of another process (`others`) is left where it is at the end."""

    def __init__(self, path: str, loop: Loop, say: Callable[[str], None], *, others: bool = False) -> None:
        self.path = path
        self._loop = loop
        self._say = say
        self._descriptor: int | None = None
        self._identity: tuple[int, int] | None = None
        self._made = False
        self._others = others
        self._queue: deque[bytes] = deque()
        self._states: dict[tuple[str, str], bytes] = {}
        self._waits = False
        self._dropping = 0
        self._missed = False  # something was told while it was not open
        self._written = self._dropped = 0

    def open(self, owner: tuple[int, int] | None) -> None:
        """Make the FIFO if it is not there, for its owner (user and group) only, and open it."""
        if self._descriptor is not None and self._identity == self._on_disk():
            return
        self._let_go()
        try:
            self._open(owner)
        except OSError as error:
            why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
            self._say(f"FIFO {self.path} is not written: {why}")

    def _open(self, owner: tuple[int, int] | None) -> None:
        if self._on_disk() is None:
            with contextlib.suppress(FileExistsError):  # another process of ours was quicker
                os.mkfifo(self.path, _MODE)
                self._made = not self._others
                if owner is not None:
                    os.chown(self.path, *owner)
        descriptor = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        status = os.fstat(descriptor)
        if not stat.S_ISFIFO(status.st_mode):
            os.close(descriptor)
            self._say(f"FIFO {self.path} is not written: it is another kind of file")
            return
        self._descriptor, self._identity = descriptor, (status.st_dev, status.st_ino)
        if self._missed:
            self._missed = False
            self._queue = deque(self._states.values())
        self._flush()

    def _on_disk(self) -> tuple[int, int] | None:
        try:
            status = os.lstat(self.path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def write(self, news: Tidings) -> None:
        """Write one line, now or later."""
        line = news.line.encode(errors="replace")
        key = (news.kind, news.name)
        if news.final:
            self._states.pop(key, None)
        elif news.is_state:
            self._states[key] = line
        self._put(line)

    def delivery(self) -> DeliveryReport:
        """Return how many lines were written."""
        lost = self._dropped + self._dropping
        return DeliveryReport(kind="fifo", name=self.path, told=self._written, lost=lost, waiting=len(self._queue))

    def keep(self, subjects: Collection[Subject]) -> None:
        """Forget the states of all that are not among these: kind and name of each."""
        self._states = {key: line for key, line in self._states.items() if key in subjects}

    def repeat_states(self) -> None:
        """Write the present states once more (fifo_write_vrrp_states_on_reload)."""
        for line in list(self._states.values()):
            self._put(line)

    def _put(self, line: bytes) -> None:
        if self._descriptor is None:
            self._missed = True
            self._dropped += 1
            return
        if len(self._queue) >= max(_QUEUED_LINES, 4 * len(self._states)):
            if not self._dropping:
                self._say(f"FIFO {self.path} is full and nobody reads it: lines are dropped")
            self._dropping += len(self._queue)
            self._queue = deque(self._states.values())
            if line in self._queue:
                return
        self._queue.append(line)
        if not self._waits:
            self._flush()

    def _flush(self) -> None:
        """Write what the pipe takes; wait for room for the rest."""
        if self._descriptor is None:
            return
        while self._queue:
            try:
                os.write(self._descriptor, self._queue[0])  # whole or not at all: a line is shorter than PIPE_BUF
            except BlockingIOError:
                self._wait(waits=True)
                return
            self._queue.popleft()
            self._written += 1
        self._wait(waits=False)
        if self._dropping:
            self._say(f"FIFO {self.path} is read again: {self._dropping} lines were dropped, the present states are in")
            self._dropped += self._dropping
            self._dropping = 0

    def _wait(self, *, waits: bool) -> None:
        if waits is self._waits or self._descriptor is None:
            return
        self._waits = waits
        if waits:
            self._loop.watch(self._descriptor, self._flush, writable=True)
        else:
            self._loop.unwatch(self._descriptor)

    def _let_go(self) -> None:
        if self._descriptor is not None:
            self._wait(waits=False)
            os.close(self._descriptor)
            self._descriptor = None

    def close(self) -> None:
        """Let the reader come to the end; take away a FIFO that was made here."""
        self._let_go()
        if self._made and self._on_disk() == self._identity:
            Path(self.path).unlink(missing_ok=True)


class _Reader:
    """The script that reads one FIFO."""

    def __init__(self, fifo: Fifo, what: str) -> None:
        self.fifo = fifo
        self.what = what
        self.number: int | None = None


Named: TypeAlias = Mapping[str, Fifo | None]


def of_vrrp(defaults: GlobalDefs) -> Named:
    """Return the FIFOs that are told of instances and groups."""
    return {"notify fifo": defaults.notify_fifo, "vrrp notify fifo": defaults.vrrp_notify_fifo}


class Fifos:
    """All FIFOs of the configuration with their scripts."""

    def __init__(
        self,
        children: Children,
        loop: Loop,
        say: Callable[[str], None],
        named: Callable[[GlobalDefs], Named] = of_vrrp,
        others: Collection[str] = (),
    ) -> None:
        """Write to the FIFOs that `named` tells; those of `others` are made, read and removed by another process."""
        self._children = children
        self._loop = loop
        self._say = say
        self._named = named
        self._others = others
        self._writers: dict[str, FifoWriter] = {}
        self._readers: dict[str, _Reader] = {}

    def configure(self, defaults: GlobalDefs, subjects: Collection[Subject], *, starting: bool) -> None:
        """Open the FIFOs there are to be; one that stays is not closed, so that its reader reads on."""
        wanted = {fifo.path: (what, fifo) for what, fifo in self._named(defaults).items() if fifo is not None}
        for path in set(self._writers) - set(wanted):
            self._end(path)
            self._writers.pop(path).close()
        for path, (what, fifo) in wanted.items():
            others = what in self._others
            writer = self._writers.setdefault(path, FifoWriter(path, self._loop, self._say, others=others))
            try:
                who = account(fifo.user, defaults) if fifo.user else None
            except NoSuchAccountError as error:
                self._say(f"FIFO {path}: {error}")
                continue
            writer.keep(subjects)
            writer.open((who.user, who.group) if who else None)
            if not starting and defaults.fifo_write_states_on_reload:
                writer.repeat_states()
            if not others:
                self._read(what, fifo, defaults)

    def _read(self, what: str, fifo: Fifo, defaults: GlobalDefs) -> None:
        """Start the script of a FIFO, if it does not run already."""
        running = self._readers.get(fifo.path)
        if running is not None and running.number is not None and running.fifo == fifo:
            return
        self._end(fifo.path)
        if fifo.script is None:
            return
        program = prepare(fifo.script, defaults)
        for doubt in program.doubts:
            self._say(f"{what} script: {doubt}")
        if program.refused:
            self._say(f"Disabling {what} script {program.text}: {program.refused}")
            return
        reader = self._readers[fifo.path] = _Reader(fifo, what)
        argv, ended = (*program.argv, fifo.path), reader_ended(reader, self._say)
        reader.number = self._children.start(argv, program.who, ended)

    def _end(self, path: str) -> None:
        reader = self._readers.pop(path, None)
        if reader is not None and reader.number is not None:
            self._children.kill(reader.number, signal.SIGTERM)

    def write(self, news: Tidings) -> None:
        """Write one line to every FIFO."""
        for writer in self._writers.values():
            writer.write(news)

    def deliveries(self) -> tuple[DeliveryReport, ...]:
        """Return how many lines were written to each FIFO."""
        return tuple(writer.delivery() for writer in self._writers.values())

    def close(self) -> None:
        """Close every FIFO; a script that reads one comes to its end."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def reader_ended(reader: _Reader, say: Callable[[str], None]) -> Ended:
    """Return what to do when the script of a FIFO ends."""

    def ended(_: int, status: int | OSError) -> None:
        reader.number = None
        if isinstance(status, OSError):
            say(f"{reader.what} script could not be started: {status.strerror}")
        else:
            say(f"{reader.what} script terminated" + (f" with status {status}" if status > 0 else ""))

    return ended
