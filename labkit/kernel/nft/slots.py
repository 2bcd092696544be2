"""Schedulers as tables: which real server the n-th new connection, or the n-th hash value, goes to.

nftables can count and hash, but not weigh.  So each scheduler becomes a list of slots, indexed by a counter or by a
hash of the packet: rr and wrr count through the order that IPVS itself would take, sh, dh and mh hash.  Schedulers that
look at the number of connections begin as wrr does and are kept right by a controller that refills their slots.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from labkit.lvs.model import Scheduler, Service

MOST_SLOTS = 4096
_MAGLEV = 251  # a prime; IPVS takes one too (CONFIG_IP_VS_MH_TAB_INDEX)

COUNTING = frozenset({Scheduler.LC, Scheduler.WLC, Scheduler.SED, Scheduler.NQ})
"""Schedulers that look at the number of connections."""

REFUSED = {
    Scheduler.LBLC: "remembers a real server for each destination",
    Scheduler.LBLCR: "remembers real servers for each destination",
    Scheduler.OVF: "looks at the connections of the server of highest weight for each packet",
    Scheduler.TWOS: "compares the connections of two random servers for each packet",
}
"""Schedulers that nftables cannot do, and why."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A real server that may get new connections: its mark, weight (positive) and a name that hashing starts from."""

    mark: int
    weight: int
    name: str


def slots(service: Service, candidates: Sequence[Candidate]) -> list[int]:
    """Return the marks in the order of the slots; empty when there is no candidate."""
    if not candidates:
        return []
    match service.scheduler:
        case Scheduler.RR:
            return [one.mark for one in candidates]
        case Scheduler.FO:
            return [max(candidates, key=lambda one: one.weight).mark]
        case Scheduler.SH | Scheduler.DH:
            return [one.mark for one in _lightened(candidates) for _ in range(one.weight)]
        case Scheduler.MH:
            return _maglev(_lightened(candidates))
        case _:
            return _weighted_order(_lightened(candidates))


def _lightened(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Divide the weights by what they share, and further where they would need too many slots."""
    shared = math.gcd(*(one.weight for one in candidates))
    total = sum(one.weight for one in candidates) / shared
    by = shared * max(1.0, total / MOST_SLOTS)
    return [Candidate(one.mark, max(1, round(one.weight / by)), one.name) for one in candidates]


def _weighted_order(candidates: Sequence[Candidate]) -> list[int]:
    """Return one cycle of IPVS's wrr: the current weight sinks from the largest, whoever reaches it is chosen."""
    largest = max(one.weight for one in candidates)
    return [one.mark for level in range(largest, 0, -1) for one in candidates if one.weight >= level]


def _maglev(candidates: Sequence[Candidate]) -> list[int]:
    """Return a lookup table in which a server that comes or goes moves few other slots (Eisenbud 2016, 3.4)."""
    orders = []
    for one in candidates:
        name = one.name.encode()
        offset, skip = zlib.crc32(name) % _MAGLEV, zlib.adler32(name) % (_MAGLEV - 1) + 1
        orders.append(iter([(offset + turn * skip) % _MAGLEV for turn in range(_MAGLEV)]))
    table: dict[int, int] = {}
    while True:
        for one, order in zip(candidates, orders, strict=True):
            for _ in range(one.weight):
                place = next((place for place in order if place not in table), None)
                if place is None:
                    return [table[place] for place in range(_MAGLEV)]
                table[place] = one.mark
