"""What a thousand virtual routers cost: CPU and memory, ours beside C keepalived.

    python -m benchmarks.scale [--routers 1000] [--seconds 20] [--rounds 3]                                 (root)

Each program runs a master and a backup on networks of their own: four cables, the routers shared out over them, VRRP
version 2, an advert a second.  Both programs run at once, so that whatever else the machine does meets both.  CPU is
what the scheduler counted for all processes of a daemon (/proc/PID/schedstat); RSS and PSS are summed over them.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path

from labkit.kernel.links import Peer, add_address, set_link, veth_pair
from tests.daemon.daemon import OURS, C, Daemon, instance
from tests.kernel.lan import Namespace

PROGRAMS = {"ours": OURS, "C": C}
CABLES = 4
_SETTLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one daemon: CPU seconds in the measured time, resident and proportional memory in kB."""

    cpu: float
    rss: int
    pss: int


class Pair:
    """A master and a backup of one program on four cables."""

    def __init__(self, program: str, routers: int, home: Path) -> None:
        self.hosts = [Namespace(), Namespace()]
        for cable in range(CABLES):
            near, far = self.hosts
            peer = Peer(name=f"eth{cable}", index=10 + cable, namespace=far.descriptor, lladdr=_lladdr(cable, 2))
            near.netlink.ask([veth_pair(name=f"eth{cable}", index=10 + cable, lladdr=_lladdr(cable, 1), peer=peer)])
            for number, host in enumerate(self.hosts, 1):
                address = IPv4Interface(f"10.{cable}.0.{number}/16")
                host.netlink.ask([set_link(10 + cable, up=True), add_address(10 + cable, address)])
        self.routers = routers
        self._program, self._home = program, home
        self.daemons: list[Daemon] = []

    def start(self, priority: int) -> None:
        """Start the next daemon."""
        home = self._home / f"{self._program}{priority}"
        text = configuration(self.routers, priority)
        self.daemons.append(Daemon(self.hosts[len(self.daemons)], home, text, PROGRAMS[self._program]))

    def await_master(self) -> None:
        """Wait until every address is held; a look at a thousand of them takes CPU that others need."""
        self._await(lambda: len(self.hosts[0].addresses()) >= self.routers + CABLES)

    def await_backup(self) -> None:
        """Wait until every router of the second daemon follows the first."""
        self._await(lambda: self.daemons[1].log.count("Entering BACKUP STATE") >= self.routers)

    def _await(self, right: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SETTLE_S
        while not right():
            assert time.monotonic() < deadline, f"{self._program} is not settled after {_SETTLE_S:.0f} s"
            time.sleep(0.5)  # noqa: TID251  as said above

    def close(self) -> None:
        for daemon in self.daemons:
            daemon.crash()
        for host in self.hosts:
            host.close()


def _lladdr(cable: int, number: int) -> bytes:
    return bytes([2, 0, 0, 0, cable, number])


def configuration(routers: int, priority: int) -> str:
    """Return a keepalived.conf with so many instances of one address each."""
    blocks = []
    for number in range(routers):
        cable, vrid = number % CABLES, number // CABLES + 1
        block = instance(priority, timing="advert_int 1", name=f"VI_{number}", vip=f"10.{cable}.1.{vrid}", vrid=vrid)
        blocks.append(block.replace("interface eth0", f"interface eth{cable}"))
    return "".join(blocks)


def processes(root: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [root]
    for pid in found:
        found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return found


def cpu_s(pids: Sequence[int]) -> float:
    """Return the seconds of CPU that processes have used."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9


def memory_kb(pids: Sequence[int], field: str) -> int:
    """Return the sum of a field of /proc/PID/smaps_rollup."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{field}:"):
                total += int(line.split()[1])
    return total


def measure(routers: int, seconds: float) -> dict[tuple[str, str], Cost]:
    """Run both programs at once; return the cost by (program, role)."""
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        daemons: dict[tuple[str, str], list[int]] = {}
        pairs = {}
        for program in PROGRAMS:
            pairs[program] = Pair(program, routers, Path(home))
            stack.callback(pairs[program].close)
            pairs[program].start(150)
        for pair in pairs.values():
            pair.await_master()
            pair.start(120)
        for program, pair in pairs.items():
            pair.await_backup()
            for role, daemon in zip(("master", "backup"), pair.daemons, strict=True):
                daemons[program, role] = processes(daemon.process.pid)
        before = {key: cpu_s(pids) for key, pids in daemons.items()}
        time.sleep(seconds)  # noqa: TID251  what is measured is the passing of time
        return {
            key: Cost(cpu_s(pids) - before[key], memory_kb(pids, "Rss"), memory_kb(pids, "Pss"))
            for key, pids in daemons.items()
        }


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU and memory of many virtual routers, ours beside C keepalived.")
    parser.add_argument("--routers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # ours with its bytecode compiled, as an installed program is
    rounds = [measure(options.routers, options.seconds) for _ in range(options.rounds)]
    print(f"{options.routers} routers, {options.seconds:g} s, median of {options.rounds} on {os.cpu_count()} cores")
    print(f"{'':8} {'CPU s: ours':>12} {'C':>8} {'ratio':>6} | {'RSS MB: ours':>13} {'C':>6} {'ratio':>6} | "
          f"{'PSS MB: ours':>13} {'C':>6} {'ratio':>6}")  # fmt: skip
    for role in ("master", "backup"):
        cells = []
        for name, scale in ("cpu", 1), ("rss", 1024), ("pss", 1024):
            ours, theirs = (
                statistics.median(getattr(found[program, role], name) for found in rounds) / scale
                for program in ("ours", "C")
            )
            cells.append(f"{ours:10.3f} {theirs:8.3f} {ours / theirs:6.2f}")
        print(f"{role:8} {' | '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
