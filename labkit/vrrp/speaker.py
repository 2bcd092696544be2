"""All virtual routers of one node and what they depend on, behind one `handle(event, now)`.

The speaker finds the machine an event is for, judges what routers depend on, and knows the earliest deadline of all.
The caller hands in adverts that are already queued before a `Wake` that is due: a node that was paused must first hear
what it missed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice

from labkit.agenda import Agenda
from labkit.hints import assert_never
from labkit.trace import Micros
from labkit.vrrp import authentication
from labkit.vrrp.config import GroupConfig, RouterConfig
from labkit.vrrp.events import (
    Action,
    ClockChanged,
    Configure,
    Deleted,
    DuplicateFound,
    DuplicateSeen,
    Event,
    FileChanged,
    InterfaceChanged,
    Notice,
    Noticed,
    ProcessesChanged,
    Reason,
    Received,
    Rejected,
    ScriptExited,
    SetPriority,
    State,
    StaticChanged,
    Stop,
    Wake,
    Why,
)
from labkit.vrrp.familiar import Familiar
from labkit.vrrp.group import SyncGroup
from labkit.vrrp.hearing import Key
from labkit.vrrp.judging import Known, Standing, judge, own_address
from labkit.vrrp.packet import Advert, DecodeError, ErrorKind
from labkit.vrrp.places import Places
from labkit.vrrp.rejections import Rejections
from labkit.vrrp.router import VirtualRouter
from labkit.vrrp.status import Counters, RouterStatus, ScriptStatus, TrackerStatus
from labkit.vrrp.trackers import Machine, Trackers, health_changed


class Speaker:
    """The VRRP router of one node (RFC 9568 1.7): told events, answers with actions, asked for its deadline."""

    def __init__(self) -> None:
        self._configs: Mapping[str, RouterConfig] = {}
        self._routers: dict[str, VirtualRouter] = {}
        self._groups: dict[str, SyncGroup] = {}
        self._group_of: dict[str, SyncGroup] = {}
        self._places = Places(())
        self._familiar = Familiar()
        self._agenda: Agenda[Machine] = Agenda()
        self._trackers = Trackers(self._agenda)
        self._rejections = Rejections()
        self._errors: Counter[ErrorKind] = Counter()
        self._utc_offset: Micros | None = None
        self._running = False

    # --- asked --------------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> Micros | None:
        """When to send the next `Wake`, in absolute microseconds; None: nothing pending."""
        return self._agenda.earliest

    @property
    def not_before(self) -> Micros | None:
        """A time before which there is no deadline: looking at the deadline itself can wait until then."""
        return self._agenda.not_before

    @property
    def routers(self) -> Mapping[str, RouterStatus]:
        """A snapshot of every virtual router by name, in the order of configuration."""
        return {name: router.status for name, router in self._routers.items()}

    def status(self, name: str) -> RouterStatus | None:
        """A snapshot of one virtual router, if there is one of this name."""
        router = self._routers.get(name)
        return None if router is None else router.status

    def page(self, first: int, count: int) -> list[RouterStatus]:
        """Snapshots of at most `count` virtual routers from number `first` on: what a busy node can tell at once."""
        return [router.status for router in islice(self._routers.values(), first, first + count)]

    @property
    def router_count(self) -> int:
        """How many virtual routers there are."""
        return len(self._routers)

    @property
    def scripts(self) -> Mapping[str, ScriptStatus]:
        """A snapshot of every check script that is tracked, by name."""
        return self._trackers.scripts

    @property
    def trackers(self) -> tuple[TrackerStatus, ...]:
        """A snapshot of every tracked file, process and static entry."""
        return self._trackers.others

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
            case Configure():
                return self._configure(event, now)
            case Stop():
                return self._stop(now)
            case SetPriority():
                return self._set_priority(event, now)
            case DuplicateSeen():
                return self._duplicate(event, now)
            case ClockChanged():
                self._utc_offset = event.utc_offset
                for router in self._routers.values():
                    router.guard.utc_offset = event.utc_offset
                return []
            case _:
                return self._tracker_told(event, now)

    def _duplicate(self, event: DuplicateSeen, now: Micros) -> list[Action]:
        if event.router not in self._routers or not self._rejections.count(event, now):
            return []
        return [DuplicateFound(router=event.router, address=event.address, lladdr=event.lladdr, here=event.here)]

    def _tracker_told(
        self, event: InterfaceChanged | ScriptExited | FileChanged | ProcessesChanged | StaticChanged, now: Micros
    ) -> list[Action]:
        changed, actions = False, []
        match event:
            case InterfaceChanged():
                changed = self._trackers.interface_changed(event, now)
            case ScriptExited():
                actions = self._trackers.script_exited(event, now)
            case FileChanged():
                actions = self._trackers.file_changed(event)
            case ProcessesChanged():
                actions = self._trackers.processes_changed(event, now)
            case StaticChanged():
                actions = self._trackers.static_changed(event)
            case _ as never:
                assert_never(never)
        if changed or health_changed(actions):
            actions = actions + self._judge(now)
        return self._finish(actions, now)

    # --- adverts ------------------------------------------------------------------------------------------------------

    def _receive(self, event: Received, now: Micros) -> list[Action]:
        packet = event.packet
        router, misplaced = self._places.find(event, packet.vrid)
        if isinstance(packet, DecodeError):
            return self._reject(router, event, packet, now)
        if router is None:
            detail = f"VRID {packet.vrid} is not ours on {event.interface}"
            return self._reject(None, event, DecodeError(kind=ErrorKind.VRID, detail=detail, vrid=packet.vrid), now)
        if event.source == router.source:  # our own, looped back
            return []
        fault = misplaced or router.fault(event, packet, now)
        if fault is not None:
            return self._reject(router, event, DecodeError(kind=fault[0], detail=fault[1], vrid=packet.vrid), now)
        notices = self._compare_addresses(router, event, packet, now)
        actions = notices + router.receive(event.source, packet, now)
        self._agenda.touch(router)
        if router.is_content and not router.other_addresses(event.source, packet):
            self._familiar.note(router, event)
        else:
            self._familiar.forget(router)
        group = self._group_of.get(router.config.name)
        return actions + self._settle([group], now) if group is not None else actions

    def hear_again(self, key: Key, now: Micros) -> bool:
        """Take an advert that is known by its key; False: it has to be decoded, and handed in as `Received`.

        It does what that would do, and there are no actions.
        """
        return self._familiar.hear(key, now)

    def _reject(self, router: VirtualRouter | None, event: Received, error: DecodeError, now: Micros) -> list[Action]:
        name = ""
        if router is None:
            self._errors[error.kind] += 1
        else:
            name = router.config.name
            router.refused(event.source, error, now)
        count = self._rejections.count((name or event.interface, event.source, error.kind), now)
        told = Rejected(router=name, interface=event.interface, source=event.source, error=error, count=count)
        return [told] if count else []

    def _compare_addresses(self, router: VirtualRouter, event: Received, advert: Advert, now: Micros) -> list[Action]:
        """Tell of an advert that is taken though its list of addresses is not ours."""
        detail = router.other_addresses(event.source, advert)
        if not detail:
            return []
        name = router.config.name
        router.counters.errors[ErrorKind.ADDRESSES] += 1
        if not self._rejections.count((name, event.source, Notice.OTHER_ADDRESSES), now):
            return []
        notice = Notice.OTHER_ADDRESSES
        return [Noticed(router=name, notice=notice, peer=event.source, peer_priority=advert.priority, detail=detail)]

    # --- time and the operator ----------------------------------------------------------------------------------------

    def _wake(self, now: Micros) -> list[Action]:
        due = self._agenda.due(now)
        delayed = any(isinstance(machine, VirtualRouter) and machine.start_at is not None for machine in due)
        actions = [action for machine in due for action in machine.wake(now)]
        for machine in due:
            self._agenda.touch(machine)
        if delayed or health_changed(actions):
            actions += self._judge(now)
        return self._finish(actions, now)

    def _set_priority(self, event: SetPriority, now: Micros) -> list[Action]:
        router = self._routers.get(event.router)
        if router is None:
            return []
        actions = router.set_override(event.priority, now)
        self._agenda.touch(router)
        return actions

    # --- trackers -----------------------------------------------------------------------------------------------------

    def _judge(self, now: Micros) -> list[Action]:
        """Look at what every router depends on, and start or fail it accordingly."""
        if not self._running:
            return []
        self._familiar.clear()  # our own addresses may be others
        known = self._trackers.known
        return [action for router in self._routers.values() for action in self._judge_one(router, known, now)]

    def _judge_one(self, router: VirtualRouter, known: Known, now: Micros) -> list[Action]:
        config = router.config
        interface = known.interfaces.get(config.interface)
        own = own_address(config, interface)
        if own is not None:
            router.source = own
        standing = self._standing(config.name, known)
        actions = router.set_priority(standing.adjustments)
        if standing.fault is not None:
            # An address that just went may still be the source of a goodbye, but IPv6 sockets refuse it
            can_say = router.source is not None and (own is not None or config.family == 4)
            actions += router.fail(standing.fault, now, can_send=interface is not None and interface.up and can_say)
            router.source = own
        elif router.state in (State.INIT, State.FAULT):
            if standing.waiting is not None:
                router.wait(standing.waiting)
            elif router.start_at is not None:
                router.wait(Why(reason=Reason.START_DELAY))
            else:
                actions += router.start(now)
        self._agenda.touch(router)
        return actions

    def _standing(self, name: str, known: Known) -> Standing:
        """Judge a router by its own trackers and, in a sync group, by the group's and those of the other members."""
        group = self._group_of.get(name)
        if group is None:
            return judge(self._configs[name], known)
        tracks, weighted = group.config.tracks, group.config.weighted
        own = judge(self._configs[name], known, tracks, weighted=weighted)
        if own.fault is not None:
            return own
        members = [self._configs[member] for member in group.config.members]
        others = [judge(member, known, weighted=weighted) for member in members]
        failed = next((pair for pair in zip(members, others, strict=True) if pair[1].fault), None)
        shared = f"{group.config.name}: {failed[0].name}, {failed[1].fault}" if failed else ""
        return Standing(
            fault=Why(reason=Reason.SYNC_GROUP, name=shared) if failed else None,
            waiting=next((verdict.waiting for verdict in (own, *others) if verdict.waiting), None),
            adjustments=own.adjustments,
        )

    # --- configuration ------------------------------------------------------------------------------------------------

    def _configure(self, event: Configure, now: Micros) -> list[Action]:
        """Start, or reload: what did not change is not touched, what is gone withdraws."""
        starting, self._running = not self._running, True
        actions = self._trackers.configure(event, now)
        if any(config.ah is not None or config.hmac is not None for config in event.routers):
            authentication.prepare()
        self._configs = wanted = {config.name: config for config in event.routers}
        old = self._routers
        for name, router in old.items():
            if name not in wanted or wanted[name].identity != router.config.identity:
                actions += router.stop(now)
                actions += [] if name in wanted else [Deleted(router=name)]
        self._routers = {
            name: old[name]
            if name in old and old[name].config.identity == config.identity
            else self._router(config, now)
            for name, config in wanted.items()
        }
        for router in self._routers.values() if starting else ():
            router.start_at = now + router.config.start_delay if router.config.start_delay else None
        self._places = Places(self._routers.values())
        self._familiar.clear()
        self._take_groups(event.groups)
        actions += self._reconfigure(now)
        return self._finish(actions + self._judge(now), now)

    def _router(self, config: RouterConfig, now: Micros) -> VirtualRouter:
        router = VirtualRouter(config, now)
        router.guard.utc_offset = self._utc_offset
        return router

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
        known = self._trackers.known
        actions: list[Action] = []
        for name, router in self._routers.items():
            router.grouped = name in self._group_of
            if router.config != self._configs[name]:
                router.source = own_address(self._configs[name], known.interfaces.get(router.config.interface))
                adjustments = self._standing(name, known).adjustments
                actions += router.reconfigure(self._configs[name], adjustments, now)
            if router.ready is not None and not router.grouped:
                actions += router.take_over(router.ready, now)
        return actions

    def _stop(self, now: Micros) -> list[Action]:
        """Withdraw everything; the routers stay visible, in INIT."""
        self._running = False
        actions = [action for router in self._routers.values() for action in router.stop(now)]
        actions += self._trackers.stop()
        self._places = Places(())
        self._familiar.clear()
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
