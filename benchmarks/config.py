"""What it takes to check a configuration (`-t`): time and memory, ours beside C keepalived.

    python -m benchmarks.config [--rounds 7]                                                                (root)

A file of 1000 virtual routers of eleven lines, one of 10 000 virtual servers with three real servers each that are
checked by HTTP, and one with a single router, which shows what starting the program costs.  Both programs check in
turn, in a namespace that has the interfaces of the file; ours with its bytecode compiled, as an installed program is.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path

from benchmarks.scale import CABLES, configuration
from labkit.kernel.links import Peer, add_address, set_link, veth_pair
from tests.daemon.daemon import OURS, C
from tests.kernel.lan import Namespace

PROGRAMS = {"ours": OURS, "C": C}
REAL_SERVERS = 3


_STOPWATCH = """
import os, sys, time
begun = time.perf_counter()
child = os.fork()
if not child:
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
"""A process of its own, and a small one: what is forked counts the memory of its parent as its own."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run: milliseconds from start to end and of CPU, and the most memory of one process in MB."""

    wall: float
    cpu: float
    rss: float


def virtual_servers(count: int) -> str:
    """Return a keepalived.conf with so many virtual servers."""
    return "".join(_virtual_server(number) for number in range(count))


def _virtual_server(number: int) -> str:
    real_servers = "".join(
        f"""    real_server 172.{16 + last}.{number // 250}.{number % 250 + 1} 80 {{
        weight 1
        HTTP_GET {{
            url {{
                path /health
                status_code 200
            }}
            connect_timeout 3
            retry 3
            delay_before_retry 2
        }}
    }}
"""
        for last in range(REAL_SERVERS)
    )
    address = f"10.{100 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"
    head = "    delay_loop 6\n    lb_algo wrr\n    lb_kind NAT\n    protocol TCP\n"
    return f"virtual_server {address} 80 {{\n{head}{real_servers}}}\n"


def network(stack: ExitStack) -> Namespace:
    """Return a namespace with the interfaces that the files name."""
    near, far = Namespace(), Namespace()
    stack.callback(near.close)
    stack.callback(far.close)
    for cable in range(CABLES):
        ours, theirs = (bytes([2, 0, 0, 0, cable, number]) for number in (1, 2))
        peer = Peer(name=f"eth{cable}", index=10 + cable, namespace=far.descriptor, lladdr=theirs)
        near.netlink.ask([veth_pair(name=f"eth{cable}", index=10 + cable, lladdr=ours, peer=peer)])
        near.netlink.ask([set_link(10 + cable, up=True), add_address(10 + cable, IPv4Interface(f"10.{cable}.0.1/16"))])
    return near


def run(host: Namespace, program: Sequence[str], file: Path, environment: Mapping[str, str]) -> Cost:
    """Check a file once."""
    said = file.parent / "said"
    command = (sys.executable, "-I", "-S", "-c", _STOPWATCH, *program, "-t", "-f", file)
    with said.open("w") as errors:
        process = host.start(command, env=environment, stdout=subprocess.PIPE, stderr=errors)
        output, _ = process.communicate()
    wall, cpu, rss, status = map(float, output.split()[-4:])
    if status:
        raise SystemExit(f"{program[0]} says {status:.0f} of {file}: {said.read_text()[:500]}")
    return Cost(wall * 1000, cpu * 1000, rss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description="Checking a configuration, ours beside C keepalived.")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    texts = {
        "1 router": configuration(1, 100),
        "1000 routers": configuration(1000, 100),
        "10 000 virtual servers": virtual_servers(10_000),
    }
    print(f"`-t`, median of {options.rounds} on {os.cpu_count()} cores")
    print(
        f"{'':24}" + "".join(f" | {f'{name}: ours':>13} {'C':>5} {'ratio':>5}" for name in ("ms", "CPU ms", "RSS MB"))
    )
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        host = network(stack)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = f"{home}/bytecode"
        for name, text in texts.items():
            file = Path(home) / "keepalived.conf"
            file.write_text(text)
            run(host, OURS, file, environment)
            rounds = [
                {program: run(host, argv, file, environment) for program, argv in PROGRAMS.items()}
                for _ in range(options.rounds)
            ]
            print(f"{name:24}{_row(rounds)}", flush=True)


def _row(rounds: Sequence[Mapping[str, Cost]]) -> str:
    row = ""
    for field in ("wall", "cpu", "rss"):
        ours, theirs = (statistics.median(getattr(found[program], field) for found in rounds) for program in PROGRAMS)
        row += f" | {ours:13.0f} {theirs:5.0f} {ours / theirs:5.1f}"
    return row


if __name__ == "__main__":
    main()
