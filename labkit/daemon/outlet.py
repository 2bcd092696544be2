"""What one virtual router does to the network: adverts, addresses, announcements; all prepared before it is needed."""

import errno
from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address

from labkit.conf.model import VirtualAddress, VrrpInstance
from labkit.daemon.addresses import addition, on_link, removal
from labkit.daemon.announcing import Announcements
from labkit.daemon.interfaces import Interfaces
from labkit.daemon.ports import Ports, device, key
from labkit.hints import TypeAlias
from labkit.kernel import macvlan
from labkit.kernel.frames import announcement, ipv6
from labkit.kernel.netlink import KernelRefusedError
from labkit.kernel.settings import forwards
from labkit.vrrp.config import OWNER, Address, RouterConfig
from labkit.vrrp.events import SendAdvert, Where
from labkit.vrrp.pacing import Frame
from labkit.vrrp.packet import Advert
from labkit.vrrp.sending import destinations, message, packet4

_LAST_IDENTIFICATION = 65535
_ID_AT = 4  # where it is in an IPv4 header


_NOBODY_S: frozenset[VirtualAddress] = frozenset()  # one for all who own nothing
_Standing: TypeAlias = tuple[str, int, bytes]
"""An interface as it stands: its name, its number and its link-layer address."""

_Requests: TypeAlias = tuple[VirtualAddress, bytes, bytes | None]
"""An address, and what asks the kernel to put it on its interface and, if it is ours to remove, to take it off."""


