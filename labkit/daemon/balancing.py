"""The balancing process: the pure director against the real clock, real servers and the kernel's table.

    parent ── Config ──┐     ┌── ends of checks ── addresses ── signals
                       v     v
                      Loop.step ── event ──> Director.handle ── [Action] ──> Services, log, scripts

It is a process of its own, so that nothing that a check does can delay an advert.
"""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from labkit.checks.run import prepare as prepare_check
from labkit.checks.target import Ask, Kill, Target
from labkit.checks.waiting import Running, Waiter
from labkit.conf.model import Config
from labkit.conf.model_balancing import Check, FileCheck, TlsMaterial
from labkit.conf.model_commands import Command
from labkit.daemon.balanced import Services
from labkit.daemon.balancing_herald import BalancingHerald
from labkit.daemon.balancing_words import Known, activating, records, shutting_down, tell
from labkit.daemon.children import Children
from labkit.daemon.conduct import Conduct
from labkit.daemon.files import Files
from labkit.daemon.interfaces import Interfaces
from labkit.daemon.ipvs_settings import IpvsSettings
from labkit.daemon.log import Level, Log
from labkit.daemon.loop import Loop
from labkit.daemon.messages import AskTable, Follow, Table, WriteData
from labkit.daemon.parent_end import ParentEnd
from labkit.daemon.programs import prepare
from labkit.daemon.settings import Settings
from labkit.daemon.table import compose_table
from labkit.daemon.tracer import Tracer
from labkit.diagnostics import LabkitError
from labkit.kernel.process import allow_descriptors, now
from labkit.lvs.check import Result, Run
from labkit.lvs.director import Director
from labkit.lvs.events import Action, AddressesChanged, Answered, CheckId, Configure, Event, Stirred, Stop, Wake
from labkit.lvs.model import Connection, ServiceReading
from labkit.trace import SECOND, Micros
from labkit.vrrp.events import FileChanged

PROCESS_NAME = "keepalived_healthcheckers"
_TOGETHER: Micros = 50  # times the number of checks: those that are due within it begin together, which costs less
_TOGETHER_AT_MOST: Micros = 50_000
_MANY, _REST = 4, 1_000  # while so many run, their answers are taken so many microseconds apart, for the same reason
_DESCRIPTORS = 64  # besides one for each check
_COMPLAIN = 60 * SECOND  # that checks cannot be made, so often at most
_FAREWELL = 4 * SECOND  # what scripts that tell of the end get


