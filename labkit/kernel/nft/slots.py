"""Schedulers as tables: which real server the n-th new connection, or the n-th hash value, goes to.

nftables can count and hash, but not weigh.  So each scheduler becomes a list of slots, indexed by a counter or by a
hash of the packet: rr and wrr count through the order that IPVS itself would take, sh, dh and mh hash.  Schedulers that
look at the number of connections get the next picks that IPVS would make from the numbers as they are, and new ones
whenever those were read again.
"""

import math
import zlib
from collections.abc import Callable, Sequence

from labkit.lvs.model import Scheduler, Service
from labkit.values import dataclass, replace

MOST_SLOTS = 4096
REFUSE = 0
"""The mark of a slot whose connections are refused."""

_HASHED = 256  # IPVS's tables of sh and dh (CONFIG_IP_VS_SH_TAB_BITS 8)
_MAGLEV = 251  # a prime; IPVS takes one too (CONFIG_IP_VS_MH_TAB_INDEX)
_AHEAD = 64  # picks that a counting scheduler makes in advance

COUNTING = frozenset({Scheduler.LC, Scheduler.WLC, Scheduler.SED, Scheduler.NQ})
"""Schedulers that look at the number of connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A real server that may get new connections.

    Its mark, its weight, a name that hashing starts from, how many connections it has, and whether it is `full` (upper
    threshold).
    """

    mark: int
    weight: int
    name: str = ""
    active: int = 0
    inactive: int = 0
    full: bool = False

    @property
    def open(self) -> bool:
        """Whether it gets new connections."""
        return self.weight > 0 and not self.full


def slots(service: Service, everyone: Sequence[Candidate]) -> list[int]:
    """Return the marks in the order of the slots; empty when nobody takes new connections."""
    candidates = [one for one in everyone if one.open]
    if not candidates:
        return []
    match service.scheduler:
        case Scheduler.RR:
            return [one.mark for one in candidates]
        case Scheduler.FO:
            return [max(candidates, key=lambda one: one.weight).mark]
        case Scheduler.SH:
            turns = [one for one in _lightened(everyone) for _ in range(max(one.weight, 1))]
            return _hash_table(turns, fallback=service.fallback)
        case Scheduler.DH:  # IPVS's does not look at weights but for 0
            return _hash_table(everyone, fallback=False)
        case Scheduler.MH:
            table = _maglev([one for one in _lightened(everyone) if one.weight])
            return _filled(table, fallback=service.fallback)
        case scheduler if scheduler in COUNTING:
            return _predicted(_COSTS[scheduler], candidates)
        case _:
            return _weighted_order(_lightened(candidates))


def _lightened(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Divide the weights by what they share, and further where they would need too many slots; 0 stays 0."""
    shared = math.gcd(*(one.weight for one in candidates)) or 1
    total = sum(one.weight for one in candidates) / shared
    by = shared * max(1.0, total / MOST_SLOTS)
    return [replace(one, weight=max(1, round(one.weight / by)) if one.weight else 0) for one in candidates]


def _weighted_order(candidates: Sequence[Candidate]) -> list[int]:
    """Return one cycle of IPVS's wrr: the current weight sinks from the largest, whoever reaches it is chosen."""
    largest = max(one.weight for one in candidates)
    return [one.mark for level in range(largest, 0, -1) for one in candidates if one.weight >= level]


# --- hashing ----------------------------------------------------------------------------------------------------------


def _hash_table(turns: Sequence[Candidate], *, fallback: bool) -> list[int]:
    """Return IPVS's table of sh and dh: the servers in turn, over and over."""
    return _filled([turns[place % len(turns)] for place in range(max(_HASHED, len(turns)))], fallback=fallback)


def _filled(table: Sequence[Candidate], *, fallback: bool) -> list[int]:
    """Return a table's marks; the slots of who takes nothing refuse, or (`fallback`) go to the next who does."""
    if not fallback:
        return [one.mark if one.open else REFUSE for one in table]
    size = len(table)
    return [
        next(two.mark for step in range(size) if (two := table[(place + step) % size]).open) for place in range(size)
    ]


def _maglev(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return a lookup table in which a server that comes or goes moves few other slots (Eisenbud 2016, 3.4)."""
    orders = []
    for one in candidates:
        name = one.name.encode()
        offset, skip = zlib.crc32(name) % _MAGLEV, zlib.adler32(name) % (_MAGLEV - 1) + 1
        orders.append(iter([(offset + turn * skip) % _MAGLEV for turn in range(_MAGLEV)]))
    table: dict[int, Candidate] = {}
    while True:
        for one, order in zip(candidates, orders, strict=True):
            for _ in range(one.weight):
                place = next((place for place in order if place not in table), None)
                if place is None:
                    return [table[place] for place in range(_MAGLEV)]
                table[place] = one


# --- counting ---------------------------------------------------------------------------------------------------------

_Cost = Callable[[Candidate, int], float]


def _shortest_delay(one: Candidate, active: int) -> float:
    return (active + 1) / one.weight


_COSTS: dict[Scheduler, _Cost] = {
    Scheduler.LC: lambda one, active: active * 256 + one.inactive,
    Scheduler.WLC: lambda one, active: (active * 256 + one.inactive) / one.weight,
    Scheduler.SED: _shortest_delay,
    Scheduler.NQ: lambda one, active: _shortest_delay(one, active) if active else 0,
}
"""IPVS's own figures: whoever has the least gets the connection, the first of equals."""


def _predicted(cost: _Cost, candidates: Sequence[Candidate]) -> list[int]:
    """Return the next picks from the numbers of connections as they are, if none ends."""
    active = {one.mark: one.active for one in candidates}
    picks = []
    for _ in range(max(_AHEAD, 2 * len(candidates))):
        chosen = min(candidates, key=lambda one: cost(one, active[one.mark]))
        active[chosen.mark] += 1
        picks.append(chosen.mark)
    return picks
