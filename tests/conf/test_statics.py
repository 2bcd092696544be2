"""Static addresses, routes and rules, the groups that track them, and the options of addresses."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Interface

import pytest

from labkit.conf.address_line import AddressLine
from labkit.conf.arguments import UnfitError
from labkit.conf.loader import loads
from labkit.conf.model import VirtualAddress
from labkit.vrrp.config import Track, TrackKind
from tests.conf.samples import said

INSTANCE = "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{ 192.0.2.1 }}\n{}\n}}\n"
PLAIN = INSTANCE.format("")
V4 = VirtualAddress(address=IPv4Interface("10.9.0.1/24"), device="")
V6 = VirtualAddress(address=IPv6Interface("fd00::1/64"), device="")


def with_(address: VirtualAddress, **options: object) -> VirtualAddress:
    return VirtualAddress(**{"address": address.address, "device": ""} | options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("10.9.0.1/24", V4, id="plain"),
        pytest.param("10.9.0.1/24 dev eth1 no_track", with_(V4, device="eth1", tracked=False), id="no_track"),
        pytest.param("10.9.0.1/24 noprefixroute", with_(V4, no_prefix_route=True), id="noprefixroute"),
        pytest.param("10.9.0.1/24 use_vmac autojoin", with_(V4, use_vmac=True, auto_join=True), id="use_vmac"),
        pytest.param(
            "10.9.0.1 peer 10.9.0.2",
            VirtualAddress(address=IPv4Interface("10.9.0.1"), device="", peer=IPv4Interface("10.9.0.2")),
            id="peer",
        ),
        pytest.param("10.9.0.1/24 preferred_lft 10", with_(V4, preferred_lft=10), id="preferred_lft"),
        pytest.param(
            "fd00::1/64 home -nodad mngtmpaddr",
            with_(V6, home=True, detect_duplicates=True, manage_temporary=True),
            id="ipv6-flags",
        ),
        pytest.param("fd00::1/64 preferred_lft forever", V6, id="forever"),
        pytest.param(
            "fd00::1", with_(VirtualAddress(address=IPv6Interface("fd00::1"), device=""), preferred_lft=0), id="128"
        ),
        pytest.param(
            "fd00::1 preferred_lft forever",
            VirtualAddress(address=IPv6Interface("fd00::1"), device=""),
            id="128-forever",
        ),
        pytest.param(
            "fd00::1 peer fd00::2/64",
            VirtualAddress(address=IPv6Interface("fd00::1"), device="", peer=IPv6Interface("fd00::2/64")),
            id="peer-ipv6",
        ),
        pytest.param(
            "10.9.0.1/24 brd + scope 7", with_(V4, broadcast=IPv4Address("10.9.0.255"), scope="7"), id="brd-scope"
        ),
    ],
)
def test_the_options_of_an_address(line: str, expected: VirtualAddress) -> None:
    assert AddressLine().read(line.split()) == expected


@pytest.mark.parametrize("line", ["fe80::1 scope link", "fd00::1 scope global", "::1 scope host", "fec0::1 scope site"])
def test_the_scope_that_an_ipv6_address_has_may_be_written(line: str) -> None:
    assert AddressLine().read(line.split()) == AddressLine().read(line.split()[:1])


@pytest.mark.parametrize(
    ("line", "word", "expected"),
    [
        pytest.param("10.9.0.1 home", 1, "`home` is for IPv6 addresses; remove it", id="home-v4"),
        pytest.param(
            "fd00::1 scope link", 2, "the scope of fd00::1 follows from the address: global; remove it", id="scope"
        ),
        pytest.param(
            "10.9.0.1/24 peer 10.9.0.2",
            0,
            "an address with a peer has no prefix length; write it at the peer",
            id="peer",
        ),
        pytest.param(
            "10.9.0.1 peer fd00::1",
            2,
            "fd00::1 is not of the family of 10.9.0.1; write a peer of the same family",
            id="peer-family",
        ),
        pytest.param(
            "10.9.0.1 peer x", 2, "`x` does not fit here; write the address at the other end of the link", id="peer-x"
        ),
        pytest.param(
            "fd00::1/80 mngtmpaddr",
            1,
            "only a /64 can have temporary addresses; write `fd00::1/64`, or remove it",
            id="temporary",
        ),
        pytest.param(
            "10.9.0.1 preferred_lft x", 2, "`x` does not fit here; write a number of seconds, or forever", id="lft"
        ),
        pytest.param(
            "10.9.0.1 track_group G", 1, "`track_group` is for static addresses; remove it here", id="track_group"
        ),
        pytest.param("fd00::1 nodad", 1, "`nodad` is no option of an address; did you mean '-nodad'?", id="nodad"),
    ],
)
def test_what_is_wrong_with_the_options_of_an_address(line: str, word: int, expected: str) -> None:
    with pytest.raises(UnfitError) as caught:
        AddressLine().read(line.split())
    assert f"{caught.value.message}; {caught.value.hint}" == expected
    assert caught.value.word == word


def test_a_static_address_has_no_vmac() -> None:
    with pytest.raises(UnfitError, match="`use_vmac` is for addresses of an instance"):
        AddressLine(static=True).read(["10.9.0.1", "use_vmac"])


def test_what_a_file_says_of_statics() -> None:
    loaded = loads(
        f"""{PLAIN}
