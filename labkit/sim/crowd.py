"""Thousands of routers under random faults, and what must be true of them: who owned what, and how fast it moved.

A crowd is many virtual routers, each on a segment of its own with a few routers.  Again and again the owner of each
is stopped (it says goodbye) or crashes (it does not), and comes back later.  Nothing is kept of the trace: what is
measured is counted as it happens.
"""

from functools import partial
from ipaddress import IPv4Address
from random import Random

from labkit.sim.network import Rank
from labkit.sim.world import World
from labkit.trace import SECOND, Kind, Micros, Record
from labkit.values import dataclass, field
from labkit.vrrp.config import RouterConfig
from labkit.vrrp.events import Configure
from labkit.vrrp.timing import master_down_interval, skew_time

STOP, CRASH = "stop", "crash"
_HIGHEST = 250
_AWAY = (2 * SECOND, 10 * SECOND)  # how long a router that was stopped stays away, at least and at most
_FAULTS = (8 * SECOND, 16 * SECOND)  # from fault to fault of one virtual router


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a crowd is: `routers` in all, `together` on each segment; times in microseconds, `loss` 0..1."""

    routers: int
    together: int = 3
    seed: int = 1
    loss: float = 0.0
    latency: Micros = 100
    version: int = 3
    interval: Micros = SECOND
    duration: Micros = 60 * SECOND

    def __post_init__(self) -> None:
        if self.together < 2 or self.routers < self.together:
            raise ValueError("a virtual router has two routers or more, and there must be enough for one")

    @property
    def groups(self) -> int:
        """How many virtual routers there are."""
        return self.routers // self.together


@dataclass(slots=True, kw_only=True)
class Takeovers:
    """How long takeovers took; `late` by more than frames travel, `latest` the worst time over its bound."""

    took: list[Micros] = field(default_factory=list)
    late: int = 0
    latest: Micros = 0


@dataclass(slots=True, kw_only=True)
class Census:
    """What was counted; `lasted` and `longest` by number of owners: none, one, and more."""

    lasted: list[Micros] = field(default_factory=lambda: [0, 0, 0])
    longest: list[Micros] = field(default_factory=lambda: [0, 0, 0])
    takeovers: dict[str, Takeovers] = field(default_factory=lambda: {STOP: Takeovers(), CRASH: Takeovers()})
    usurped: int = 0  # an owner was joined by one of a lower priority: it heard nothing of the owner
    wrong: list[str] = field(default_factory=list)  # virtual routers that end with another owner than the best


@dataclass(slots=True, eq=False, kw_only=True)
class _Group:
    """One virtual router."""

    name: str
    priorities: dict[str, int]
    up: set[str] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)
    since: Micros = 0
    elected: bool = False  # before the first owner nothing counts
    fault: tuple[str, Micros, Micros] | None = None  # kind, when, and its bound


class Crowd:
    """A world of many virtual routers."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.census = Census()
        self._random = Random(plan.seed)
        self._world = World(seed=plan.seed, tell=self._hear)
        self._configurations: dict[str, Configure] = {}
        self._group_of: dict[str, _Group] = {}
        self._groups = [self._build(number) for number in range(plan.groups)]

    def run(self) -> Census:
        """Let everything happen, then have a quiet time without faults and losses; return what was counted."""
        for name in self._configurations:
            self._start(name)
        self._world.run_until(self.plan.duration)
        for segment in self._world.segments.values():
            segment.loss = 0.0
        self._world.run_for(_AWAY[1] + 2 * self._master_down(1))
        for group in self._groups:
            self._count(group)
            best = max(group.priorities.values())
            if [group.priorities[owner] for owner in group.owners] != [best]:
                self.census.wrong.append(group.name)
        return self.census

    def _build(self, number: int) -> _Group:
        segment = f"segment{number}"
        self._world.add_segment(segment, latency=self.plan.latency, loss=self.plan.loss)
        step = max(1, _HIGHEST // self.plan.together)
        group = _Group(name=segment, priorities={})
        for place in range(self.plan.together):
            name = f"router{number * self.plan.together + place}"
            priority = max(1, _HIGHEST - place * step)
            router = RouterConfig(
                name="VI",
                interface="eth0",
                vrid=1,
                addresses=(IPv4Address("10.0.0.1"),),
                version=self.plan.version,
                priority=priority,
                advert_interval=self.plan.interval,
            )
            self._world.add_node(name).attach("eth0", segment, IPv4Address((10 << 24) + 256 + place))
            self._configurations[name] = Configure(routers=(router,))
            group.priorities[name] = priority
            self._group_of[name] = group
        self._world.call_at(self._pause(_FAULTS), Rank.TIMER, partial(self._break, group))
        return group

    # --- what happens -------------------------------------------------------------------------------------------------

    def _pause(self, between: tuple[Micros, Micros]) -> Micros:
        return self._world.now + self._random.randint(*between)

    def _start(self, name: str) -> None:
        self._group_of[name].up.add(name)
        self._world.nodes[name].start(self._configurations[name])

    def _break(self, group: _Group) -> None:
        """Stop or crash the owner, unless it is the last one up or the time for faults is over."""
        if self._world.now >= self.plan.duration:
            return
        if len(group.owners) == 1 and len(group.up) > 1:
            (owner,) = group.owners
            kind = self._random.choice((STOP, CRASH))
            group.up.discard(owner)
            best = max(group.priorities[name] for name in group.up)
            bound = self._skew(best) if kind == STOP else self._master_down(best)
            group.fault = kind, self._world.now, bound
            (self._world.nodes[owner].stop if kind == STOP else self._world.nodes[owner].crash)()
            self._world.call_at(self._pause(_AWAY), Rank.TIMER, partial(self._start, owner))
        self._world.call_at(self._pause(_FAULTS), Rank.TIMER, partial(self._break, group))

    def _skew(self, priority: int) -> Micros:
        return skew_time(self.plan.version, priority, self.plan.interval)

    def _master_down(self, priority: int) -> Micros:
        return master_down_interval(self.plan.version, priority, self.plan.interval)

    # --- what is counted ----------------------------------------------------------------------------------------------

    def _hear(self, record: Record) -> None:
        if record.kind is Kind.ADDRESS:
            group = self._group_of[record.node]
            self._count(group)
            if record.data["present"]:
                self._joined(group, record.node)
                group.owners.add(record.node)
            else:
                group.owners.discard(record.node)

    def _joined(self, group: _Group, owner: str) -> None:
        group.elected = True
        if any(group.priorities[other] > group.priorities[owner] for other in group.owners):
            self.census.usurped += 1
        if group.fault is not None:
            kind, at, bound = group.fault
            group.fault = None
            over = self._world.now - at - bound
            takeovers = self.census.takeovers[kind]
            takeovers.took.append(self._world.now - at)
            takeovers.late += over > 2 * self.plan.latency
            takeovers.latest = max(takeovers.latest, over)

    def _count(self, group: _Group) -> None:
        """Add the time since the last change to what as many owners had."""
        now = self._world.now
        if group.elected:
            owners, lasted = min(len(group.owners), 2), now - group.since
            self.census.lasted[owners] += lasted
            self.census.longest[owners] = max(self.census.longest[owners], lasted)
        group.since = now
