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
from labkit.daemon.ways import Ways
from labkit.vrrp.actions import Action


class Herald(Ways):
    """Tells of the changes of instances and groups."""

    def __init__(self, children: Children, loop: Loop, log: Log) -> None:
        warn = partial(log.say, level=Level.WARNING)
        fifos = Fifos(children, loop, warn)
        super().__init__(Notifier(children, loop, warn), fifos, Alerts(children, loop, log.say))
        self._editor = Editor()

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
        self.carry(self._editor.news(actions, instances))
