"""When one check of a real server runs, and when its answers count (keepalived.conf(5), real_server).

    run ──ok──────────────────────────> healthy          next run at the next point of the grid of delay_loop
     └──failed──> retries left? ──yes──> run again after delay_before_retry
                       └──no───────────> failed          next run at the next point of the grid

The grid keeps checks of thousands of servers where they began: a slow check moves none of the others, nor itself.
Retries are for a server that counts as healthy; one that has failed is simply asked again on the grid.
"""

from collections.abc import Hashable
from typing import Generic, TypeAlias, TypeVar

from labkit.trace import SECOND, Micros
from labkit.values import dataclass

Id = TypeVar("Id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one run of a check ended; `detail` in words, `weight` where the check decides about it (MISC_CHECK).

    `final`: the same run would end alike, so that there is nothing to try again (FILE_CHECK).
    `void`: this machine could not ask, which says nothing of the server.
    """

    ok: bool
    detail: str = ""
    weight: int | None = None
    final: bool = False
    void: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckConfig:
    """When a check runs; with `alpha` the server counts as failed until the check has answered well once.

    The first runs of many checks are spread out over `warmup`.  `spec` says what is checked; to the core it is only
    something that may change.  With `log_all` whoever keeps the log is to name each failure (log_all_failures).
    """

    spec: Hashable = None
    delay_loop: Micros = 60 * SECOND
    warmup: Micros = 60 * SECOND
    retry: int = 1
    delay_before_retry: Micros = SECOND
    alpha: bool = False
    log_all: bool = False

    def __post_init__(self) -> None:
        if self.delay_loop <= 0 or min(self.retry, self.delay_before_retry, self.warmup) < 0:
            raise ValueError("delay_loop must be positive, retry, delay_before_retry and warmup not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Generic[Id]):
    """Run the check; its end must come back to `answered`."""

    check: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing(Generic[Id]):
    """A run failed and will be tried again, the `attempt`-th of `retry` times."""

    check: Id
    attempt: int
    retry: int
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(Generic[Id]):
    """The check's health is known for the first time or changed, or its weight did; `first`: it is the first answer."""

    check: Id
    healthy: bool
    result: Result
    attempts: int
    first: bool


Known: TypeAlias = tuple[bool, int | None, bool, Result | None]
CheckAction: TypeAlias = Run[Id] | Failing[Id] | Settled[Id]


class Check(Generic[Id]):
    """One check of one real server; `identity` is what its actions carry."""

    def __init__(self, identity: Id, config: CheckConfig, first_run: Micros) -> None:
        self.identity = identity
        self.config = config
        self.healthy = not config.alpha
        self.weight: int | None = None
        self.settled = False
        self.last: Result | None = None
        self._attempts = 0
        self._grid = first_run
        self._at: Micros | None = first_run
        self._suspended = False
        self._stale = False  # what it looks at has changed since the run that is under way began
        self._another = False  # the run that is under way looks at something else
        self._runs: list[CheckAction[Id]] = [Run(check=identity)]

    @property
    def deadline(self) -> Micros | None:
        """When to wake the check, in absolute microseconds; None: a run is under way, or it is suspended."""
        return None if self._suspended else self._at

    def wake(self, now: Micros) -> list[CheckAction[Id]]:
        """Start the run that is due."""
        if self.deadline is None or self.deadline > now:
            return []
        self._at = None
        return self._runs

    def answered(self, result: Result, now: Micros) -> list[CheckAction[Id]]:
        """Take the end of the run that is under way; anything else is passed over."""
        if self._at is not None:
            return []
        if result.void or self._another:
            self._at = now if self._another else self._next_on_grid(now)
            self._another = False
            return []
        self.last = result
        if not result.ok and not result.final and self.healthy and self._attempts < self.config.retry:
            self._attempts += 1
            self._at = now + self.config.delay_before_retry
            return [Failing(check=self.identity, attempt=self._attempts, retry=self.config.retry, result=result)]
        attempts, self._attempts = self._attempts, 0
        self._at = now if self._stale else self._next_on_grid(now)
        self._stale = False
        first, self.settled = not self.settled, True
        changed = first or result.ok != self.healthy or (result.ok and result.weight != self.weight)
        self.healthy = result.ok
        self.weight = result.weight if result.ok else self.weight
        if not changed:
            return []
        return [Settled(check=self.identity, healthy=result.ok, result=result, attempts=attempts, first=first)]

    def reconfigure(self, config: CheckConfig, now: Micros, begin: Micros) -> None:
        """Take other times, or something else to look at, which is done at `begin` at the latest; the health stays."""
        another = config.spec != self.config.spec
        self.config = config
        grid = min(self._grid, begin) if another else self._grid
        if grid > now:  # a shorter loop begins now, not when the longer one is over
            grid -= (grid - now) // config.delay_loop * config.delay_loop
        if self._at is None:
            self._another |= another
        elif self._at == self._grid:
            self._at = grid
        self._grid = grid

    def take_over(self, known: Known) -> None:
        """Go on with what was known of what this check looks at now."""
        self.healthy, self.weight, self.settled, self.last = known

    @property
    def known(self) -> Known:
        """What is known of what this check looks at."""
        return self.healthy, self.weight, self.settled, self.last

    def hurry(self, now: Micros) -> None:
        """Run at once, or once more if a run is under way: what it looks at has changed."""
        if self._at is None:
            self._stale = True
        else:
            self._at = now

    def suspend(self) -> None:
        """Run no more until `resume` (ha_suspend); the health stays, and so does a run that is under way."""
        self._suspended = True

    def resume(self, now: Micros) -> None:
        """Run at once, then on the grid."""
        if self._suspended:
            self._suspended = False
            if self._at is not None:
                self._at = now

    def _next_on_grid(self, now: Micros) -> Micros:
        delay = self.config.delay_loop
        if self._grid <= now:
            self._grid += ((now - self._grid) // delay + 1) * delay
        return self._grid
