"""The duplicate watch: hears on every interface who claims our virtual addresses, and asks the core's judge.

    ARP, neighbour advert ─ Ear ─┐
    a virtual address on an      ├─ Duplicates.claimed ─ a second later ─ Duplicates.judge ─ DuplicateSeen ─> core
    interface of a BACKUP ───────┘

It may cost VRRP nothing: what is not a claim ends in the kernel, at most a few packets are read at a time, and after
that the ear is closed for a while.
"""

from collections.abc import Callable, Iterable
from functools import partial

from labkit.conf.model import Config, VrrpInstance
from labkit.daemon.interfaces import Interface, Interfaces
from labkit.daemon.loop import Appointment, Loop
from labkit.kernel.claims import Ear
from labkit.kernel.process import now
from labkit.kernel.wire import WireError
from labkit.trace import Micros
from labkit.vrrp.config import OWNER, Address
from labkit.vrrp.duplicates import SETTLING, Duplicates, Stand
from labkit.vrrp.events import DuplicateSeen
from labkit.vrrp.status import RouterStatus

_READS = 16  # packets of a socket a turn
_REST: Micros = 50_000  # and then the ear rests


class DuplicateWatch:
    """Watches for one configuration at a time."""

    def __init__(
        self,
        loop: Loop,
        interfaces: Interfaces,
        *,
        status: Callable[[str], RouterStatus | None],
        seen: Callable[[DuplicateSeen], None],
        say: Callable[[str], None],
    ) -> None:
        """Ask `status` how it stands with a router; hand duplicates to `seen`; complain to `say`."""
        self._loop = loop
        self._interfaces = interfaces
        self._status = status
        self._seen = seen
        self._say = say
        self._judge = Duplicates(self._stand)
        self._ears: dict[str, Ear] = {}
        self._open_ears: set[Ear] = set()  # the others are resting
        self._routers: dict[str, dict[Address, str]] = {}  # by interface and address
        self._instances: dict[str, VrrpInstance] = {}
        self._here: dict[tuple[str, Address], str] = {}  # claims by interfaces of our own
        self._changed: set[str] = set()  # routers that have another state, and were not looked at yet
        self._appointment: Appointment | None = None
        self._said: dict[str, str] = {}

    def configure(self, config: Config) -> None:
        """Watch the virtual addresses of this configuration."""
        self._instances = {instance.router.name: instance for instance in config.instances}
        self._routers = {}
        for name, instance in self._instances.items():
            for virtual in instance.addresses:
                self._routers.setdefault(virtual.device, {})[virtual.address.ip] = name
        self._judge.forget(self._instances.__contains__)
        self._open()

    def interfaces_changed(self, names: Iterable[str]) -> None:
        """Take note of interfaces that came, went or were made anew, and of virtual addresses that came to them."""
        self._open()
        for name in names:
            routers, interface = self._routers.get(name), self._interfaces[name]
            if interface is not None and routers:
                self._look(name, interface, routers)
        self._arrange()

    def state_changed(self, router: str) -> None:
        """Take note that a router may have to be without its addresses now; those that it had need a moment to go."""
        if not self._changed:
            self._loop.at(now() + SETTLING, self._look_at_changed)
        self._changed.add(router)

    def _look_at_changed(self) -> None:
        changed, self._changed = self._changed, set()
        for name, routers in self._routers.items():
            if (interface := self._interfaces[name]) is not None:
                self._look(name, interface, {ip: router for ip, router in routers.items() if router in changed})
        self._arrange()

    def _look(self, name: str, interface: Interface, routers: dict[Address, str]) -> None:
        """Tell the judge of virtual addresses that are on an interface."""
        for address in interface.addresses:
            router = routers.get(address.ip)
            if router is not None and self._judge.present(router, address.ip, interface.lladdr, now()):
                self._here[router, address.ip] = name

    # --- hearing ------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        for name, ear in list(self._ears.items()):
            interface = self._interfaces[name]
            if interface is None or interface.index != ear.index or name not in self._routers:
                self._unwatch(ear)
                ear.close()
                del self._ears[name]
        for name, routers in self._routers.items():
            interface = self._interfaces[name]
            if interface is None:
                continue
            problem = self._open_one(name, interface.index, routers)
            if problem and problem != self._said.get(name):
                self._say(problem)
            self._said[name] = problem

    def _open_one(self, name: str, index: int, routers: dict[Address, str]) -> str:
        ear = self._ears.get(name)
        if ear is not None and ear.addresses == routers.keys():
            return ""
        try:
            if ear is None:
                ear = self._ears[name] = Ear(name, index, routers)
            else:
                self._unwatch(ear)
                ear.listen_for(routers)
        except WireError as error:
            return str(error)
        self._watch(name, ear)
        return ""

    def _watch(self, name: str, ear: Ear) -> None:
        if self._ears.get(name) is ear and ear not in self._open_ears:
            self._open_ears.add(ear)
            for source in ear.sockets.values():
                self._loop.watch(source, partial(self._hear, name, ear))

    def _unwatch(self, ear: Ear) -> None:
        if ear in self._open_ears:
            self._open_ears.discard(ear)
            for source in ear.sockets.values():
                self._loop.unwatch(source)

    def _hear(self, name: str, ear: Ear) -> None:
        moment = now()
        routers = self._routers.get(name, {})
        for address, lladdr in ear.hear(_READS):
            if address in routers:
                self._judge.claimed(routers[address], address, lladdr, moment)
        self._unwatch(ear)
        self._loop.at(moment + _REST, partial(self._watch, name, ear))
        self._arrange()

    # --- judging ------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        deadline = self._judge.deadline
        if deadline is not None and self._appointment is None:
            self._appointment = self._loop.at(deadline, self._decide)

    def _decide(self) -> None:
        self._appointment = None
        for found in self._judge.judge(now()):
            if not found.here or self._is_here(found):
                self._seen(found)
        self._arrange()

    def _is_here(self, found: DuplicateSeen) -> bool:
        interface = self._interfaces[self._here.pop((found.router, found.address), "")]
        return interface is not None and any(address.ip == found.address for address in interface.addresses)

    def _stand(self, router: str) -> Stand | None:
        status, instance = self._status(router), self._instances.get(router)
        if status is None or instance is None:
            return None
        devices = {virtual.device for virtual in instance.addresses} | {status.interface}
        found = (self._interfaces[name] for name in devices)
        own = frozenset(interface.lladdr for interface in found if interface is not None)
        virtual_mac = bytes([0, 0, 0x5E, 0, 1 if instance.router.family == 4 else 2, status.vrid])
        owner = instance.router.priority == OWNER
        return Stand(state=status.state, since=status.since, master=status.master, own=own | {virtual_mac}, owner=owner)
