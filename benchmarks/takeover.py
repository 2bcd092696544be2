"""How late the takeover is: ours beside C keepalived, over what the formula of the protocol asks for.

    python -m benchmarks.takeover [--pairs 10]                                   (root; a minute for each three pairs)

Each pair runs both programs on networks of their own, one takeover after the other in random order.  `crash`: both
processes of the master are killed and its switch port goes down; due one master-down interval after its last advert.
`stop`: SIGTERM; due one skew time after its priority 0.  Times are the kernel's, when the observer's interface received
the new master's first advert and its first gratuitous ARP.
"""

import argparse
import random
import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.daemon.daemon import FAST, GUIDE, OURS, C, Daemon, instance
from tests.kernel.lan import Frame, Lan

MASTER, BACKUP = "192.168.1.21", "192.168.1.22"
SKEW_FACTOR = (256 - 120) / 256
PROGRAMS = {"ours": OURS, "C": C}


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    timing: str
    interval: float
    crash: bool

    @property
    def due(self) -> float:
        """Seconds from the last advert to the takeover, by RFC 9568 6.1 (RFC 3768 6.1 for version 2)."""
        return (3 if self.crash else 0) * self.interval + SKEW_FACTOR * self.interval


CASES = (
    Case("v2 1 s, crash", GUIDE, 1.0, crash=True),
    Case("v2 1 s, stop", GUIDE, 1.0, crash=False),
    Case("v3 0.1 s, crash", FAST, 0.1, crash=True),
    Case("v3 0.1 s, stop", FAST, 0.1, crash=False),
)


@dataclass(slots=True)
class Excess:
    """Milliseconds over the formula, one figure a takeover."""

    advert: list[float] = field(default_factory=list)
    announcement: list[float] = field(default_factory=list)


class Pair:
    """A master and a backup of one program."""

    def __init__(self, program: str, case: Case, home: Path) -> None:
        self.lan = Lan(2)
        self.case = case
        self.servers = [
            Daemon(host, home / f"{program}{number}", instance(priority, timing=case.timing), PROGRAMS[program])
            for number, (host, priority) in enumerate(zip(self.lan.hosts, (150, 120), strict=True))
        ]

    def take_over(self) -> tuple[float, float]:
        """End the master; return how late its successor's first advert and announcement were, in milliseconds."""
        sniffer = self.lan.sniffer
        sniffer.drain()
        sniffer.wait_advert(MASTER)
        sniffer.listen(random.uniform(0, self.case.interval))
        if self.case.crash:
            self.servers[0].crash()
            self.lan.set_port(1, up=False)
        else:
            self.servers[0].process.terminate()
        first = sniffer.wait_advert(BACKUP)
        announced = sniffer.wait(lambda frame: frame.announced)
        last = [frame for frame in sniffer.frames if _is_advert(frame, MASTER)][-1]
        due = last.at + self.case.due
        return (first.at - due) * 1000, (announced.at - due) * 1000

    def close(self) -> None:
        for server in self.servers:
            server.process.terminate()
        for server in self.servers:
            server.close()
        self.lan.close()


def _is_advert(frame: Frame, source: str) -> bool:
    return frame.advert is not None and frame.source == source


def measure(case: Case, pairs: int) -> dict[str, Excess]:
    found = {program: Excess() for program in PROGRAMS}
    for _ in range(pairs):
        with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
            running = {}
            for program in PROGRAMS:
                running[program] = Pair(program, case, Path(home))
                stack.callback(running[program].close)
            for pair in running.values():
                pair.lan.hosts[0].wait_address("192.168.1.20")
            for program in random.sample(sorted(running), len(running)):
                advert, announcement = running[program].take_over()
                found[program].advert.append(advert)
                found[program].announcement.append(announcement)
    return found


def _figures(values: list[float]) -> str:
    ninth = statistics.quantiles(values, n=10)[8] if len(values) > 1 else values[0]
    return f"{statistics.median(values):7.2f} {ninth:7.2f} {max(values):7.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Excess of a takeover over the formula, ours beside C keepalived.")
    parser.add_argument("--pairs", type=int, default=10)
    pairs = parser.parse_args().pairs
    print(f"milliseconds over the formula, {pairs} pairs: median, p90, max")
    print(f"{'':17} {'advert: ours':>23} {'C':>23} | {'ARP: ours':>23} {'C':>23} | ours - C (medians)")
    for case in CASES:
        found = measure(case, pairs)
        ours, theirs = found["ours"], found["C"]
        advert = statistics.median(ours.advert) - statistics.median(theirs.advert)
        announcement = statistics.median(ours.announcement) - statistics.median(theirs.announcement)
        print(
            f"{case.name:17} {_figures(ours.advert)} {_figures(theirs.advert)} | "
            f"{_figures(ours.announcement)} {_figures(theirs.announcement)} | {advert:+.2f} {announcement:+.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
