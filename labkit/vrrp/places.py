"""Which virtual router a packet is for: by interface, address family, VRID, and whom it was sent to."""

from collections.abc import Iterable

from labkit.vrrp.admission import Fault
from labkit.vrrp.config import Address
from labkit.vrrp.events import Received
from labkit.vrrp.packet import ErrorKind, group
from labkit.vrrp.router import VirtualRouter


class Places:
    """The routers of one configuration by where their adverts come to.

    One for a group comes to that group; one that is unicast comes to the router's source address or, where none is
    configured, to any address of the interface.
    """

    def __init__(self, routers: Iterable[VirtualRouter]) -> None:
        self._by_destination: dict[tuple[str, int, Address | int], VirtualRouter] = {}
        self._by_vrid: dict[tuple[str, int, int], VirtualRouter] = {}
        for router in routers:
            config = router.config
            wanted = config.source or config.family if config.is_unicast else config.destination or group(config.family)
            self._by_destination[config.interface, config.vrid, wanted] = router
            self._by_vrid.setdefault((config.interface, config.vrid, config.family), router)

    def find(self, event: Received, vrid: int | None) -> tuple[VirtualRouter | None, Fault | None]:
        """Return the router for a packet; or the one with its VRID, and that it was sent to the wrong place."""
        if vrid is None:
            return None, None
        family = event.source.version
        to = group(family) if event.destination is None else event.destination
        router = self._by_destination.get((event.interface, vrid, to))
        if router is None and not to.is_multicast:
            router = self._by_destination.get((event.interface, vrid, family))
        if router is not None:
            return router, None
        router = self._by_vrid.get((event.interface, vrid, family))
        return router, (ErrorKind.PEER, f"sent to {to}, where ours do not come") if router is not None else None
