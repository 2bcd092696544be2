"""The VRRP process: the pure core against the real clock and the real kernel.

    parent ── Config ──┐     ┌── adverts ── interfaces ── ends of scripts ── signals
                       v     v
                      Loop.step ── event ──> Speaker.handle ── [Action] ──> Service.perform

One thread, nothing awaited but the loop.  When a deadline is due, what the sockets hold is heard first: a process that
was stopped, or a host that was paused, learns of the adverts it missed before its overdue timer may make it MASTER.
How much is heard at a time is bounded, so that a flood of packets cannot hold a timer back.
"""

import gc
import os
import socket
from collections import deque
from functools import partial

from labkit.conf.model import Config
from labkit.daemon.children import Children
from labkit.daemon.conduct import Conduct
from labkit.daemon.duplicates import DuplicateWatch
from labkit.daemon.equipment import Equipment
from labkit.daemon.files import Files
from labkit.daemon.interfaces import Interfaces
from labkit.daemon.log import Level, Log
from labkit.daemon.loop import Loop
from labkit.daemon.messages import AskPage, ClearStatistics
from labkit.daemon.parent_end import ParentEnd
from labkit.daemon.processes import Processes
from labkit.daemon.service import Service
from labkit.daemon.settings import Settings
from labkit.daemon.teller import Teller
from labkit.daemon.tracer import Tracer
from labkit.kernel.process import now, since_boot, utc_offset
from labkit.kernel.wire import Port, WireError
from labkit.trace import SECOND, Kind, Micros
from labkit.values import make_ready, replace
from labkit.vrrp.config import GroupConfig, TrackKind
from labkit.vrrp.events import (
    ClockChanged,
    Configure,
    Event,
    ScriptExited,
    SetPriority,
    Stop,
    Transition,
    Wake,
)
from labkit.vrrp.hearing import Key
from labkit.vrrp.speaker import Speaker

PROCESS_NAME = "keepalived_vrrp"
_PACKETS_A_TURN = 64
_PACKETS_QUEUED = 512  # more than a default socket buffer holds
_REST: Micros = 2000  # after adverts that say nothing new: a wake-up costs more than a dozen of them
_LONG_INTERVAL = SECOND // 2  # from which on the rest is nothing to a master-down interval
_STALL: Micros = 50_000  # later than this by a deadline, and the trace says that the host did not run us
_CLOCK_SET: Micros = 10_000  # a difference of the clocks' difference that is worth telling
_GRACE = SECOND  # what commands get to end in when the daemon stops
_PREPARED = ("labkit.vrrp", "labkit.daemon", "labkit.kernel", "labkit.trace")  # whose values a takeover makes
_FAREWELL = 4 * SECOND  # what notify scripts of the stop itself get


def configure_event(config: Config, since_boot: Micros | None = None) -> Configure:
    """Return the core's part of a configuration; at the start routers wait for vrrp_delay_after_boot, too."""
    routers = tuple(instance.router for instance in config.instances)
    wait = config.global_defs.vrrp_delay_after_boot - since_boot if since_boot is not None else 0
    if wait > 0:
        routers = tuple(replace(router, start_delay=max(router.start_delay, wait)) for router in routers)
    return Configure(
        routers=routers,
        scripts=tuple(script.check for script in config.scripts),
        groups=tuple(
            GroupConfig(name=group.name, members=group.members, tracks=group.tracks, weighted=group.tracking_weight)
            for group in config.sync_groups
        ),
        files=tuple(file.check for file in config.track_files),
        processes=tuple(process.check for process in config.track_processes),
        delays=config.global_defs.interface_delays,
    )


