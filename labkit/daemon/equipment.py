"""What routers need on this machine besides addresses: macvlans, sockets, settings of the kernel, a packet filter.

configuration ── settle ──> macvlans ──> ports        made before the core hears of the configuration
                               └──────> packet filter ──> macvlans are set up
what is not needed any more goes when the core has withdrawn
"""

from collections.abc import Callable

from labkit.conf.model import Config, VrrpInstance
from labkit.daemon.children import Children
from labkit.daemon.firewall import Firewall
from labkit.daemon.interfaces import Interfaces
from labkit.daemon.log import Log
from labkit.daemon.ports import Ports
from labkit.daemon.promises import Promises
from labkit.daemon.virtual_macs import VirtualMacs, settle
from labkit.kernel.wire import Port
from labkit.vrrp.events import StaticChanged


class Equipment:
    """All of it, for one configuration at a time."""

    def __init__(
        self,
        interfaces: Interfaces,
        children: Children,
        log: Log,
        *,
        opened: Callable[[Port], None],
        closing: Callable[[Port], None],
        raised: Callable[[], None],
    ) -> None:
        """Tell of ports that are `opened` or `closing`, and when macvlans were to be up: `obstacles` may be others."""
        self.ports = Ports(interfaces, log, opened=opened, closing=closing)
        self._macvlans = VirtualMacs(interfaces, log)
        self._raised = raised
        self._firewall = Firewall(children, log, self._settled)
        self._promises = Promises(interfaces, log)
        self._instances: tuple[VrrpInstance, ...] = ()
        self._reports_suppressed = False

    def configure(self, config: Config) -> Config:
        """Make what a configuration needs; return it with every address on the device that it belongs to."""
        settled, macvlans = settle(config)
        self._instances = settled.instances
        self._reports_suppressed = settled.global_defs.disable_local_igmp
        self._macvlans.configure(macvlans)
        self._promises.configure(settled)
        self.ports.configure(settled.instances)
        return settled

    def configured(self) -> None:
        """Let go of what the core has withdrawn from."""
        self.ports.prune()
        self._macvlans.prune()
        self._filter()

    def refresh(self, names: set[str]) -> set[str]:
        """Take note of interfaces that changed; return these and those that changed by what was made."""
        if not names:
            return names
        changed = names | self._macvlans.make()
        self._promises.refresh()
        self.ports.refresh()
        self._filter()
        return changed

    def obstacles(self, *, all_told: bool = False) -> list[StaticChanged]:
        """Return which macvlans there are and which cannot be made: what changed, or `all_told` anew."""
        return self._macvlans.events() if all_told else self._macvlans.changes()

    def close(self) -> None:
        """Remove everything, and put back what was changed."""
        self._instances = ()
        self.ports.configure(())
        self.ports.prune()
        self._macvlans.close()
        self._promises.close()
        self._firewall.clear()

    def _settled(self) -> None:
        """Set up what waited for the packet filter."""
        self._macvlans.raise_all()
        self._raised()

    def _filter(self) -> None:
        present = self._macvlans.present
        redirected = [made for made in present if made.family == 6 or not self._reports_suppressed]
        self._firewall.update(self._instances, redirected)
