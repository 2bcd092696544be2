"""What a VRRP machine is told and what it answers: the vocabulary of the pure core.

Everything here is a frozen value.  `Speaker.handle(event, now)` takes an `Event` and returns a list of `Action`s;
nothing in this package reads a clock, sends, logs or raises because of what a peer sent.  All times are integer
microseconds.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from labkit.trace import SECOND, Micros
from labkit.vrrp.config import Address, GroupConfig, RouterConfig, ScriptConfig, TrackKind
from labkit.vrrp.packet import Advert, DecodeError


class State(StrEnum):
    """The states of a virtual router (RFC 9568 6.4); FAULT is keepalived's and is Initialize on the wire."""

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    FAULT = "FAULT"


class Reason(StrEnum):
    """Why a virtual router is in its state."""

    STARTED = "started"  # INIT -> BACKUP at start
    WAITING = "waiting"  # INIT: a tracked script or the interface has not answered yet
    ADDRESS_OWNER = "address-owner"  # priority 255 goes to MASTER at once
    NO_ADVERT = "no-advert"  # the master-down timer ran out
    RELEASED = "released"  # the master sent priority 0 and the skew time passed
    PREEMPTED = "preempted"  # we discarded a lower-priority master's adverts until the timer ran out
    HIGHER_PRIORITY = "higher-priority"  # MASTER -> BACKUP
    HIGHER_ADDRESS = "higher-address"  # MASTER -> BACKUP, equal priority
    SCRIPT_FAILED = "script-failed"
    INTERFACE_DOWN = "interface-down"
    INTERFACE_MISSING = "interface-missing"
    NO_PRIMARY_ADDRESS = "no-primary-address"
    RECOVERED = "recovered"  # FAULT -> BACKUP
    SYNC_GROUP = "sync-group"  # another member of the sync group decided
    STOPPED = "stopped"  # shutdown or removed by a reload


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """A reason with its particulars; `str()` gives the sentence that logs, status and lessons print."""

    reason: Reason
    peer: Address | None = None
    peer_priority: int | None = None
    elapsed: Micros | None = None  # since the last advert heard from `peer`
    name: str = ""  # script, interface or group that decided

    def __str__(self) -> str:
        return _SENTENCES[self.reason].format(
            peer=self.peer or "anyone",
            peer_priority=self.peer_priority,
            elapsed="" if self.elapsed is None else f" for {self.elapsed / SECOND:.3f} s",
            name=self.name,
        )


_SENTENCES = {
    Reason.STARTED: "just started",
    Reason.WAITING: "{name} has not answered yet",
    Reason.ADDRESS_OWNER: "address owner (priority 255)",
    Reason.NO_ADVERT: "no advert from {peer}{elapsed}",
    Reason.RELEASED: "{peer} gave up mastership (priority 0)",
    Reason.PREEMPTED: "our priority is above that of {peer} ({peer_priority})",
    Reason.HIGHER_PRIORITY: "{peer} advertises a higher priority ({peer_priority})",
    Reason.HIGHER_ADDRESS: "{peer} advertises the same priority from a higher address",
    Reason.SCRIPT_FAILED: "script {name} fails",
    Reason.INTERFACE_DOWN: "interface {name} is down",
    Reason.INTERFACE_MISSING: "interface {name} does not exist",
    Reason.NO_PRIMARY_ADDRESS: "interface {name} has no address",
    Reason.RECOVERED: "what failed works again",
    Reason.SYNC_GROUP: "sync group {name}",
    Reason.STOPPED: "stopped",
}


