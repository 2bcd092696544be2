"""What one virtual router does to the network: adverts, addresses, announcements; all prepared before it is needed."""

import errno
from collections.abc import Mapping
from ipaddress import IPv4Address

from labkit.conf.model import VirtualAddress, VrrpInstance
from labkit.daemon.interfaces import Interfaces
from labkit.kernel.links import add_address, remove_address
from labkit.kernel.netlink import KernelRefusedError
from labkit.kernel.wire import Announcer, Port, gratuitous_arp, ipv4
from labkit.vrrp.config import OWNER
from labkit.vrrp.packet import Advert, encode

_LAST_IDENTIFICATION = 65535


class Outlet:
    """The outlet of one router; its methods return what failed, in words, or nothing."""

    def __init__(
        self, instance: VrrpInstance, interfaces: Interfaces, ports: Mapping[str, Port], announcer: Announcer
    ) -> None:
        self.instance = instance
        self.held = False
        self._interfaces = interfaces
        self._ports = ports
        self._announcer = announcer
        self._identification = 0
        self._cached: tuple[Advert, IPv4Address] | None = None
        self._message = b""
        self._basis: tuple[VrrpInstance, set[tuple[str, int, bytes]]] | None = None
        self._frames: list[tuple[str, bytes]] = []
        self._additions: dict[VirtualAddress, bytes] = {}
        self._removals: dict[VirtualAddress, bytes] = {}
        self._own: set[VirtualAddress] = set()
        if instance.router.priority == OWNER:  # the owner's addresses are real ones, not ours to remove
            self._own = {virtual for virtual in instance.addresses if self._present(virtual)}
        self.prepare()

    def prepare(self) -> None:
        """Build every message, where an interface of ours is not the one it was."""
        devices = {name: self._interfaces[name] for name in self.devices()}
        basis = (self.instance, {(name, d.index, d.lladdr) for name, d in devices.items() if d is not None})
        if basis == self._basis:
            return
        self._basis = basis
        self._frames, self._additions, self._removals = [], {}, {}
        for virtual in self.instance.addresses:
            device = devices[virtual.device]
            if device is None:
                continue
            self._additions[virtual] = add_address(
                device.index,
                virtual.address,
                label=virtual.label,
                scope=virtual.scope,
                broadcast=virtual.broadcast,
            )
            if virtual not in self._own:
                self._removals[virtual] = remove_address(device.index, virtual.address)
            if len(device.lladdr) == 6 and isinstance(virtual.address.ip, IPv4Address):
                self._frames.append((device.name, gratuitous_arp(device.lladdr, virtual.address.ip)))

    def send(self, advert: Advert, source: IPv4Address | None) -> str:
        """Send an advert from the primary address `source`."""
        port = self._ports.get(self.instance.router.interface)
        if port is None or source is None:
            return "no interface or no address to send from"
        if self._cached != (advert, source):
            self._cached, self._message = (advert, source), encode(advert, source)
        self._identification = self._identification % _LAST_IDENTIFICATION + 1
        try:
            port.send(ipv4(self._message, source, self._identification))
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def hold(self) -> str:
        """Put every configured address on its interface."""
        self.held = True
        return self._ask(list(self._additions.values()), errno.EEXIST)

    def release(self) -> str:
        """Take every configured address off its interface."""
        self.held = False
        return self._ask(list(self._removals.values()), errno.EADDRNOTAVAIL, errno.ENODEV)

    def change(self, instance: VrrpInstance) -> str:
        """Take the same router with other addresses or settings; an address that stays is not disturbed."""
        kept = set(instance.addresses)
        gone = [request for virtual, request in self._removals.items() if virtual not in kept]
        self.instance = instance
        self.prepare()
        if not self.held:
            return ""
        return self._ask(gone, errno.EADDRNOTAVAIL, errno.ENODEV) or self.hold()

    def announce(self, repeat: int) -> str:
        """Send `repeat` rounds of gratuitous ARP for every address."""
        for interface, frame in self._frames * repeat:
            try:
                self._announcer.send(interface, frame)
            except OSError as error:
                return f"{interface}: {error.strerror}"
        return ""

    def missing(self) -> list[VirtualAddress]:
        """Return the addresses that should be held and are not: somebody else took them off."""
        if not self.held:
            return []
        return [virtual for virtual in self._additions if not self._present(virtual)]

    def devices(self) -> set[str]:
        """Return the names of the interfaces whose change makes `prepare` necessary."""
        return {virtual.device for virtual in self.instance.addresses}

    def _present(self, virtual: VirtualAddress) -> bool:
        device = self._interfaces[virtual.device]
        return device is not None and virtual.address in device.addresses

    def _ask(self, requests: list[bytes], *allow: int) -> str:
        try:
            self._interfaces.commands.ask(requests, allow=allow)
        except KernelRefusedError as error:
            return str(error)
        except OSError as error:
            return error.strerror or str(error)
        return ""
