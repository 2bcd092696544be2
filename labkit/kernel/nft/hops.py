"""Which interface leads to a DR real server, and what there is of interfaces: asked of the kernel's routes."""

import contextlib
import select
import struct
import sys
from ipaddress import ip_address

from labkit.kernel.links import GROUP_IPV4_ADDRESS, GROUP_IPV6_ADDRESS, GROUP_LINK, Address, links
from labkit.kernel.netlink import KernelRefusedError, Netlink, attribute, attributes
from labkit.values import dataclass

_GROUP_IPV4_ROUTE, _GROUP_IPV6_ROUTE = 0x40, 0x400  # RTMGRP_*
_GET_ROUTE, _LOCAL = 26, 2
_DESTINATION, _INTERFACE, _GATEWAY = 1, 4, 5
_FAMILY = {4: (2, 32), 6: (10, 128)}


@dataclass(frozen=True, slots=True)
class Hop:
    """Where packets to a real server are handed to: an address behind an interface (`lo`: this machine itself)."""

    device: str
    to: Address

    @property
    def local(self) -> bool:
        """Whether the real server is this machine itself."""
        return self.device == "lo"


class Surroundings:
    """The interfaces and routes of the namespace in which this object is made."""

    def __init__(self) -> None:
        groups = GROUP_LINK | GROUP_IPV4_ADDRESS | GROUP_IPV6_ADDRESS | _GROUP_IPV4_ROUTE | _GROUP_IPV6_ROUTE
        self._netlink = Netlink()
        self._monitor = Netlink(groups)
        self._names: dict[int, str] = {}

    def devices(self) -> dict[str, int]:
        """Return the interfaces there are now, the loopback left out, with their numbers in the kernel."""
        self._names = {link.index: link.name for link in links(self._netlink)}
        return {name: index for index, name in self._names.items() if name != "lo"}

    def hop(self, address: Address) -> Hop | None:
        """Return how an address is reached; None: not at all."""
        family, bits = _FAMILY[address.version]
        body = struct.pack("=BBBBBBBBI", family, bits, 0, 0, 0, 0, 0, 0, 0) + attribute(_DESTINATION, address.packed)
        try:
            answer = self._netlink.get(_GET_ROUTE, body)
        except KernelRefusedError:  # unreachable, prohibited, no route
            return None
        if answer[7] == _LOCAL:
            return Hop("lo", address)
        found = attributes(answer[12:])
        device = self._names.get(int.from_bytes(found.get(_INTERFACE, b""), sys.byteorder))
        gateway = found.get(_GATEWAY)
        return Hop(device, ip_address(gateway) if gateway else address) if device else None

    def stirred(self) -> bool:
        """Return whether interfaces, addresses or routes changed since the last call."""
        heard = False
        while select.select([self._monitor], [], [], 0)[0]:
            with contextlib.suppress(OSError):  # more was told than fits: that is a change as well
                self._monitor.socket.recv(1 << 16)
            heard = True
        return heard

    def close(self) -> None:
        """Close the sockets."""
        self._netlink.close()
        self._monitor.close()
