"""The machine's interfaces and addresses, kept up to date by what the kernel tells over netlink."""

import contextlib
import errno
from collections.abc import Callable, Collection, Iterator
from ipaddress import IPv4Address, IPv6Address

from labkit.kernel.links import (
    GROUP_IPV4_ADDRESS,
    GROUP_IPV6_ADDRESS,
    GROUP_LINK,
    AddressEvent,
    LinkEvent,
    LinkMessage,
    addresses,
    decode,
    links,
)
from labkit.kernel.links import Interface as AddressAndPrefix
from labkit.kernel.netlink import Netlink
from labkit.values import dataclass, field
from labkit.vrrp.config import Address
from labkit.vrrp.events import InterfaceChanged

_READS = 64  # datagrams a turn, so that a storm of events does not hold the timers back


@dataclass(slots=True, kw_only=True)
class Interface:
    """One interface: `running` is up with carrier; `addresses` in the order in which the kernel told of them."""

    index: int
    name: str
    running: bool
    lladdr: bytes
    kind: str = ""
    base: int = 0
    mtu: int = 0
    addresses: dict[AddressAndPrefix, AddressEvent] = field(default_factory=dict)

    def own(self, virtual: Collection[Address]) -> Iterator[Address]:
        """Yield the addresses that packets may come from and that are not `virtual`."""
        for address, event in self.addresses.items():
            if event.usable and address.ip not in virtual:
                yield address.ip

    def primary(self, virtual: Collection[Address]) -> IPv4Address | None:
        """Return the first IPv4 address that is not `virtual`: the source of our adverts."""
        for address, event in self.addresses.items():
            own = address.ip
            if isinstance(own, IPv4Address) and not event.secondary and own not in virtual:
                return own
        return None

    def link_local(self, virtual: Collection[Address]) -> IPv6Address | None:
        """Return the IPv6 link-local address: the source of our adverts over IPv6 (RFC 9568 5.1.2.1)."""
        own = (address for address in self.own(virtual) if isinstance(address, IPv6Address))
        return next((address for address in own if address.is_link_local), None)


class Interfaces:
    """All interfaces of the network namespace this process is in."""

    def __init__(self, heard: Callable[[str, str, bool], None] | None = None) -> None:
        """Look at everything; `heard` is told of each address that is there or comes (True) or goes (False)."""
        self._heard = heard
        self.commands = Netlink()
        self._monitor = Netlink(GROUP_LINK | GROUP_IPV4_ADDRESS | GROUP_IPV6_ADDRESS)
        self._monitor.socket.setblocking(False)
        self._by_index: dict[int, Interface] = {}
        self._by_name: dict[str, Interface] = {}
        self._taken: set[tuple[str, AddressAndPrefix]] = set()
        self._anew = False
        self.load()

    def fileno(self) -> int:
        """Return the descriptor to wait on for changes."""
        return self._monitor.fileno()

    def __getitem__(self, name: str) -> Interface | None:
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[Interface]:
        return iter(self._by_index.values())

    def load(self) -> None:
        """Ask the kernel for everything anew."""
        self._by_index.clear()
        self._by_name.clear()
        for link in links(self.commands):
            self._apply(link)
        for address in addresses(self.commands):
            self._apply(address)

    def read(self) -> set[str]:
        """Take in what the kernel has told since; return the names of the interfaces it was about."""
        touched: set[str] = set()
        self._taken.clear()
        self._anew = False
        for _ in range(_READS):
            try:
                datagram = self._monitor.socket.recv(1 << 17)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    break
                touched.update(self._by_name)  # the kernel had more to tell than fits: look again
                self._forget()
                self.load()
                self._anew = True
                return touched | set(self._by_name)
            for event in decode(datagram):
                touched.update(self._apply(event))
        return touched

    def _forget(self) -> None:
        """Throw away what is queued: it is older than what a new look will show."""
        with contextlib.suppress(OSError):
            while True:
                self._monitor.socket.recv(1 << 17)

    def _apply(self, event: LinkMessage) -> set[str]:
        match event:
            case LinkEvent():
                return self._apply_link(event)
            case AddressEvent():
                return self._apply_address(event)
        return set()

    def _apply_link(self, event: LinkEvent) -> set[str]:
        known = self._by_index.get(event.index)
        touched = {event.name} | ({known.name} if known else set())
        if known is not None and self._by_name.get(known.name) is known:
            del self._by_name[known.name]
        if not event.present:
            self._by_index.pop(event.index, None)
            return touched
        lladdr = bytes.fromhex(event.lladdr.replace(":", ""))
        interface = known or Interface(index=event.index, name=event.name, running=False, lladdr=lladdr)
        interface.name, interface.running, interface.lladdr = event.name, event.running, lladdr
        interface.kind, interface.base, interface.mtu = event.kind or interface.kind, event.base, event.mtu
        self._by_index[event.index] = self._by_name[event.name] = interface
        return touched

    def _apply_address(self, event: AddressEvent) -> set[str]:
        interface = self._by_index.get(event.index)
        if interface is None:
            return set()
        if self._heard is not None and event.present is not (event.address in interface.addresses):
            self._heard(interface.name, str(event.address.ip), event.present)
        if event.present:
            interface.addresses[event.address] = event
        else:
            interface.addresses.pop(event.address, None)
            self._taken.add((interface.name, event.address))
        return {interface.name}

    def went(self, name: str, address: AddressAndPrefix) -> bool:
        """Whether the kernel told in the last `read` that this address went: of new ones it may tell late."""
        return self._anew or (name, address) in self._taken

    def state(self, name: str, virtual: Collection[Address]) -> InterfaceChanged:
        """Return what the core wants to know of an interface, there or not."""
        interface = self._by_name.get(name)
        if interface is None:
            return InterfaceChanged(interface=name, exists=False, up=False, primary=None)
        return InterfaceChanged(
            interface=name,
            exists=True,
            up=interface.running,
            primary=interface.primary(virtual),
            link_local=interface.link_local(virtual),
            addresses=frozenset(interface.own(virtual)),
        )
