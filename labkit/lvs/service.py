"""One virtual server: which of its real servers are healthy, whether that is enough, and what the table is to hold."""

from labkit.lvs.check import Check
from labkit.lvs.config import RealServerConfig, VirtualServerConfig
from labkit.lvs.events import Action, CheckId, QuorumChanged, ServerChanged, SetService, WeightChanged
from labkit.lvs.model import Address, Destination, ServiceState
from labkit.values import replace

_MOST = 2**31 - 1


class RealServer:
    """One real server and its checks."""

    def __init__(self, config: RealServerConfig, checks: list[Check[CheckId]]) -> None:
        self.config = config
        self.checks = checks
        self.up = self.healthy

    @property
    def healthy(self) -> bool:
        """Whether every check says so."""
        return all(check.healthy for check in self.checks)

    @property
    def weight(self) -> int:
        """The configured weight, moved by what checks say of it (misc_dynamic, FILE_CHECK), within 0..2**31 - 1."""
        own = self.config.destination.weight
        moved = own + sum(check.weight - own for check in self.checks if check.weight is not None)
        return min(max(0, moved), _MOST)


class VirtualServer:
    """One virtual server; `settle` is to be called when a check of it said something."""

    def __init__(self, config: VirtualServerConfig, servers: list[RealServer]) -> None:
        self.config = config
        self.servers = servers
        self.quorum_up: bool | None = None
        self.told: ServiceState | None = None  # what the data plane was told last
        self._weights = {server.config.destination.key: server.weight for server in servers}

    @property
    def weight(self) -> int:
        """The sum of the weights of the healthy servers."""
        return sum(server.weight for server in self.servers if server.up)

    def settle(self) -> list[Action]:
        """Bring state, table and everybody else up to what the checks say now."""
        actions: list[Action] = []
        for server in self.servers:
            actions += self._settle_server(server)
        return actions + self._settle_quorum() + self._tell()

    def _settle_server(self, server: RealServer) -> list[Action]:
        actions: list[Action] = []
        key, destination = self.config.key, server.config.destination
        if server.healthy != server.up:
            server.up = server.healthy
            actions.append(ServerChanged(service=key, destination=destination, up=server.up))
        old, new = self._weights.get(destination.key, server.weight), server.weight
        self._weights[destination.key] = new
        if old != new:
            actions.append(WeightChanged(service=key, destination=destination, old=old, new=new, up=server.up))
        return actions

    def _settle_quorum(self) -> list[Action]:
        config, weight = self.config, self.weight
        up = weight >= config.quorum + config.hysteresis
        if self.quorum_up:
            up = weight >= config.quorum - config.hysteresis
        elif self.quorum_up is None:
            up = weight >= config.quorum  # nothing was lost yet that would have to be regained
        if up == self.quorum_up:
            return []
        first, self.quorum_up = self.quorum_up is None, up
        quorum, hysteresis = config.quorum, config.hysteresis
        return [
            QuorumChanged(service=config.key, up=up, weight=weight, quorum=quorum, hysteresis=hysteresis, first=first)
        ]

    def _tell(self) -> list[SetService]:
        state = self.desired()
        if state == self.told:
            return []
        self.told = state
        return self.retell()

    def retell(self) -> list[SetService]:
        """Return what the data plane was told last, once for each key."""
        state = self.told
        if state is None:
            return []
        return [
            SetService(key=key, state=replace(state, service=replace(state.service, key=key)))
            for key in self.config.keys
        ]

    def take_over(self, old: "VirtualServer") -> None:
        """Go on where the virtual server of the configuration before was."""
        self.quorum_up = old.quorum_up
        self._weights = {key: old._weights.get(key, weight) for key, weight in self._weights.items()}
        if old.config.keys == self.config.keys:
            self.told = old.told

    def desired(self) -> ServiceState:
        """Return what the table is to hold."""
        sorry = self.config.sorry
        serving = bool(self.quorum_up) or sorry is None
        found: dict[tuple[Address, int], Destination] = {}
        for server in self.servers:
            destination = server.config.destination
            if serving and server.up:
                found[destination.key] = replace(destination, weight=server.weight)
            elif server.config.inhibit:
                found[destination.key] = replace(destination, weight=0)
        if sorry is not None and not serving:
            found[sorry.key] = sorry
        elif sorry is not None and self.config.sorry_inhibit:
            found.setdefault(sorry.key, replace(sorry, weight=0))
        return ServiceState(service=self.config.service, destinations=tuple(found.values()))

    def end(self, *, told: bool) -> list[Action]:
        """Leave the table; `told`: as a loss of every server and of the quorum (omega)."""
        actions: list[Action] = []
        key = self.config.key
        if told:
            actions += [
                ServerChanged(service=key, destination=server.config.destination, up=False)
                for server in self.servers
                if server.up
            ]
            if self.quorum_up:
                quorum, hysteresis = self.config.quorum, self.config.hysteresis
                actions.append(QuorumChanged(service=key, up=False, weight=0, quorum=quorum, hysteresis=hysteresis))
        return actions + [SetService(key=key, state=None) for key in self.config.keys]
