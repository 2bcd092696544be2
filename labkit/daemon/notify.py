"""Runs notify scripts: those of one subject (instance, group, server) in order, those of different ones side by side.

C keepalived starts them all at once, so that the script of an older state may end after that of the newer one.  Here
a script waits for the one before it, at most `_PATIENCE`.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from labkit.conf.model import Command, GlobalDefs
from labkit.daemon.children import Children
from labkit.daemon.loop import Appointment, Loop
from labkit.daemon.programs import Program, prepare, runs_as_root
from labkit.daemon.report import DeliveryReport
from labkit.daemon.tidings import Tidings
from labkit.kernel.process import now
from labkit.trace import SECOND, Micros
from labkit.values import dataclass, field

_PATIENCE: Micros = 60 * SECOND
_WAITING = 64  # scripts of one subject; older ones give way


@dataclass(frozen=True, slots=True)
class _Run:
    """A script that is to be run; the last one of all tells of the end."""

    argv: tuple[str, ...]
    program: Program
    last: bool


@dataclass(slots=True)
class _Line:
    """The scripts of one subject: those that wait, and the one that was started last if it still runs."""

    waiting: deque[_Run] = field(default_factory=deque)
    current: int | None = None
    lost: int = 0
    impatience: Appointment | None = None


class Notifier:
    """Starts notify scripts in the order of what they tell, and says when one cannot be run or fails."""

    def __init__(self, children: Children, loop: Loop, say: Callable[[str], None]) -> None:
        self._children = children
        self._loop = loop
        self._say = say
        self._defaults = GlobalDefs()
        self._programs: dict[Command, Program] = {}
        self._lines: dict[tuple[str, str], _Line] = {}
        self._started = self._lost = 0
        self.farewells = 0
        """How many scripts that tell of the end (STOP) have not ended yet."""

    def configure(self, defaults: GlobalDefs, scripts: Iterable[Command]) -> bool:
        """Look at the scripts that may have to be run, so that nothing is looked up when one is needed.

        Return whether one of them runs as root.
        """
        self._defaults = defaults
        self._programs = {command: prepare(command, defaults) for command in scripts}
        for text, program in sorted({program.text: program for program in self._programs.values()}.items()):
            if program.refused:
                self._say(f"Disabling notify script {text}: {program.refused}")
            for doubt in program.doubts:
                self._say(f"Notify script {text}: {doubt}")
        return any(runs_as_root(program.who) for program in self._programs.values())

    def tell(self, news: Tidings) -> None:
        """Have the scripts run that are to know."""
        last = news.is_farewell
        runs = list(news.to_run())
        line = self._lines.get((news.kind, news.name))
        if line is None:
            if not runs:
                return
            line = self._lines[news.kind, news.name] = _Line()
        if last:
            line.waiting.clear()  # nobody needs to hear of older states
        for command, told in runs:
            program = self._programs.get(command) or prepare(command, self._defaults)
            if program.refused:
                continue
            if len(line.waiting) == _WAITING:
                line.waiting.popleft()
                line.lost += 1
                self._lost += 1
            line.waiting.append(_Run((*program.argv, *told), program, last))
            self.farewells += last
        if line.current is None:
            self._next(line)

    def delivery(self) -> DeliveryReport:
        """Return how many scripts were started."""
        waiting = sum(len(line.waiting) for line in self._lines.values())
        return DeliveryReport(kind="script", told=self._started, lost=self._lost, waiting=waiting)

    def hurry(self) -> None:
        """Start everything that waits: there is no time left."""
        for line in self._lines.values():
            while line.waiting:
                self._start(line)

    def _next(self, line: _Line) -> None:
        if line.impatience is not None:
            line.impatience.cancel()
            line.impatience = None
        if not line.waiting:
            return
        text = line.waiting[0].program.text
        if line.lost:
            self._say(f"{line.lost} notifications were left out: {text} is slower than the changes")
            line.lost = 0
        self._start(line)
        line.impatience = self._loop.at(now() + _PATIENCE, partial(self._lose_patience, line, text))

    def _start(self, line: _Line) -> None:
        run = line.waiting.popleft()
        self._started += 1
        line.current = self._children.start(run.argv, run.program.who, partial(self._ended, line, run))

    def _lose_patience(self, line: _Line, text: str) -> None:
        line.impatience = None
        line.current = None
        if line.waiting:
            self._say(f"Notify script {text} runs for {_PATIENCE // SECOND} s already: the next one is started")
            self._next(line)

    def _ended(self, line: _Line, run: _Run, number: int, status: int | OSError) -> None:
        self.farewells -= run.last
        if isinstance(status, OSError):
            self._say(f"Notify script {run.program.text} could not be started: {status.strerror}")
        elif status:
            words = f"exited with status {status}" if status > 0 else f"was ended by signal {-status}"
            self._say(f"Notify script {run.program.text} {words}")
        if line.current == number:
            line.current = None
            self._next(line)