class Balancer:
    """Runs a director until it is told to stop."""

    def __init__(self, *, control: socket.socket, log: Log, settings: Settings) -> None:
        """Be ready to run; `control` leads to the parent, whose end (or death) means stop.

        Raises:
            NoDataPlaneError: this kernel cannot balance.
        """
        self._log = log
        self._settings = settings
        self._conduct = Conduct(PROCESS_NAME, log)
        self._loop = Loop()
        reload = partial(self._configure, starting=False)
        self._parent = ParentEnd(self._loop, control, log, reload=reload, heard=self._told)
        self._director = Director()
        self._services = Services(log, lambda: self._director.table)
        self._waiter = Waiter()
        self._children = Children(self._loop)
        self._herald = BalancingHerald(self._children, self._loop, log, alone=not settings.vrrp)
        self._tracer = Tracer(settings.trace, now, self._parent.send)
        self._ipvs = IpvsSettings(self._services.ipvs, partial(log.say, level=Level.WARNING))
        self._interfaces = Interfaces()
        self._files = Files(self._loop, self._file_changed, partial(log.say, level=Level.WARNING))
        self._numbers: dict[str, int] = {}  # in track_files
        self._running: dict[CheckId, Running] = {}
        self._runs: dict[CheckId, Ask] = {}
        self._together: Micros = 0
        self._complain_at: Micros = 0
        self._config: Config | None = None
        self._known: Known = {}

    # --- the loop -----------------------------------------------------------------------------------------------------

    def run(self, config: Config) -> None:
        """Run `config`, and what the parent sends later, until told to stop; then take the services out."""
        self._configure(config, starting=True)
        self._loop.watch(self._interfaces, self._interfaces_changed)
        self._loop.watch(self._waiter, self._waiter.step)
        self._parent.ready()
        while not self._parent.stopping:
            self._log.flush()
            self._loop.step(self._deadline, rest=_REST if len(self._waiter) >= _MANY else 0)
            self._fire()
        self._stop()

    @property
    def _deadline(self) -> Micros | None:
        checks = self._director.deadline
        times = (None if checks is None else checks + self._together, self._waiter.deadline, self._services.deadline)
        return min([time for time in times if time is not None], default=None)

    def _fire(self) -> None:
        """Do what is due."""
        deadline = self._waiter.deadline
        if deadline is not None and deadline <= now():
            self._waiter.step()
        deadline = self._director.deadline
        if deadline is not None and deadline + self._together <= now():
            self._handle(Wake())
        self._services.tend()

    def _handle(self, event: Event) -> None:
        """Tell the director of an event and do what it decides."""
        actions = self._director.handle(event, now())
        told = []
        for action in actions:
            if isinstance(action, Run):
                self._start(action.check)
            else:
                told.append(action)
        if told:
            self._tell(told, event)

    def _tell(self, actions: Sequence[Action], event: Event) -> None:
        """Bring the table, the log, the trace and everybody else up to what was decided."""
        self._services.take(actions)
        if self._config is None:
            return
        farewell = isinstance(event, Stop)
        for line in () if farewell else tell(actions, self._known):
            self._log.say(line)
        for kind, data in records(actions, self._known):
            self._tracer.say(kind, data)
        self._herald.tell(actions, farewell=farewell)

    def _stop(self) -> None:
        """Take every service out, end checks, and let scripts come to their end."""
        if not self._settings.keep_services and self._config is not None:
            for line in (line for virtual in self._config.virtual_servers for line in shutting_down(virtual)):
                self._log.say(line)
            self._handle(Stop())
            if self._config.global_defs.lvs_flush_on_stop:
                self._services.flush()
        try:
            self._ipvs.close()
            self._services.close()
        except LabkitError as error:
            self._log.say(str(error), Level.WARNING)
        self._waiter.close()
        self._files.close()
        self._herald.close()
        begin = now()
        self._loop.at(begin + _FAREWELL // 2, self._herald.hurry)
        while len(self._children) and now() < begin + _FAREWELL:
            self._loop.step(begin + _FAREWELL)
            self._log.flush()
        self._children.kill_all()
        self._herald.settle()
        self._log.say("Stopped")
        self._log.flush()

    # --- checks -------------------------------------------------------------------------------------------------------

    def _start(self, check: CheckId) -> None:
        self._running[check] = self._waiter.start(self._runs[check](), partial(self._ended, check))

    def _ended(self, check: CheckId, result: Result) -> None:
        self._running.pop(check, None)
        if result.void and self._complain_at <= now():
            self._complain_at = now() + _COMPLAIN
            self._log.say(f"checks cannot be made, and wait: {result.detail} (ulimit -Hn)", Level.WARNING)
        self._handle(Answered(check=check, result=result))

    def _execute(self, command: Command, ended: Callable[[int | OSError], None]) -> Kill:
        assert self._config is not None
        program = prepare(command, self._config.global_defs)
        if why := program.refused or program.unable:
            raise LabkitError(why)

        def over(number: int, status: int | OSError) -> None:
            ended(status)

        number = self._children.start(program.argv, program.who, over)
        return partial(self._children.kill, number)

    def _file_changed(self, changed: FileChanged) -> None:
        if changed.value is None:
            self._numbers.pop(changed.file, None)
        else:
            self._numbers[changed.file] = changed.value
        self._stir(changed.file)

    def _stir(self, file: str | None = None) -> None:
        """Have the checks of a tracked file, or of all, run at once."""
        for identity, _, spec in _checks(self._config) if self._config is not None else ():
            if isinstance(spec, FileCheck) and file in (None, spec.file):
                self._handle(Stirred(check=identity))

    # --- sources ------------------------------------------------------------------------------------------------------

    def _interfaces_changed(self) -> None:
        self._interfaces.read()
        self._handle(self._addresses())

    def _addresses(self) -> AddressesChanged:
        return AddressesChanged(present=frozenset(a.ip for one in self._interfaces for a in one.addresses))

    def _told(self, message: object) -> None:
        """Do what the parent asks for."""
        match message:
            case Follow():
                self._ipvs.follow(master=message.master)
            case WriteData():
                self._write_data(message.path)
            case AskTable():
                self._parent.send(self._table(connections=message.connections))

    def _write_data(self, path: str) -> None:
        from labkit.daemon.dump_checks import data
        from labkit.daemon.dump_data import parent_data
        from labkit.daemon.dump_files import DumpError, write

        if self._config is None:
            return
        try:
            write(Path(path), parent_data(self._config.global_defs) + data(self._config, self._director.services))
        except DumpError as error:
            self._log.say(str(error), Level.WARNING)

    def _table(self, *, connections: bool) -> Table:
        services, problem = self._services, ""
        readings: tuple[ServiceReading, ...] = ()
        remembered: tuple[Connection, ...] = ()
        try:
            readings = services.read()
            remembered = services.connections() if connections else ()
        except LabkitError as error:
            problem = str(error)
        report = compose_table(services.by, self._director.services, readings, remembered, services.refused)
        return Table(report=report, problem=problem, deliveries=self._herald.deliveries())

    # --- configuration ------------------------------------------------------------------------------------------------

    def _configure(self, config: Config, *, starting: bool) -> None:
        self._config = config
        self._known = {server.core.key: server for server in config.virtual_servers}
        defs = config.global_defs
        self._conduct.take(defs.checker_process_name, defs.checker_scheduling, highest=0, late=SECOND)
        self._files.configure(config.track_files)
        if starting:
            self._services.start(flush=defs.lvs_flush)
        self._services.configure(server.core for server in config.virtual_servers)
        self._runs = self._runs_of(config)
        allow_descriptors(len(self._runs) + _DESCRIPTORS)
        self._together = min(_TOGETHER * len(self._runs), _TOGETHER_AT_MOST)
        for check in set(self._running) - set(self._runs):
            self._running.pop(check).cancel()
        self._ipvs.configure(defs)
        self._herald.configure(config, starting=starting)
        self._handle(self._addresses())
        self._handle(Configure(servers=tuple(server.core for server in config.virtual_servers)))
        if not starting:
            self._services.mend()
        self._stir()
        for line in activating(config.virtual_servers) if starting else ():
            self._log.explain(line)

    def _runs_of(self, config: Config) -> dict[CheckId, Ask]:
        """Return what runs each check."""
        around = partial(Target, tls=config.tls or TlsMaterial(), execute=self._execute, values=self._numbers)
        return {identity: prepare_check(spec, around(weight=weight)) for identity, weight, spec in _checks(config)}


def _checks(config: Config) -> Iterator[tuple[CheckId, int, Check]]:
    """Yield every check with the weight of its real server."""
    for core in (virtual.core for virtual in config.virtual_servers):
        for server in core.servers:
            for number, check in enumerate(server.checks):
                identity = CheckId(core.key, server.destination.key, number)
                yield identity, server.destination.weight, check.spec  # type: ignore[misc]


def run_checkers(config: Config, control: socket.socket, log: Log, settings: Settings) -> int:
    """Be the balancing process until it is told to stop; return its exit status."""
    try:
        Balancer(control=control, log=log, settings=settings).run(config)
    except LabkitError as error:
        log.say(f"no balancing: {error}", Level.ERROR)
        return error.exit_code
    except Exception as error:  # the task boundary: the parent starts another one
        log.say(f"internal error: {error!r}", Level.ERROR)
        return 1
    finally:
        log.flush()
    return os.EX_OK
