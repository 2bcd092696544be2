"""How soon a change of one real server is live: the nftables plane, beside loading all rules anew with `nft -f`.

    python -m benchmarks.balance_change [--services 100] [--rounds 50]                                           (root)

A director with many services of three servers each.  Each round takes one server of one service out, or puts it in
again: by the plane, whose call returns when the kernel has taken the change, and by `nft -f` with the whole table.
"""

import argparse
import os
import random
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from labkit.lvs.model import Change, Destination, Forwarding, ServiceState
from tests.kernel.balanced import Balanced, run


def services(balanced: Balanced, number: int) -> list[ServiceState]:
    """Return services on ports of their own."""
    return [balanced.state(1, 1, 1, port=1000 + port) for port in range(number)]


def turned(state: ServiceState) -> ServiceState:
    """Return the service without its last server, or with it again."""
    if len(state.destinations) == 3:
        return replace(state, destinations=state.destinations[:2])
    return replace(state, destinations=(*state.destinations, last(state)))


def last(state: ServiceState) -> Destination:
    first = state.destinations[0]
    return replace(first, address=first.address + 2)


def measure(balanced: Balanced, states: list[ServiceState], rounds: int) -> tuple[list[float], list[float]]:
    """Return milliseconds a change, by the plane and by loading everything."""
    ours, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "all.nft"
        for _ in range(rounds):
            chosen = random.randrange(len(states))
            new = turned(states[chosen])
            began = time.perf_counter()
            balanced.plane.apply([Change(states[chosen], new)])
            ours.append((time.perf_counter() - began) * 1e3)
            states[chosen] = new
        file.write_text("flush ruleset\n" + run(balanced.director, "nft list ruleset"))
        for _ in range(max(rounds // 5, 3)):
            with balanced.director.entered():
                began = time.perf_counter()
                subprocess.run(["nft", "-f", file], check=True)
                whole.append((time.perf_counter() - began) * 1e3)
    return ours, whole


def main() -> None:
    parser = argparse.ArgumentParser(description="One change among many services, by the plane and by nft -f.")
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    print(f"one server among {options.services} services x 3, ms, on {os.cpu_count()} cores")
    print(f"{'':6} | the plane: median   worst | nft -f: median | ratio")
    for kind in (Forwarding.NAT, Forwarding.DR):
        balanced = Balanced(kind, 4)
        try:
            states = services(balanced, options.services)
            balanced.plane.apply([Change(None, state) for state in states])
            ours, whole = measure(balanced, states, options.rounds)
        finally:
            balanced.close()
        middle, all_ = statistics.median(ours), statistics.median(whole)
        print(f"{kind:6} | {middle:17.2f} {max(ours):7.2f} | {all_:14.1f} | {middle / all_:5.3f}")


if __name__ == "__main__":
    main()
