"""What the parent and its children say to each other.

The VRRP process is asked for its state a page at a time: a page is small, so that a thousand routers are told between
adverts and never in front of one.
"""

from labkit.hints import TYPE_CHECKING, TypeAlias
from labkit.trace import Micros, Record
from labkit.values import dataclass, field

if TYPE_CHECKING:  # a process that sends or gets one of these has the rest, too
    from labkit.daemon.report import DeliveryReport, TableReport
    from labkit.vrrp.events import SetPriority, State
    from labkit.vrrp.packet import ErrorKind
    from labkit.vrrp.status import RouterStatus, ScriptStatus, TrackerStatus

PAGE = 16
"""How many routers one page holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeConfig:
    """Run this configuration (a part of a `Packed` one) from now on; answered by `Taken`."""

    config: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPage:
    """Tell of the routers from number `first` on; answered by a `Page`."""

    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskTable:
    """Tell the table of the director; answered by a `Table`."""

    connections: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table of the director, what the kernel refused to tell of it, and how much was told of servers."""

    report: "TableReport"
    problem: str = ""
    deliveries: tuple["DeliveryReport", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteData:
    """Write what SIGUSR1 asks of the process of checks to this file."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """The instance that lvs_sync_daemon follows is MASTER, or not."""

    master: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearStatistics:
    """Count from zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The process has everything it needs and runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The configuration that was sent last runs now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceState:
    """An interface that the configuration names, as the VRRP process knows it."""

    name: str
    exists: bool
    up: bool
    index: int = 0
    lladdr: str = ""
    addresses: tuple[str, ...] = ()
    kind: str = ""
    base: str = ""  # the interface that this one lies on
    mtu: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketState:
    """An open pair of sockets of adverts, by the numbers that they have in the VRRP process."""

    interface: str
    family: int
    protocol: int
    receiver: int
    sender: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterState:
    """A router as the VRRP process knows it: the core's status, whether its addresses are held, what went wrong."""

    status: "RouterStatus"
    held: bool
    missing: tuple[str, ...] = ()  # addresses that should be held and are not there
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What the VRRP process knows beside its routers."""

    at: Micros
    router_count: int
    scripts: tuple["ScriptStatus", ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()  # the end of what the last run of a script wrote
    trackers: tuple["TrackerStatus", ...] = ()
    groups: "tuple[tuple[str, State], ...]" = ()
    interfaces: tuple[InterfaceState, ...] = ()
    others: tuple[InterfaceState, ...] = ()  # macvlans, and interfaces on which addresses are
    sockets: tuple[SocketState, ...] = ()
    deliveries: tuple["DeliveryReport", ...] = ()
    errors: "tuple[tuple[ErrorKind, int], ...]" = ()  # packets that were for no router of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The routers from number `first` on, at most `PAGE`; the page that begins at 0 has the rest too."""

    first: int
    routers: tuple[RouterState, ...]
    common: Common | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the trace tells; `lost` records before these were not sent, because the parent did not read."""

    records: tuple[Record, ...]
    lost: int = field(default=0)


Message: TypeAlias = (
    "TakeConfig | AskPage | AskTable | WriteData | Follow | ClearStatistics | SetPriority | "
    "Ready | Taken | Page | Table | Told"
)
