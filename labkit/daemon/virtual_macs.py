"""The macvlans of `use_vmac`: which ones a configuration needs, and having them while interfaces come and go.

`settle` puts their names into the configuration, so that the rest of the daemon sees addresses on devices and nothing
else; a router tracks its own, as it would a static entry.  One macvlan serves all that have the same MAC address on the
same interface.
"""

import errno
from collections.abc import Iterator

from labkit.conf.model import Config, GlobalDefs, VirtualAddress, VrrpInstance
from labkit.daemon.interfaces import Interface, Interfaces
from labkit.daemon.log import Level, Log
from labkit.kernel import macvlan
from labkit.kernel.links import set_link
from labkit.kernel.macvlan import virtual_lladdr
from labkit.kernel.netlink import KernelRefusedError
from labkit.kernel.settings import Settings, interfaces_with, of_interface, read
from labkit.values import dataclass, replace
from labkit.vrrp.config import RouterConfig, Track, TrackKind
from labkit.vrrp.events import StaticChanged

_LONGEST_NAME = 15
_TOLERATED = (errno.EEXIST, errno.ENODEV)  # it is there already, or somebody was quicker to remove it


_BASE_SETTINGS = {
    "arp_ignore": "1",
    "arp_filter": "1",
    # Not as keepalived: its host asks for neighbours with the virtual IP and its own MAC address, and all who hear that
    # take the virtual router to be there (RFC 9568 8.1.2).
    "arp_announce": "2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Macvlan:
    """A macvlan that a router needs (the first one that does, where several share it)."""

    router: str
    name: str
    base: str
    lladdr: bytes
    family: int


def settle(config: Config) -> tuple[Config, tuple[Macvlan, ...]]:
    """Return the configuration with every address on the device it belongs to, and the macvlans to make."""
    naming = _Naming(config)
    instances = tuple(naming.settle(instance) for instance in config.instances)
    return replace(config, instances=instances), tuple(naming.made.values())


class _Naming:
    """Gives macvlans their names: PREFIX.VRID, and where that is taken PREFIX6.VRID (IPv6), PREFIX1.VRID, ..."""

    def __init__(self, config: Config) -> None:
        self.made: dict[tuple[str, bytes], Macvlan] = {}
        self._globals: GlobalDefs = config.global_defs
        self._taken = {instance.vmac.name for instance in config.instances if instance.vmac}
        self._taken |= {virtual.device for instance in config.instances for virtual in instance.addresses}

    def settle(self, instance: VrrpInstance) -> VrrpInstance:
        router, vmac = _with_extra(instance), instance.vmac
        if vmac is not None:
            lladdr = vmac.address or virtual_lladdr(router.family, router.vrid)
            made = self._macvlan(instance, router.interface, router.family, lladdr, vmac.name)
            vmac = replace(vmac, name=made.name)
            router = replace(router, tracks=(*router.tracks, Track(kind=TrackKind.STATIC, name=_tracked(made.name))))
        settled = replace(instance, router=router, vmac=vmac)
        addresses = tuple(replace(virtual, device=self._device(settled, virtual)) for virtual in settled.addresses)
        settled = replace(settled, addresses=addresses)
        return instance if settled == instance else settled  # mostly nothing is other than it was

    def _device(self, instance: VrrpInstance, virtual: VirtualAddress) -> str:
        """Return where an address belongs (measured: keepalived 2.2.7)."""
        router, vmac, family = instance.router, instance.vmac, virtual.address.version
        if virtual.device == router.interface and vmac is not None and family == router.family:
            return vmac.name
        if not (virtual.use_vmac or (vmac is not None and vmac.other_devices)):
            return virtual.device
        return self._macvlan(instance, virtual.device, family, virtual_lladdr(family, router.vrid)).name

    def _macvlan(self, instance: VrrpInstance, base: str, family: int, lladdr: bytes, name: str = "") -> Macvlan:
        found = self.made.get((base, lladdr))
        if found is None:
            own = base == instance.router.interface and family == instance.router.family
            chosen = name or next(self._names(instance.router.vrid, family, own=own))
            self._taken.add(chosen)
            found = Macvlan(router=instance.router.name, name=chosen, base=base, lladdr=lladdr, family=family)
            self.made[base, lladdr] = found
        return found

    def _names(self, vrid: int, family: int, *, own: bool) -> Iterator[str]:
        prefix = self._globals.vmac_prefix if own else self._globals.vmac_addr_prefix or self._globals.vmac_prefix
        numbers = ["", *(["6"] if family == 6 else []), *(str(number) for number in range(1, 256) if number != 6)]
        for number in numbers:
            ending = f"{number}.{vrid}"
            name = prefix[: _LONGEST_NAME - len(ending)] + ending
            if name not in self._taken:
                yield name


def _tracked(name: str) -> str:
    """Return what a router calls the macvlan that it tracks."""
    return f"VMAC interface {name}"


def _with_extra(instance: VrrpInstance) -> RouterConfig:
    """Return the core's part with the interval of garp_extra_if: for VMACs, or for all other interfaces."""
    interval = instance.garp_extra_interval or 0
    if instance.garp_extra_all:
        return replace(instance.router, extra_interval=interval)
    return replace(instance.router, vmac_interval=interval)


class VirtualMacs:
    """The macvlans of this process; they and the settings changed for them go with it."""

    def __init__(self, interfaces: Interfaces, log: Log) -> None:
        self._interfaces = interfaces
        self._log = log
        self._wanted: dict[str, Macvlan] = {}
        self._made: dict[str, Macvlan] = {}
        self._down: set[str] = set()  # made, and waiting for the packet filter, or refused to come up
        self._blocked: set[str] = set()  # they cannot be made or be up: another has the name, or the kernel refuses
        self._told: set[str] = set()  # blocked ones of which the core knows
        self._settings = Settings()
        self._said: dict[str, str] = {}

    @property
    def present(self) -> tuple[Macvlan, ...]:
        """The macvlans that exist now."""
        return tuple(self._made.values())

    def configure(self, wanted: tuple[Macvlan, ...]) -> None:
        """Make what a configuration needs; what it does not need any more stays until `prune`."""
        self._wanted = {needed.name: needed for needed in wanted}
        self._said = {name: problem for name, problem in self._said.items() if name in self._wanted}
        self._blocked &= set(self._wanted)
        self.make()

    def make(self) -> set[str]:
        """Make every macvlan whose interface is there; return the names of interfaces that changed thereby."""
        for name in [name for name in self._made if self._interfaces[name] is None]:
            del self._made[name]
            self._down.discard(name)
            self._settings.forget(name)
        for needed in self._wanted.values():
            if self._interfaces[needed.base] is not None and not self._stands(needed):
                self._make(needed)
        return self._interfaces.read() if self._wanted else set()

    def events(self) -> list[StaticChanged]:
        """Return how it stands with every macvlan that is wanted."""
        self._told = set(self._blocked)
        return [StaticChanged(name=_tracked(name), present=name not in self._blocked) for name in self._wanted]

    def changes(self) -> list[StaticChanged]:
        """Return what is otherwise than was told last."""
        changed, self._told = self._told ^ self._blocked, set(self._blocked)
        return [StaticChanged(name=_tracked(name), present=name not in self._blocked) for name in sorted(changed)]

    def raise_all(self) -> None:
        """Set up those that were made: nothing leaves them before the packet filter is ready."""
        for name in list(self._down):
            made, needed = self._interfaces[name], self._made.get(name)
            if made is not None and needed is not None and not self._raise(needed, made):
                self._blocked.add(name)
                continue
            self._down.discard(name)
            self._blocked.discard(name)
            if needed is not None:
                self._copy_link_local(needed)

    def _raise(self, needed: Macvlan, made: Interface) -> bool:
        twins = [one.name for one in self._interfaces if (one.base, one.lladdr) == (made.base, made.lladdr)]
        twin = next((name for name in twins if name != made.name), "")
        return self._ask(needed, set_link(made.index, up=True), f"; {twin} has the MAC address already" if twin else "")

    def prune(self) -> None:
        """Remove what is not needed any more."""
        for name in [name for name, made in self._made.items() if self._wanted.get(name) != made]:
            self._remove(self._made.pop(name))

    def close(self) -> None:
        """Remove everything and put the settings back."""
        self._wanted = {}
        self.prune()
        self._settings.restore()

    # --- one macvlan --------------------------------------------------------------------------------------------------

    def _stands(self, needed: Macvlan) -> bool:
        """Return whether it is there as it should be, made by us or by a predecessor that was killed."""
        if self._made.get(needed.name) == needed:
            if needed.name not in self._down:
                self._copy_link_local(needed)
            return True
        there, base = self._interfaces[needed.name], self._interfaces[needed.base]
        if there is None or base is None:
            return False
        if there.kind != macvlan.KIND:
            self._complain(needed, f"the interface {needed.name} exists and is none of ours")
            self._blocked.add(needed.name)
            return True
        if (there.base, there.lladdr) == (base.index, needed.lladdr):
            self._log.explain(f"({needed.router}) Found matching interface {needed.name}")
            self._finish(needed, there)
            return True
        self._ask(needed, macvlan.remove(there.index))
        self._interfaces.read()
        return False

    def _make(self, needed: Macvlan) -> None:
        base = self._interfaces[needed.base]
        if base is None:
            return
        self._ask(needed, macvlan.add(needed.name, base.index, needed.lladdr))
        self._interfaces.read()
        made = self._interfaces[needed.name]
        if made is None:
            self._blocked.add(needed.name)
            return
        self._finish(needed, made)
        self._log.say(f"({needed.router}): Success creating VMAC interface {needed.name}")

    def _finish(self, needed: Macvlan, made: Interface) -> None:
        """Give it the settings that keepalived gives it; it is set up by `raise_all`."""
        self._ask(needed, macvlan.no_addresses_by_itself(made.index))
        settings = {of_interface(needed.name, family, name): value for family, name, value in _own_settings(needed)}
        if needed.family == 4:
            settings |= {of_interface(needed.base, 4, name): value for name, value in _BASE_SETTINGS.items()}
        problems = [self._settings.set(setting, value) for setting, value in settings.items()]
        if needed.family == 4:
            problems += self._free_from_common_filter(needed.name)
        self._made[needed.name] = needed
        self._blocked.discard(needed.name)
        self._down.add(needed.name)
        for problem in filter(None, problems):
            self._complain(needed, problem)

    def _copy_link_local(self, needed: Macvlan) -> None:
        """Have the base's link-local address on a macvlan of IPv6, as soon as the base has one."""
        made, base = self._interfaces[needed.name], self._interfaces[needed.base]
        if needed.family == 4 or made is None or base is None:
            return
        link_local = base.link_local(())
        if link_local is not None and made.link_local(()) != link_local:
            self._ask(needed, macvlan.copy_link_local(made.index, link_local))

    def _free_from_common_filter(self, name: str) -> list[str]:
        """Take the reverse path filter of `all` to the interfaces one by one: it would hold for the macvlan, too."""
        everywhere = of_interface("all", 4, "rp_filter")
        common = read(everywhere)
        if common in ("", "0"):
            return []
        others = [other for other in interfaces_with(4, "rp_filter") if other not in ("all", name)]
        settings = [of_interface(other, 4, "rp_filter") for other in others]
        raised = {setting: max(common, read(setting)) for setting in settings}
        return [self._settings.set(setting, value) for setting, value in [*raised.items(), (everywhere, "0")]]

    def _remove(self, made: Macvlan) -> None:
        there = self._interfaces[made.name]
        self._settings.forget(made.name)
        if there is None:
            return
        self._ask(made, macvlan.remove(there.index))
        self._log.say(f"({made.router}) Success removing VMAC interface {made.name}")

    def _ask(self, needed: Macvlan, request: bytes, why: str = "") -> bool:
        """Ask the kernel, and return whether it did so; `why` is what a person should know if not."""
        try:
            self._interfaces.commands.ask([request], allow=_TOLERATED)
        except KernelRefusedError as error:
            self._complain(needed, f"{error}{why}")
            return False
        return True

    def _complain(self, needed: Macvlan, problem: str) -> None:
        """Say a problem, but not again while it is the same."""
        if self._said.get(needed.name) != problem:
            self._log.say(f"({needed.router}) VMAC interface {needed.name}: {problem}", Level.WARNING)
        self._said[needed.name] = problem


def _own_settings(needed: Macvlan) -> list[tuple[int, str, str]]:
    """Return (family, setting, value) as keepalived 2.2.7 has them on its macvlans."""
    if needed.family == 6:
        return []
    own = {"arp_ignore": "1", "accept_local": "1", "rp_filter": "0", "promote_secondaries": "1"}
    return [(6, "disable_ipv6", "1"), *((4, name, value) for name, value in own.items())]
