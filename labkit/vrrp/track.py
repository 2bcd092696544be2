"""What virtual routers depend on: check scripts, processes and interfaces, each with when a change of it counts."""

from labkit.trace import SECOND, Micros
from labkit.values import replace
from labkit.vrrp.config import InterfaceDelay, ProcessConfig, ScriptConfig, TrackKind
from labkit.vrrp.events import Action, InterfaceChanged, KillScript, RunScript, ScriptChanged, TrackerChanged
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
        self._timed_out = False  # the run that is under way, or was the last
        self._late = False  # the last answer is a timeout

    @property
    def deadline(self) -> Micros | None:
        """When the next run starts or the running one is to be ended; None: waiting for a killed run to go."""
        return self._kill_at if self._running else self._next_run

    @property
    def status(self) -> ScriptStatus:
        """A snapshot."""
        return ScriptStatus(
            name=self.config.name,
            healthy=self.healthy,
            status=self._status,
            running=self._running,
            timed_out=self._late,
        )

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
        self._late = late = self._timed_out
        name, top = self.config.name, self.config.rise + self.config.fall - 1
        if first:
            self._count = top if good else 0
        else:
            self._count = min(self._count + 1, top) if good else max(self._count - 1, 0)
        healthy = self._count >= self.config.rise
        actions: list[Action] = []
        if changed:
            actions.append(ScriptChanged(script=name, healthy=good, status=status, settled=False, timed_out=late))
        if first or healthy != self.healthy:
            self._count = top if healthy else 0
            self.healthy = healthy
            actions.append(ScriptChanged(script=name, healthy=healthy, status=status, settled=True, timed_out=late))
        return actions


class ProcessCheck:
    """How many of a process run, and when that counts.

    keepalived.conf(5), vrrp_track_process: what changed because one more runs counts `fork_delay` later, what changed
    because one less runs counts `terminate_delay` later, if it is so still.  The first count decides at once.
    """

    def __init__(self, config: ProcessConfig) -> None:
        self.config = config
        self.healthy: bool | None = None
        self.count: int | None = None
        self._settle_at: Micros | None = None

    @property
    def deadline(self) -> Micros | None:
        """When the present count begins to count."""
        return self._settle_at

    def counted(self, count: int, now: Micros) -> list[Action]:
        """Take a new count."""
        before, self.count = self.count, count
        if before is None:
            return self._settle()
        if self._right() is self.healthy:
            self._settle_at = None
        elif self._settle_at is None:
            self._settle_at = now + (self.config.fork_delay if count > before else self.config.terminate_delay)
        return self.wake(now)

    def wake(self, now: Micros) -> list[Action]:
        """Let the present count decide, if its delay is over."""
        return self._settle() if self._settle_at is not None and self._settle_at <= now else []

    def reconfigure(self, config: ProcessConfig) -> list[Action]:
        """Take other figures; they are held against the present count at once."""
        self.config = config
        return self._settle() if self.count is not None else []

    def _right(self) -> bool:
        most = self.config.quorum_max
        return self.count is not None and self.config.quorum <= self.count and (most is None or self.count <= most)

    def _settle(self) -> list[Action]:
        self._settle_at = None
        healthy = self._right()
        if healthy is self.healthy:
            return []
        self.healthy = healthy
        name = self.config.name
        return [TrackerChanged(kind=TrackKind.PROCESS, name=name, healthy=healthy, value=self.count)]


class InterfaceCheck:
    """An interface as routers see it: a change of up or down must last its delay (interface_up_down_delays).

    What else the kernel says of it, its addresses above all, counts at once.
    """

    def __init__(self, delay: InterfaceDelay, first: InterfaceChanged) -> None:
        self.delay = delay
        self.seen = first
        self._told = first
        self._settle_at: Micros | None = None

    @property
    def deadline(self) -> Micros | None:
        """When a change that was held back counts."""
        return self._settle_at

    def told(self, event: InterfaceChanged, now: Micros) -> None:
        """Take what the kernel says; an interface that is gone is so at once."""
        self._told = event
        if event.exists and _usable(event) is not _usable(self.seen):
            if self._settle_at is None:
                self._settle_at = now + (self.delay.up if event.up else self.delay.down)
            if self._settle_at > now:
                self.seen = replace(event, exists=self.seen.exists, up=self.seen.up)
                return
        self._settle_at = None
        self.seen = event

    def wake(self, now: Micros) -> list[Action]:
        """Let the present state count, if its delay is over."""
        if self._settle_at is None or self._settle_at > now:
            return []
        self._settle_at = None
        self.seen = self._told
        name = self.seen.interface
        return [TrackerChanged(kind=TrackKind.INTERFACE, name=name, healthy=_usable(self.seen))]


def _usable(state: InterfaceChanged) -> bool:
    return state.exists and state.up
