"""How near the nftables plane's least connection is to IPVS's: visits of mixed lengths on three servers.

    python -m benchmarks.least_connection [--rate 100] [--seconds 30]                                            (root)

A client opens connections at random and holds four of five for 0.2 s on the average and one for 4 s; a director
balances them by the plane, as the daemon would tend it.  Each visit goes into two books besides: an exact scheduler's,
with IPVS's own figures for every connection, and one that goes by turns.  Told is how many connections a server had
more or less than by the exact one, on the average over servers and time, and at 95 of 100 moments.
"""

import argparse
import heapq
import resource
import select
import socket
import statistics
from collections.abc import Sequence
from random import Random

from labkit.kernel.process import Timer, now
from labkit.lvs.model import Forwarding, Scheduler
from labkit.trace import SECOND
from tests.kernel.balanced import Balanced
from tests.kernel.visits import Fleet, Visit, by_turns, distance, exactly, history, in_advance, visits

FLEETS = (
    Fleet(Scheduler.LC, (1, 1, 1)),
    Fleet(Scheduler.WLC, (3, 2, 1)),
    Fleet(Scheduler.SED, (3, 2, 1)),
    Fleet(Scheduler.NQ, (3, 2, 1)),
)


class Doorkeeper:
    """Lets visitors in and out on time, and tends the plane meanwhile."""

    def __init__(self, balanced: Balanced) -> None:
        self._balanced = balanced
        self._timer = Timer()
        self._began = now()
        self._tend_at = 0.0
        self._inside: list[tuple[float, int]] = []
        self._sockets: dict[int, tuple[socket.socket, socket.socket]] = {}
        self.book: list[tuple[Visit, int]] = []  # as they really were, and the server of each

    def _clock(self) -> float:
        return (now() - self._began) / SECOND

    def _wait(self, until: float) -> None:
        self._timer.set(self._began + int(until * SECOND))
        select.select([self._timer], [], [])

    def pass_time(self, until: float) -> None:
        """Tend the plane and let visitors out until then."""
        while True:
            upcoming = min(until, self._tend_at, self._inside[0][0] if self._inside else until)
            self._wait(upcoming)
            if self._tend_at <= self._clock():
                pause = self._balanced.plane.tend()
                self._tend_at = self._clock() + pause
            while self._inside and self._inside[0][0] <= self._clock():
                for end in self._sockets.pop(heapq.heappop(self._inside)[1]):
                    end.close()
            if self._clock() >= until:
                return

    def let_in(self, visit: Visit) -> None:
        """Open a connection and keep it as long as the visit lasts."""
        at = self._clock()
        answer, one = self._balanced.open()
        number = len(self.book)
        self.book.append((Visit(at, visit.lasts), int(answer) - 1))
        self._sockets[number] = one, self._balanced.web.kept.pop()
        heapq.heappush(self._inside, (at + visit.lasts, number))

    def close(self) -> None:
        for ends in self._sockets.values():
            for end in ends:
                end.close()
        self._timer.close()


def measure(kind: Forwarding, fleet: Fleet, crowd: Sequence[Visit]) -> tuple[list[Visit], list[int]]:
    """Return the visits as they were on the kernel, and the server of each."""
    balanced = Balanced(kind, 4)
    balanced.web.keep = True
    try:
        balanced.become(None, balanced.state(*fleet.weights, scheduler=fleet.scheduler))
        keeper = Doorkeeper(balanced)
        for visit in crowd:
            keeper.pass_time(visit.at)
            keeper.let_in(visit)
        keeper.close()
    finally:
        balanced.close()
    return [visit for visit, _ in keeper.book], [server for _, server in keeper.book]


def main() -> None:
    parser = argparse.ArgumentParser(description="Least connection by nftables, beside an exact one.")
    parser.add_argument("--rate", type=float, default=100, help="new connections a second")
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(f"{options.rate:g} new connections a second, {options.seconds:g} s; each server beside the exact scheduler's")
    print(f"{'':9} {'weights':9} held by one | {'NAT: mean':>9} {'p95':>5} | {'DR: mean':>8} {'p95':>5} "
          f"| {'computed: mean':>14} {'p95':>5} | {'by turns: mean':>14} {'p95':>5}")  # fmt: skip
    for fleet in FLEETS:
        crowd = visits(Random(21), options.rate, options.seconds)
        columns = []
        for kind in (Forwarding.NAT, Forwarding.DR):
            real, servers = measure(kind, fleet, crowd)
            said = iter(servers)
            columns.append(beside(fleet, real, history(real, 3, lambda _at, _counts, said=said: next(said))))
        others = (in_advance(fleet), by_turns(fleet))
        columns += [beside(fleet, crowd, history(crowd, 3, choose)) for choose in others]
        held = statistics.mean(sum(step) / 3 for step in history(crowd, 3, exactly(fleet))[30:])
        weights = ":".join(map(str, fleet.weights))
        figures = " | ".join(
            f"{mean:{width}.1f} {p95:5.1f}" for (mean, p95), width in zip(columns, (9, 8, 14, 14), strict=True)
        )
        print(f"{fleet.scheduler:9} {weights:9} {held:11.0f} | {figures}", flush=True)


def beside(fleet: Fleet, crowd: Sequence[Visit], those: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Return how far a history is from the exact scheduler's of the same visits: mean, and at 95 of 100 moments."""
    apart = sorted(distance(those, history(crowd, 3, exactly(fleet))))
    return statistics.mean(apart), apart[len(apart) * 95 // 100]


if __name__ == "__main__":
    main()
