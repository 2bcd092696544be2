"""The sockets that adverts go through: which ones a configuration needs, and having them while interfaces come and go.

One pair of sockets serves all routers of an interface and address family.  A router with a macvlan has that interface's
own: the kernel gives a packet from a virtual router MAC address to the macvlan that has it, and to nobody else.
"""

from collections.abc import Callable, Iterable, Iterator

from labkit.conf.model import VrrpInstance
from labkit.daemon.interfaces import Interfaces
from labkit.daemon.log import Level, Log
from labkit.hints import TypeAlias
from labkit.kernel.wire import Port, WireError
from labkit.values import dataclass
from labkit.vrrp.config import Address, RouterConfig
from labkit.vrrp.packet import AH_PROTOCOL, PROTOCOL, group

Key: TypeAlias = tuple[str, int, int]
"""The interface that packets go through, the address family and the IP protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A port that is needed: what it joins, and which VRIDs it hears (`others`: all but these)."""

    heard_as: str
    groups: frozenset[Address]
    vrids: frozenset[int]
    others: bool


def device(instance: VrrpInstance) -> str:
    """Return the interface that a router's adverts leave by."""
    vmac = instance.vmac
    return vmac.name if vmac is not None and not vmac.on_base else instance.router.interface


def key(instance: VrrpInstance) -> Key:
    """Return which port is a router's."""
    router = instance.router
    return device(instance), router.family, PROTOCOL if router.ah is None else AH_PROTOCOL


def plan(instances: Iterable[VrrpInstance]) -> dict[Key, Plan]:
    """Return every port that the routers need; none hears what is another's."""
    members: dict[Key, list[RouterConfig]] = {}
    for instance in instances:
        members.setdefault(key(instance), []).append(instance.router)
    plans: dict[Key, Plan] = {}
    for (name, family, protocol), routers in members.items():
        base = routers[0].interface
        own = frozenset(router.vrid for router in routers)
        elsewhere = {
            router.vrid
            for (other, *kind), others in members.items()
            for router in others
            if other != name and kind == [family, protocol] and router.interface == base
        }
        plans[name, family, protocol] = Plan(
            heard_as=base,
            groups=frozenset(_group(router) for router in routers if not (router.unicast or router.peers)),
            vrids=own if name != base else frozenset(elsewhere) - own,
            others=name == base,
        )
    return plans


def _group(router: RouterConfig) -> Address:
    return router.destination or group(router.family)


class Ports:
    """The open ports of this process; one whose interface is missing is opened when that appears."""

    def __init__(
        self, interfaces: Interfaces, log: Log, *, opened: Callable[[Port], None], closing: Callable[[Port], None]
    ) -> None:
        self._interfaces = interfaces
        self._log = log
        self._opened = opened
        self._closing = closing
        self._plans: dict[Key, Plan] = {}
        self._ports: dict[Key, Port] = {}
        self._said: dict[Key, str] = {}

    def __iter__(self) -> Iterator[Port]:
        return iter(list(self._ports.values()))

    def get(self, wanted: Key) -> Port | None:
        """Return an open port, if there is one."""
        return self._ports.get(wanted)

    def configure(self, instances: Iterable[VrrpInstance]) -> None:
        """Open what a configuration needs; what it does not need any more stays until `prune`."""
        self._plans = plan(instances)
        self.open()

    def refresh(self) -> None:
        """Take note of interfaces that came, went or were made anew."""
        self.prune()
        self.open()

    def open(self) -> None:
        """Open every port that can be; say why another cannot when that is news."""
        for wanted, needed in self._plans.items():
            problem = self._apply(wanted, needed)
            if problem and self._said.get(wanted) != problem:
                self._log.say(problem, Level.WARNING)
            self._said[wanted] = problem

    def _apply(self, wanted: Key, needed: Plan) -> str:
        name, family, protocol = wanted
        interface = self._interfaces[name]
        if interface is None:
            return f"interface {name} doesn't exist"
        port = self._ports.get(wanted)
        try:
            if port is None:
                port = Port(name, interface.index, family=family, protocol=protocol, heard_as=needed.heard_as)
                self._ports[wanted] = port
                self._opened(port)
                self._tell(port, needed)
            port.listen_for(needed.vrids, others=needed.others)
            port.join(needed.groups)
        except WireError as error:
            return str(error)
        return ""

    def _tell(self, port: Port, needed: Plan) -> None:
        where = ", ".join(str(group) for group in sorted(needed.groups, key=str))
        kind = f" multicast, address({where})" if where else ", unicast"
        place = f"ifindex({port.index:3}), family(IPv{port.family}), proto({port.protocol}), fd({port.fileno()})"
        self._log.explain(f"VRRP sockpool: [{place}{kind}]")

    def prune(self) -> None:
        """Close what is not needed any more, or belongs to an interface that was removed."""
        for wanted, port in list(self._ports.items()):
            interface = self._interfaces[wanted[0]]
            if wanted not in self._plans or interface is None or interface.index != port.index:
                self._closing(port)
                port.close()
                del self._ports[wanted]
