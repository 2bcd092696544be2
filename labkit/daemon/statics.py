"""The static part of a file: addresses, routes and rules that are there from the start to the stop of the daemon.

One that is lost is put back.  While one with a track_group is lost and cannot be put back, its group is told to be
missing, and the instances in the group go to FAULT.
"""

import errno
from collections.abc import Callable, Iterable

from labkit.conf.model import Config, VirtualAddress
from labkit.daemon.addresses import addition, on_link, removal
from labkit.daemon.interfaces import Interfaces
from labkit.daemon.paths import Path, Paths, kind_of
from labkit.kernel.netlink import KernelRefusedError
from labkit.kernel.routes import Key
from labkit.vrrp.events import StaticChanged


class Statics:
    """What is static in one configuration at a time."""

    def __init__(self, interfaces: Interfaces, say: Callable[[str], None]) -> None:
        """Tell what was put back, and what could not be set, to `say`."""
        self._interfaces = interfaces
        self._say = say
        self._paths = Paths(interfaces)
        self._addresses: tuple[VirtualAddress, ...] = ()
        self._missing: dict[VirtualAddress, str] = {}  # and why
        self._indexes: dict[str, int] = {}
        self._groups: dict[str, bool] = {}  # whether everything of the group is there
        self._said = ""

    def configure(self, config: Config) -> None:
        """Take a configuration: what stays is not touched, what leaves is removed, what is new is set."""
        kept = set(config.static_addresses)
        self._remove(address for address in self._addresses if address not in kept)
        had = set(self._addresses)
        self._addresses = config.static_addresses
        self._missing = {address: why for address, why in self._missing.items() if address in kept}
        for address in self._addresses:
            if address not in had:
                self._set(address)
        problem = self._paths.configure(config.static_routes, config.static_rules)
        if not self._paths.held:
            problem = self._paths.hold()
        self._complain(problem)
        groups = {thing.track_group for thing in self._everything() if thing.track_group is not None}
        self._groups = {group: self._groups.get(group, True) for group in groups}
        self._look()

    def events(self) -> list[StaticChanged]:
        """Return how every group stands."""
        return [StaticChanged(name=group, present=present) for group, present in sorted(self._groups.items())]

    def restore_removed(self, keys: Iterable[Key]) -> list[StaticChanged]:
        """Put back routes and rules whose removal the kernel told; return what that means for groups."""
        self._tell(self._paths.restore_removed(keys))
        return self._look()

    def restore(self, shaken: set[str], *, everything: bool = False) -> list[StaticChanged]:
        """Put back what is not there; `shaken` are the interfaces with which routes may have gone.

        `everything` is for when even rules may be gone.
        """
        for address in self._addresses:
            if address.tracked and not self._is_there(address):
                self._set(address, again=True)
        self._tell(self._paths.restore(shaken, everything=everything))
        return self._look()

    def release(self) -> None:
        """Remove everything, last things first: an IPv6 prefix route stays behind if its address goes before others."""
        self._paths.release()
        self._remove(reversed(self._addresses))
        self._addresses = ()

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _everything(self) -> list[VirtualAddress | Path]:
        return [*self._addresses, *self._paths]

    def _is_there(self, address: VirtualAddress) -> bool:
        interface = self._interfaces[address.device]
        return interface is not None and on_link(address) in interface.addresses

    def _set(self, address: VirtualAddress, *, again: bool = False) -> None:
        interface = self._interfaces[address.device]
        text = f"static {_words(address)}"
        problem = f"interface {address.device} does not exist"
        if interface is not None:
            problem = self._ask(addition(address, interface.index), errno.EEXIST)
        if problem:
            if self._missing.get(address) != problem:
                self._say(f"{text} is missing: {problem}")
            self._missing[address] = problem
            return
        self._missing.pop(address, None)
        if again:
            self._say(f"Restoring deleted {text}")

    def _remove(self, addresses: Iterable[VirtualAddress]) -> None:
        for address in addresses:
            interface = self._interfaces[address.device]
            if interface is not None:
                self._complain(self._ask(removal(address, interface.index), errno.EADDRNOTAVAIL, errno.ENODEV))

    def _tell(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self._say(f"Restoring deleted static {kind_of(path)} {path}")

    def _look(self) -> list[StaticChanged]:
        """Find out which groups are whole; return those that changed."""
        lost: list[VirtualAddress | Path] = [*self._missing, *self._paths.lost]
        changed: list[StaticChanged] = []
        for group, before in self._groups.items():
            missing = [_words(thing) for thing in lost if thing.track_group == group]
            if before is not (not missing):
                self._groups[group] = not missing
                changed.append(StaticChanged(name=group, present=not missing))
                what = f"lost {', '.join(sorted(missing))}" if missing else "is whole again"
                self._say(f"track_group {group} {what}")
        return changed

    def _complain(self, problem: str) -> None:
        if problem and problem != self._said:
            self._say(f"static {problem}")
        self._said = problem

    def _ask(self, request: bytes, *allow: int) -> str:
        try:
            self._interfaces.commands.ask([request], allow=allow)
        except KernelRefusedError as error:
            return str(error)
        except OSError as error:
            return error.strerror or str(error)
        return ""


def _words(thing: VirtualAddress | Path) -> str:
    if isinstance(thing, VirtualAddress):
        return f"address {thing.address} dev {thing.device}"
    return f"{kind_of(thing)} {thing}"
