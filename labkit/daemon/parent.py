"""The parent process: has the configuration read, keeps the others running, hands signals and reloads to them, answers.

It does nothing that could delay an advert, because it sends none: a slow disk under the configuration file, a big
reload or a crowd at the control socket is felt here only.  When it dies, the end of the socket between the two tells
the VRRP process to withdraw.
"""

import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from labkit.daemon import hooks
from labkit.daemon.control import Client, ControlError, ControlServer, Request
from labkit.daemon.following import Following
from labkit.daemon.inquiry import Inquiry, Tables
from labkit.daemon.leftovers import Leftovers, take_services_out
from labkit.daemon.log import Level, Log
from labkit.daemon.loop import SIGNALS, Loop, Signals
from labkit.daemon.messages import Page, Table, Taken, Told
from labkit.daemon.offspring import ChildKind, Family, ForkError, Offspring
from labkit.daemon.packed import Packed
from labkit.daemon.readiness import Readiness
from labkit.daemon.reading import Reading, read_apart, unless_empty
from labkit.daemon.reload_times import ReloadTimes
from labkit.daemon.settings import Settings
from labkit.diagnostics import Diagnostic, Severity
from labkit.hints import TYPE_CHECKING, TypeAlias
from labkit.kernel.process import now
from labkit.trace import Kind, Micros, Record

if TYPE_CHECKING:
    from labkit.conf.model import Config
    from labkit.daemon.answers import Answers
    from labkit.daemon.dumping import Dumper

EVENTS = 1000
"""How many records of the trace are remembered for those who ask later."""


_DUPLICATES = 64
Reloaded: TypeAlias = Callable[[Reading], None]


def log_diagnostics(diagnostics: tuple[Diagnostic, ...], log: Log) -> None:
    """Say everything that is to be said of a configuration file."""
    for diagnostic in diagnostics:
        log.say(str(diagnostic), Level.WARNING if diagnostic.severity is Severity.WARNING else Level.ERROR)


