"""When a MASTER announces its addresses: on becoming it, a while later, after a lower MASTER, and periodically.

keepalived.conf(5): garp_master_delay and _repeat, garp_master_refresh and _refresh_repeat, garp_lower_prio_delay and
_repeat, garp_extra_if, vmac_garp_intvl.
"""

from labkit.trace import Micros
from labkit.vrrp.actions import Action, Announce, Where
from labkit.vrrp.config import RouterConfig

_NEVER: dict[Where, Micros] = {}
"""What is periodic at most routers: nothing; one for all of them."""


class Announcements:
    """The announcement timers of one router; `deadline` is the earliest of them, None: not MASTER, or none is left."""

    def __init__(self, config: RouterConfig) -> None:
        self.config = config
        self.deadline: Micros | None = None
        self._again_at: Micros | None = None
        self._again = 0  # repeats of the second round
        self._periodic: dict[Where, Micros] = _NEVER

    def begin(self, now: Micros) -> list[Action]:
        """Announce as a new MASTER, or as one whose addresses changed."""
        self._periodic = {where: now + interval for where, (interval, _) in self._intervals().items()} or _NEVER
        return self._announce(self.config.announce_repeat, self.config.announce_delay, now)

    def assert_ourselves(self, now: Micros) -> list[Action]:
        """Take the tables of switches and neighbours back from a MASTER of lower priority."""
        config = self.config
        repeat = config.announce_repeat if config.lower_prio_repeat is None else config.lower_prio_repeat
        delay = config.announce_delay if config.lower_prio_delay is None else config.lower_prio_delay
        return self._announce(repeat, delay, now)

    def stop(self) -> None:
        """Cease to be MASTER."""
        self.deadline = self._again_at = None
        self._periodic = _NEVER

    def reconfigure(self, config: RouterConfig, now: Micros) -> None:
        """Take other figures: periods that are new start now, and those that stay are not disturbed."""
        old, self.config = self._intervals(), config
        if self.deadline is None and self._again_at is None and not self._periodic and old == self._intervals():
            return
        self._periodic = {
            where: self._periodic[where] if old.get(where, (0, 0))[0] == interval else now + interval
            for where, (interval, _) in self._intervals().items()
        }
        self._book()

    def wake(self, now: Micros) -> list[Action]:
        """Announce what is due."""
        if self.deadline is None or self.deadline > now:
            return []
        actions: list[Action] = []
        name = self.config.name
        if self._again_at is not None and self._again_at <= now:
            self._again_at = None
            actions.append(Announce(router=name, repeat=self._again))
        for where, (interval, repeat) in self._intervals().items():
            at = self._periodic[where]
            if at <= now:
                self._periodic[where] = at + ((now - at) // interval + 1) * interval
                actions.append(Announce(router=name, repeat=repeat, where=where))
        self._book()
        return actions

    def _announce(self, repeat: int, delay: Micros, now: Micros) -> list[Action]:
        self._again_at, self._again = now + delay if delay and repeat else None, repeat
        self._book()
        return [Announce(router=self.config.name, repeat=repeat)] if repeat else []

    def _intervals(self) -> dict[Where, tuple[Micros, int]]:
        """Return what is periodic: its interval and repeats."""
        config = self.config
        found = {
            Where.ALL: (config.refresh_interval, config.refresh_repeat),
            Where.EXTRA: (config.extra_interval, 1),
            Where.VMAC: (config.vmac_interval, 1),
        }
        return {where: figures for where, figures in found.items() if figures[0]}

    def _book(self) -> None:
        times = [*self._periodic.values(), *([] if self._again_at is None else [self._again_at])]
        self.deadline = min(times, default=None)
