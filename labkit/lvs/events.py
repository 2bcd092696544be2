"""What a director is told and what it answers: frozen values; all times are integer microseconds."""

from typing import TypeAlias

from labkit.lvs.check import CheckAction, Result
from labkit.lvs.config import VirtualServerConfig
from labkit.lvs.model import Address, Destination, ServiceKey, ServiceState
from labkit.values import dataclass


class CheckId:
    """Which check: of which real server of which virtual server, and the how-manieth there.

    It is looked up several times for each run, and hashing addresses is slow: it is done once.
    """

    __slots__ = ("_hash", "number", "server", "service")

    def __init__(self, service: ServiceKey, server: tuple[Address, int], number: int) -> None:
        self.service = service
        self.server = server
        self.number = number
        self._hash = hash((service, server, number))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CheckId):
            return NotImplemented
        return (self.number, self.server, self.service) == (other.number, other.server, other.service)

    def __repr__(self) -> str:
        return f"CheckId({self.service!r}, {self.server!r}, {self.number})"


# --- events -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """Take these virtual servers: the first time at start, later as a reload.

    Raises:
        ValueError: two of them have the same key.
    """

    servers: tuple[VirtualServerConfig, ...]

    def __post_init__(self) -> None:
        if len({server.key for server in self.servers}) != len(self.servers):
            raise ValueError("two virtual servers have the same address, port and protocol, or mark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The run of a check has ended."""

    check: CheckId
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Stirred:
    """What a check looks at has changed: it is not to wait for its time (FILE_CHECK)."""

    check: CheckId


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressesChanged:
    """The addresses that are on this machine now; virtual servers with `suspend` depend on theirs."""

    present: frozenset[Address]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """The deadline came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Take every virtual server out of the table."""


Event: TypeAlias = Configure | Answered | Stirred | AddressesChanged | Wake | Stop


# --- actions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SetService:
    """Make this virtual service so in the data plane; None: take it out."""

    key: ServiceKey
    state: ServiceState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChanged:
    """A real server counts as up or down now: what notify_up, notify_down, FIFO and mail tell."""

    service: ServiceKey
    destination: Destination
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChanged:
    """A check, or a reload, decided about the weight of a real server, which is in use (`up`) or not."""

    service: ServiceKey
    destination: Destination
    old: int
    new: int
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumChanged:
    """A virtual server gained or lost its quorum, with the sum of the weights of its healthy servers.

    `first`: it is new, and had none to lose.
    """

    service: ServiceKey
    up: bool
    weight: int
    quorum: int
    hysteresis: int
    first: bool = False


Action: TypeAlias = SetService | ServerChanged | WeightChanged | QuorumChanged | CheckAction[CheckId]
