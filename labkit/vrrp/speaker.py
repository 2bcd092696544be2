"""All virtual routers and check scripts of one node, behind one `handle(event, now)`.

The speaker finds the machine an event is for, judges what routers depend on, and knows the earliest deadline of all.
The caller hands in adverts that are already queued before a `Wake` that is due: a node that was paused must first hear
what it missed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import assert_never

from labkit.agenda import Agenda
from labkit.trace import Micros
from labkit.vrrp.admission import other_addresses, refusal
from labkit.vrrp.config import GroupConfig, RouterConfig, TrackKind
from labkit.vrrp.events import (
    Action,
    ClockChanged,
    Configure,
    DuplicateSeen,
    Event,
    FileChanged,
    InterfaceChanged,
    ProcessesChanged,
    Reason,
    Received,
    ScriptChanged,
    ScriptExited,
    SetPriority,
    State,
    StaticChanged,
    Stop,
    Wake,
    Why,
)
from labkit.vrrp.group import SyncGroup
from labkit.vrrp.packet import DecodeError, ErrorKind
from labkit.vrrp.rejections import Rejections
from labkit.vrrp.router import VirtualRouter
from labkit.vrrp.status import Counters, RouterStatus, ScriptStatus
from labkit.vrrp.track import ScriptCheck, Standing, judge


class Speaker:
    """The VRRP router of one node (RFC 9568 1.7): told events, answers with actions, asked for its deadline."""

    def __init__(self) -> None:
        self._configs: Mapping[str, RouterConfig] = {}
        self._routers: dict[str, VirtualRouter] = {}
        self._scripts: dict[str, ScriptCheck] = {}
        self._groups: dict[str, SyncGroup] = {}
        self._group_of: dict[str, SyncGroup] = {}
        self._interfaces: dict[str, InterfaceChanged] = {}
        self._by_vrid: dict[tuple[str, int], VirtualRouter] = {}
        self._agenda: Agenda[VirtualRouter | ScriptCheck] = Agenda()
        self._rejections = Rejections()
        self._errors: Counter[ErrorKind] = Counter()
        self._running = False

    # --- asked --------------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> Micros | None:
        """When to send the next `Wake`, in absolute microseconds; None: nothing pending."""
        return self._agenda.earliest

    @property
    def routers(self) -> Mapping[str, RouterStatus]:
        """A snapshot of every virtual router by name, in the order of configuration."""
        return {name: router.status for name, router in self._routers.items()}

    def page(self, first: int, count: int) -> list[RouterStatus]:
        """Snapshots of at most `count` virtual routers from number `first` on: what a busy node can tell at once."""
        return [router.status for router in islice(self._routers.values(), first, first + count)]

    @property
    def router_count(self) -> int:
        """How many virtual routers there are."""
        return len(self._routers)

    @property
    def scripts(self) -> Mapping[str, ScriptStatus]:
        """A snapshot of every check script that some router tracks, by name."""
        return {name: script.status for name, script in self._scripts.items()}

    @property
    def groups(self) -> Mapping[str, State]:
        """The state of every sync group by name."""
        return {name: group.state for name, group in self._groups.items()}

    @property
    def errors(self) -> Mapping[ErrorKind, int]:
        """Refused packets that belong to no router of ours."""
        return dict(self._errors)

    def clear_counters(self) -> None:
        """Count from zero (keepalived's SIGSTATS_CLEAR)."""
        for router in self._routers.values():
            router.counters = Counters()
        self._errors.clear()

    # --- told ---------------------------------------------------------------------------------------------------------

    def handle(self, event: Event, now: Micros) -> list[Action]:
        """Take one event at the time `now` (absolute microseconds, never going back); return what to do, in order.

        After `Stop` nothing happens any more until the next `Configure`.
        """
        match event:
            case Received():
                return self._receive(event, now)
            case Wake():
                return self._wake(now)
            case InterfaceChanged():
                if self._interfaces.get(event.interface) == event:  # the kernel repeats itself
                    return []
                self._interfaces[event.interface] = event
                return self._finish(self._judge(now), now)
            case ScriptExited():
                return self._script_exited(event, now)
            case Configure():
                return self._configure(event, now)
            case Stop():
                return self._stop(now)
            case FileChanged() | ProcessesChanged() | StaticChanged() | ClockChanged():
                return []
            case SetPriority() | DuplicateSeen():
                return []
            case _ as never:
                assert_never(never)

    # --- adverts ------------------------------------------------------------------------------------------------------

    def _receive(self, event: Received, now: Micros) -> list[Action]:
        packet = event.packet
        router = self._by_vrid.get((event.interface, packet.vrid)) if packet.vrid is not None else None
        if isinstance(packet, DecodeError):
            return self._reject(router, event, packet, now)
        if router is None:
            detail = f"VRID {packet.vrid} is not ours on {event.interface}"
            error = DecodeError(kind=ErrorKind.VRID, detail=detail, vrid=packet.vrid)
            return self._reject(None, event, error, now)
        refused = refusal(router.config, event, packet)
        if refused is None and (detail := other_addresses(router.config, packet)):
            refused = DecodeError(kind=ErrorKind.ADDRESSES, detail=detail, vrid=packet.vrid)
        if refused is not None:
            return self._reject(router, event, refused, now)
        actions = router.receive(event.source, packet, now)
        self._agenda.touch(router)
        group = self._group_of.get(router.config.name)
        return actions + self._settle([group], now) if group is not None else actions

    def _reject(self, router: VirtualRouter | None, event: Received, error: DecodeError, now: Micros) -> list[Action]:
        (self._errors if router is None else router.counters.errors)[error.kind] += 1
        name = "" if router is None else router.config.name
        return [*self._rejections.reject(name, event.interface, event.source, error, now)]

    # --- time and scripts ---------------------------------------------------------------------------------------------

    def _wake(self, now: Micros) -> list[Action]:
        due = self._agenda.due(now)
        actions = [action for machine in due for action in machine.wake(now)]
        for machine in due:
            self._agenda.touch(machine)
        if _health_changed(actions):
            actions += self._judge(now)
        return self._finish(actions, now)

    def _script_exited(self, event: ScriptExited, now: Micros) -> list[Action]:
        script = self._scripts.get(event.script)
        if script is None:
            return []
        actions = script.exited(event.status, now)
        self._agenda.touch(script)
        if _health_changed(actions):
            actions += self._judge(now)
        return self._finish(actions, now)

    # --- trackers -----------------------------------------------------------------------------------------------------

    def _judge(self, now: Micros) -> list[Action]:
        """Look at what every router depends on, and start or fail it accordingly."""
        if not self._running:
            return []
        scripts = {name: script.healthy for name, script in self._scripts.items()}
        return [action for router in self._routers.values() for action in self._judge_one(router, scripts, now)]

    def _judge_one(self, router: VirtualRouter, scripts: Mapping[str, bool | None], now: Micros) -> list[Action]:
        interface = self._interfaces.get(router.config.interface)
        router.primary = interface.primary if interface is not None else None
        standing = self._standing(router.config.name, scripts)
        actions = router.set_priority(standing.priority)
        if standing.fault is not None:
            can_send = interface is not None and interface.up and interface.primary is not None
            actions += router.fail(standing.fault, now, can_send=can_send)
        elif router.state in (State.INIT, State.FAULT):
            if standing.waiting is not None:
                router.wait(standing.waiting)
            else:
                actions += router.start(now)
        self._agenda.touch(router)
        return actions

    def _standing(self, name: str, scripts: Mapping[str, bool | None]) -> Standing:
        """Judge a router by its own trackers and, in a sync group, by those of the other members."""
        group = self._group_of.get(name)
        own = judge(self._configs[name], self._interfaces, scripts, weighted=group is None)
        if group is None or own.fault is not None:
            return own
        members = [self._configs[member] for member in group.config.members]
        others = [judge(member, self._interfaces, scripts, weighted=False) for member in members]
        shared = Why(reason=Reason.SYNC_GROUP, name=group.config.name)
        return Standing(
            fault=shared if any(other.fault for other in others) else None,
            waiting=next((verdict.waiting for verdict in (own, *others) if verdict.waiting), None),
            priority=own.priority,
        )

    # --- configuration ------------------------------------------------------------------------------------------------

    def _configure(self, event: Configure, now: Micros) -> list[Action]:
        """Start, or reload: what did not change is not touched, what is gone withdraws."""
        self._running = True
        actions = self._take_scripts(event, now)
        self._configs = wanted = {config.name: config for config in event.routers}
        old = self._routers
        for name, router in old.items():
            if name not in wanted or _identity(wanted[name]) != _identity(router.config):
                actions += router.stop(now)
        self._routers = {
            name: old[name]
            if name in old and _identity(old[name].config) == _identity(config)
            else VirtualRouter(config, now)
            for name, config in wanted.items()
        }
        self._by_vrid = {(router.config.interface, router.config.vrid): router for router in self._routers.values()}
        self._take_groups(event.groups)
        actions += self._reconfigure(now)
        return self._finish(actions + self._judge(now), now)

    def _take_scripts(self, event: Configure, now: Micros) -> list[Action]:
        """Keep, add and abandon scripts; one that no router tracks does not run."""
        tracked = {track.name for router in event.routers for track in router.tracks if track.kind is TrackKind.SCRIPT}
        wanted = {script.name: script for script in event.scripts if script.name in tracked}
        old, self._scripts = self._scripts, {}
        actions: list[Action] = []
        for name, script in old.items():
            if name not in wanted:
                actions += script.abandon()
                self._agenda.remove(script)
        for name, config in wanted.items():
            script = self._scripts[name] = old[name] if name in old else ScriptCheck(config, now)
            if script.config != config:
                script.reconfigure(config)
            elif name not in old:
                actions += script.wake(now)
            self._agenda.touch(script)
        return actions

    def _take_groups(self, groups: Iterable[GroupConfig]) -> None:
        """Build the sync groups anew; one that stays keeps its state."""
        old, self._groups, self._group_of = self._groups, {}, {}
        for config in groups:
            group = SyncGroup(config, [self._routers[name] for name in config.members])
            if config.name in old:
                group.state = old[config.name].state
            self._groups[config.name] = group
            self._group_of.update(dict.fromkeys(config.members, group))

    def _reconfigure(self, now: Micros) -> list[Action]:
        """Tell the routers that stay what changed for them."""
        scripts = {name: script.healthy for name, script in self._scripts.items()}
        actions: list[Action] = []
        for name, router in self._routers.items():
            router.grouped = name in self._group_of
            if router.config != self._configs[name]:
                priority = self._standing(name, scripts).priority
                actions += router.reconfigure(self._configs[name], priority, now)
            if router.ready is not None and not router.grouped:
                actions += router.take_over(router.ready, now)
        return actions

    def _stop(self, now: Micros) -> list[Action]:
        """Withdraw everything; the routers stay visible, in INIT."""
        self._running = False
        actions: list[Action] = []
        for router in self._routers.values():
            actions += router.stop(now)
        for script in self._scripts.values():
            actions += script.abandon()
            self._agenda.remove(script)
        self._scripts, self._by_vrid = {}, {}
        return self._finish(actions, now)

    # --- sync groups --------------------------------------------------------------------------------------------------

    def _finish(self, actions: list[Action], now: Micros) -> list[Action]:
        return actions + self._settle(self._groups.values(), now)

    def _settle(self, groups: Iterable[SyncGroup], now: Micros) -> list[Action]:
        actions: list[Action] = []
        for group in groups:
            actions += group.settle(now)
            for member in group.members:
                self._agenda.touch(member)
        return actions


def _identity(config: RouterConfig) -> tuple[str, int, int]:
    """What makes it the same virtual router on the wire; when it changes, one stops and another starts."""
    return config.interface, config.vrid, config.version


def _health_changed(actions: Iterable[Action]) -> bool:
    return any(isinstance(action, ScriptChanged) and action.settled for action in actions)