class Runner:
    """Runs a speaker until it is told to stop."""

    def __init__(self, *, control: socket.socket, log: Log, settings: Settings) -> None:
        """Be ready to run; `control` leads to the parent, whose end (or death) means stop.

        Raises:
            WireError: raw sockets are not permitted.
        """
        make_ready(*_PREPARED)
        self._log = log
        self._settings = settings
        self._conduct = Conduct(PROCESS_NAME, log)
        self._loop = Loop()
        reload = partial(self._configure, starting=False)
        self._parent = ParentEnd(self._loop, control, log, reload=reload, heard=self._told)
        self._tracer = Tracer(settings.trace, now, self._parent.send)
        self._speaker = Speaker()
        self._watched: set[str] = set()  # every interface that the configuration names
        self._pending: deque[Event] = deque()
        self._unhurried = False  # whether all masters may be heard a moment later
        self._heard_repeats = self._heard_news = False  # in the last turn
        self._handling = self._hears_paths = False
        self._utc_offset: Micros | None = None
        self._interfaces = Interfaces(self._address_heard if settings.addresses_logged else None)
        log.explain("Registering Kernel netlink reflector")
        log.explain("Registering Kernel netlink command channel")
        self._children = Children(self._loop)
        self._equipment = self._equip()
        self._service = Service(
            interfaces=self._interfaces,
            ports=self._equipment.ports,
            loop=self._loop,
            children=self._children,
            script_ended=self._script_ended,
            log=log,
            tracer=self._tracer,
        )
        self._teller = Teller(self._speaker, self._service, self._interfaces, self._equipment.ports, now)
        warn = partial(log.say, level=Level.WARNING)
        self._duplicates = DuplicateWatch(
            self._loop, self._interfaces, status=self._speaker.status, seen=self._handle, say=warn
        )
        self._files = Files(self._loop, self._handle, warn)
        self._processes = Processes(self._loop, self._handle, warn)
        log.explain("Registering gratuitous ARP shared channel")

    def _equip(self) -> Equipment:
        return Equipment(
            self._interfaces,
            self._children,
            self._log,
            opened=self._listen,
            closing=self._loop.unwatch,
            raised=self._look_for_obstacles,
        )

    # --- the loop -----------------------------------------------------------------------------------------------------

    def run(self, config: Config) -> None:
        """Run `config`, and what the parent sends later, until told to stop; then withdraw."""
        for interface in self._interfaces:
            for address in interface.addresses:
                self._log.explain(f"Assigned address {address.ip} for interface {interface.name}")
        self._configure(config, starting=True)
        self._loop.watch(self._interfaces, self._interfaces_changed)
        self._parent.ready()
        gc.collect()
        gc.freeze()
        gc.disable()  # nothing here makes cycles; a collection would come at the worst moment
        while not self._parent.stopping:
            rest = _REST if self._heard_repeats and not self._heard_news and self._unhurried else 0
            self._heard_repeats = self._heard_news = False
            self._loop.step(self._speaker.not_before, rest)
            self._fire()
            self._log.flush()
        self._stop()

    def _fire(self) -> None:
        """Fire what is due, after hearing what is queued."""
        at = self._speaker.not_before
        if at is None or now() < at or (deadline := self._speaker.deadline) is None:
            return
        late = now() - deadline
        if late < 0:
            return
        for port in self._equipment.ports:
            self._hear(port, _PACKETS_QUEUED)
        self._tell_clock()
        self._handle(Wake())
        if late > _STALL:
            self._conduct.ran_late(late)
            self._tracer.say(Kind.STALL, {"stalled_us": late})

    def _handle(self, event: Event, *, starting: bool = False) -> None:
        """Tell the core of an event and do what it decides; what happens meanwhile comes after that."""
        self._heard_news = True
        self._pending.append(event)
        if self._handling:
            return
        self._handling = True
        try:
            while self._pending:
                actions = self._speaker.handle(self._pending.popleft(), now())
                self._service.perform(actions, starting=starting)
                for action in actions:
                    if isinstance(action, Transition):
                        self._duplicates.state_changed(action.router)
        finally:
            self._handling = False

    def _tell_clock(self) -> None:
        """Tell the core of the difference between the two clocks, when somebody set the one of the world."""
        offset = utc_offset()
        if self._utc_offset is None or abs(offset - self._utc_offset) > _CLOCK_SET:
            self._utc_offset = offset
            self._handle(ClockChanged(utc_offset=offset))

    def _stop(self) -> None:
        """Withdraw, kill check scripts, and let notify scripts come to their end."""
        if self._settings.keep_addresses:
            self._service.trackers.kill_all()
        else:
            self.withdraw()
        herald = self._service.herald
        herald.close()
        begin = now()
        self._loop.at(begin + _GRACE // 2, herald.hurry)
        while len(self._children) and now() < begin + (_FAREWELL if herald.farewells else _GRACE):
            self._loop.step(begin + _GRACE if now() < begin + _GRACE else begin + _FAREWELL)
            self._log.flush()
        self._children.kill_all()
        herald.settle()
        self._log.say("Stopped")
        self._log.flush()

    def withdraw(self) -> None:
        """Give up every address and say so to the peers."""
        self._handle(Stop())
        self._service.holdings.close()
        self._service.trackers.kill_all()
        self._equipment.close()

    # --- sources ------------------------------------------------------------------------------------------------------

    def _hear(self, port: Port, limit: int) -> None:
        for received in port.receive(limit, self._heard_again):
            self._handle(received)

    def _heard_again(self, key: Key) -> bool:
        known = self._speaker.hear_again(key, now())
        self._heard_repeats |= known
        return known

    def _listen(self, port: Port) -> None:
        self._loop.watch(port, partial(self._hear, port, _PACKETS_A_TURN))

    def _script_ended(self, script: str, status: int | None) -> None:
        self._handle(ScriptExited(script=script, status=status))

    def _told(self, message: object) -> None:
        """Do what the parent asks for."""
        match message:
            case AskPage():
                self._parent.send(self._teller.page(message.first, self._watched))
            case SetPriority():
                self._handle(message)
            case ClearStatistics():
                self._speaker.clear_counters()

    # --- configuration and interfaces ---------------------------------------------------------------------------------

    def _configure(self, config: Config, *, starting: bool) -> None:
        config = self._equipment.configure(config)
        event = configure_event(config, since_boot() if starting else None)
        defs = config.global_defs
        late, highest = defs.min_auto_priority_delay, defs.max_auto_priority
        self._conduct.take(defs.vrrp_process_name, defs.vrrp_scheduling, highest=highest, late=late)
        tracked = {track.name for track in event.tracks if track.kind is TrackKind.INTERFACE}
        self._unhurried = all(router.advert_interval >= _LONG_INTERVAL for router in event.routers)
        self._watched = {router.interface for router in event.routers} | tracked
        self._teller.configure(config)
        self._service.holdings.statics.configure(config)
        if starting:
            self._interfaces.read()  # the static addresses
        self._service.configure(config, starting=starting)
        self._watch_paths()
        self._duplicates.configure(config)
        self._tell_clock()
        self._files.configure(config.track_files)
        self._processes.configure(config.track_processes)
        self._describe(self._watched)
        for static in (*self._service.holdings.statics.events(), *self._equipment.obstacles(all_told=True)):
            self._handle(static)
        self._handle(event, starting=starting)
        self._service.configured()
        self._equipment.configured()
        self._log.flush()

    def _describe(self, names: set[str]) -> None:
        for name in sorted(names):
            self._handle(self._interfaces.state(name, self._service.virtual))

    def _interfaces_changed(self) -> None:
        names = self._equipment.refresh(self._interfaces.read())
        self._service.interfaces_changed(names)
        self._duplicates.interfaces_changed(names)
        for event in (*self._service.holdings.interfaces_changed(names), *self._equipment.obstacles()):
            self._handle(event)
        self._describe(names & self._watched)
        self._log.flush()

    def _look_for_obstacles(self) -> None:
        for event in self._equipment.obstacles():
            self._handle(event)

    def _address_heard(self, interface: str, address: str, present: bool) -> None:
        self._log.say(f"Netlink reflector reports IP {address} {'added to' if present else 'removed from'} {interface}")

    def _watch_paths(self) -> None:
        monitor = self._service.holdings.monitor
        if monitor is not None and not self._hears_paths:
            self._loop.watch(monitor, self._paths_changed)
            self._hears_paths = True

    def _paths_changed(self) -> None:
        for event in self._service.holdings.heard():
            self._handle(event)
        self._log.flush()


def run_vrrp(config: Config, control: socket.socket, log: Log, settings: Settings) -> int:
    """Be the VRRP process until it is told to stop; return its exit status."""
    runner: Runner | None = None
    try:
        runner = Runner(control=control, log=log, settings=settings)
        runner.run(config)
    except WireError as error:
        log.say(str(error), Level.ERROR)
        return error.exit_code
    except Exception as error:  # the task boundary: the parent starts another one
        log.say(f"internal error: {error!r}", Level.ERROR)
        if runner is not None:
            runner.withdraw()
        return 1
    finally:
        log.flush()
    return os.EX_OK
