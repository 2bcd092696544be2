"""Routes and rules of one file under C keepalived and under ours: what `ip` shows of both is the same text."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.daemon.daemon import OURS, C, Daemon, instance
from tests.kernel.lan import Lan, Namespace

pytestmark = [pytest.mark.kernel, pytest.mark.interop]

ROUTES = """
src 192.168.1.20 to 192.168.109.0/24 via 192.168.1.254 dev eth0
192.168.110.0/24 via 192.168.1.254 dev eth0 table 100 metric 50 mtu lock 1400 advmss 100 initcwnd 10
192.168.111.0/24 dev eth0 no_track
192.168.112.0/24 via 192.168.1.253
blackhole 192.168.114.0/24
prohibit 192.168.115.0/24 metric 7
throw 192.168.116.0/24 table 99
unreachable 192.168.117.0/24
0.0.0.0/0 via 192.168.1.254 table 100
default via 192.168.1.254 dev eth0 table 101
fd02::/64 dev eth0 metric 77 pref high mtu 1300
blackhole fd04::/64
192.168.100.0/24 table 6909 nexthop via 192.168.1.101 dev eth0 onlink weight 1 nexthop via 192.168.1.102 weight 2
10.20.0.0/16 dev eth0 scope link protocol static tos 0x04 no_track
10.21.0.0/16 dev eth0 rtt 1s rttvar 2s reordering 104 window 105 cwnd 106 ssthresh lock 107 realms 10/20 initrwnd 110
10.22.0.0/16 dev eth0 rto_min 1s congctl lock reno fastopen_no_cookie 1 hoplimit 100 features ecn quickack 1
10.23.0.0/16 dev eth0 ttl-propagate enabled
10.24.0.0/16 dev eth0 table 300 onlink via 10.200.0.1
10.26.0.0/16 via 192.168.1.254 dev eth0 append
10.27.0.0/16 via 192.168.1.254 dev eth0 add
10.29.0.0/16 dev eth0 tos 20
"""
RULES = """
from 192.168.2.0/24 table 1
fwmark 24/12 table 100 preference 39
fwmark 0x10 table main preference 40
to fd02::/64 from fd03::/64 table 100 preference 41
not from 10.0.0.0/8 lookup 1 preference 42
iif eth0 oif eth0 table 1 preference 43
tos 0x10 table 1 preference 44
realms 30/20 table 1 preference 45
suppress_prefixlength 0 table 1 preference 46
suppress_ifgroup default table 1 preference 47
uidrange 10000-19999 table 1 preference 48
ipproto udp sport 10-20 dport 20-30 table 1 preference 49
from 10.0.0.0/8 blackhole preference 50
from 10.0.0.0/8 prohibit preference 51
from 10.0.0.0/8 unreachable preference 52
from 10.0.0.0/8 nop preference 53
from 10.0.0.0/8 goto 60 preference 54
l3mdev preference 55
tunnel-id 7 table 1 preference 56
from 10.0.0.5 table 6909 preference 60
"""
STATICS = """static_ipaddress {
 10.9.0.1/24 dev eth0
 10.9.1.1/24 dev eth0 brd + scope link
 10.9.2.1/24 dev eth0 brd - noprefixroute label eth0:9
 10.9.4.1 dev eth0
 fd00:9::1/64 dev eth0
 fd00:9::2/64 dev eth0 noprefixroute preferred_lft 0 home
 fd00:9::3 dev eth0
 fd00:9::4 dev eth0 preferred_lft forever
}
static_routes {
 10.10.0.0/16 via 10.9.0.254 dev eth0
 unreachable 10.13.0.0/16
}
static_rules {
 from 10.9.0.0/24 table 77
 from 10.9.1.0/24 table 77 preference 900
}
"""
CONFIG = STATICS + instance(150, more=f"virtual_routes {{\n{ROUTES}}}\nvirtual_rules {{\n{RULES}}}")


def show(host: Namespace) -> list[str]:
    """Return what `ip` shows of addresses, routes and rules, but for what the kernel makes by itself."""
    lines: list[str] = []
    for command in ("addr show dev eth0", "route show table all", "-6 route show table all", "rule", "-6 rule"):
        process = host.start(["ip", "-d", *command.split()], stdout=subprocess.PIPE)
        text = process.communicate(timeout=5)[0].decode()
        lines += [" ".join(line.split()) for line in text.splitlines() if "fe80" not in line and "ff00" not in line]
    return [line for line in lines if not re.match(r"\d+: eth0|link/|veth |altname", line)]


def life(lan: Lan, home: Path, program: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what is there while the router is MASTER, and after the end of the daemon."""
    host = lan.hosts[0]
    daemon = Daemon(host, home, CONFIG, program)
    try:
        daemon.wait_log("Sending gratuitous ARP on eth0 for 192.168.1.20", within=15)
        held = show(host)
        daemon.stop()
        return held, show(host)
    finally:
        daemon.close()


def test_the_kernel_holds_the_same(tmp_path: Path) -> None:
    ours, theirs = Lan(1), Lan(1)
    try:
        before = show(ours.hosts[0])
        held, after = life(ours, tmp_path / "ours", OURS)
        held_by_c, _ = life(theirs, tmp_path / "c", C)  # which leaves the prefix route of fd00:9:: behind
    finally:
        ours.close()
        theirs.close()
    assert len([line for line in held if "keepalived" in line]) > 40
    assert held == held_by_c
    assert after == before
