"""How long a topology takes: prepared netlink messages beside pyroute2, and whole labs from the command line.

    python -m benchmarks.topology [--rounds 5]                                                                  (root)

Each round makes N namespaces with an address each, cabled to one bridge, once in each way, in turn; every round runs in
a child process whose namespaces vanish with it.  Then `labkit up` and `labkit down` are timed, as root, where the
interpreter can be read by others as an unprivileged user, and with a guest kernel.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from ipaddress import IPv4Interface
from pathlib import Path

from labkit.kernel import links
from labkit.kernel.netlink import Netlink
from labkit.providers.netns import linux
from labkit.providers.uml import guest

NODES = (5, 50)


def _address(node: int) -> IPv4Interface:
    return IPv4Interface(f"10.0.{node // 250}.{node % 250 + 1}/16")


def prepared(nodes: int) -> None:
    """What the netns provider does, in one process."""
    linux.unshare(linux.CLONE_NEWNET)
    switch = Netlink()
    switch.ask([links.bridge("br0", index=2)])
    spaces = []
    for _ in range(nodes):
        linux.unshare(linux.CLONE_NEWNET)
        spaces.append((os.open("/proc/self/ns/net", os.O_RDONLY), Netlink()))
    ends = [links.Peer("eth0", 2, space, bytes([2, 0, 0, 0, n // 256, n % 256])) for n, (space, _) in enumerate(spaces)]
    switch.ask([links.veth(port=f"p{n}", index=3 + n, master=2, peer=peer) for n, peer in enumerate(ends)])
    for n, (_, netlink) in enumerate(spaces):
        netlink.ask([links.set_link(1, up=True), links.set_link(2, up=True), links.add_address(2, _address(n))])


def by_pyroute2(nodes: int) -> None:
    """The same with pyroute2: one IPRoute a namespace, opened by the thread that is in it."""
    from pyroute2 import IPRoute

    linux.unshare(linux.CLONE_NEWNET)
    with IPRoute() as switch:
        switch.link("add", ifname="br0", kind="bridge", state="up")
        bridge = switch.link_lookup(ifname="br0")[0]
        for n in range(nodes):
            linux.unshare(linux.CLONE_NEWNET)
            space = os.open("/proc/self/ns/net", os.O_RDONLY)
            with IPRoute() as node:
                peer = {"ifname": "eth0", "net_ns_fd": space}
                switch.link("add", ifname=f"p{n}", kind="veth", peer=peer, master=bridge, state="up")
                index = node.link_lookup(ifname="eth0")[0]
                node.link("set", index=1, state="up")
                node.link("set", index=index, state="up")
                node.addr("add", index=index, address=str(_address(n).ip), prefixlen=16)


WAYS: dict[str, Callable[[int], None]] = {"prepared messages": prepared, "pyroute2": by_pyroute2}


def measure(way: str, nodes: int) -> float:
    """Return milliseconds, taken in a child so that nothing is left; imports are done before the clock starts."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        import pyroute2  # noqa: F401 - its import is not what is measured here

        began = time.perf_counter()
        WAYS[way](nodes)
        os.write(writer, str((time.perf_counter() - began) * 1e3).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        figure = float(answer.read() or "nan")
    os.waitpid(pid, 0)
    return figure


def labs(rounds: int, provider: str, user: str) -> dict[str, list[float]]:
    """Time `labkit up` and `labkit down` of the failover lab, as a user; milliseconds."""
    become = ["runuser", "-u", user, "--"] if user != "root" else []
    found: dict[str, list[float]] = {"built": [], "ready": [], "up": [], "down": []}
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o777)
        environment = {**os.environ, "XDG_RUNTIME_DIR": home}
        labkit = [*become, sys.executable, "-m", "labkit.ui.cli.main"]
        for _ in range(rounds):
            began = time.perf_counter()
            command = [*labkit, "up", "failover", "--provider", provider]
            up = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            middle = time.perf_counter()
            subprocess.run([*labkit, "down"], env=environment, capture_output=True, check=True)
            figures = [float(figure) for figure in re.findall(r"(\d+) ms", up.stdout)]
            found["built"].append(figures[0])
            found["ready"].append(figures[1] - figures[0])
            found["up"].append((middle - began) * 1e3)
            found["down"].append((time.perf_counter() - middle) * 1e3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"milliseconds, median of {rounds}\n{'nodes':>6}  {'prepared':>10}  {'pyroute2':>10}  ratio")
    for nodes in NODES:
        figures: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                figures[way].append(measure(way, nodes))
        ours, theirs = (statistics.median(figures[way]) for way in WAYS)
        print(f"{nodes:>6}  {ours:>10.1f}  {theirs:>10.1f}  {theirs / ours:5.1f}")
    print("\nlab failover       built  daemons   up, in all   down, in all")
    for provider, user in (("netns", "root"), ("netns", "nobody"), ("uml", "root")):
        if provider == "uml" and guest.missing():
            print(f"uml: {guest.missing()}")
            continue
        found = {key: statistics.median(values) for key, values in labs(rounds, provider, user).items()}
        built, ready, up, down = (found[key] for key in ("built", "ready", "up", "down"))
        print(f"{provider + ' ' + user:<16} {built:>7.0f} {ready:>8.0f} {up:>12.0f} {down:>14.0f}")


if __name__ == "__main__":
    main()