# --- events -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """Take this configuration: the first one starts the speaker, a later one is a reload.

    Raises:
        ValueError: a name or a VRID on an interface is used twice, or a track or group names what is not there.
    """

    routers: tuple[RouterConfig, ...]
    scripts: tuple[ScriptConfig, ...] = ()
    groups: tuple[GroupConfig, ...] = ()

    def __post_init__(self) -> None:
        names = {router.name for router in self.routers}
        scripts = {script.name for script in self.scripts}
        members = [member for group in self.groups for member in group.members]
        _unique("router", [router.name for router in self.routers])
        _unique("VRID", [f"{router.vrid} on {router.interface}" for router in self.routers])
        _unique("script", [script.name for script in self.scripts])
        _unique("group", [group.name for group in self.groups])
        _unique("group member", members)
        if unknown := set(members) - names:
            raise ValueError(f"groups name unknown routers: {', '.join(sorted(unknown))}")
        tracks = (track for router in self.routers for track in router.tracks)
        if unknown := {track.name for track in tracks if track.kind is TrackKind.SCRIPT} - scripts:
            raise ValueError(f"routers track unknown scripts: {', '.join(sorted(unknown))}")


def _unique(what: str, names: list[str]) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"{what} used twice: {', '.join(sorted(twice))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Withdraw cleanly: every MASTER releases its addresses and sends priority 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """The deadline came; due timers fire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A VRRP packet came in on `interface` from `source`; already decoded, or not decodable."""

    interface: str
    source: Address
    packet: Advert | DecodeError


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceChanged:
    """What the kernel says of an interface: whether it exists, is up with carrier, and what adverts may come from.

    `primary` is its first own IPv4 address, `link_local` its IPv6 link-local one, `addresses` all that are its own.
    """

    interface: str
    exists: bool
    up: bool
    primary: IPv4Address | None
    link_local: IPv6Address | None = None
    addresses: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptExited:
    """A run of a check script ended with `status` (negative: killed by that signal; None: could not be started)."""

    script: str
    status: int | None


Event: TypeAlias = Configure | Stop | Wake | Received | InterfaceChanged | ScriptExited


# --- actions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAdvert:
    """Send this advert on the router's interface."""

    router: str
    advert: Advert


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAddresses:
    """Put the router's virtual addresses on the interface."""

    router: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAddresses:
    """Take the router's virtual addresses off the interface."""

    router: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Send one round of gratuitous ARP: every virtual address, `repeat` times."""

    router: str
    repeat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A virtual router changed state; carries what notify scripts, logs and the trace tell."""

    router: str
    old: State
    new: State
    why: Why
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTransition:
    """A sync group as a whole changed state: MASTER when all members are, FAULT when any is."""

    group: str
    old: State
    new: State


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityChanged:
    """The effective priority of a router changed because a weighted tracker did."""

    router: str
    old: int
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScript:
    """Start one run of a check script; its end must come back as `ScriptExited`."""

    script: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KillScript:
    """The running check script took longer than its timeout: SIGTERM it (SIGKILL when `force`)."""

    script: str
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptChanged:
    """A script's run answered differently (`settled` false), or it now counts as healthy or failed (`settled` true)."""

    script: str
    healthy: bool
    status: int | None
    settled: bool


class Notice(StrEnum):
    """Things worth a log line that change no state."""

    LOWER_PRIORITY_DISCARDED = "lower-priority-discarded"  # BACKUP, preempting: waits for its timer
    LOWER_PRIORITY_ANSWERED = "lower-priority-answered"  # MASTER answers with its own advert
    PRIORITY_ZERO_RECEIVED = "priority-zero-received"
    PREEMPT_DELAY_STARTED = "preempt-delay-started"
    TWO_OWNERS = "two-owners"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """See `Notice`; `peer` and `peer_priority` say who."""

    router: str
    notice: Notice
    peer: Address | None = None
    peer_priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A packet was dropped and touched no timer; emitted once per source and minute, `count` since the last one."""

    router: str  # empty where no router could be found for it
    interface: str
    source: Address
    error: DecodeError
    count: int


Action: TypeAlias = (
    SendAdvert
    | HoldAddresses
    | ReleaseAddresses
    | Announce
    | Transition
    | GroupTransition
    | PriorityChanged
    | RunScript
    | KillScript
    | ScriptChanged
    | Noticed
    | Rejected
)
