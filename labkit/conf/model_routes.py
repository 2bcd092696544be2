"""Routes and rules as values: the lines of virtual_routes, static_routes, virtual_rules and static_rules.

Names of iproute2 (tables, protocols, scopes) are numbers here; an interface is a name, as it may come and go.
"""

from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network

from labkit.hints import TypeAlias
from labkit.values import dataclass
from labkit.vrrp.config import Address

Network: TypeAlias = IPv4Network | IPv6Network

MAIN_TABLE = 254
PROTOCOL_KEEPALIVED = 18
"""Who made a route or rule (rtnetlink(7), rtm_protocol): what `ip route` shows as `proto keepalived`."""


class RouteKind(IntEnum):
    """What a route does with packets (rtnetlink(7), rtm_type)."""

    UNICAST = 1
    LOCAL = 2
    BROADCAST = 3
    ANYCAST = 4
    MULTICAST = 5
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8
    THROW = 9


class Insertion(IntEnum):
    """Where a route goes among those that match it: before them, after them, or nowhere when there is one (`add`)."""

    PREPEND = 0
    APPEND = 1
    ADD = 2


class Metric(IntEnum):
    """The numbers of a route's metrics (linux/rtnetlink.h, RTAX_*)."""

    MTU = 2
    WINDOW = 3
    RTT = 4
    RTTVAR = 5
    SSTHRESH = 6
    CWND = 7
    ADVMSS = 8
    REORDERING = 9
    HOPLIMIT = 10
    INITCWND = 11
    FEATURES = 12
    RTO_MIN = 13
    INITRWND = 14
    QUICKACK = 15
    CONGCTL = 16
    FASTOPEN_NO_COOKIE = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One way on: a gateway, an interface (empty: the kernel finds it), or both."""

    via: Address | None = None
    device: str = ""
    on_link: bool = False
    weight: int = 1
    realms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route; `metrics` are numbers of `Metric` with their values, `locked` those the kernel may not adapt.

    `source` is the address that the machine's own packets get (`src`), `origin` restricts an IPv6 route to packets from
    there (`from`).  `realms` has the source's in its upper 16 bits.  `tracked` is false with no_track.
    """

    network: Network
    kind: RouteKind = RouteKind.UNICAST
    hops: tuple[Hop, ...] = ()
    source: Address | None = None
    origin: IPv6Network | None = None
    table: int = MAIN_TABLE
    scope: int = 0
    protocol: int = PROTOCOL_KEEPALIVED
    metric: int = 0
    tos: int = 0
    metrics: tuple[tuple[Metric, int | str], ...] = ()
    locked: frozenset[Metric] = frozenset()
    realms: int = 0
    preference: int | None = None
    ttl_propagate: bool | None = None
    expires: int | None = None
    insertion: Insertion = Insertion.PREPEND
    tracked: bool = True
    track_group: str | None = None

    def __str__(self) -> str:
        kind = "" if self.kind is RouteKind.UNICAST else f"{self.kind.name.lower()} "
        ways = "".join(
            f"{f' via {hop.via}' if hop.via else ''}{f' dev {hop.device}' if hop.device else ''}" for hop in self.hops
        )
        return f"{kind}{self.network}{ways}{'' if self.table == MAIN_TABLE else f' table {self.table}'}"

    @property
    def devices(self) -> set[str]:
        """The names of the interfaces that it needs."""
        return {hop.device for hop in self.hops if hop.device}


class RuleAction(IntEnum):
    """What a rule does with packets (linux/fib_rules.h, FR_ACT_*)."""

    TABLE = 1
    GOTO = 2
    NOP = 3
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the routing policy; what is None does not matter to it.

    `version` is 4 or 6.  Ranges are first and last, both included.  `realms` has the source's in its upper 16 bits.
    A rule without a preference is given one when the whole file is known.
    """

    version: int = 4
    action: RuleAction = RuleAction.TABLE
    negated: bool = False
    source: Network | None = None
    destination: Network | None = None
    table: int = 0
    preference: int | None = None
    goto: int | None = None
    input_device: str = ""
    output_device: str = ""
    tos: int = 0
    mark: int | None = None
    mark_mask: int | None = None
    realms: int | None = None
    suppress_prefix_length: int | None = None
    suppress_group: int | None = None
    l3mdev: bool = False
    users: tuple[int, int] | None = None
    ip_protocol: int | None = None
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None
    protocol: int = PROTOCOL_KEEPALIVED
    tunnel: int | None = None
    tracked: bool = True
    track_group: str | None = None

    def __str__(self) -> str:
        source = "all" if self.source is None else self.source
        destination = "" if self.destination is None else f" to {self.destination}"
        does = f"lookup {self.table}" if self.action is RuleAction.TABLE else self.action.name.lower()
        return f"from {source}{destination} priority {self.preference} {'l3mdev' if self.l3mdev else does}"