class Parent:
    """Keeps the children running until it is told to stop."""

    def __init__(self, settings: Settings, log: Log, ready: Callable[[], None]) -> None:
        """Be ready to run; `ready` is called once, when the VRRP process (with -C: that of checks) is.

        Where the log has no console, the children let go of the caller's standard error.
        """
        self.settings = settings
        self.started = time.time()
        self.events: deque[str] = deque(maxlen=EVENTS)
        self.duplicates: deque[Record] = deque(maxlen=_DUPLICATES)  # told since their router's last transition
        self._log = log
        self._tell_ready = ready
        self._readiness = Readiness(os.environ)
        self._loop = Loop()
        self._signals = Signals(SIGNALS)
        self._loop.watch(self._signals, self._signalled)
        family = Family(
            loop=self._loop,
            log=log,
            release=self._release,
            heard=self._heard,
            changed=self._child_changed,
            respawn=settings.respawn,
        )
        self.vrrp = Offspring(self._vrrp_kind(), family)
        self.checkers = Offspring(self._checkers_kind(), family)
        self._children = (self.vrrp, self.checkers)
        self._main = self.vrrp if settings.vrrp else self.checkers  # what the daemon is for
        self.inquiry = Inquiry(self.vrrp.send, self._loop)
        self.tables = Tables(self.checkers.send, self._loop)
        self._following = Following(self.checkers.send)
        self._control: ControlServer | None = None
        self._reload_times = ReloadTimes(log.say)
        self._leftovers = Leftovers()
        self._taking: tuple[Reading, list[Reloaded]] | None = None  # a configuration the VRRP process has not taken yet
        self._again: list[Reloaded] = []  # who asked for a reload meanwhile
        self._overrides: dict[str, int] = {}
        self._stopping = False
        self._status: int | None = None

    def _vrrp_kind(self) -> ChildKind:
        settings = self.settings
        return ChildKind(
            name="VRRP",
            tag="Keepalived_vrrp",
            run=lambda config, end, log: _run_vrrp(config, end, log, settings),
            wanted=lambda config: settings.vrrp,
            part=lambda config: config.routing,
            pid_file=settings.places.vrrp_pid,
            essential=True,
        )

    def _checkers_kind(self) -> ChildKind:
        settings = self.settings
        return ChildKind(
            name="Healthcheck",
            tag="Keepalived_healthcheckers",
            run=lambda config, end, log: _run_checkers(config, end, log, settings),
            wanted=lambda config: settings.checkers and (config.balances or not settings.vrrp),
            part=lambda config: config.balancing,
            pid_file=settings.places.checkers_pid,
            essential=not settings.vrrp,
        )

    def run(self, config: Packed) -> int:
        """Run `config`, and what a reload brings, until told to stop; return the exit status."""
        self.config = config
        self._schedule_reloads()
        self._listen()
        hooks.startup(config.global_defs, self._log)
        self._configure()
        while self._status is None:
            self._log.flush()
            self._loop.step(min((time for time in self._deadlines() if time is not None), default=None))
            self._fire()
        for child in self._children:
            child.forget()
        self._leftovers.remove()
        if self.checkers.failed and not self.settings.keep_services:
            take_services_out(self.config.balancing, self._log)
        hooks.shutdown(self.config.global_defs, self._log)
        self._log.say("Stopped Keepalived")
        self._log.flush()
        return self._status

    def close(self) -> None:
        """Remove the control socket; who waits on it for the end of the daemon is told by that."""
        if self._control is not None:
            self._control.close()

    def _listen(self) -> None:
        try:
            self._control = ControlServer(self._loop, self.settings.places.control, self._asked)
        except ControlError as error:  # VRRP is worth more than being asked
            self._log.say(str(error), Level.WARNING)

    @cached_property
    def _dumper(self) -> "Dumper":
        from labkit.daemon.dumping import Dumper  # few ask, and it takes a megabyte with it

        return Dumper(self, self._log)

    @cached_property
    def _answers(self) -> "Answers":
        from labkit.daemon.answers import Answers

        return Answers(self, self._dumper)

    def _asked(self, client: Client, request: Request) -> None:
        self._answers.answer(client, request)

    def _deadlines(self) -> list[Micros | None]:
        times = [self._reload_times.deadline, *(child.deadline for child in self._children)]
        return times if self._control is None else [*times, self._control.deadline]

    def _fire(self) -> None:
        for child in self._children:
            child.fire()
        if self._control is not None:
            self._control.fire()
        if self._reload_times.is_due(now(), time.time()) and not self._stopping:
            self.reload(lambda reading: None)

    # --- children -----------------------------------------------------------------------------------------------------

    def _configure(self) -> None:
        """Have every child run that the configuration needs."""
        self._leftovers.expect(self.config.global_defs)
        for child in self._children:
            try:
                child.configure(self.config)
            except ForkError as error:
                if child.kind.essential:
                    raise
                self._log.say(str(error), Level.ERROR)
        self._following.configure(self.config.global_defs.lvs_sync_daemon)
        self._following.tell()

    def _release(self) -> None:
        """Let go, in a new child, of everything that is the parent's."""
        self._loop.close()
        for child in self._children:
            child.release()
        if self._control is not None:
            self._control.abandon()

    def _heard(self, child: Offspring, message: object) -> None:
        match message:
            case Page():
                self.inquiry.page(message)
            case Told():
                for record in message.records:
                    self._readiness.note(record)
                    self._following.note(record)
                    self._remember(record)
            case Table():
                self.tables.told(message)
            case Taken() if child is self._main:
                self._taken()

    def _remember(self, record: Record) -> None:
        line = record.to_json()
        self.events.append(line)
        if self._control is not None:
            self._control.tell(line)
        if record.kind is Kind.DUPLICATE:
            self.duplicates.append(record)
        elif record.kind is Kind.STATE and self.duplicates:
            kept = (other for other in self.duplicates if other.data["instance"] != record.data["instance"])
            self.duplicates = deque(kept, maxlen=_DUPLICATES)

    def _child_changed(self, child: Offspring, failed: int | None) -> None:
        if failed is not None and child.kind.essential and not self._stopping:
            self._status = failed
            return
        if child.pid is None:
            self._child_gone(child)
        elif child is self.checkers:
            self._following.tell()
        if self._stopping:
            if not any(other.pid for other in self._children):
                self._status = os.EX_OK
        elif child is self._main and child.ready:
            if child is self.vrrp:
                for router, priority in self._overrides.items():
                    self._send_priority(router, priority)
            self._started_up()

    def _child_gone(self, child: Offspring) -> None:
        """Answer whoever waits for a process that has ended."""
        if child is self.vrrp:
            self.inquiry.gone()
            self._following.gone()
        else:
            self.tables.gone()
        if child is self._main:
            self._taken()  # the next one starts with it

    def _started_up(self) -> None:
        """Tell whoever waits, once."""
        if self._tell_ready is not _nothing:
            self._log.say("Startup complete")
            if self.settings.dump_config:
                self._dumper.log_data()
            self._tell_ready()
            self._readiness.ready(os.getpid())
            self._tell_ready = _nothing

    def override(self, router: str, priority: int | None) -> bool:
        """Give a router this base priority until told otherwise; False: there is no VRRP process to tell.

        It outlives a VRRP process that died, and ends with the daemon.
        """
        if priority is None:
            self._overrides.pop(router, None)
        else:
            self._overrides[router] = priority
        return self._send_priority(router, priority)

    def _send_priority(self, router: str, priority: int | None) -> bool:
        from labkit.vrrp.events import SetPriority  # for those who ask

        return self.vrrp.send(SetPriority(router=router, priority=priority))

    # --- signals ------------------------------------------------------------------------------------------------------

    def _signalled(self) -> None:
        caught = self._signals.caught()
        if signal.SIGTERM in caught or (signal.SIGINT in caught and not self.settings.ignore_sigint):
            self.stop()
            return
        if signal.SIGHUP in caught:  # many at once are one
            self.reload(lambda reading: None)
        if others := set(caught) - {signal.SIGHUP, signal.SIGINT}:
            self._dumper.asked(others)

    def stop(self) -> None:
        """Tell every child to end, and end with the last."""
        if self._stopping:
            return
        self._stopping = True
        self._log.say("Stopping")
        self._readiness.stopping()
        self._log.flush()
        for child in self._children:
            child.stop(self.config.global_defs.child_wait_time)
        if not any(child.pid for child in self._children):
            self._status = os.EX_OK

    def reload(self, answered: Reloaded) -> None:
        """Read the file again; a file with errors changes nothing.

        `answered` is called with what became of the file, when it is refused or the VRRP process has taken it.
        However many ask, the VRRP process is given one configuration at a time.
        """
        self._again.append(answered)
        if self._taking is None:
            self._reload()

    def _reload(self) -> None:
        asking, self._again = self._again, []
        self._log.say("Reloading ...")
        self._readiness.reloading(now())
        self._log.explain(f"Opening file '{self.settings.file}'.")
        settings = self.settings
        with self._reload_file():
            reading = read_apart(str(settings.file), settings.config_id, all_files=settings.all_files)
        reading = unless_empty(reading, self.config, str(settings.file))
        log_diagnostics(reading.diagnostics, self._log)
        self._taking = (reading, asking)
        if reading.config is None:
            text = f"{self.settings.file} is refused, the configuration before it runs on"
            self._log.say(text, Level.ERROR)
            self._taken()
            return
        self._keep_places(reading.config)
        self.config = reading.config
        self._reload_times.configure(
            self.config.global_defs.reload_time_file, repeat=self.config.global_defs.reload_repeat
        )
        self._readiness.keep(set(reading.config.instances))
        running = [child for child in self._children if child.pid is not None]
        self._configure()
        told = {child for child in running if child.reconfigure()}
        if self._main not in told:
            self._taken()  # it does not run: the next one starts with it

    def _schedule_reloads(self) -> None:
        defs = self.config.global_defs
        self._reload_times.configure(defs.reload_time_file, repeat=defs.reload_repeat)

    @contextmanager
    def _reload_file(self) -> Iterator[None]:
        """While files are read an empty `reload_file` is there: who writes them may wait for its end."""
        name = self.config.global_defs.reload_file
        if name is None:
            yield
            return
        path = Path(name) if name else self.settings.places.pid.with_name("keepalived.reload")
        try:
            path.write_text("")
        except OSError as error:
            self._log.say(f"cannot make {path}: {error.strerror}", Level.WARNING)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def _keep_places(self, config: Packed) -> None:
        """Say what a reload cannot change: by these the daemon is known from its start to its end."""
        before, after = self.config.global_defs, config.global_defs
        for name in ("instance", "net_namespace", "use_pid_dir"):
            if getattr(before, name) != getattr(after, name):
                self._log.say(f"{name} cannot change at a reload: restart for that", Level.WARNING)

    def _taken(self) -> None:
        taking, self._taking = self._taking, None
        if taking is not None:
            self._readiness.ready(os.getpid())
            reading, asking = taking
            for answered in asking:
                answered(reading)
        if self._again and self._taking is None:
            self._reload()


def _run_vrrp(config: "Config", end: socket.socket, log: Log, settings: Settings) -> int:
    from labkit.daemon.runner import run_vrrp  # the parent has no use for the protocol

    return run_vrrp(config, end, log, settings)


def _run_checkers(config: "Config", end: socket.socket, log: Log, settings: Settings) -> int:
    from labkit.daemon.balancing import run_checkers  # nor for checks

    return run_checkers(config, end, log, settings)


def _nothing() -> None:
    """Tell nobody: it was told already."""
