"""Runs the check scripts (vrrp_script) that the core asks for, and kills the ones it gives up."""

import signal
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from labkit.conf.model import GlobalDefs, VrrpScript
from labkit.daemon.children import Children, Output
from labkit.daemon.programs import Program, prepare, runs_as_root
from labkit.kernel.process import now
from labkit.trace import Micros
from labkit.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """How the last run of a check script ended, and the last 4 KiB of what it wrote; status None: it never ran."""

    at: Micros
    status: int | None
    output: str


@dataclass(slots=True)
class _Run:
    number: int
    output: Output


class Trackers:
    """The check scripts of one node; when and how often is the core's business."""

    def __init__(
        self, children: Children, ended: Callable[[str, int | None], None], say: Callable[[str], None]
    ) -> None:
        """Report the end of every run to `ended`: script and status, None where it could not be started."""
        self._children = children
        self._ended = ended
        self._say = say
        self._scripts: Mapping[str, Program] = {}
        self._runs: dict[str, _Run] = {}
        self._last: dict[str, LastRun] = {}

    def configure(self, scripts: Iterable[VrrpScript], defaults: GlobalDefs) -> bool:
        """Take the scripts; a run that is under way goes on, a script left out cannot run.

        Return whether one of them runs as root.
        """
        self._scripts = {script.check.name: prepare(script.command, defaults, script.user) for script in scripts}
        self._last = {name: last for name, last in self._last.items() if name in self._scripts}
        for name, program in self._scripts.items():
            if program.refused:
                self._say(f"Disabling script {name}: {program.refused}")
            for doubt in program.doubts:
                self._say(f"Script {name}: {doubt}")
        return any(runs_as_root(program.who) for program in self._scripts.values())

    @property
    def last_runs(self) -> Mapping[str, LastRun]:
        """The last run of every script that has ended once."""
        return self._last

    def run(self, name: str) -> None:
        """Start one run."""
        program = self._scripts.get(name)
        if program is None or program.refused:
            self._not_started(name, program.refused if program else "there is no such script")
            return
        try:
            output = self._children.output()
        except OSError as error:
            self._not_started(name, error.strerror or str(error))
            return
        number = self._children.start(program.argv, program.who, partial(self._reap, name, output), output=output)
        self._runs[name] = _Run(number, output)

    def _not_started(self, name: str, why: str) -> None:
        self._last[name] = LastRun(at=now(), status=None, output=why)
        self._ended(name, None)

    def _reap(self, name: str, output: Output, number: int, status: int | OSError) -> None:
        run = self._runs.get(name)
        if run is not None and run.number == number:
            del self._runs[name]
        if isinstance(status, OSError):
            self._not_started(name, status.strerror or str(status))
            return
        self._last[name] = LastRun(at=now(), status=status, output=output.text)
        self._ended(name, status)

    def kill(self, name: str, *, force: bool) -> None:
        """End the run that is under way: by SIGTERM, or by SIGKILL with `force`."""
        run = self._runs.get(name)
        if run is not None:
            self._children.kill(run.number, signal.SIGKILL if force else signal.SIGTERM)

    def kill_all(self) -> None:
        """Leave no check script behind."""
        for run in self._runs.values():
            self._children.kill(run.number, signal.SIGKILL)
