"""Visits of mixed lengths to servers, and who has how many: by an exact scheduler, and by picks made in advance."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from labkit.kernel.nft.slots import Candidate, slots
from labkit.lvs.model import Scheduler, Service, ServiceKey

STEP_S = 0.1
"""How often who has how many is looked at, and how often the plane counts."""
_ENDING_S = 60.0  # how long connection tracking remembers one that the client has ended


@dataclass(frozen=True)
class Visit:
    """A connection: when it begins, in seconds, and how long it is held."""

    at: float
    lasts: float


@dataclass(frozen=True)
class Fleet:
    """Servers of these weights behind a scheduler that looks at connections."""

    scheduler: Scheduler
    weights: tuple[int, ...]

    def picks(self, active: Sequence[int], inactive: Sequence[int]) -> list[int]:
        """Return the numbers of the servers that get the next connections, as the plane would have them."""
        candidates = [
            Candidate(mark=number, weight=weight, active=active[number], inactive=inactive[number])
            for number, weight in enumerate(self.weights)
        ]
        return slots(Service(key=ServiceKey(fwmark=1), scheduler=self.scheduler), candidates)


def visits(random: Random, rate: float, seconds: float) -> list[Visit]:
    """Return visits at random, so many a second: four of five are short (0.2 s), one is long (4 s)."""
    made, at = [], 0.0
    while (at := at + random.expovariate(rate)) < seconds:
        made.append(Visit(at, random.expovariate(1 / 0.2 if random.random() < 0.8 else 1 / 4.0)))
    return made


class Counts:
    """Who has how many connections as time goes on."""

    def __init__(self, servers: int) -> None:
        self.active, self.inactive = [0] * servers, [0] * servers
        self.history: list[list[int]] = []  # the active ones, at every step
        self._ends: list[tuple[float, int, bool]] = []

    def advance(self, until: float) -> None:
        """Let time pass."""
        while (step := len(self.history) * STEP_S) <= until:
            self._end(step)
            self.history.append([*self.active])
        self._end(until)

    def begin(self, server: int, visit: Visit) -> None:
        """A server gets a connection."""
        self.active[server] += 1
        heapq.heappush(self._ends, (visit.at + visit.lasts, server, True))

    def _end(self, until: float) -> None:
        while self._ends and self._ends[0][0] <= until:
            at, server, was_active = heapq.heappop(self._ends)
            if was_active:
                self.active[server] -= 1
                self.inactive[server] += 1
                heapq.heappush(self._ends, (at + _ENDING_S, server, False))
            else:
                self.inactive[server] -= 1


Choose = Callable[[float, Counts], int]


def history(crowd: Sequence[Visit], servers: int, choose: Choose) -> list[list[int]]:
    """Return the active connections of each server at every step, if `choose` decides at each visit."""
    counts = Counts(servers)
    for visit in crowd:
        counts.advance(visit.at)
        counts.begin(choose(visit.at, counts), visit)
    return counts.history


def exactly(fleet: Fleet) -> Choose:
    """Choose as IPVS does: by the connections of this moment."""
    return lambda _at, counts: fleet.picks(counts.active, counts.inactive)[0]


def in_advance(fleet: Fleet) -> Choose:
    """Choose as the nftables plane does: by picks from the connections of up to a step ago."""
    state: dict[str, float] = {"counted": -1.0, "turn": 0}
    order: list[int] = []

    def choose(at: float, counts: Counts) -> int:
        if at // STEP_S > state["counted"]:
            state.update(counted=at // STEP_S, turn=0)
            order[:] = fleet.picks(counts.history[-1], counts.inactive)
        state["turn"] += 1
        return order[int(state["turn"] - 1) % len(order)]

    return choose


def by_turns(fleet: Fleet) -> Choose:
    """Choose by turns, the weights kept: what has no eye for connections."""
    cycle = [number for number, weight in enumerate(fleet.weights) for _ in range(weight)]
    turn = iter(range(10**9))
    return lambda _at, _counts: cycle[next(turn) % len(cycle)]


def distance(one: Sequence[Sequence[int]], other: Sequence[Sequence[int]], after: float = 3.0) -> list[float]:
    """Return at every step how many connections a server has more or less than in another history, on the average."""
    pairs = [*zip(one, other, strict=False)][int(after / STEP_S) :]
    return [sum(abs(a - b) for a, b in zip(*pair, strict=True)) / len(pair[0]) for pair in pairs]
