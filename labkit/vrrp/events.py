"""What a VRRP machine is told and what it answers: the vocabulary of the pure core.

Everything here is a frozen value.  `Speaker.handle(event, now)` takes an `Event` and returns a list of `Action`s; nothing
in this package reads a clock, sends, logs or raises because of what a peer sent.  All times are integer microseconds.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import TypeAlias

from labkit.trace import Micros
from labkit.vrrp.config import RouterConfig, ScriptConfig
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
    WAITING = "waiting"  # INIT: a tracked script has not answered yet
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
    peer: IPv4Address | None = None
    peer_priority: int | None = None
    elapsed: Micros | None = None  # since the last advert heard from `peer`
    name: str = ""  # script, interface or group that decided

    def __str__(self) -> str:
        elapsed = f" for {self.elapsed / 1e6:.3f} s" if self.elapsed is not None else ""
        match self.reason:
            case Reason.NO_ADVERT if self.peer is not None:
                return f"no advert from {self.peer}{elapsed}"
            case Reason.NO_ADVERT:
                return f"no advert from anyone{elapsed}"
            case Reason.RELEASED:
                return f"{self.peer} gave up mastership (priority 0)"
            case Reason.PREEMPTED:
                return f"our priority is above that of {self.peer} ({self.peer_priority})"
            case Reason.HIGHER_PRIORITY:
                return f"{self.peer} advertises a higher priority ({self.peer_priority})"
            case Reason.HIGHER_ADDRESS:
                return f"{self.peer} advertises the same priority from a higher address"
            case Reason.SCRIPT_FAILED:
                return f"script {self.name} fails"
            case Reason.INTERFACE_DOWN:
                return f"interface {self.name} is down"
            case Reason.INTERFACE_MISSING:
                return f"interface {self.name} does not exist"
            case Reason.NO_PRIMARY_ADDRESS:
                return f"interface {self.name} has no address"
            case Reason.SYNC_GROUP:
                return f"sync group {self.name}"
            case Reason.WAITING:
                return f"script {self.name} has not answered yet"
            case Reason.STARTED:
                return "just started"
            case Reason.ADDRESS_OWNER:
                return "address owner (priority 255)"
            case Reason.RECOVERED:
                return "what failed works again"
            case Reason.STOPPED:
                return "stopped"


# --- events -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """Take this configuration: the first one starts the speaker, a later one is a reload."""

    routers: tuple[RouterConfig, ...]
    scripts: tuple[ScriptConfig, ...] = ()


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
    source: IPv4Address
    packet: Advert | DecodeError


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceChanged:
    """What the kernel says of an interface: whether it exists, is up with carrier, and its primary address."""

    interface: str
    exists: bool
    up: bool
    primary: IPv4Address | None


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
    peer: IPv4Address | None = None
    peer_priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A packet was dropped and touched no timer; emitted once per source and minute, `count` since the last one."""

    router: str  # empty where no router could be found for it
    interface: str
    source: IPv4Address
    error: DecodeError
    count: int


Action: TypeAlias = (
    SendAdvert
    | HoldAddresses
    | ReleaseAddresses
    | Announce
    | Transition
    | PriorityChanged
    | RunScript
    | KillScript
    | ScriptChanged
    | Noticed
    | Rejected
)
