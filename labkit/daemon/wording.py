"""Actions of the core in keepalived's words: the lines people grep for (reference: the log of keepalived 2.2.7).

Pure: actions in, lines out.  A line of its own kind, `detail`, is one that keepalived shows with -D only.
"""

from collections.abc import Callable, Iterable, Mapping

from labkit.conf.model import VrrpInstance
from labkit.hints import TypeAlias
from labkit.values import dataclass
from labkit.vrrp.config import TrackKind
from labkit.vrrp.events import (
    Action,
    Announce,
    DuplicateFound,
    GroupTransition,
    HoldAddresses,
    Notice,
    Noticed,
    PriorityChanged,
    Reason,
    Rejected,
    ReleaseAddresses,
    ScriptChanged,
    SendAdvert,
    State,
    TrackerChanged,
    Transition,
)
from labkit.vrrp.packet import ErrorKind


@dataclass(frozen=True, slots=True)
class Line:
    """One log line; with `detail` only -D shows it."""

    text: str
    detail: bool = False


_ONE = {4: "gratuitous ARP", 6: "unsolicited Neighbour Advert"}
_MANY = {4: "gratuitous ARPs", 6: "Unsolicited Neighbour Adverts"}
Instances: TypeAlias = Mapping[str, VrrpInstance]


def of_a_stranger(action: Action) -> bool:
    """Tell whether an advert was dropped because its VRID is nobody's here: told with log_unknown_vrids only."""
    return isinstance(action, Rejected) and action.error.kind is ErrorKind.VRID


def tell(actions: Iterable[Action], instances: Instances, *, starting: bool = False) -> list[Line]:
    """Return the lines for actions that were decided together.

    keepalived says that it enters a state before it says what it does there, while the core acts first: a router's
    doings are held back until its transition was told.
    """
    lines: list[Line] = []
    held_back: dict[str, list[Line]] = {}
    for action in actions:
        match action:
            case SendAdvert() | HoldAddresses() | ReleaseAddresses() | Announce():
                held_back.setdefault(action.router, []).extend(_doing(action, instances))
            case Transition():
                lines += _transition(action, starting=starting)
                lines += held_back.pop(action.router, [])
            case _:
                lines += _remark(action, instances)
    for rest in held_back.values():
        lines += rest
    return lines


def _paths(router: str, doing: str, kinds: tuple[str, str], instances: Instances) -> list[Line]:
    instance = instances.get(router)
    has = {"Routes": instance is not None and instance.routes, "Rules": instance is not None and instance.rules}
    return [Line(f"({router}) {doing} Virtual {kind}", detail=True) for kind in kinds if has[kind]]


def _doing(action: SendAdvert | HoldAddresses | ReleaseAddresses | Announce, instances: Instances) -> list[Line]:
    match action:
        case SendAdvert():
            return [Line(f"({action.router}) sent 0 priority", detail=True)] if action.advert.priority == 0 else []
        case HoldAddresses():
            lines = [Line(f"({action.router}) setting VIPs.", detail=True)]
            return lines + _paths(action.router, "setting", ("Routes", "Rules"), instances)
        case ReleaseAddresses():
            lines = _paths(action.router, "removing", ("Rules", "Routes"), instances)
            return [*lines, Line(f"({action.router}) removing VIPs.", detail=True)]
        case Announce():
            instance = instances.get(action.router)
            places = [(v.device, v.address.ip) for v in instance.addresses] if instance else []
            queued = [
                Line(
                    f"({action.router}) Sending/queueing {_MANY[address.version]} on {device} for {address}",
                    detail=True,
                )
                for device, address in places
            ]
            sent = [
                Line(f"Sending {_ONE[address.version]} on {device} for {address}", detail=True)
                for device, address in places
            ]
            return queued + sent * action.repeat


def _transition(action: Transition, *, starting: bool) -> list[Line]:
    name, why = action.router, action.why
    entering = f"({name}) Entering {action.new} STATE"
    reason = Line(f"({name}) {action.new} because {why}", detail=action.new is not State.FAULT)
    match action.new, why.reason:
        case State.INIT, _:
            return []
        case State.BACKUP, Reason.STARTED:
            return [Line(f"{entering} (init)" if starting else entering)]
        case State.BACKUP, Reason.HIGHER_PRIORITY:
            heard = f"({name}) Master received advert from {why.peer} with higher priority {why.peer_priority}"
            return [Line(f"{heard}, ours {action.priority}"), Line(entering)]
        case State.BACKUP, Reason.HIGHER_ADDRESS:
            heard = f"({name}) Master received advert from {why.peer} with same priority {why.peer_priority}"
            return [Line(f"{heard} but higher IP address than ours"), Line(entering)]
        case State.MASTER, Reason.NO_ADVERT | Reason.RELEASED | Reason.PREEMPTED:
            return [Line(f"({name}) Receive advertisement timeout", detail=True), Line(entering), reason]
    return [Line(entering), reason]


