"""Whether a backup takes over from a master that lives: ours beside C keepalived on a machine that is busy.

    python -m benchmarks.stability [--seconds 60] [--loops 4]                                               (root)

Each program runs a master and a backup on a network of its own, both programs at once: VRRP version 3, an advert each
0.01 s (the least that the protocol can say), `vrrp_rt_priority` and `vrrp_no_swap`, beside programs that only use up
CPU.  A takeover is false, because nobody ends a master: each shows as an advert of the backup that no advert of its own
precedes within 0.1 s.  The gaps are those between a master's adverts, by the kernel's time at the observer's interface.
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.daemon.daemon import OURS, C, Daemon, instance
from tests.kernel.lan import Lan

PROGRAMS = {"ours": OURS, "C": C}
MASTER, BACKUP = "192.168.1.21", "192.168.1.22"
TIMING = "version 3\n advert_int 0.01"
REALTIME = "global_defs {\n vrrp_rt_priority 50\n vrrp_no_swap\n}\n"
INTERVAL_S = 0.01
_ONE_TAKEOVER_S = 0.1
_TURN_S = 0.2
_BUSY = (sys.executable, "-I", "-S", "-c", "while True: pass")


@dataclass(frozen=True, slots=True)
class Record:
    """Of one program: false takeovers, adverts of the master, and the gaps between them in milliseconds."""

    takeovers: int
    adverts: int
    gaps: list[float]


class Pair:
    """A master and a backup of one program, and what was heard of them."""

    def __init__(self, program: str, home: Path) -> None:
        self.lan = Lan(2)
        self.servers = [
            Daemon(host, home / f"{program}{priority}", REALTIME + instance(priority, timing=TIMING), PROGRAMS[program])
            for host, priority in zip(self.lan.hosts, (150, 120), strict=True)
        ]
        self.adverts: dict[str, list[float]] = {MASTER: [], BACKUP: []}

    def settle(self) -> None:
        """Wait until the master is the only one that is heard."""
        self.lan.hosts[0].wait_address("192.168.1.20")
        self.servers[1].wait_log("Entering BACKUP STATE")
        self.lan.sniffer.listen(1)

    def hear(self) -> None:
        """Take what the observer's socket holds."""
        sniffer = self.lan.sniffer
        sniffer.drain()
        for frame in sniffer.frames:
            if frame.advert is not None:
                self.adverts[frame.source].append(frame.at)
        sniffer.frames.clear()

    def record(self) -> Record:
        """Return what has become of it."""
        master, backup = self.adverts[MASTER], self.adverts[BACKUP]
        apart = (later - before > _ONE_TAKEOVER_S for before, later in itertools.pairwise(backup))
        gaps = [(later - before) * 1000 for before, later in itertools.pairwise(master)]
        return Record(takeovers=bool(backup) + sum(apart), adverts=len(master), gaps=gaps)

    def close(self) -> None:
        for server in self.servers:
            server.close()
        self.lan.close()


def measure(seconds: float, loops: int) -> dict[str, Record]:
    """Run both programs beside `loops` busy ones; return the record of each."""
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        pairs = {}
        for program in PROGRAMS:
            pairs[program] = Pair(program, Path(home))
            stack.callback(pairs[program].close)
        for pair in pairs.values():
            pair.settle()
        for _ in range(loops):
            busy = subprocess.Popen(_BUSY)
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        for pair in pairs.values():
            pair.lan.sniffer.drain()
            pair.lan.sniffer.frames.clear()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(_TURN_S)  # noqa: TID251  what is measured is the passing of time
            for pair in pairs.values():
                pair.hear()
        return {program: pair.record() for program, pair in pairs.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="False takeovers under load, ours beside C keepalived.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--loops", type=int, default=4)
    options = parser.parse_args()
    records = measure(options.seconds, options.loops)
    wanted = options.seconds / INTERVAL_S
    print(
        f"adverts each {INTERVAL_S} s for {options.seconds:g} s, {options.loops} busy loops on {os.cpu_count()} cores"
    )
    print(f"{'':6} {'false takeovers':>16} {'adverts':>8} {'of':>6} | gap ms: {'median':>7} {'p99':>7} {'max':>7}")
    for program, record in records.items():
        gaps = record.gaps
        figures = (statistics.median(gaps), statistics.quantiles(gaps, n=100)[98], max(gaps))
        print(f"{program:6} {record.takeovers:16} {record.adverts:8} {wanted:6.0f} |         "
              + " ".join(f"{figure:7.2f}" for figure in figures))  # fmt: skip
    if records["ours"].takeovers:
        raise SystemExit("a backup took over from a master that lived")


if __name__ == "__main__":
    main()
