"""Routes and rules as the kernel takes them: what `ip` shows of each line, and what is told of their removal."""

import struct
import subprocess
from collections.abc import Iterator

import pytest

from labkit.conf.routes import RouteLine
from labkit.conf.rules import RuleLine
from labkit.kernel.netlink import KernelRefusedError, Netlink
from labkit.kernel.routes import (
    GROUP_ROUTES,
    GROUP_RULES,
    Requests,
    RouteKey,
    RuleKey,
    removed,
    route_requests,
    rule_requests,
)
from tests.kernel.lan import Lan, Namespace, why_not

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def host() -> Iterator[Namespace]:
    """A machine with eth0, 192.168.1.21/24."""
    if why_not():
        pytest.skip(why_not())
    lan = Lan(1)
    yield lan.hosts[0]
    lan.close()


def route(host: Namespace, line: str) -> Requests:
    found = route_requests(RouteLine().read(line.split()), {"eth0": host.index("eth0"), "lo": 1})
    assert found is not None
    return found


def shown(host: Namespace, *words: str) -> list[str]:
    process = host.start(["ip", "-d", *words], stdout=subprocess.PIPE)
    text = process.communicate(timeout=5)[0].decode()
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("10.0.0.0/8 dev eth0", "unicast 10.0.0.0/8 dev eth0 table main proto keepalived scope global"),
        (
            "default via 192.168.1.254 table 300",
            "unicast default via 192.168.1.254 dev eth0 table 300 proto keepalived scope global",
        ),
        (
            "10.0.0.0/8 via inet6 fe80::1 dev eth0",
            "unicast 10.0.0.0/8 via inet6 fe80::1 dev eth0 table main proto keepalived scope global",
        ),
        (
            "10.0.0.0/8 src 192.168.1.21 dev eth0 scope link proto static metric 7 tos 8",
            "unicast 10.0.0.0/8 tos 0x08 dev eth0 table main proto static scope link src 192.168.1.21 metric 7",
        ),
        (
            "10.0.0.0/8 via 10.9.9.9 dev eth0 onlink mtu lock 1400 advmss 100 realms 10/20",
            "unicast 10.0.0.0/8 via 10.9.9.9 dev eth0 table main proto keepalived scope global "
            "onlink realms 10/20 mtu lock 1400 advmss 100",
        ),
        (
            "10.0.0.0/8 dev eth0 rtt 102ms rttvar 1s rto_min 0.3s ssthresh lock 107 congctl reno features ecn",
            "unicast 10.0.0.0/8 dev eth0 table main proto keepalived scope global "
            "rtt 102ms rttvar 1s ssthresh lock 107 features ecn rto_min 300ms congctl reno",
        ),
        ("blackhole 10.0.0.0/8", "blackhole 10.0.0.0/8 table main proto keepalived scope global"),
        ("throw 10.0.0.0/8 table 99", "throw 10.0.0.0/8 table 99 proto keepalived scope global"),
        ("local 10.0.0.0/8 dev lo table local", "local 10.0.0.0/8 dev lo table local proto keepalived scope host"),
    ],
)
def test_what_becomes_of_an_ipv4_route(host: Namespace, line: str, expected: str) -> None:
    requests = route(host, line)
    host.netlink.ask([requests.add])
    assert expected in shown(host, "route", "show", "table", "all")
    host.netlink.ask([requests.remove])
    assert not [text for text in shown(host, "route", "show", "table", "all") if "keepalived" in text]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "fd01::/64 via fe80::1 dev eth0",
            "unicast fd01::/64 via fe80::1 dev eth0 table main proto keepalived scope global metric 1024 pref medium",
        ),
        (
            "fd01::/64 dev eth0 metric 77 pref high mtu 1300",
            "unicast fd01::/64 dev eth0 table main proto keepalived scope global metric 77 mtu 1300 pref high",
        ),
        (
            "inet6 default dev eth0 table 100",
            "unicast default dev eth0 table 100 proto keepalived scope global metric 1024 pref medium",
        ),
    ],
)
def test_what_becomes_of_an_ipv6_route(host: Namespace, line: str, expected: str) -> None:
    requests = route(host, line)
    host.netlink.ask([requests.add])
    assert expected in shown(host, "-6", "route", "show", "table", "all")
    host.netlink.ask([requests.remove])
    assert expected not in shown(host, "-6", "route", "show", "table", "all")