class Outlet:
    """The outlet of one router; its methods return what failed, in words, or nothing."""

    def __init__(
        self, instance: VrrpInstance, interfaces: Interfaces, ports: Ports, announcements: Announcements
    ) -> None:
        self.instance = instance
        self.held = False
        self._interfaces = interfaces
        self._ports = ports
        self._announcements = announcements
        self._identification = 0
        self._cached: tuple[Advert, Address, RouterConfig] | None = None
        self._made: list[tuple[bytes, str]] = []
        self._basis: tuple[VrrpInstance, tuple[_Standing, ...]] | None = None
        self._frames: tuple[Frame, ...] = ()
        self._running: tuple[_Standing, ...] = ()
        self._requests: tuple[_Requests, ...] = ()
        self._own = self._real(instance, _NOBODY_S)
        self.prepare()
        self.came_up()

    def _real(self, instance: VrrpInstance, ours: Collection[VirtualAddress]) -> frozenset[VirtualAddress]:
        """Return the addresses that are an owner's real ones: there, not put there by us, and so not ours to remove."""
        if instance.router.priority != OWNER:
            return _NOBODY_S
        return frozenset(virtual for virtual in instance.addresses if virtual not in ours and self._present(virtual))

    def prepare(self) -> None:
        """Build every message, where an interface of ours is not the one it was."""
        devices = {name: self._interfaces[name] for name in sorted(self.devices())}
        basis = (self.instance, tuple((name, d.index, d.lladdr) for name, d in devices.items() if d is not None))
        if basis == self._basis:
            return
        if self.held and self._basis is not None:
            self._leave(self._basis[1], basis[1])
        self._basis = basis
        self._announcements.forget(self.instance.router.name)
        frames, requests = [], []
        for virtual in self.instance.addresses:
            device = devices[virtual.device]
            if device is None:
                continue
            remove = removal(virtual, device.index) if virtual not in self._own else None
            requests.append((virtual, addition(virtual, device.index), remove))
            if len(device.lladdr) == 6:
                router = virtual.address.version == 6 and forwards(device.name, 6)
                data = announcement(device.lladdr, virtual.address.ip, router=router)
                frames.append(Frame(device.name, virtual.address.version, data))
        self._frames, self._requests = tuple(frames), tuple(requests)

    def _leave(self, before: Iterable[_Standing], present: Iterable[_Standing]) -> None:
        """Take the addresses off interfaces that have another name by now."""
        numbers = {name: number for name, number, _ in present}
        gone = {name for name, number, _ in before if numbers.get(name) != number}
        removals = [remove for virtual, _, remove in self._requests if remove is not None and virtual.device in gone]
        if removals:
            self._ask(removals, errno.EADDRNOTAVAIL, errno.ENODEV)

    def send(self, action: SendAdvert) -> str:
        """Send an advert to the group, or to each peer; one that cannot be reached holds nobody up."""
        port = self._ports.get(key(self.instance))
        if port is None or action.source is None:
            return "no interface or no address to send from"
        problem = ""
        for packet, destination in self._packets(action, action.source):
            try:
                port.send(packet, destination)
            except OSError as error:
                problem = problem or f"{destination}: {error.strerror or error}"
        return problem

    def _packets(self, action: SendAdvert, source: Address) -> Iterator[tuple[bytes, str]]:
        """Yield every packet of an advert and whom it is for; unsigned bytes are kept while nothing changes."""
        router = self.instance.router
        wanted = (action.advert, source, router)
        if action.sequence or self._cached != wanted:
            self._cached = None if action.sequence else wanted
            self._made = [(self._packet(action, source, to), str(to)) for to in destinations(router)]
        for packet, destination in self._made:
            if router.family == 4 and not action.sequence:
                yield packet[:_ID_AT] + self._next_identification() + packet[_ID_AT + 2 :], destination
            else:
                yield packet, destination

    def _packet(self, action: SendAdvert, source: Address, destination: Address) -> bytes:
        router = self.instance.router
        if isinstance(source, IPv4Address) and isinstance(destination, IPv4Address):
            number = self._next_identification() if action.sequence else b"\0\1"
            return packet4(router, action, source, destination, int.from_bytes(number))
        payload = message(router, action, source, destination)
        return ipv6(payload, source, destination, router.ttl)

    def _next_identification(self) -> bytes:
        self._identification = self._identification % _LAST_IDENTIFICATION + 1
        return self._identification.to_bytes(2)

    def hold(self) -> str:
        """Put every configured address on its interface."""
        self.held = True
        return self._ask([add for _, add, _ in self._requests], errno.EEXIST)

    def release(self) -> str:
        """Take every configured address off its interface, and announce none any more."""
        self.held = False
        self._announcements.forget(self.instance.router.name)
        return self._ask(self._removals(()), errno.EADDRNOTAVAIL, errno.ENODEV)

    def _removals(self, kept: Collection[VirtualAddress]) -> list[bytes]:
        return [remove for virtual, _, remove in self._requests if remove is not None and virtual not in kept]

    def change(self, instance: VrrpInstance) -> str:
        """Take the same router with other addresses or settings; an address that stays is not disturbed."""
        kept = set(instance.addresses)
        gone = self._removals(kept)
        moved = {virtual.device for virtual in kept} != self.devices()
        ours = set(self.instance.addresses) - self._own if self.held else _NOBODY_S
        self._own = self._real(instance, ours)
        self.instance = instance
        self.prepare()
        self.came_up()
        if not self.held:
            return ""
        problem = self._ask(gone, errno.EADDRNOTAVAIL, errno.ENODEV) or self.hold()
        return problem or (self.announce(instance.router.announce_repeat) if moved else "")

    def announce(self, repeat: int, where: Where = Where.ALL) -> str:
        """Send `repeat` rounds of gratuitous ARP, or unsolicited neighbour advertisements, for every address."""
        own = device(self.instance) if self.instance.vmac is None else self.instance.vmac.name
        frames = list(self._frames)
        if where is not Where.ALL:
            frames = [frame for frame in frames if frame.device != own]
        if where is Where.VMAC:
            frames = [frame for frame in frames if self._is_macvlan(frame.device)]
        return self._announcements.announce(self.instance.router.name, frames, repeat)

    def _is_macvlan(self, name: str) -> bool:
        interface = self._interfaces[name]
        return interface is not None and interface.kind == macvlan.KIND

    def came_up(self) -> bool:
        """Return whether an interface of held addresses came up, or has another link-layer address, since last asked.

        Nobody there may have heard of the addresses.
        """
        present = [self._interfaces[name] for name in self.devices()]
        before = self._running
        self._running = tuple((one.name, one.index, one.lladdr) for one in present if one is not None and one.running)
        return self.held and any(one not in before for one in self._running)

    def missing(self) -> list[VirtualAddress]:
        """Return the addresses that should be held and are not, as far as is known; no_track permits that."""
        if not self.held:
            return []
        return [virtual for virtual in self.instance.addresses if virtual.tracked and not self._present(virtual)]

    def homeless(self) -> list[VirtualAddress]:
        """Return the addresses whose interface does not exist."""
        return [virtual for virtual in self.instance.addresses if self._interfaces[virtual.device] is None]

    def lost(self) -> list[VirtualAddress]:
        """Return the missing addresses of which the kernel just told that they went: somebody took them off."""
        return [virtual for virtual in self.missing() if self._interfaces.went(virtual.device, on_link(virtual))]

    def restore(self, missing: Iterable[VirtualAddress], repeat: int = 1) -> str:
        """Put these back on their interfaces, and tell everyone of all."""
        wanted = set(missing)
        problem = self._ask([add for virtual, add, _ in self._requests if virtual in wanted], errno.EEXIST)
        return problem or self.announce(repeat)

    def devices(self) -> set[str]:
        """Return the names of the interfaces whose change makes `prepare` necessary."""
        return {virtual.device for virtual in self.instance.addresses}

    def _present(self, virtual: VirtualAddress) -> bool:
        device = self._interfaces[virtual.device]
        return device is not None and on_link(virtual) in device.addresses

    def _ask(self, requests: list[bytes], *allow: int) -> str:
        try:
            self._interfaces.commands.ask(requests, allow=allow)
        except KernelRefusedError as error:
            return str(error)
        except OSError as error:
            return error.strerror or str(error)
        return ""
