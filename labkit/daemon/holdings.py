"""What the daemon holds besides virtual addresses: the routes and rules of routers, and everything static.

a router becomes MASTER ── hold ──> routes, rules        (after its addresses, as the routes may need them)
it is MASTER no more ──── release > rules, routes        (before its addresses)
a route or rule vanishes ─ heard ─> put back, unless it has no_track
an interface was down ─── shaken ─> put back: the kernel removes IPv4 routes then and tells nobody
"""

import errno
from collections.abc import Callable, Iterable

from labkit.conf.model import Config
from labkit.daemon.interfaces import Interfaces
from labkit.daemon.paths import Path, Paths, kind_of
from labkit.daemon.statics import Statics
from labkit.kernel.netlink import Netlink
from labkit.kernel.routes import GROUP_ROUTES, GROUP_RULES, Key, removed
from labkit.vrrp.events import StaticChanged

_READS = 64  # datagrams a turn, so that somebody's thousands of routes do not hold the timers back


class Holdings:
    """The routes and rules of all routers of one configuration, and its static part."""

    def __init__(self, interfaces: Interfaces, say: Callable[[str], None]) -> None:
        """Tell what was put back to `say`."""
        self.statics = Statics(interfaces, say)
        self._interfaces = interfaces
        self._say = say
        self.monitor: Netlink | None = None
        """The socket on which the kernel tells of routes and rules; None while nothing is configured of that kind."""
        self._paths: dict[str, Paths] = {}
        self._said: dict[str, str] = {}
        self._lost: dict[str, tuple[str, ...]] = {}  # as last told
        self._standing: dict[str, tuple[int, bool, int]] = {}

    # --- configuration ------------------------------------------------------------------------------------------------

    def configure(self, config: Config, *, starting: bool) -> None:
        """Take a configuration.

        A router that leaves keeps what it holds until it is released, and is then forgotten by `configured`.  At the
        start what a predecessor left behind is removed.
        """
        self._listen(config)
        for instance in config.instances:
            name = instance.router.name
            if not (instance.routes or instance.rules or name in self._paths):
                continue
            paths = self._paths.setdefault(name, Paths(self._interfaces))
            self._complain(name, paths.configure(instance.routes, instance.rules))
            if starting:
                paths.release()

    def configured(self, names: Iterable[str]) -> None:
        """Forget the routers that are not among `names`: they have been released."""
        self._paths = {name: self._paths[name] for name in names if name in self._paths}

    def _listen(self, config: Config) -> None:
        """Hear of routes and rules once any is configured: on some machines the kernel has much to tell of them."""
        wanted = config.static_routes or config.static_rules or any(i.routes or i.rules for i in config.instances)
        if wanted and self.monitor is None:
            self.monitor = Netlink(GROUP_ROUTES | GROUP_RULES)
            self.monitor.socket.setblocking(False)
            self._shaken({interface.name for interface in self._interfaces})

    # --- orders -------------------------------------------------------------------------------------------------------

    def hold(self, router: str) -> None:
        """Set the routes and rules of a router, if it has any."""
        paths = self._paths.get(router)
        if paths is not None:
            self._complain(router, paths.hold())
            self._lost[router] = self.lost(router)

    def release(self, router: str) -> None:
        """Remove the routes and rules of a router, if it has any."""
        paths = self._paths.get(router)
        if paths is not None:
            self._complain(router, paths.release())

    def lost(self, router: str) -> tuple[str, ...]:
        """Return the routes and rules that a router should hold and that are not there."""
        paths = self._paths.get(router)
        return tuple(str(path) for path in paths if path in paths.lost) if paths is not None else ()

    def problem(self, router: str) -> str:
        """Say what a router should hold and does not, with the kernel's reason where that is known; or nothing."""
        lost = self.lost(router)
        return self._said.get(router) or ", ".join(lost) if lost else ""

    def _complain(self, router: str, problem: str) -> None:
        """Say a problem of a router when it begins, and not again while it lasts."""
        if problem and problem != self._said.get(router):
            self._say(f"({router}) not set: {problem}")
        self._said[router] = problem

    # --- what the kernel tells ----------------------------------------------------------------------------------------

    def heard(self) -> list[StaticChanged]:
        """Take in what the kernel tells of routes and rules, and put back what should be there."""
        keys, overrun = self._read()
        if overrun:
            return self._repair({interface.name for interface in self._interfaces}, everything=True)
        if not keys:
            return []
        for router, paths in self._paths.items():
            self._tell(router, paths, paths.restore_removed(keys))
        return self.statics.restore_removed(keys)

    def _read(self) -> tuple[dict[Key, None], bool]:
        """Return what was removed, and whether more was told than there was room for."""
        keys: dict[Key, None] = {}
        if self.monitor is not None:
            for _ in range(_READS):
                try:
                    keys.update(dict.fromkeys(removed(self.monitor.socket.recv(1 << 17))))
                except BlockingIOError:
                    break
                except OSError as error:
                    return keys, error.errno == errno.ENOBUFS
        return keys, False

    def _tell(self, router: str, paths: Paths, restored: Iterable[Path]) -> None:
        for path in restored:
            self._say(f"({router}) Restoring deleted {kind_of(path)} {path}")
        lost = self.lost(router)
        if lost and lost != self._lost.get(router):
            self._say(f"({router}) cannot put back {', '.join(lost)}")
        self._lost[router] = lost

    def interfaces_changed(self, names: set[str]) -> list[StaticChanged]:
        """Put back what was lost with an interface, or with an address of it."""
        return self._repair(self._shaken(names))

    def _repair(self, shaken: set[str], *, everything: bool = False) -> list[StaticChanged]:
        for router, paths in self._paths.items():
            self._tell(router, paths, paths.restore(shaken, everything=everything))
        return self.statics.restore(shaken, everything=everything)

    def _shaken(self, names: set[str]) -> set[str]:
        """Return those that went down or up, were made anew, or lost an address since the last look."""
        shaken: set[str] = set()
        for name in names:
            interface = self._interfaces[name]
            now = (interface.index, interface.running, len(interface.addresses)) if interface else (0, False, 0)
            before = self._standing.get(name)
            self._standing[name] = now
            if before is None or now[:2] != before[:2] or now[2] < before[2]:
                shaken.add(name)
        return shaken

    def close(self) -> None:
        """Remove what is static."""
        self.statics.release()