def _remark(action: Action, instances: Instances) -> list[Line]:
    match action:
        case PriorityChanged():
            return [Line(f"({action.router}) Changing effective priority from {action.old} to {action.new}")]
        case GroupTransition():
            return _group(action)
        case ScriptChanged():
            return [Line(_script(action))]
        case Noticed():
            return [Line(_NOTICES[action.notice](action, instances))]
        case Rejected():
            return [Line(_rejected(action))]
        case DuplicateFound():
            return [Line(_duplicate(action))]
        case TrackerChanged() if action.kind is not TrackKind.STATIC:  # who looks after those says it
            return [Line(_tracker(action))]
    return []


def _group(action: GroupTransition) -> list[Line]:
    """C keepalived says nothing of a group that begins or ends, which its members say of themselves."""
    if action.new is State.INIT or (action.old, action.new) == (State.INIT, State.BACKUP):
        return []
    return [Line(f"VRRP_Group({action.group}) Syncing instances to {action.new} state")]


def exit_words(status: int | None) -> str:
    """Say how a process ended: its exit status, minus the signal that ended it, or None where it never ran."""
    if status is None:
        return "could not be run"
    return f"exited with status {status}" if status >= 0 else f"exited due to signal {-status}"


def _script(action: ScriptChanged) -> str:
    if action.timed_out:
        return f"VRRP_Script({action.script}) timed_out" if action.settled else f"Script `{action.script}` timed out"
    if not action.settled:
        status = action.status
        ending = f"now returning {status}" if status is not None and status >= 0 else exit_words(status)
        return f"Script `{action.script}` {ending}"
    if action.healthy:
        return f"VRRP_Script({action.script}) succeeded"
    return f"VRRP_Script({action.script}) failed ({exit_words(action.status)})"


def _tracker(action: TrackerChanged) -> str:
    """Say what a tracked file, process or interface is now; keepalived says nothing of these."""
    word = "counts as healthy" if action.healthy else "counts as failed"
    match action.kind:
        case TrackKind.FILE:
            return f"Track file {action.name} is now {'without a number' if action.value is None else action.value}"
        case TrackKind.PROCESS:
            return f"Track process {action.name} {word} ({action.value} running)"
        case _:
            return f"Tracked {action.kind} {action.name} {word}"


def _duplicate(action: DuplicateFound) -> str:
    if action.here:
        return f"({action.router}) {action.address} is on this machine though we are BACKUP: somebody put it there"
    return f"({action.router}) {action.lladdr.hex(':')} claims our address {action.address} too"


def _rejected(action: Rejected) -> str:
    router = f"({action.router}) " if action.router else ""
    times = f" ({action.count} times)" if action.count > 1 else ""
    source = f"from {action.source} on {action.interface}{times}"
    if action.error.kind is ErrorKind.VRID:
        return (
            f"Unknown VRID({action.error.vrid}) received on interface({action.interface}) from {action.source}{times}"
        )
    if action.error.kind is ErrorKind.PASSWORD:
        return f"{router}received an invalid passwd! {source}"
    return f"{router}dropped an advert {source}: {action.error.detail}"


def _ours(action: Noticed, instances: Instances) -> int | str:
    instance = instances.get(action.router)
    return instance.router.priority if instance else "unknown"


_NOTICES: dict[Notice, Callable[[Noticed, Instances], str]] = {
    Notice.LOWER_PRIORITY_DISCARDED: lambda a, _: (
        f"({a.router}) received lower priority ({a.peer_priority}) advert from {a.peer} - discarding"
    ),
    Notice.LOWER_PRIORITY_ANSWERED: lambda a, instances: (
        f"({a.router}) Received advert from {a.peer} with lower priority {a.peer_priority}, "
        f"ours {_ours(a, instances)}, forcing new election"
    ),
    Notice.LOWER_PRIORITY_UNANSWERED: lambda a, instances: (
        f"({a.router}) Received advert from {a.peer} with lower priority {a.peer_priority}, ours {_ours(a, instances)}"
    ),
    Notice.OTHER_ADDRESSES: lambda a, _: f"({a.router}) took an advert from {a.peer} with {a.detail}",
    Notice.PRIORITY_ZERO_RECEIVED: lambda a, _: f"({a.router}) Backup received priority 0 advertisement",
    Notice.PRIORITY_ZERO_ANSWERED: lambda a, _: f"({a.router}) Master received priority 0 message",
    Notice.PREEMPT_DELAY_STARTED: lambda a, _: f"({a.router}) start preempt delay",
    Notice.TWO_OWNERS: lambda a, _: (
        f"({a.router}) CONFIGURATION ERROR: local instance and a remote instance ({a.peer}) are both configured as "
        "address owner, please fix"
    ),
}
