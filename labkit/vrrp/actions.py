"""What a VRRP machine answers: the actions that its caller performs, in their order."""

from enum import StrEnum

from labkit.hints import TypeAlias
from labkit.values import dataclass
from labkit.vrrp.config import Address, TrackKind
from labkit.vrrp.packet import Advert, DecodeError
from labkit.vrrp.reasons import State, Why


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAdvert:
    """Send this advert on the router's interface, to its group or to each of its peers (`sending.py` makes the bytes).

    `source` is the address it comes from, None: there is none now.  `sequence` is the number that an authentication
    header or auth_hmac signs it with; 0 where there is neither.
    """

    router: str
    advert: Advert
    source: Address | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAddresses:
    """Put the router's virtual addresses on the interface."""

    router: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAddresses:
    """Take the router's virtual addresses off the interface."""

    router: str


class Where(StrEnum):
    """Which virtual addresses an announcement is of."""

    ALL = "all"
    EXTRA = "extra"  # on interfaces that are not the router's own (garp_extra_if)
    VMAC = "vmac"  # on interfaces with a virtual MAC address (vmac_garp_intvl)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Send one round of gratuitous ARP or unsolicited neighbour advertisements: every address `repeat` times."""

    router: str
    repeat: int
    where: Where = Where.ALL


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


class PriorityCause(StrEnum):
    """What changed an effective priority."""

    TRACKER = "tracker"
    OPERATOR = "operator"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityChanged:
    """The effective priority of a router changed; `name` is the tracker that did it."""

    router: str
    old: int
    new: int
    cause: PriorityCause = PriorityCause.TRACKER
    name: str = ""


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
    """A script's run answered differently (`settled` false), or it now counts as healthy or failed (`settled` true).

    With `timed_out` the run was ended because it took too long.
    """

    script: str
    healthy: bool
    status: int | None
    settled: bool
    timed_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerChanged:
    """A tracked file, process, interface or static entry now counts as healthy, or as failed.

    `value` is a file's number or how many processes run; None for the others, and for a file without a number.
    """

    kind: TrackKind
    name: str
    healthy: bool
    value: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """A reload took this router away; its transition to INIT was told before (notify_deleted)."""

    router: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateFound:
    """Somebody else claims a virtual address of the router (see `DuplicateSeen`); once a minute for each claimant."""

    router: str
    address: Address
    lladdr: bytes
    here: bool = False


class Notice(StrEnum):
    """Things worth a log line that change no state.

    Of the two with LOWER_PRIORITY that a MASTER notices, each is what notify_master_rx_lower_pri is told of.
    """

    LOWER_PRIORITY_DISCARDED = "lower-priority-discarded"  # BACKUP, preempting: waits for its timer
    LOWER_PRIORITY_ANSWERED = "lower-priority-answered"  # MASTER answers with its own advert
    LOWER_PRIORITY_UNANSWERED = "lower-priority-unanswered"  # not with lower_prio_no_advert
    PRIORITY_ZERO_RECEIVED = "priority-zero-received"
    PRIORITY_ZERO_ANSWERED = "priority-zero-answered"  # MASTER answers with its own advert
    PREEMPT_DELAY_STARTED = "preempt-delay-started"
    TWO_OWNERS = "two-owners"
    OTHER_ADDRESSES = "other-addresses"  # an advert with other virtual addresses was taken all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """See `Notice`; `peer` and `peer_priority` say who, `detail` what where the notice alone does not say it."""

    router: str
    notice: Notice
    peer: Address | None = None
    peer_priority: int | None = None
    detail: str = ""


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
    | TrackerChanged
    | Deleted
    | DuplicateFound
    | Noticed
    | Rejected
)
