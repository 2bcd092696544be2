"""Carries news of instances and groups to everyone who is to know: notify scripts, FIFOs and mail."""

from collections.abc import Iterable, Mapping
from functools import partial

from labkit.conf.model import Config, VrrpInstance
from labkit.daemon.alerts import Alerts
from labkit.daemon.children import Children
from labkit.daemon.fifo import Fifos
from labkit.daemon.log import Level, Log
from labkit.daemon.loop import Loop
from labkit.daemon.news import Editor, Subject, scripts
from labkit.daemon.notify import Notifier
from labkit.daemon.report import DeliveryReport
from labkit.vrrp.actions import Action


class Herald:
    """Tells of changes, never waiting for who is told."""

    def __init__(self, children: Children, loop: Loop, log: Log) -> None:
        warn = partial(log.say, level=Level.WARNING)
        self._editor = Editor()
        self._notifier = Notifier(children, loop, warn)
        self._fifos = Fifos(children, loop, warn)
        self._alerts = Alerts(children, loop, log.say)

    def configure(self, config: Config, *, starting: bool) -> bool:
        """Take whom to tell; return whether a notify script runs as root."""
        defaults = config.global_defs
        groups = {group.name: group for group in config.sync_groups}
        self._editor.configure(groups, priorities=defaults.vrrp_notify_priority_changes)
        subjects: tuple[Subject, ...] = (*config.instances, *config.sync_groups)
        named = {("INSTANCE", instance.router.name) for instance in config.instances}
        self._alerts.configure(defaults)
        self._fifos.configure(defaults, named | {("GROUP", name) for name in groups}, starting=starting)
        return self._notifier.configure(defaults, {command for subject in subjects for command in scripts(subject)})

    def tell(self, actions: Iterable[Action], instances: Mapping[str, VrrpInstance]) -> None:
        """Tell of actions that were decided together."""
        for news in self._editor.news(actions, instances):
            self._fifos.write(news)
            self._notifier.tell(news)
            self._alerts.tell(news)

    def deliveries(self) -> tuple[DeliveryReport, ...]:
        """Return how much was told over each way that is used."""
        ways = (self._notifier.delivery(), *self._fifos.deliveries(), self._alerts.delivery())
        return tuple(way for way in ways if way.name or way.told or way.lost or way.waiting)

    @property
    def farewells(self) -> int:
        """How many scripts that tell of the end have not ended yet."""
        return self._notifier.farewells

    def hurry(self) -> None:
        """Start what waits: there is no time left."""
        self._notifier.hurry()

    def close(self) -> None:
        """Tell nobody anything more."""
        self._fifos.close()
        self._alerts.close()

    def settle(self) -> None:
        """Say what could not be told."""
        self._alerts.settle()