def test_several_ways(host: Namespace) -> None:
    requests = route(host, "10.0.0.0/8 nexthop via 192.168.1.2 weight 2 nexthop via 10.9.9.9 dev eth0 onlink realms 5")
    host.netlink.ask([requests.add])
    lines = shown(host, "route", "show", "10.0.0.0/8")
    assert lines == [
        "unicast 10.0.0.0/8 proto keepalived scope global",
        "nexthop via 192.168.1.2 dev eth0 weight 2",
        "nexthop via 10.9.9.9 realm 5 dev eth0 weight 1 onlink",
    ]
    host.netlink.ask([requests.remove])


def test_where_a_route_goes_among_others(host: Namespace) -> None:
    first, last = route(host, "10.0.0.0/8 via 192.168.1.1"), route(host, "10.0.0.0/8 via 192.168.1.3 append")
    middle, refused = route(host, "10.0.0.0/8 via 192.168.1.2"), route(host, "10.0.0.0/8 via 192.168.1.4 add")
    host.netlink.ask([middle.add, last.add, first.add])
    with pytest.raises(KernelRefusedError):
        host.netlink.ask([refused.add])
    gateways = [text.split()[3] for text in shown(host, "route", "show", "10.0.0.0/8")]
    assert gateways == ["192.168.1.1", "192.168.1.2", "192.168.1.3"]
    host.netlink.ask([first.remove, middle.remove, last.remove])


def test_a_route_on_an_interface_that_is_not_there_has_no_requests() -> None:
    assert route_requests(RouteLine().read(["10.0.0.0/8", "dev", "eth7"]), {"eth0": 2}) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from 10.0.0.0/8 to 11.0.0.0/8 table 7", "from 10.0.0.0/8 to 11.0.0.0/8 lookup 7"),
        ("not from 10.0.0.0/8 table 300", "not from 10.0.0.0/8 lookup 300"),
        ("fwmark 24/12 tos 0x10 table main", "from all tos 0x10 fwmark 0x18/0xc lookup main"),
        ("iif eth0 oif eth7 table 7", "from all iif eth0 oif eth7 [detached] lookup 7"),
        ("realms 30/20 table 7", "from all lookup 7 realms 30/20"),
        ("sup_pl 0 sup_group 4 table 7", "from all lookup 7 suppress_prefixlength 0 suppress_ifgroup 4"),
        ("uidrange 5-6 table 7", "from all uidrange 5-6 lookup 7"),
        ("ipproto udp sport 10-20 dport 53 table 7", "from all ipproto udp sport 10-20 dport 53 lookup 7"),
        ("tun_id 9 table 7", "from all tun_id 9 lookup 7"),
        ("l3mdev", "from all lookup [l3mdev-table]"),
        ("from 10.0.0.0/8 prohibit", "from 10.0.0.0/8 prohibit"),
        ("goto 40000", "from all goto 40000 [unresolved]"),
    ],
)
def test_what_becomes_of_a_rule(host: Namespace, line: str, expected: str) -> None:
    requests = rule_requests(RuleLine().read([*line.split(), "preference", "5"]))
    host.netlink.ask([requests.add])
    assert f"5: {expected} proto keepalived" in shown(host, "rule")
    with pytest.raises(KernelRefusedError, match="File exists"):
        host.netlink.ask([requests.add])
    host.netlink.ask([requests.remove])
    assert f"5: {expected} proto keepalived" not in shown(host, "rule")


def test_removals_are_told(host: Namespace) -> None:
    four, six = route(host, "10.0.0.0/8 dev eth0 metric 7 table 300"), route(host, "fd01::/64 dev eth0")
    rule = rule_requests(RuleLine().read(["to", "fd01::/64", "table", "7", "preference", "5"]))
    with host.entered():
        monitor = Netlink(GROUP_ROUTES | GROUP_RULES)
    with monitor:
        host.netlink.ask([four.add, six.add, rule.add, four.remove, six.remove, rule.remove])
        monitor.socket.setblocking(False)
        told: list[RouteKey | RuleKey] = []
        while len(told) < 3:
            told += removed(monitor.socket.recv(1 << 16))
    assert told == [four.key, six.key, rule.key]
    assert rule.key == RuleKey(version=6, preference=5)
    assert four.key == RouteKey(network=(4, b"\n\0\0\0", 8), table=300, tos=0, metric=7)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\xff" * 40,
        struct.pack("=IHHII", 16, 25, 0, 0, 0),  # no body
        struct.pack("=IHHII", 28, 25, 0, 0, 0) + bytes([7]) + bytes(11),  # another family
        struct.pack("=IHHII", 28, 24, 0, 0, 0) + bytes([2]) + bytes(11),  # a new route
    ],
)
def test_other_messages_tell_of_no_removal(datagram: bytes) -> None:
    assert list(removed(datagram)) == []
