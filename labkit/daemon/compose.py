"""Puts a report together: what the VRRP process knows, beside what the configuration says."""

from collections.abc import Mapping

from labkit.conf.model import Config, Interface, VrrpInstance
from labkit.daemon.inquiry import Snapshot
from labkit.daemon.messages import RouterState
from labkit.daemon.report import (
    AddressReport,
    AdjustmentReport,
    CounterReport,
    DuplicateReport,
    GroupReport,
    InterfaceReport,
    PeerReport,
    Report,
    RouterReport,
    SuspectReport,
    TrackerReport,
    TrackReport,
)
from labkit.hints import TypeAlias
from labkit.trace import SECOND, Micros
from labkit.values import dataclass
from labkit.vrrp.config import Track, TrackKind
from labkit.vrrp.status import Counters, RouterStatus

DuplicatesOf: TypeAlias = Mapping[str, tuple[DuplicateReport, ...]]
"""The duplicates that were told, by the router whose addresses they have."""


class Composer:
    """Composes from one snapshot; `wall` is the time of the epoch at the snapshot's moment, in seconds."""

    def __init__(self, config: Config, snapshot: Snapshot, wall: float, duplicates: DuplicatesOf) -> None:
        self._config = config
        self._snapshot = snapshot
        self._wall = wall
        self._instances = {instance.router.name: instance for instance in config.instances}
        self._group_of = {member: group.name for group in config.sync_groups for member in group.members}
        common = snapshot.common
        self._duplicates = duplicates
        self._healthy: dict[tuple[TrackKind, str], bool | None] = {
            **{(TrackKind.INTERFACE, state.name): state.up for state in common.interfaces},
            **{(TrackKind.SCRIPT, script.name): script.healthy for script in common.scripts},
            **{(tracker.kind, tracker.name): tracker.healthy for tracker in common.trackers},
        }

    def time(self, moment: Micros) -> float:
        """Return a point of the monotonic clock as seconds of the epoch."""
        return self._wall - (self._snapshot.common.at - moment) / SECOND

    def routers(self, only: str = "") -> tuple[RouterReport, ...]:
        """Report every router, or the one named `only`."""
        chosen = (state for state in self._snapshot.routers if only in ("", state.status.name))
        return tuple(self._router(state) for state in chosen)

    def _router(self, state: RouterState) -> RouterReport:
        status = state.status
        instance = self._instances.get(status.name)
        config = instance.router if instance else None
        return RouterReport(
            name=status.name,
            interface=status.interface,
            vrid=status.vrid,
            family=status.family,
            version=status.version,
            state=str(status.state),
            reason=str(status.why.reason),
            why=str(status.why),
            since=self.time(status.since),
            priority=status.priority,
            base_priority=config.priority if config else status.base_priority,
            operator_priority=status.override,
            master=str(status.master) if status.master else None,
            master_priority=next((peer.priority for peer in status.peers if peer.address == status.master), 0),
            master_advert_interval_us=status.master_advert_interval,
            advert_interval_us=config.advert_interval if config else 0,
            master_down_interval_us=status.master_down_interval,
            preempt=config.preempt if config else True,
            group=self._group_of.get(status.name, ""),
            garp_delay=config.announce_delay // SECOND if config else 0,
            vmac=instance.vmac.name if instance and instance.vmac else "",
            addresses=_addresses(instance, state) if instance else (),
            tracks=tuple(self._track(track) for track in config.tracks) if config else (),
            adjustments=tuple(
                AdjustmentReport(kind=str(change.kind), name=change.name, amount=change.amount)
                for change in status.adjustments
            ),
            peers=self._peers(status),
            suspects=self._suspects(status),
            duplicates=self._duplicates.get(status.name, ()),
            problem=state.problem,
            counters=_counters(status.counters),
        )

    def _peers(self, status: RouterStatus) -> tuple[PeerReport, ...]:
        return tuple(
            PeerReport(
                address=str(peer.address),
                priority=peer.priority,
                received=peer.adverts,
                heard=self.time(peer.heard),
            )
            for peer in status.peers
        )

    def _suspects(self, status: RouterStatus) -> tuple[SuspectReport, ...]:
        suspected = {claim.address for claim in status.suspicions(self._snapshot.common.at)}
        return tuple(
            SuspectReport(
                address=str(claim.address),
                error=str(claim.kind),
                why=claim.why,
                count=claim.count,
                heard=self.time(claim.heard),
                suspected=claim.address in suspected,
            )
            for claim in status.claims
        )

    def _track(self, track: Track) -> TrackReport:
        healthy = self._healthy.get((track.kind, track.name))
        return TrackReport(kind=str(track.kind), name=track.name, weight=track.weight, healthy=healthy)

    def groups(self) -> tuple[GroupReport, ...]:
        """Report every sync group."""
        members = {group.name: group.members for group in self._config.sync_groups}
        return tuple(
            GroupReport(name=name, state=str(state), members=members.get(name, ()))
            for name, state in self._snapshot.common.groups
        )

    def trackers(self) -> tuple[TrackerReport, ...]:
        """Report every tracked script, file and process."""
        common = self._snapshot.common
        outputs = dict(common.outputs)
        scripts = (
            TrackerReport(
                kind="script",
                name=script.name,
                healthy=script.healthy,
                status=script.status,
                running=script.running,
                timed_out=script.timed_out,
                output=outputs.get(script.name, ""),
            )
            for script in common.scripts
        )
        others = (
            TrackerReport(kind=str(other.kind), name=other.name, healthy=other.healthy, status=other.value)
            for other in common.trackers
        )
        return (*scripts, *others)

    def interfaces(self) -> tuple[InterfaceReport, ...]:
        """Report every interface that the configuration names."""
        return tuple(
            InterfaceReport(name=state.name, exists=state.exists, up=state.up)
            for state in self._snapshot.common.interfaces
        )

    def errors(self) -> dict[str, int]:
        """Return the refused packets that were for no router of ours, by kind."""
        return {str(kind): count for kind, count in self._snapshot.common.errors}


