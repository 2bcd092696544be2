"""How fast balanced traffic is: the nftables plane beside plain routing, haproxy and nginx.

    python -m benchmarks.balance [--rounds 5] [--seconds 3]      (root; Debian packages haproxy, nginx, wrk and iperf3)

A client, a director and a server in namespaces, all on one bridge.  Each round takes every way once, in random order:
new connections a second (wrk, a connection a request), and bulk over one connection (iperf3).  By `routing` the client
talks to the server itself, and the director forwards without any rule: what is lost against it is what balancing costs.
The real servers are three ports of one web server, so that all ways have the same one; DR keeps the port, and has one.
DR is judged against routing too, though its answers pass the director by.  CPU is that of all programs, in whose time
the kernel forwards, too; unlike the rates it is hardly disturbed by what else the machine does.

No ended connection is kept in TIME-WAIT, and `routing` has a client address of its own: else one way would meet ports,
and tracked connections, of another.
"""

import argparse
import json
import random
import re
import resource
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.scale import cpu_s
from labkit.lvs.model import Change, Forwarding
from labkit.values import replace
from tests.kernel.balanced import Balanced, run, settings
from tests.kernel.lan import Namespace, eventually

WEB, BULK = 80, 5201
WEBS = (80, 81, 82)
SERVER = "10.0.0.50"
_NGINX = "daemon off; master_process off; pid {home}/nginx.pid; error_log {home}/error.log; worker_processes 1;"
_WEB = "events {{}} http {{ access_log off; server {{ {listen} location / {{ return 200 ok; }} }} }}"
_STREAM = """events {{ worker_connections 4096; }}
stream {{
    upstream web {{ server 10.0.0.50:80; server 10.0.0.50:81; server 10.0.0.50:82; }}
    server {{ listen {vip}:80 backlog=4096; proxy_pass web; }}
    server {{ listen {vip}:5201; proxy_pass 10.0.0.50:5201; }}
}}
"""
_HAPROXY = """global
    nbthread 1
defaults
    mode tcp
    maxconn 4096
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen web
    bind {vip}:80
    balance roundrobin
    server server1 10.0.0.50:80
    server server2 10.0.0.50:81
    server server3 10.0.0.50:82
listen bulk
    bind {vip}:5201
    server server1 10.0.0.50:5201
"""


