"""What a director is configured to do: virtual servers, their real servers, and how health decides about them."""

from labkit.lvs.check import CheckConfig
from labkit.lvs.model import Destination, Service, ServiceKey
from labkit.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServerConfig:
    """A real server; healthy while all of its `checks` are (without checks: always).

    With `inhibit` a failed server stays in the table with weight 0, so that its connections may end.
    """

    destination: Destination
    checks: tuple[CheckConfig, ...] = ()
    inhibit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualServerConfig:
    """A virtual server (keepalived.conf(5), virtual_server).

    `also` are further services with the same real servers, checked once for all of them (virtual_server_group).
    It is up while the weights of its healthy servers sum up to enough: once up it is lost below `quorum - hysteresis`,
    once lost it is gained at `quorum + hysteresis`.  While it is lost the `sorry` server serves alone.  `suspend` stops
    the checks while the service's address is not on this machine (ha_suspend); with `omega` a shutdown is told as a
    loss of every server and of the quorum.
    """

    service: Service
    also: tuple[ServiceKey, ...] = ()
    servers: tuple[RealServerConfig, ...]
    quorum: int = 1
    hysteresis: int = 0
    sorry: Destination | None = None
    sorry_inhibit: bool = False
    omega: bool = False
    suspend: bool = False

    def __post_init__(self) -> None:
        if self.quorum < 1 or not 0 <= self.hysteresis < self.quorum:
            raise ValueError(f"{self.key}: quorum must be positive and hysteresis below it")
        keys = [server.destination.key for server in self.servers]
        if len(keys) != len(set(keys)):
            raise ValueError(f"{self.key}: a real server stands there twice")

    @property
    def key(self) -> ServiceKey:
        """What tells virtual servers apart."""
        return self.service.key

    @property
    def keys(self) -> tuple[ServiceKey, ...]:
        """Every service of this virtual server."""
        return self.key, *self.also
