"""What checks of real servers cost: CPU a check and memory, ours beside C keepalived.

    python -m benchmarks.checkers [--checks 1000] [--seconds 10] [--rounds 3]           (root; gcc, nginx, keepalived)

Each program checks its own web server (nginx, behind a cable) at as many addresses as there are checks a second, and
both run at once, so that whatever else the machine does meets both.  C keepalived's checkers run only where the kernel
has IPVS: a small library, loaded before its own, lets them believe so.  CPU is what the scheduler counted for the
process of checks (/proc/PID/schedstat), checks are what the server accepted meanwhile.  The services are DR: for NAT by
nftables the kernel tracks all connections, those of checks too, which is no part of a check and has no peer here.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.balance import end
from benchmarks.scale import cpu_s, memory_kb
from tests.daemon.daemon import OURS, Daemon
from tests.interop.pretence import c_with_checkers
from tests.kernel.balanced import run
from tests.kernel.lan import Namespace, eventually

CHECKS = {
    "TCP_CHECK": "TCP_CHECK {\n }",
    "HTTP_GET": "HTTP_GET {\n url {\n path /\n status_code 200\n }\n }",
    "HTTP_GET digest": "HTTP_GET {\n url {\n path /\n digest 444bcb3a3fcf8389296c49467f27e1d6\n }\n }",
    "SSL_GET": "SSL_GET {\n connect_port 443\n url {\n path /\n status_code 200\n }\n }",
}
_NGINX = """daemon off; pid {home}/nginx.pid; error_log stderr; worker_processes 1;
events {{ worker_connections 4096; }}
http {{ access_log off; server {{
  listen 80 backlog=4096; listen 443 ssl backlog=4096; ssl_certificate {home}/pem; ssl_certificate_key {home}/pem;
  location / {{ return 200 ok; }} }} }}
"""
_SERVERS_OF_A_SERVICE = 100


def configuration(checks: int, check: str) -> str:
    """Return a keepalived.conf that checks so many servers once a second each."""
    services = []
    for first in range(0, checks, _SERVERS_OF_A_SERVICE):
        servers = "".join(
            f" real_server 10.9.{number // 250}.{number % 250 + 1} 80 {{\n {check}\n }}\n"
            for number in range(first, min(checks, first + _SERVERS_OF_A_SERVICE))
        )
        head = f"virtual_server 10.7.0.{first // _SERVERS_OF_A_SERVICE + 1} 80 {{\n delay_loop 1\n lb_algo rr\n"
        services.append(f"{head} lb_kind DR\n protocol TCP\n{servers}}}\n")
    return "".join(services)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process of checks: microseconds of CPU a check, checks a second, resident memory in kB."""

    cpu_us: float
    rate: float
    rss: int


class Side:
    """A daemon, a cable, and the web server that it checks."""

    def __init__(self, name: str, program: tuple[str, ...], check: str, checks: int, home: Path) -> None:
        self.name = name
        self.home = home / name
        self.home.mkdir()
        self.director, self.server = Namespace(), Namespace()
        run(
            self.director, f"ip link add eth0 type veth peer eth0 netns /proc/{os.getpid()}/fd/{self.server.descriptor}"
        )
        for host, address in (self.director, "10.8.0.1/24"), (self.server, "10.8.0.2/24"):
            run(host, f"ip address add {address} dev eth0")
            run(host, "ip link set eth0 up")
            run(host, "ip link set lo up")
        run(self.director, "ip route add 10.9.0.0/16 via 10.8.0.2")
        run(self.server, "ip route add local 10.9.0.0/16 dev lo")
        self._web = self._serve()
        self.daemon = Daemon(self.director, self.home, configuration(checks, check), (*program, "-C"))

    def _serve(self) -> subprocess.Popen[bytes]:
        pem = self.home / "pem"
        words = (
            f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=web -keyout {pem} -out -"
        )
        made = subprocess.run(words.split(), capture_output=True, check=True)
        with pem.open("ab") as file:
            file.write(made.stdout)
        (self.home / "nginx.conf").write_text(_NGINX.format(home=self.home))
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
        return self.server.start([nginx, "-c", self.home / "nginx.conf"], stderr=subprocess.DEVNULL)

    @property
    def pid(self) -> int:
        """The process of checks."""
        return int((self.home / "checkers.pid").read_text())

    def accepted(self) -> int:
        """Return how many connections the web server's kernel has accepted."""
        with self.server.entered():
            lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
        names, values = (line.split() for line in lines if line.startswith("Tcp:"))
        return int(values[names.index("PassiveOpens")])

    def close(self) -> None:
        self.daemon.close()
        end(self._web)
        for host in self.director, self.server:
            host.close()


def measure(check: str, checks: int, seconds: float) -> dict[str, Cost]:
    """Run both programs at once; return what a check costs each."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        home.chmod(0o755)
        programs = {"ours": OURS, "C": c_with_checkers(home)}
        sides = []
        for name, program in programs.items():
            sides.append(Side(name, program, CHECKS[check], checks, home))
            stack.callback(sides[-1].close)
        for side in sides:
            eventually(lambda side=side: side.accepted() > 3 * checks, within=60)
        before = [(side.accepted(), cpu_s([side.pid]), time.monotonic()) for side in sides]
        time.sleep(seconds)  # noqa: TID251  what is measured is the passing of time
        costs = {}
        for side, (accepted, cpu, began) in zip(sides, before, strict=True):
            done, spent, took = side.accepted() - accepted, cpu_s([side.pid]) - cpu, time.monotonic() - began
            costs[side.name] = Cost(1e6 * spent / done, done / took, memory_kb([side.pid], "Rss"))
        return costs


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU and memory of checks, ours beside C keepalived.")
    parser.add_argument("--checks", type=int, default=1000, help="a second, at most 6000")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", choices=CHECKS, action="append", help="all, if it is not given")
    options = parser.parse_args()
    print(
        f"{options.checks} checks a second, {options.seconds:g} s, median of {options.rounds}, {os.cpu_count()} cores"
    )
    columns = (
        f"{'CPU us: ours':>12} {'C':>6} {'ratio':>6} | {'checks/s: ours':>14} {'C':>6} | {'RSS MB: ours':>12} {'C':>6}"
    )
    print(f"{'':16} {columns}")
    for kind in options.kind or CHECKS:
        rounds = [measure(kind, options.checks, options.seconds) for _ in range(options.rounds)]
        middle = {
            (program, field): statistics.median(getattr(one[program], field) for one in rounds)
            for program in ("ours", "C")
            for field in ("cpu_us", "rate", "rss")
        }
        ours, theirs = middle["ours", "cpu_us"], middle["C", "cpu_us"]
        print(f"{kind:16} {ours:12.0f} {theirs:6.0f} {ours / theirs:6.2f} | {middle['ours', 'rate']:14.0f} "
              f"{middle['C', 'rate']:6.0f} | {middle['ours', 'rss'] / 1024:12.1f} {middle['C', 'rss'] / 1024:6.1f}",
              flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