class Network:
    """The topology of one kind of forwarding, with servers that serve until it is closed."""

    def __init__(self, kind: Forwarding, home: Path) -> None:
        self.balanced = Balanced(kind, 4)
        self.balanced.web.close()  # slow ones, for tests
        self.home = home
        self._running: list[subprocess.Popen[bytes]] = []
        for host in self.balanced.lan.hosts:
            settings(host, "ipv4/tcp_max_tw_buckets=0")
        run(self.balanced.client, "ip route add 10.0.0.0/24 via 192.168.1.30 src 192.168.1.111")
        server = self.balanced.servers[0]
        self.start(server, nginx(home / "web", _WEB))
        self.start(server, ["iperf3", "-s"])
        eventually(lambda: {*WEBS, BULK} <= listening(server))

    def start(self, host: Namespace, argv: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        self._running.append(host.start(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return self._running[-1]

    def cpu_s(self) -> float:
        """Return the seconds of CPU of all that runs and of all that has run for this process."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cpu_s([one.pid for one in self._running if one.poll() is None]) + ended.ru_utime + ended.ru_stime

    def close(self) -> None:
        for process in self._running:
            end(process)
        self.balanced.plane.close()
        self.balanced.lan.close()


def nginx(home: Path, text: str, module: str = "") -> list[str | Path]:
    """Return the command of an nginx, whose files are in a folder of its own."""
    home.mkdir(exist_ok=True)
    listen = " ".join(f"listen {port} backlog=4096;" for port in WEBS)
    load = f"load_module /usr/lib/nginx/modules/{module}; " if module else ""
    (home / "nginx.conf").write_text(load + _NGINX.format(home=home) + text.format(vip="192.168.1.20", listen=listen))
    return ["nginx", "-c", home / "nginx.conf"]


def listening(host: Namespace) -> set[int]:
    """Return the TCP ports that are served in a namespace."""
    return {int(line.split()[3].rpartition(":")[2]) for line in run(host, "ss -Hltn").splitlines()}


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


@contextmanager
def by_nft(network: Network) -> Iterator[str]:
    """Balance by the nftables plane: web servers by turns, and one for bulk."""
    balanced = network.balanced
    web, bulk = balanced.state(1), balanced.state(1, port=BULK)
    if balanced.kind is Forwarding.NAT:
        web = replace(web, destinations=tuple(replace(web.destinations[0], port=port) for port in WEBS))
    balanced.plane.apply([Change(None, web), Change(None, bulk)])
    yield balanced.vip
    balanced.plane.apply([Change(web, None), Change(bulk, None)])
    balanced.plane.flush()


@contextmanager
def by_proxy(network: Network, argv: Sequence[str | Path]) -> Iterator[str]:
    """Balance by a program of the director."""
    director = network.balanced.director
    process = network.start(director, argv)
    eventually(lambda: len(listening(director) & {WEB, BULK}) == 2)
    yield network.balanced.vip
    end(process)


@contextmanager
def by_routing(_network: Network) -> Iterator[str]:
    """Forward, without a rule."""
    yield SERVER


def connections(network: Network, address: str, seconds: int) -> tuple[float, float, int]:
    """Return new connections a second, microseconds of CPU a connection, and how many failed in all."""
    command = ["wrk", "-t2", "-c64", f"-d{seconds}s", "-H", "Connection: close", f"http://{address}/"]
    before = network.cpu_s()
    said = str(network.balanced.client.start(command, stdout=subprocess.PIPE, text=True).communicate()[0])
    failed = re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", said)
    rate = float(said.split("Requests/sec:")[1].split()[0])
    return rate, 1e6 * (network.cpu_s() - before) / (rate * seconds), sum(map(int, failed))


def bulk(network: Network, address: str, seconds: int) -> float:
    """Return gigabits a second."""
    said = json.loads(run(network.balanced.client, f"iperf3 -J -c {address} -t {seconds}"))
    return float(said["end"]["sum_received"]["bits_per_second"]) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description="Balanced traffic, ours beside routing, haproxy and nginx.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        networks = {}
        for kind in (Forwarding.NAT, Forwarding.DR):
            (home / kind.name).mkdir()
            networks[kind] = Network(kind, home / kind.name)
            stack.callback(networks[kind].close)
        nat, dr = networks[Forwarding.NAT], networks[Forwarding.DR]
        (home / "haproxy.cfg").write_text(_HAPROXY.format(vip=nat.balanced.vip))
        stream = nginx(home / "stream", _STREAM, "ngx_stream_module.so")
        ways = {
            "routing": lambda: (nat, by_routing(nat)),
            "nft NAT": lambda: (nat, by_nft(nat)),
            "nft DR": lambda: (dr, by_nft(dr)),
            "haproxy": lambda: (nat, by_proxy(nat, ["haproxy", "-db", "-f", home / "haproxy.cfg"])),
            "nginx stream": lambda: (nat, by_proxy(nat, stream)),
        }
        found: dict[str, list[tuple[float, float, int, float]]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name in random.sample([*ways], len(ways)):
                network, way = ways[name]()
                with way as address:
                    many = connections(network, address, options.seconds)
                    found[name].append((*many, bulk(network, address, options.seconds)))
        print(f"{'':14} | connections/s  of routing  failed | CPU us each  of routing |  Gbit/s  of routing")
        many0, cpu0, _, wide0 = (statistics.median(column) for column in zip(*found["routing"], strict=True))
        for name, figures in found.items():
            many, cpu, failed, wide = (statistics.median(column) for column in zip(*figures, strict=True))
            print(f"{name:14} | {many:13.0f} {many / many0:11.2f} {failed:7.0f} | {cpu:11.0f} {cpu0 / cpu:11.2f} "
                  f"| {wide:7.1f} {wide / wide0:11.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
