"""What observing costs: the share of one CPU that the supervisor of a 5-node lab takes, without and with 10 ms pings.

    python -m benchmarks.observing [SECONDS]

The supervisor hears netlink of every node, sniffs every segment, keeps the trace and looks each 10 ms whether the host
stalls; with two probes it sends and hears 200 pings a second besides.  The figure is its user and system time over the
time measured; the nodes and daemons are the subject and do not count.
"""

import os
import select
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labkit.lab import client
from labkit.lab.catalog import lab_folder
from labkit.lab.play import Lab
from labkit.pytest_plugin import raised

TICKS = os.sysconf("SC_CLK_TCK")
LIMIT = 0.05


@contextmanager
def five_nodes() -> Iterator[Lab]:
    """The failover lab with a second host."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Path(folder) / "failover"
        shutil.copytree(lab_folder("failover"), lab)
        text = (lab / "lab.yml").read_text()
        host = "  host2:\n    role: client\n    links:\n      eth0: {network: lan, address: 192.168.1.11}\n"
        (lab / "lab.yml").write_text(text.replace("nodes:\n", f"nodes:\n{host}", 1))
        with raised(str(lab)) as found:
            yield found


def spent(pid: int) -> float:
    """Return a process's user and system time in seconds (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def share(pid: int, seconds: float) -> float:
    """Return the share of one CPU that a process takes."""
    before, began = spent(pid), time.monotonic()
    select.select([], [], [], seconds)
    return (spent(pid) - before) / (time.monotonic() - began)


def main(seconds: float) -> int:
    with five_nodes() as lab:
        lab.expect(lab.vip.only_on("server1"), within=10)
        supervisor = client.supervisor_pid(lab.client.socket)
        quiet = share(supervisor, seconds)
        lab.probe("ping", node="host", name="one")
        lab.probe("ping", node="host2", name="two")
        probed = share(supervisor, seconds)
        nodes = len(lab.topology.nodes)
    print(f"{nodes} nodes, {seconds:.0f} s each: {quiet:.2%} of a CPU to observe, {probed:.2%} with two 10 ms pings")
    print(f"limit {LIMIT:.0%}: {'kept' if probed <= LIMIT else 'missed'}")
    return 0 if probed <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0))
