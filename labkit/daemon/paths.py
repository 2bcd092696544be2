"""The routes and rules of one owner (a virtual router, or the static part of a file): set, removed, and put back.

All messages are prepared; an order to set them is one send.  That they are there is never asked for: setting them again
is refused with EEXIST where they are, and sets them where they are not.
"""

import errno
from collections.abc import Iterable, Iterator

from labkit.conf.model_routes import Route, Rule
from labkit.daemon.interfaces import Interfaces
from labkit.hints import TypeAlias
from labkit.kernel.netlink import KernelRefusedError
from labkit.kernel.routes import Key, Requests, route_requests, rule_requests

Path: TypeAlias = Route | Rule


def kind_of(path: Path) -> str:
    """Return what to call it."""
    return "route" if isinstance(path, Route) else "rule"


_GONE = (errno.ESRCH, errno.ENOENT, errno.ENODEV, errno.ENETUNREACH, errno.EADDRNOTAVAIL)
"""What a removal may be refused with: the route, the rule, the table or the interface is not there any more."""


class Paths:
    """Routes and rules that are held together; methods return what failed, in words, or nothing."""

    def __init__(self, interfaces: Interfaces) -> None:
        self.held = False
        self.lost: set[Path] = set()  # held and not there: an interface or a gateway is missing
        self._interfaces = interfaces
        self._paths: tuple[Path, ...] = ()  # routes, then rules
        self._devices: frozenset[str] = frozenset()
        self._indexes: dict[str, int] = {}
        self._requests: dict[Path, Requests] = {}
        self._by_key: dict[Key, list[Path]] = {}

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[Path]:
        return iter(self._paths)

    @property
    def devices(self) -> frozenset[str]:
        """The names of the interfaces that `prepare` depends on."""
        return self._devices

    def configure(self, routes: Iterable[Route], rules: Iterable[Rule]) -> str:
        """Take these routes and rules; what stays is not touched; what is new is set if held."""
        wanted: tuple[Path, ...] = (*routes, *rules)
        if wanted == self._paths:
            return ""
        kept, had = set(wanted), set(self._paths)
        leaving = [
            self._requests[path].remove for path in reversed(self._paths) if path not in kept and path in self._requests
        ]
        self._paths = wanted
        self._devices = frozenset().union(*(path.devices for path in wanted if isinstance(path, Route)))
        self.lost &= kept
        self._build()
        if not self.held:
            return ""
        problem = self._ask(leaving, *_GONE)
        return self._set([path for path in wanted if path not in had]) or problem

    def prepare(self) -> bool:
        """Build the messages anew where an interface is not the one it was; return whether one was.

        Routes through one that has another name by now go: nobody would remove them later.
        """
        present = self._present()
        if not self._devices or present == self._indexes:
            return False
        if self.held:
            moved = {name for name, index in self._indexes.items() if present.get(name) != index}
            routes = [path for path in self._requests if isinstance(path, Route) and path.devices & moved]
            self._ask([self._requests[route].remove for route in routes], *_GONE)
        self._build()
        return True

    def _present(self) -> dict[str, int]:
        found = ((name, self._interfaces[name]) for name in self._devices)
        return {name: interface.index for name, interface in found if interface is not None}

    def _build(self) -> None:
        self._indexes = self._present()
        self._requests, self._by_key = {}, {}
        for path in self._paths:
            requests = route_requests(path, self._indexes) if isinstance(path, Route) else rule_requests(path)
            if requests is not None:
                self._requests[path] = requests
                self._by_key.setdefault(requests.key, []).append(path)

    # --- holding ------------------------------------------------------------------------------------------------------

    def hold(self) -> str:
        """Set all of them, routes first."""
        self.held = True
        return self._set(self._paths) if self._paths else ""

    def release(self) -> str:
        """Remove all of them, rules first."""
        self.held = False
        self.lost.clear()
        return self._ask(
            [self._requests[path].remove for path in reversed(self._paths) if path in self._requests], *_GONE
        )

    def restore_removed(self, keys: Iterable[Key]) -> list[Path]:
        """Put back those whose removal the kernel told, but for those with no_track; return the ones that are back."""
        if not self.held:
            return []
        return self._restore(path for key in keys for path in self._by_key.get(key, ()))

    def restore(self, shaken: set[str], *, everything: bool = False) -> list[Path]:
        """Put back what went with an interface that was down, or with an address: the kernel tells of neither.

        `shaken` are the interfaces that changed in such a way; `everything` is for when anything may be gone.
        """
        if shaken:
            self.prepare()
        if not self.held or not self._paths:
            return []
        touched = [
            path
            for path in self._paths
            if everything or path in self.lost or (isinstance(path, Route) and _concerns(path, shaken))
        ]
        return self._restore(touched)

    def _restore(self, paths: Iterable[Path]) -> list[Path]:
        return [path for path in dict.fromkeys(paths) if path.tracked and self._set_one(path) is None]

    def _set(self, paths: Iterable[Path]) -> str:
        """Set these at once; where the kernel refuses, one by one, to know which."""
        paths = list(paths)
        ready = [path for path in paths if path in self._requests]
        if len(ready) == len(paths) and not self._ask([self._requests[path].add for path in ready], errno.EEXIST):
            self.lost.difference_update(paths)
            return ""
        problems = [f"{kind_of(path)} {path}: {problem}" for path in paths if (problem := self._set_one(path))]
        return f"{problems[0]}{f' (and {len(problems) - 1} more)' if len(problems) > 1 else ''}" if problems else ""

    def _set_one(self, path: Path) -> str | None:
        """Set one; return None when it was not there and is now, "" when it was there, else what is wrong."""
        requests = self._requests.get(path)
        problem: str | None
        if requests is None:
            missing = ", ".join(sorted(path.devices - set(self._indexes))) if isinstance(path, Route) else ""
            problem = f"interface {missing} does not exist"
        else:
            problem = self._ask([requests.add]) or None
            if problem == _THERE:
                problem = ""
        if problem:
            self.lost.add(path)
        else:
            self.lost.discard(path)
        return problem

    def _ask(self, requests: list[bytes], *allow: int) -> str:
        try:
            self._interfaces.commands.ask(requests, allow=allow)
        except KernelRefusedError as error:
            return _THERE if error.code == errno.EEXIST else str(error)
        except OSError as error:
            return error.strerror or str(error)
        return ""


_THERE = "there already"


def _concerns(route: Route, shaken: set[str]) -> bool:
    return bool(shaken and (not route.devices or route.devices & shaken))
