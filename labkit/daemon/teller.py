"""What the VRRP process tells its parent of itself: pages of snapshots, made when they are asked for."""

from collections.abc import Callable, Collection

from labkit.conf.model import Config
from labkit.daemon.interfaces import Interfaces
from labkit.daemon.messages import PAGE, Common, InterfaceState, Page, RouterState, SocketState
from labkit.daemon.ports import Ports
from labkit.daemon.service import Service
from labkit.trace import Micros
from labkit.vrrp.speaker import Speaker

_OUTPUT = 1000  # characters


class Teller:
    """Makes pages; nothing here changes what it looks at."""

    def __init__(
        self, speaker: Speaker, service: Service, interfaces: Interfaces, ports: Ports, clock: Callable[[], Micros]
    ) -> None:
        self._speaker = speaker
        self._ports = ports
        self._devices: frozenset[str] = frozenset()
        self._service = service
        self._interfaces = interfaces
        self._clock = clock

    def configure(self, config: Config) -> None:
        """Tell of the interfaces of this configuration from now on."""
        addresses = [*config.static_addresses, *(one for instance in config.instances for one in instance.addresses)]
        macvlans = (instance.vmac.name for instance in config.instances if instance.vmac is not None)
        self._devices = frozenset((*(address.device for address in addresses), *macvlans))

    def page(self, first: int, watched: Collection[str]) -> Page:
        """Return the page from router `first` on; `watched` are the interfaces that the configuration names."""
        routers: list[RouterState] = []
        for status in self._speaker.page(first, PAGE):
            condition = self._service.condition(status.name)
            routers.append(
                RouterState(status=status, held=condition.held, missing=condition.missing, problem=condition.problem)
            )
        return Page(first=first, routers=tuple(routers), common=None if first else self._common(watched))

    def _common(self, watched: Collection[str]) -> Common:
        return Common(
            at=self._clock(),
            router_count=self._speaker.router_count,
            scripts=tuple(self._speaker.scripts.values()),
            outputs=tuple((name, run.output[-_OUTPUT:]) for name, run in self._service.trackers.last_runs.items()),
            trackers=self._speaker.trackers,
            groups=tuple(self._speaker.groups.items()),
            interfaces=tuple(self._interface(name) for name in sorted(watched)),
            others=tuple(self._interface(name) for name in sorted(self._devices.difference(watched))),
            sockets=tuple(
                SocketState(
                    interface=port.interface,
                    family=port.family,
                    protocol=port.protocol,
                    receiver=port.fileno(),
                    sender=port.sender,
                )
                for port in self._ports
            ),
            deliveries=self._service.herald.deliveries(),
            errors=tuple(self._speaker.errors.items()),
        )

    def _interface(self, name: str) -> InterfaceState:
        interface = self._interfaces[name]
        if interface is None:
            return InterfaceState(name=name, exists=False, up=False)
        return InterfaceState(
            name=name,
            exists=True,
            up=interface.running,
            index=interface.index,
            lladdr=interface.lladdr.hex(":"),
            addresses=tuple(str(address) for address in interface.addresses),
            kind=interface.kind,
            base=next((base.name for base in self._interfaces if interface.base == base.index), ""),
            mtu=interface.mtu,
        )
