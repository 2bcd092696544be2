"""Lines of routes and rules: what they become, and what is said of one that is wrong."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest

from labkit.conf.arguments import UnfitError
from labkit.conf.loader import loads
from labkit.conf.model_routes import Hop, Insertion, Metric, Route, RouteKind, Rule, RuleAction
from labkit.conf.names import SCOPES, TABLES, as_number, read_from
from labkit.conf.routes import RouteLine
from labkit.conf.rules import RuleLine

TEN = IPv4Network("10.0.0.0/8")
FD = IPv6Network("fd01::/64")
ETH0 = Hop(device="eth0")
GATEWAY = Hop(via=IPv4Address("192.0.2.1"))


def v4(text: str) -> IPv4Address:
    return IPv4Address(text)


def on(device: str, via: str | None = None, **options: int) -> Hop:
    return Hop(device=device, via=IPv4Address(via) if via else None, **options)  # type: ignore[arg-type]


def metrics(*pairs: tuple[Metric, int | str], locked: frozenset[Metric] = frozenset()) -> Route:
    return Route(network=TEN, hops=(ETH0,), metrics=pairs, locked=locked)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("10.0.0.0/8 dev eth0", Route(network=TEN, hops=(ETH0,)), id="dev"),
        pytest.param("to 10.0.0.0/8 oif eth0", Route(network=TEN, hops=(ETH0,)), id="to-oif"),
        pytest.param("10.0.0.0/8 via 192.0.2.1", Route(network=TEN, hops=(GATEWAY,)), id="via"),
        pytest.param("10.0.0.0/8 gw 192.0.2.1", Route(network=TEN, hops=(GATEWAY,)), id="gw"),
        pytest.param("10.0.0.0/8 via inet 192.0.2.1", Route(network=TEN, hops=(GATEWAY,)), id="via-inet"),
        pytest.param(
            "10.0.0.0/8 via inet6 fe80::1 dev eth0",
            Route(network=TEN, hops=(Hop(via=IPv6Address("fe80::1"), device="eth0"),)),
            id="via-inet6",
        ),
        pytest.param(
            "10.0.0.0/8 via 192.0.2.1 or 192.0.2.2 dev eth0",
            Route(network=TEN, hops=(on("eth0", "192.0.2.1"), on("eth0", "192.0.2.2"))),
            id="or",
        ),
        pytest.param(
            "10.0.0.0/8 table 6909 nexthop via 192.0.2.1 dev eth0 onlink weight 1 nexthop dev eth1 weight 256 realms 7",
            Route(
                network=TEN,
                table=6909,
                hops=(on("eth0", "192.0.2.1", on_link=True), on("eth1", weight=256, realms=7)),
            ),
            id="nexthops",
        ),
        pytest.param(
            "10.0.0.0/8 nexthop via inet6 fe80::1 dev eth0",
            Route(network=TEN, hops=(Hop(via=IPv6Address("fe80::1"), device="eth0"),)),
            id="nexthop-inet6",
        ),
        pytest.param("10.1.2.3 dev eth0", Route(network=IPv4Network("10.1.2.3/32"), hops=(ETH0,)), id="host"),
        pytest.param("default dev eth0", Route(network=IPv4Network("0.0.0.0/0"), hops=(ETH0,)), id="default"),
        pytest.param("inet6 default dev eth0", Route(network=IPv6Network("::/0"), hops=(ETH0,)), id="inet6"),
        pytest.param("inet 10.0.0.0/8 dev eth0", Route(network=TEN, hops=(ETH0,)), id="inet"),
        pytest.param(
            "default via fe80::1 dev eth0",
            Route(network=IPv6Network("::/0"), hops=(Hop(via=IPv6Address("fe80::1"), device="eth0"),)),
            id="default-by-its-gateway",
        ),
        pytest.param("blackhole 10.0.0.0/8", Route(network=TEN, kind=RouteKind.BLACKHOLE), id="blackhole"),
        pytest.param("10.0.0.0/8 throw", Route(network=TEN, kind=RouteKind.THROW), id="throw-after"),
        pytest.param(
            "local 10.0.0.0/8 dev eth0", Route(network=TEN, kind=RouteKind.LOCAL, scope=254, hops=(ETH0,)), id="local"
        ),
        pytest.param(
            "src 192.0.2.9 10.0.0.0/8 dev eth0", Route(network=TEN, source=v4("192.0.2.9"), hops=(ETH0,)), id="src"
        ),
        pytest.param(
            "fd01::/64 from fd02::/64 dev eth0",
            Route(network=FD, origin=IPv6Network("fd02::/64"), hops=(ETH0,)),
            id="from",
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 table main scope link protocol static metric 0x10 tos 0x04 onlink",
            Route(
                network=TEN,
                table=254,
                scope=253,
                protocol=4,
                metric=16,
                tos=4,
                hops=(Hop(device="eth0", on_link=True),),
            ),
            id="where",
        ),
        pytest.param("10.0.0.0/8 dev eth0 proto 99", Route(network=TEN, protocol=99, hops=(ETH0,)), id="proto"),
        pytest.param("10.0.0.0/8 dev eth0 priority 5", Route(network=TEN, metric=5, hops=(ETH0,)), id="priority"),
        pytest.param("10.0.0.0/8 dev eth0 realms 10/20", Route(network=TEN, realms=0xA0014, hops=(ETH0,)), id="realms"),
        pytest.param("10.0.0.0/8 dev eth0 realms 20", Route(network=TEN, realms=20, hops=(ETH0,)), id="realm"),
        pytest.param(
            "fd01::/64 dev eth0 pref low expires 20",
            Route(network=FD, preference=3, expires=20, hops=(ETH0,)),
            id="pref",
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 ttl-propagate disabled",
            Route(network=TEN, ttl_propagate=False, hops=(ETH0,)),
            id="ttl-propagate",
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 append no_track",
            Route(network=TEN, insertion=Insertion.APPEND, tracked=False, hops=(ETH0,)),
            id="append",
        ),
        pytest.param("10.0.0.0/8 dev eth0 mtu 1000", metrics((Metric.MTU, 1000)), id="mtu"),
        pytest.param(
            "10.0.0.0/8 dev eth0 mtu lock 1000 advmss 900",
            metrics((Metric.MTU, 1000), (Metric.ADVMSS, 900), locked=frozenset({Metric.MTU})),
            id="mtu-lock",
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 rtt 102ms rttvar 1s rto_min 108",
            metrics((Metric.RTT, 816), (Metric.RTTVAR, 4000), (Metric.RTO_MIN, 108)),
            id="times",
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 initcwnd 9 features ecn quickack 1 congctl lock cubic",
            metrics(
                (Metric.INITCWND, 9),
                (Metric.FEATURES, 1),
                (Metric.QUICKACK, 1),
                (Metric.CONGCTL, "cubic"),
                locked=frozenset({Metric.CONGCTL}),
            ),
            id="tcp",
        ),
    ],
)
def test_what_a_route_becomes(line: str, expected: Route) -> None:
    assert RouteLine().read(line.split()) == expected


ROUTE = "write a route as `ip route add` takes it, such as 192.0.2.0/24 via 198.51.100.1 dev eth0"
WAY = "write `via` and a gateway, or `dev` and a name"


@pytest.mark.parametrize(
    ("line", "word", "expected"),
    [
        pytest.param("", 0, f"something is missing here; {ROUTE}", id="nothing"),
        pytest.param("dev eth0", 2, "the route has no destination; write a network, or `default`", id="no-network"),
        pytest.param("10.0.0.0/8", 1, f"the route leads nowhere; {WAY}", id="no-way"),
        pytest.param(
            "10.1.2.3/8 dev eth0", 0, "`10.1.2.3/8` has bits set after its prefix; write 10.0.0.0/8", id="host-bits"
        ),
        pytest.param(
            "10.0.0.0/33 dev eth0",
            0,
            "`10.0.0.0/33` does not fit here; write a destination such as 192.0.2.0/24 or default",
            id="33",
        ),
        pytest.param(
            "10.0.0.0/255.0.0.0 dev eth0",
            0,
            "`10.0.0.0/255.0.0.0` does not fit here; write a destination such as 192.0.2.0/24 or default",
            id="mask",
        ),
        pytest.param(
            "10.0.0.0/8 to 11.0.0.0/8 dev eth0", 2, "a route has one destination; remove one of them", id="two"
        ),
        pytest.param("10.0.0.0/8 dev eth0 oif eth1", 3, "`oif` stands here twice; remove one of them", id="twice"),
        pytest.param("10.0.0.0/8 dev", 2, "`dev` has no value; write the name of an interface, such as eth0", id="dev"),
        pytest.param("10.0.0.0/8 devv eth0", 1, "`devv` is no option of a route; did you mean 'dev'?", id="unknown"),
        pytest.param(
            "10.0.0.0/8 encap ip id 1",
            1,
            "`encap` is known to keepalived but not supported by labkit; make the tunnel an interface and name it "
            "with `dev`",
            id="encap",
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 track_group G",
            3,
            "`track_group` is for static routes; remove it here",
            id="track_group",
        ),
        pytest.param("10.0.0.0/8 via x dev eth0", 2, "`x` does not fit here; write the address of a gateway", id="via"),
        pytest.param(
            "10.0.0.0/8 via inet6 192.0.2.1", 3, "`192.0.2.1` does not fit here; write an IPv6 address", id="6"
        ),
        pytest.param(
            "10.0.0.0/8 via fe80::1 dev eth0",
            2,
            "fe80::1 cannot be the gateway of an IPv4 route; write an IPv4 address, or `via inet6` before it",
            id="via-family",
        ),
        pytest.param(
            "fd01::/64 via fd00::1 or 192.0.2.1",
            4,
            "192.0.2.1 cannot be the gateway of an IPv6 route; write an IPv6 address",
            id="or-family",
        ),
        pytest.param(
            "10.0.0.0/8 nexthop via fe80::1",
            3,
            "fe80::1 cannot be the gateway of an IPv4 route; write an IPv4 address, or `via inet6` before it",
            id="nexthop-family",
        ),
        pytest.param(
            "10.0.0.0/8 src fd00::1 dev eth0",
            2,
            "fd00::1 cannot be the source on an IPv4 route; write an IPv4 address",
            id="src-family",
        ),
        pytest.param("inet6 10.0.0.0/8 dev eth0", 0, "`inet6` stands at 10.0.0.0/8; remove it", id="inet6"),
        pytest.param("10.0.0.0/8 dev eth0 pref low", 3, "`pref` is for IPv6 routes; remove it", id="pref-v4"),
        pytest.param("fd01::/64 dev eth0 tos 4", 3, "`tos` is for IPv4 routes; remove it", id="tos-v6"),
        pytest.param(
            "10.0.0.0/8 dev eth0 from 11.0.0.0/8",
            4,
            "only IPv6 routes can depend on the source (`from`); write a rule for that",
            id="from-v4",
        ),
        pytest.param(
            "blackhole 10.0.0.0/8 dev eth0",
            2,
            "a blackhole route leads nowhere; remove the gateway and the interface",
            id="blackhole",
        ),
        pytest.param("10.0.0.0/8 nexthop weight 2", 4, f"a nexthop goes somewhere; {WAY}", id="nexthop-nowhere"),
        pytest.param(
            "10.0.0.0/8 nexthop dev eth0 weight 0",
            5,
            "`0` does not fit here; write a whole number from 1 to 256",
            id="weight-0",
        ),
        pytest.param(
            "10.0.0.0/8 nexthop dev eth0 dev eth1", 4, "`dev` stands here twice; remove one of them", id="hop-twice"
        ),
        pytest.param(
            "10.0.0.0/8 dev eth1 nexthop dev eth0",
            1,
            "the way is given twice: here, and by `nexthop`; write each way as `nexthop via ADDRESS dev NAME`",
            id="both",
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 tos 5",
            4,
            "`5` has one of the ECN bits set; write 0x4, which leaves them out",
            id="ecn-bits",
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 hoplimit 256",
            4,
            "`256` does not fit here; write a whole number from 0 to 255",
            id="hoplimit",
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 rtt 1h", 4, "`1h` does not fit here; write a time such as 200ms or 0.2s", id="rtt"
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 rtt 9999999s",
            4,
            "`9999999s` does not fit here; write a time such as 200ms or 0.2s",
            id="rtt-long",
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 features x", 4, "`x` does not fit here; write ecn: there is no other", id="ecn"
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 congctl abcdefghijklmnop",
            4,
            "`abcdefghijklmnop` does not fit here; write the name of a congestion control, such as cubic",
            id="congctl",
        ),
        pytest.param(
            "fd01::/64 dev eth0 pref best", 4, "`best` does not fit here; write low, medium or high", id="pref"
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 ttl-propagate on", 4, "`on` does not fit here; write enabled or disabled", id="ttl"
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 scope 300", 4, "`300` is no scope; write a number from 0 to 255, or a name", id="scope"
        ),
    ],
)
def test_what_is_wrong_with_a_route(line: str, word: int, expected: str) -> None:
    with pytest.raises(UnfitError) as caught:
        RouteLine().read(line.split())
    assert f"{caught.value.message}; {caught.value.hint}" == expected
    assert caught.value.word == word


SOURCE = IPv4Network("10.0.0.0/8")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("from 10.0.0.0/8 table 1", Rule(source=SOURCE, table=1), id="from"),
        pytest.param("to 10.0.0.0/8 lookup main", Rule(destination=SOURCE, table=254), id="to"),
        pytest.param("not from all table 1 preference 5", Rule(negated=True, table=1, preference=5), id="not"),
        pytest.param("inet6 table 1 priority 5", Rule(version=6, table=1, preference=5), id="inet6"),
        pytest.param("to fd01::/64 table 1 order 5", Rule(version=6, destination=FD, table=1, preference=5), id="v6"),
        pytest.param("from 10.0.0.0/8 blackhole", Rule(source=SOURCE, action=RuleAction.BLACKHOLE), id="blackhole"),
        pytest.param("from 10.0.0.0/8 type prohibit", Rule(source=SOURCE, action=RuleAction.PROHIBIT), id="type"),
        pytest.param("nop preference 5", Rule(action=RuleAction.NOP, preference=5), id="nop"),
        pytest.param("goto 40 preference 5", Rule(action=RuleAction.GOTO, goto=40, preference=5), id="goto"),
        pytest.param("l3mdev preference 5", Rule(l3mdev=True, preference=5), id="l3mdev"),
        pytest.param("iif eth0 oif eth1 table 1", Rule(input_device="eth0", output_device="eth1", table=1), id="if"),
        pytest.param("dev eth0 tos 0x10 table 1", Rule(input_device="eth0", tos=16, table=1), id="dev-tos"),
        pytest.param("fwmark 24/12 table 1", Rule(mark=24, mark_mask=12, table=1), id="fwmark-mask"),
        pytest.param("fwmark 0x10 table 1", Rule(mark=16, table=1), id="fwmark"),
        pytest.param("realms 30/20 table 1", Rule(realms=30 << 16 | 20, table=1), id="realms"),
        pytest.param(
            "sup_pl 0 sup_group default table 1", Rule(suppress_prefix_length=0, suppress_group=0, table=1), id="sup"
        ),
        pytest.param("uidrange 1-5 table 1", Rule(users=(1, 5), table=1), id="uidrange"),
        pytest.param(
            "ipproto UDP sport 10-20 dport 53 table 1",
            Rule(ip_protocol=17, source_ports=(10, 20), destination_ports=(53, 53), table=1),
            id="ports",
        ),
        pytest.param("ip_proto 50 table 1", Rule(ip_protocol=50, table=1), id="ip_proto"),
        pytest.param("protocol 99 tun_id 7 table 1", Rule(protocol=99, tunnel=7, table=1), id="tunnel"),
        pytest.param("table 1 no_track", Rule(table=1, tracked=False), id="no_track"),
    ],
)
def test_what_a_rule_becomes(line: str, expected: Rule) -> None:
    assert RuleLine().read(line.split()) == expected


RULE = "write a rule as `ip rule add` takes it, such as from 192.0.2.0/24 table 100 preference 1000"
ONE_THING = (
    "a rule does one thing: table, goto, nop, blackhole, unreachable, prohibit or l3mdev; remove all but one of them"
)
MARK = "write a mark such as 0x10 or 0x10/0xff"


@pytest.mark.parametrize(
    ("line", "word", "expected"),
    [
        pytest.param("", 0, f"something is missing here; {RULE}", id="nothing"),
        pytest.param("from 10.0.0.0/8", 2, "the rule does nothing; write `table` and a routing table", id="no-action"),
        pytest.param(
            "fd01::/64 table 1",
            0,
            "`fd01::/64` is no option of a rule; known here: "
            + ", ".join(
                sorted(
                    [
                        "blackhole",
                        "dev",
                        "dport",
                        "dsfield",
                        "from",
                        "fwmark",
                        "goto",
                        "iif",
                        "inet",
                        "inet6",
                        "ip_proto",
                        "ipproto",
                        "l3mdev",
                        "lookup",
                        "nop",
                        "not",
                        "no_track",
                        "oif",
                        "order",
                        "pref",
                        "preference",
                        "priority",
                        "prohibit",
                        "proto",
                        "protocol",
                        "realms",
                        "sport",
                        "sup_group",
                        "sup_pl",
                        "suppress_ifgroup",
                        "suppress_prefixlength",
                        "table",
                        "to",
                        "tos",
                        "tun_id",
                        "tunnel-id",
                        "type",
                        "uidrange",
                        "unreachable",
                    ]
                )
            ),
            id="bare",
        ),
        pytest.param(
            "from 10.0.0.0/8 to fd00::/64 table 1",
            3,
            "fd00::/64 cannot be in an IPv4 rule; write an IPv4 network",
            id="mixed",
        ),
        pytest.param("table 1 blackhole", 2, ONE_THING, id="two-actions"),
        pytest.param("l3mdev table 1", 1, ONE_THING, id="l3mdev-table"),
        pytest.param("table 0", 1, "`0` does not fit here; write a routing table: 0 is none", id="table-0"),
        pytest.param(
            "goto 40", 0, "a rule with `goto` has no preference; add `preference` and a number", id="goto-alone"
        ),
        pytest.param(
            "goto 4 preference 5",
            1,
            "`goto 4` leads back: the preference of this rule is 5; write a number above 5",
            id="goto-back",
        ),
        pytest.param("sup_pl 1 nop", 0, "`suppress_prefixlength` is for rules with a table; remove it", id="sup-nop"),
        pytest.param("inet6 realms 1 table 1", 1, "`realms` is for IPv4 rules; remove it", id="realms-v6"),
        pytest.param("fwmark x table 1", 1, f"`x` does not fit here; {MARK}", id="mark"),
        pytest.param("fwmark 1/x table 1", 1, f"`1/x` does not fit here; {MARK}", id="mask"),
        pytest.param("uidrange 5-1 table 1", 1, "`5-1` does not fit here; write a user id or FIRST-LAST", id="range"),
        pytest.param("sport 0 table 1", 1, "`0` does not fit here; write a port or FIRST-LAST", id="port-0"),
        pytest.param(
            "ipproto x table 1",
            1,
            "`x` does not fit here; write icmp, tcp, udp, dccp, ipv6-icmp, sctp, or a number from 0 to 255",
            id="ipproto",
        ),
        pytest.param(
            "type unicast", 1, "`unicast` does not fit here; write nop, blackhole, unreachable, prohibit", id="type"
        ),
        pytest.param(
            "table 1 nat 1.2.3.4",
            2,
            "`nat` is known to `ip rule`, but the kernel has no such rules any more; use nftables",
            id="nat",
        ),
        pytest.param("table 1 track_group G", 2, "`track_group` is for static rules; remove it here", id="track_group"),
        pytest.param("table 1 lookup 2", 2, "`lookup` stands here twice; remove one of them", id="twice"),
    ],
)
def test_what_is_wrong_with_a_rule(line: str, word: int, expected: str) -> None:
    with pytest.raises(UnfitError) as caught:
        RuleLine().read(line.split())
    assert f"{caught.value.message}; {caught.value.hint}" == expected
    assert caught.value.word == word


def test_static_lines_name_a_group() -> None:
    route = RouteLine(may_name_group=True).read(["10.0.0.0/8", "dev", "eth0", "track_group", "G"])
    rule = RuleLine(may_name_group=True).read(["table", "1", "track_group", "G"])
    assert (route.track_group, rule.track_group) == ("G", "G")


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        pytest.param("10.0.0.0/8 via 192.0.2.1 dev eth0", "10.0.0.0/8 via 192.0.2.1 dev eth0", id="unicast"),
        pytest.param("blackhole 10.0.0.0/8 table 9", "blackhole 10.0.0.0/8 table 9", id="blackhole"),
        pytest.param("10.0.0.0/8 via 192.0.2.1", "10.0.0.0/8 via 192.0.2.1", id="via"),
    ],
)
def test_a_route_in_words(route: str, expected: str) -> None:
    assert str(RouteLine().read(route.split())) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param("to 10.0.0.0/8 table 7 preference 5", "from all to 10.0.0.0/8 priority 5 lookup 7", id="table"),
        pytest.param("from 10.0.0.0/8 nop preference 5", "from 10.0.0.0/8 priority 5 nop", id="nop"),
        pytest.param("l3mdev preference 5", "from all priority 5 l3mdev", id="l3mdev"),
    ],
)
def test_a_rule_in_words(rule: str, expected: str) -> None:
    assert str(RuleLine().read(rule.split())) == expected


def test_the_interfaces_of_a_route() -> None:
    assert RouteLine().read(["10.0.0.0/8", "nexthop", "dev", "eth0", "nexthop", "via", "192.0.2.1"]).devices == {"eth0"}


# --- names ------------------------------------------------------------------------------------------------------------


def test_names_come_from_the_files_of_iproute2(tmp_path: Path) -> None:
    shipped, own = tmp_path / "usr", tmp_path / "etc"
    (own / "rt_tables.d").mkdir(parents=True)
    shipped.mkdir()
    (shipped / "rt_tables").write_text("7 small\n8 shipped\n")
    (own / "rt_tables").write_text("# comment\n100\tsmall # why\nnonsense\nx y\n")
    (own / "rt_tables.d" / "more.conf").write_text("0x65 more\n")
    with read_from(str(shipped), str(own)):
        numbers = [TABLES.number(name, 0) for name in ("small", "shipped", "more", "main", "0x10")]
        with pytest.raises(UnfitError) as caught:
            TABLES.number("smal", 3)
    assert numbers == [100, 8, 101, 254, 16]
    assert caught.value.message == "no routing table is called `smal`"
    assert caught.value.hint == f"did you mean 'small'? or write a number, or name it in {own}/rt_tables"
    assert caught.value.word == 3


def test_a_name_for_a_number_that_is_too_high_is_none(tmp_path: Path) -> None:
    (tmp_path / "rt_scopes").write_text("256 far\n")
    with read_from(str(tmp_path / "absent"), str(tmp_path)), pytest.raises(UnfitError):
        SCOPES.number("far", 0)


def test_a_configuration_names_the_folders_wherever_its_global_defs_stand(tmp_path: Path) -> None:
    (tmp_path / "rt_tables").write_text("77 mine\n")
    routes = "static_routes {\n 10.0.0.0/8 dev eth0 table mine\n}\n"
    instances = "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n  10.0.0.1\n }\n}\n"
    folders = f"global_defs {{\n iproute_usr_dir /nowhere\n iproute_etc_dir {tmp_path}\n}}\n"
    loaded = loads(routes + instances + folders, file="f")
    assert loaded.config is not None
    assert [route.table for route in loaded.config.static_routes] == [77]
    assert loads(routes + instances, file="f").config is None  # and afterwards they are elsewhere


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10", 10), ("0x10", 16), ("010", 8), ("0", 0), ("08", None), ("x", None), ("", None), ("1_0", None), ("²", None)],
)
def test_numbers_are_read_as_c_reads_them(text: str, expected: int | None) -> None:
    assert as_number(text) == expected
