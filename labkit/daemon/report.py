"""What `pykeepalived status` tells: plain values that go over the control socket as JSON (docs/control.md).

Times are seconds of the epoch, durations have their unit in their name.  Nothing here imports the configuration or the
protocol, so that the commands that ask a daemon start quickly.
"""

import types
from collections.abc import Mapping

from labkit.hints import Any, TypeVar, cast
from labkit.lvs.traffic import Traffic
from labkit.values import dataclass, field, fields

R = TypeVar("R")

CLASSIC_ERRORS: dict[str, tuple[str, ...]] = {
    "packet_len_err": ("length",),
    "advert_interval_err": ("interval",),
    "ip_ttl_err": ("ttl",),
    "invalid_type_rcvd": ("type",),
    "addr_list_err": ("addresses",),
    "invalid_authtype": ("hmac-unexpected", "hmac-malformed"),
    "authtype_mismatch": ("auth-type", "hmac-missing"),
    "auth_failure": ("password", "ah", "ah-replay", "hmac-key", "hmac-bad", "hmac-stale", "hmac-replay"),
}
"""The counters of refused packets that keepalived has, by its names: which kinds of refusal those are here."""

STATES = {"INIT": 0, "BACKUP": 1, "MASTER": 2, "FAULT": 3}
"""The numbers that keepalived's JSON and keepalived-exporter have for the states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressReport:
    """A virtual address: where it belongs, and whether it is there now."""

    address: str
    interface: str
    excluded: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerReport:
    """A sender of adverts for this virtual router that were accepted."""

    address: str
    priority: int
    received: int
    heard: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectReport:
    """A sender whose adverts for our VRID are refused: `why` in words, how often, and when last.

    It is `suspected` of being a second MASTER while we are one and it was heard lately.
    """

    address: str
    error: str
    why: str
    count: int
    heard: float
    suspected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackReport:
    """Something a router depends on; `healthy` is None before the first answer."""

    kind: str
    name: str
    weight: int
    healthy: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentReport:
    """By how much a tracker changes the priority now."""

    kind: str
    name: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateReport:
    """Somebody else has a virtual address of ours: on this machine (`here`), or by the claim of a stranger's MAC."""

    address: str
    lladdr: str
    here: bool
    seen: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterReport:
    """What a router counts; the figures of keepalived's statistics file, `errors` by their kind."""

    adverts_received: int = 0
    adverts_sent: int = 0
    became_master: int = 0
    released_master: int = 0
    priority_zero_received: int = 0
    priority_zero_sent: int = 0
    hmac_good: int = 0
    errors: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterReport:
    """One virtual router.

    `why` says in words why it is in its state, `priority` is the effective priority, `master` whom a BACKUP follows;
    `problem` is what the kernel refuses.
    """

    name: str
    interface: str
    vrid: int
    family: int
    version: int
    state: str
    reason: str
    why: str
    since: float
    priority: int
    base_priority: int
    operator_priority: int | None = None
    master: str | None = None
    master_priority: int = 0
    master_advert_interval_us: int = 0
    advert_interval_us: int = 0
    master_down_interval_us: int = 0
    preempt: bool = True
    group: str = ""
    garp_delay: int = 0
    vmac: str = ""
    addresses: tuple[AddressReport, ...] = ()
    tracks: tuple[TrackReport, ...] = ()
    adjustments: tuple[AdjustmentReport, ...] = ()
    peers: tuple[PeerReport, ...] = ()
    suspects: tuple[SuspectReport, ...] = ()
    duplicates: tuple[DuplicateReport, ...] = ()
    problem: str = ""
    counters: CounterReport = field(default_factory=CounterReport)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReport:
    """One sync group."""

    name: str
    state: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerReport:
    """A tracked script, file or process: `status` is the exit status, the number in the file, or how many run."""

    kind: str
    name: str
    healthy: bool | None
    status: int | None
    running: bool = False
    timed_out: bool = False
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceReport:
    """An interface that the configuration names."""

    name: str
    exists: bool
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """How much was told over one way: `kind` is mail, fifo (`name` is its path) or script (the notify scripts).

    `lost` was given up, refused or left out; `waiting` is still to be told.
    """

    kind: str
    name: str = ""
    told: int = 0
    lost: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRow:
    """A real server: `listed` is in the kernel's table, `up` what checks say (None: not ours), `why` in words."""

    address: str
    port: int
    forwarding: str
    weight: int
    upper: int = 0
    lower: int = 0
    listed: bool = True
    up: bool | None = None
    why: str = ""
    active: int = 0
    inactive: int = 0
    persistent: int = 0
    traffic: Traffic = field(default_factory=Traffic)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    """A virtual service, by address, port and protocol, or by mark; `mask` is persistence's, `refused` says why it is
    not in the table.
    """

    protocol: str
    address: str
    port: int
    fwmark: int
    family: int
    scheduler: str
    flags: tuple[str, ...] = ()
    persistence_s: int | None = None
    mask: str = ""
    engine: str = ""
    one_packet: bool = False
    listed: bool = True
    quorum_up: bool | None = None
    refused: str = ""
    traffic: Traffic = field(default_factory=Traffic)
    servers: tuple[ServerRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    """A connection that the kernel remembers, or a persistent client (NONE)."""

    protocol: str
    expires_s: int
    state: str
    client: str
    virtual: str
    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """The table of a director: who balances (IPVS or nftables), services, and connections where they were asked for.

    `problem` is why it is not told.
    """

    by: str
    problem: str = ""
    services: tuple[ServiceRow, ...] = ()
    connections: tuple[ConnectionRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole daemon at the time `at`."""

    at: float
    version: str
    node: str
    pid: int
    vrrp_pid: int | None
    file: str
    started: float
    routers: tuple[RouterReport, ...] = ()
    groups: tuple[GroupReport, ...] = ()
    trackers: tuple[TrackerReport, ...] = ()
    interfaces: tuple[InterfaceReport, ...] = ()
    deliveries: tuple[DeliveryReport, ...] = ()
    errors: dict[str, int] = field(default_factory=dict)  # refused packets that were for no router of ours
    table: TableReport | None = None  # of the director, where something balances


def to_json(report: Report | TableReport) -> dict[str, object]:
    """Return the report as what `json` writes."""
    from dataclasses import asdict  # of the standard library, which takes its time

    return asdict(report)


def from_json(kind: type[R], value: object) -> R:
    """Read back what `to_json` wrote; fields that a newer daemon has added are left out.

    Raises:
        TypeError: it is something else.
        KeyError: a field is missing.
    """
    return cast("R", _read(kind, value))


def _read(kind: Any, value: Any) -> Any:  # noqa: ANN401 - driven by the annotations of the classes above
    from typing import get_args, get_origin, get_type_hints  # of the daemon's processes none reads

    if hasattr(kind, "__dataclass_fields__"):
        if not isinstance(value, Mapping):
            raise TypeError(f"{kind.__name__} is an object")
        hints = get_type_hints(kind)
        return kind(**{f.name: _read(hints[f.name], value[f.name]) for f in fields(kind) if f.name in value})
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], item) for item in value)
    if isinstance(kind, types.UnionType):
        return None if value is None else _read(get_args(kind)[0], value)
    if kind is float and isinstance(value, int):
        return float(value)
    if not isinstance(value, get_origin(kind) or kind):
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value