def _addresses(instance: VrrpInstance, state: RouterState) -> tuple[AddressReport, ...]:
    advertised = set(instance.router.addresses)
    return tuple(
        AddressReport(
            address=_written(virtual.address),
            interface=virtual.device,
            excluded=virtual.address.ip not in advertised,
            held=state.held and str(virtual.address.ip) not in state.missing,
        )
        for virtual in instance.addresses
    )


def _written(address: Interface) -> str:
    """Return an address as C keepalived writes it: with its prefix where that is not the whole address."""
    return str(address.ip if address.network.prefixlen == address.max_prefixlen else address)


def _counters(counters: Counters) -> CounterReport:
    return CounterReport(
        adverts_received=counters.adverts_received,
        adverts_sent=counters.adverts_sent,
        became_master=counters.became_master,
        released_master=counters.released_master,
        priority_zero_received=counters.priority_zero_received,
        priority_zero_sent=counters.priority_zero_sent,
        hmac_good=counters.hmac_good,
        errors={str(kind): count for kind, count in counters.errors.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the parent knows of itself; `started` in seconds of the epoch."""

    version: str
    node: str
    pid: int
    vrrp_pid: int | None
    file: str
    started: float


def compose(
    config: Config, snapshot: Snapshot, wall: float, about: About, duplicates: DuplicatesOf, only: str = ""
) -> Report:
    """Return the report of a daemon, or of its router `only`."""
    composer = Composer(config, snapshot, wall, duplicates)
    return Report(
        at=wall,
        version=about.version,
        node=about.node,
        pid=about.pid,
        vrrp_pid=about.vrrp_pid,
        file=about.file,
        started=about.started,
        routers=composer.routers(only),
        groups=composer.groups(),
        trackers=composer.trackers(),
        interfaces=composer.interfaces(),
        deliveries=snapshot.common.deliveries,
        errors=composer.errors(),
    )
