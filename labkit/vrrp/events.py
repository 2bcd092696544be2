"""What a VRRP machine is told and what it answers: the vocabulary of the pure core.

Everything here is a frozen value.  `Speaker.handle(event, now)` takes an `Event` and returns a list of `Action`s;
nothing in this package reads a clock, sends, logs or raises because of what a peer sent.  All times are integer
microseconds.  Actions are written down in `actions.py`, states and reasons in `reasons.py`; this is the door to all.
"""

from collections import Counter
from ipaddress import IPv4Address, IPv6Address

from labkit.hints import TypeAlias
from labkit.trace import Micros
from labkit.values import dataclass
from labkit.vrrp.actions import (
    Action,
    Announce,
    Deleted,
    DuplicateFound,
    GroupTransition,
    HoldAddresses,
    KillScript,
    Notice,
    Noticed,
    PriorityCause,
    PriorityChanged,
    Rejected,
    ReleaseAddresses,
    RunScript,
    ScriptChanged,
    SendAdvert,
    TrackerChanged,
    Transition,
    Where,
)
from labkit.vrrp.config import (
    Address,
    FileConfig,
    GroupConfig,
    InterfaceDelay,
    ProcessConfig,
    RouterConfig,
    ScriptConfig,
    Track,
    TrackKind,
)
from labkit.vrrp.packet import TTL, Advert, DecodeError
from labkit.vrrp.reasons import Reason, State, Why

__all__ = [
    "Action",
    "Announce",
    "ClockChanged",
    "Configure",
    "Deleted",
    "DuplicateFound",
    "DuplicateSeen",
    "Event",
    "FileChanged",
    "GroupTransition",
    "HoldAddresses",
    "InterfaceChanged",
    "KillScript",
    "Notice",
    "Noticed",
    "PriorityCause",
    "PriorityChanged",
    "ProcessesChanged",
    "Reason",
    "Received",
    "Rejected",
    "ReleaseAddresses",
    "RunScript",
    "ScriptChanged",
    "ScriptExited",
    "SendAdvert",
    "SetPriority",
    "State",
    "StaticChanged",
    "Stop",
    "TrackerChanged",
    "Transition",
    "Wake",
    "Where",
    "Why",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """Take this configuration: the first one starts the speaker, a later one is a reload.

    Raises:
        ValueError: a name is used twice, or a VRID for one family and destination on an interface, or a track or group
            names what is not there.
    """

    routers: tuple[RouterConfig, ...]
    scripts: tuple[ScriptConfig, ...] = ()
    groups: tuple[GroupConfig, ...] = ()
    files: tuple[FileConfig, ...] = ()
    processes: tuple[ProcessConfig, ...] = ()
    delays: tuple[InterfaceDelay, ...] = ()

    def __post_init__(self) -> None:
        names = {router.name for router in self.routers}
        members = [member for group in self.groups for member in group.members]
        _unique("router", [router.name for router in self.routers])
        _unique("VRID", [_place(router) for router in self.routers])
        _unique("script", [script.name for script in self.scripts])
        _unique("file", [file.name for file in self.files])
        _unique("process", [process.name for process in self.processes])
        _unique("group", [group.name for group in self.groups])
        _unique("group member", members)
        if unknown := set(members) - names:
            raise ValueError(f"groups name unknown routers: {', '.join(sorted(unknown))}")
        self._known(TrackKind.SCRIPT, {script.name for script in self.scripts})
        self._known(TrackKind.FILE, {file.name for file in self.files})
        self._known(TrackKind.PROCESS, {process.name for process in self.processes})

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What all routers and groups track."""
        tracks = [track for router in self.routers for track in router.tracks]
        return (*tracks, *(track for group in self.groups for track in group.tracks))

    def _known(self, kind: TrackKind, names: set[str]) -> None:
        if unknown := {track.name for track in self.tracks if track.kind is kind} - names:
            raise ValueError(f"routers track unknown {_PLURALS[kind]}: {', '.join(sorted(unknown))}")


_PLURALS = {TrackKind.SCRIPT: "scripts", TrackKind.FILE: "files", TrackKind.PROCESS: "processes"}


def _place(router: RouterConfig) -> str:
    """Say what must differ between two routers for adverts to find their own."""
    to = f" to {router.destination}" if router.destination else ""
    kind = f" by unicast from {router.source or 'anywhere'}" if router.unicast or router.peers else to
    return f"{router.vrid} on {router.interface}{' with IPv6' if router.family == 6 else ''}{kind}"


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
    """A VRRP packet came in on `interface` from `source`; already decoded, or not decodable (`hearing.py` makes these).

    `destination` is whom it was sent to, None: the group.  `ttl` is its TTL or hop limit.  `raw` is the whole IPv4
    packet, or the VRRP message of an IPv6 packet: what an authentication header and auth_hmac are checked over.
    """

    interface: str
    source: Address
    packet: Advert | DecodeError
    destination: Address | None = None
    ttl: int = TTL
    raw: bytes = b""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChanged:
    """A tracked file holds this number now; None: it is not there, or holds no number.  Both count as 0."""

    file: str
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessesChanged:
    """So many of a tracked process run now."""

    process: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticChanged:
    """A static address, route or rule (as a track of kind `static` names it) is there, or is not."""

    name: str
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChanged:
    """UTC is `utc_offset` microseconds ahead of the clock that `now` is of; told at start and when it is set.

    auth_hmac signs with UTC and compares with it (anti_replay time).
    """

    utc_offset: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPriority:
    """The operator sets the base priority of a router (1..254), until `priority` None gives the configured one back."""

    router: str
    priority: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateSeen:
    """Somebody else claims a virtual address: an ARP or neighbour discovery packet with another link-layer address.

    With `here` the address is on an interface of this machine, though the router is BACKUP: somebody put it there.
    """

    router: str
    address: Address
    lladdr: bytes
    here: bool = False


Event: TypeAlias = (
    Configure
    | Stop
    | Wake
    | Received
    | InterfaceChanged
    | ScriptExited
    | FileChanged
    | ProcessesChanged
    | StaticChanged
    | ClockChanged
    | SetPriority
    | DuplicateSeen
)
