"""Adverts that say what the one before said: a backup's fast path.

A master repeats itself, and nothing but the IP identification (and so the header's checksum) differs.  Once a backup
follows such an advert, the same bytes can only do the same again: count, and put the master's silence off.  So they
need not be decoded.  Whether that still holds is the router's to say each time (`VirtualRouter.hear_again`); it forgets
whenever it is told anything else, or a MASTER would be deaf to what it took as a BACKUP.
"""

from labkit.trace import Micros
from labkit.vrrp.events import Received
from labkit.vrrp.hearing import Key, key4, key6
from labkit.vrrp.router import VirtualRouter


class Familiar:
    """For each router at most one advert: the one that it followed last."""

    def __init__(self) -> None:
        self._routers: dict[Key, VirtualRouter] = {}
        self._keys: dict[VirtualRouter, Key] = {}

    def hear(self, key: Key, now: Micros) -> bool:
        """Take an advert that is as before; False: it is not, or its router would not do the same with it again."""
        router = self._routers.get(key)
        return router is not None and router.hear_again(now)

    def note(self, router: VirtualRouter, event: Received) -> None:
        """Know an advert that a router follows; the one that it followed before is not known any more."""
        self.forget(router)
        if event.raw:
            self._keys[router] = key = _key(event)
            self._routers[key] = router

    def forget(self, router: VirtualRouter) -> None:
        """Know nothing of a router."""
        key = self._keys.pop(router, None)
        if key is not None:
            del self._routers[key]

    def clear(self) -> None:
        """Know nothing of any router."""
        self._routers.clear()
        self._keys.clear()


def _key(event: Received) -> Key:
    if event.source.version == 4:
        return key4(event.interface, event.raw)
    return key6(event.interface, event.raw, source=event.source, destination=event.destination, hop_limit=event.ttl)