track_group G {{
    group {{ A }}
}}
track_group UNUSED {{
    group {{ A }}
}}
static_ipaddress {{
    10.9.0.1/24 dev eth1 track_group G
    10.9.1.1/24
}}
static_routes {{
    10.10.0.0/16 dev eth1
}}
static_rules {{
    from 10.9.0.0/24 table 77 preference 5
}}
""",
        file="k.conf",
    )
    config = loaded.config
    assert loaded.diagnostics == ()
    assert config is not None
    assert config.track_groups == (("G", ("A",)), ("UNUSED", ("A",)))
    assert [(address.device, address.track_group) for address in config.static_addresses] == [
        ("eth1", "G"),
        ("eth0", None),
    ]
    assert [str(route) for route in config.static_routes] == ["10.10.0.0/16 dev eth1"]
    assert [rule.table for rule in config.static_rules] == [77]
    assert config.instances[0].router.tracks == (Track(kind=TrackKind.STATIC, name="G"),)


def test_rules_without_a_preference_get_one_in_the_order_of_the_file() -> None:
    text = (
        "static_rules {\nfrom 10.1.0.0/16 table 1\n}\n"
        + INSTANCE.format("virtual_rules {\nto 10.2.0.0/16 table 2 preference 40\nto 10.2.0.0/16 table 3\n}")
        + "static_rules {\nfrom 10.1.0.0/16 table 1\n}\n"
    )
    config = loads(text, file="k.conf").config
    assert config is not None
    assert [rule.preference for rule in config.static_rules] == [16384, 16382]
    assert [rule.preference for rule in config.instances[0].rules] == [40, 16383]
    assert said(text) == [
        f"{place}: warning: the rule has no preference: it gets {number}, as with keepalived; "
        "add `preference` and a number"
        for place, number in (("2:1", 16384), ("10:1", 16383), ("14:1", 16382))
    ]


def test_each_family_of_rules_without_a_preference_counts_for_itself() -> None:
    rules = "".join(f"to {network}/16 table 1\n" for network in ("10.1.0.0", "fd01::", "10.2.0.0", "fd02::"))
    config = loads(f"static_rules {{\n{rules}}}\n" + INSTANCE.format(""), file="k.conf").config
    assert config is not None
    assert [rule.preference for rule in config.static_rules] == [16384, 16384, 16383, 16383]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "track_group G {\n}",
            ["1:13: this track_group has no `group`; add a block `group` with the name of a vrrp_instance"],
            id="empty",
        ),
        pytest.param(
            "track_group G {\ngroup { A }\n}\ntrack_group G {\ngroup { A }\n}",
            ["4:13: there is a `track_group G` already, in line 1; write another one, or remove it"],
            id="two",
        ),
        pytest.param(
            "track_group G {\ngroup { AA }\n}", ["2:9: no vrrp_instance is called `AA`; did you mean 'A'?"], id="member"
        ),
        pytest.param(
            "track_group G {\ngroup { A A }\n}", ["2:11: `A` stands here twice; name it once"], id="member-twice"
        ),
        pytest.param(
            "static_ipaddress {\n10.9.0.1 track_group GG\n}",
            ["2:22: no track_group is called `GG`; nothing is known here"],
            id="group",
        ),
        pytest.param(
            "track_group G {\ngroup { A }\n}\nstatic_routes {\n10.0.0.0/8 dev eth0 track_group G no_track\n}",
            ["5:35: `no_track` contradicts `track_group`; remove one of them"],
            id="contradiction",
        ),
        pytest.param(
            "static_routes {\n10.0.0.0/8 dev eth0\n10.0.0.0/8 dev eth0\n}",
            ["3:1: this stands here again, after line 2; keep one of them"],
            id="route-twice",
        ),
        pytest.param(
            "static_rules {\ntable 1 preference 1\ntable 1 preference 1\n}",
            ["3:1: this stands here again, after line 2; keep one of them"],
            id="rule-twice",
        ),
        pytest.param(
            "static_routes {\n10.0.0.0/8 dev\n}",
            ["2:15: `dev` has no value; write the name of an interface, such as eth0"],
            id="line",
        ),
    ],
)
def test_what_is_wrong_with_statics(text: str, expected: list[str]) -> None:
    assert said(f"{text}\n{PLAIN}") == expected


def test_an_instance_has_a_route_once() -> None:
    routes = INSTANCE.format("virtual_routes {\n10.0.0.0/8 dev eth0\n10.0.0.0/8 dev eth0\n}")
    assert said(routes) == ["7:1: this stands here again, after line 6; keep one of them"]
