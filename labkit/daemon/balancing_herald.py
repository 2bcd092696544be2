"""Carries news of real and virtual servers to everyone who is to know: scripts, FIFOs and mail."""

from collections.abc import Iterable
from functools import partial

from labkit.conf.model import Config, GlobalDefs
from labkit.daemon.alerts import Alerts
from labkit.daemon.balancing_news import BalancingEditor
from labkit.daemon.children import Children
from labkit.daemon.fifo import Fifos, Named
from labkit.daemon.log import Level, Log
from labkit.daemon.loop import Loop
from labkit.daemon.notify import Notifier
from labkit.daemon.ways import Ways
from labkit.lvs.events import Action

_SHARED = "notify fifo"


def of_balancing(defaults: GlobalDefs) -> Named:
    """Return the FIFOs that are told of servers."""
    return {_SHARED: defaults.notify_fifo, "lvs notify fifo": defaults.lvs_notify_fifo}


class BalancingHerald(Ways):
    """Tells of the changes of real and virtual servers."""

    def __init__(self, children: Children, loop: Loop, log: Log, *, alone: bool) -> None:
        """Be ready; where it is not `alone`, the FIFO that both write is the VRRP process's to make and to remove."""
        warn = partial(log.say, level=Level.WARNING)
        fifos = Fifos(children, loop, warn, of_balancing, () if alone else (_SHARED,))
        super().__init__(Notifier(children, loop, warn), fifos, Alerts(children, loop, log.say))
        self._editor = BalancingEditor()

    def configure(self, config: Config, *, starting: bool) -> None:
        """Take whom to tell; at the start real servers that are up are told where that is wanted (rs_init_notifies)."""
        defaults = config.global_defs
        self._editor.configure(config.virtual_servers)
        self._alerts.configure(defaults)
        self._fifos.configure(defaults, self._editor.subjects, starting=starting)
        self._notifier.configure(defaults, self._editor.scripts)
        if starting and defaults.rs_init_notifies:
            self.carry(self._editor.initial())

    def tell(self, actions: Iterable[Action], *, farewell: bool = False) -> None:
        """Tell of actions that were decided together."""
        self.carry(self._editor.news(actions, farewell=farewell))
