"""What a virtual router depends on: check scripts, interfaces, and the verdict on them.

`ScriptCheck` decides when a check script runs and when its answers count (keepalived.conf(5), vrrp_script).  `judge`
says whether a router may run, must wait, or is in FAULT, and how much its priority changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from labkit.trace import SECOND, Micros
from labkit.vrrp.config import OWNER, RouterConfig, ScriptConfig, Track, TrackKind
from labkit.vrrp.events import Action, InterfaceChanged, KillScript, Reason, RunScript, ScriptChanged, Why
from labkit.vrrp.status import ScriptStatus

KILL_DELAY: Micros = SECOND
"""How long a script has between SIGTERM and SIGKILL."""

TERMINATED = -15
"""The status of a run that was ended at its timeout."""


class ScriptCheck:
    """One check script: runs on a grid of its interval, never twice at once.

    The first answer decides at once.  After that answers are counted up and down between 0 and `rise + fall - 1`; the
    script is healthy while the count is at least `rise`, and a change of health sets the count to its end.
    """

    def __init__(self, config: ScriptConfig, now: Micros) -> None:
        self.config = config
        self.healthy: bool | None = False if config.init_fail else None
        self._answered = False
        self._count = 0
        self._status: int | None = None
        self._next_run = now
        self._kill_at: Micros | None = None
        self._running = False
        self._timed_out = False

    @property
    def deadline(self) -> Micros | None:
        """When the next run starts or the running one is to be ended; None: waiting for a killed run to go."""
        return self._kill_at if self._running else self._next_run

    @property
    def status(self) -> ScriptStatus:
        """A snapshot."""
        return ScriptStatus(name=self.config.name, healthy=self.healthy, status=self._status, running=self._running)

    def wake(self, now: Micros) -> list[Action]:
        """Start the next run, or end one that took too long."""
        name = self.config.name
        if not self._running:
            self._running, self._timed_out = True, False
            self._kill_at = now + self.config.timeout
            self._skip_to(now)
            return [RunScript(script=name)]
        if self._timed_out:
            self._kill_at = None
            return [KillScript(script=name, force=True)]
        self._timed_out = True
        self._kill_at = now + KILL_DELAY
        return [KillScript(script=name), *self._answer(TERMINATED)]

    def exited(self, status: int | None, now: Micros) -> list[Action]:
        """Take the end of the running run; after its timeout it says nothing new."""
        if not self._running:
            return []
        self._running, self._kill_at = False, None
        self._skip_to(now)
        return [] if self._timed_out else self._answer(status)

    def abandon(self) -> list[Action]:
        """End the running run: nobody waits for its answer any more."""
        return [KillScript(script=self.config.name, force=True)] if self._running else []

    def reconfigure(self, config: ScriptConfig) -> None:
        """Take new figures; the health stays, and the next run comes when it was due."""
        self.config = config
        self._count = config.rise + config.fall - 1 if self.healthy else 0

    def _skip_to(self, now: Micros) -> None:
        """Move the next run to the first point of the grid after `now`."""
        if self._next_run <= now:
            interval = self.config.interval
            self._next_run += ((now - self._next_run) // interval + 1) * interval

    def _answer(self, status: int | None) -> list[Action]:
        good = status == 0
        changed = self._answered and good != (self._status == 0)
        first = not self._answered
        self._status, self._answered = status, True
        top = self.config.rise + self.config.fall - 1
        if first:
            self._count = top if good else 0
        else:
            self._count = min(self._count + 1, top) if good else max(self._count - 1, 0)
        healthy = self._count >= self.config.rise
        actions: list[Action] = []
        if changed:
            actions.append(ScriptChanged(script=self.config.name, healthy=good, status=status, settled=False))
        if first or healthy != self.healthy:
            self._count = top if healthy else 0
            self.healthy = healthy
            actions.append(ScriptChanged(script=self.config.name, healthy=healthy, status=status, settled=True))
        return actions


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The verdict on a router: `fault` forbids to run, `waiting` forbids to start; and its effective priority."""

    fault: Why | None
    waiting: Why | None
    priority: int


def judge(
    config: RouterConfig,
    interfaces: Mapping[str, InterfaceChanged],
    scripts: Mapping[str, bool | None],
    *,
    weighted: bool = True,
) -> Standing:
    """Look at everything `config` depends on; tracks with a weight do not count unless `weighted`.

    An interface that is not in `interfaces`, and a script whose health is None, have not answered yet.
    """
    faults: list[Why] = []
    waits: list[Why] = []
    priority = config.priority
    own = Track(kind=TrackKind.INTERFACE, name=config.interface)
    for track in (own, *config.tracks):
        works, why = _look(track, interfaces, scripts)
        if track.weight:
            priority += track.weight if works is (track.weight > 0) else 0
        elif works is None:
            waits.append(why)
        elif not works:
            faults.append(why)
    if not faults and not waits and interfaces[config.interface].primary is None:
        faults.append(Why(reason=Reason.NO_PRIMARY_ADDRESS, name=config.interface))
    return Standing(
        fault=faults[0] if faults else None,
        waiting=waits[0] if waits else None,
        priority=min(max(priority, 1), OWNER - 1) if weighted and config.priority != OWNER else config.priority,
    )


def _look(
    track: Track, interfaces: Mapping[str, InterfaceChanged], scripts: Mapping[str, bool | None]
) -> tuple[bool | None, Why]:
    """Return whether what `track` watches works (None: unknown), and what to say when it does not."""
    name = track.name
    if track.kind is TrackKind.SCRIPT:
        healthy = scripts[name]
        return healthy, Why(reason=Reason.WAITING if healthy is None else Reason.SCRIPT_FAILED, name=name)
    interface = interfaces.get(name)
    if interface is None:
        return None, Why(reason=Reason.WAITING, name=name)
    if not interface.exists:
        return False, Why(reason=Reason.INTERFACE_MISSING, name=name)
    return interface.up, Why(reason=Reason.INTERFACE_DOWN, name=name)
