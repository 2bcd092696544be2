"""How adverts travel: source, destination, unicast peers and the virtual MAC address."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from labkit.conf.loader import loads
from labkit.conf.model import Vmac
from labkit.vrrp.config import Peer, RouterConfig
from tests.conf.samples import said
from tests.conf.test_values import ROUTER, instance_of

S1, S2, S3 = (IPv4Address(f"192.0.2.{n}") for n in (11, 12, 13))
V6 = replace(ROUTER, family=6, version=3, addresses=(IPv6Address("fe80::1"),))
SIX = "\nvirtual_ipaddress {\nfe80::1\n}"


ALONE = "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\nunicast_peer {{\nfd00::2\n}}\n{}\n}}\n"


@pytest.mark.parametrize(("more", "line"), [("", 8), ("unicast_src_ip fd00::1\n", 9)])
def test_wrong_addresses_do_not_make_right_peers_wrong(more: str, line: int) -> None:
    text = ALONE.format(more + "virtual_ipaddress {\nfd00::9 label x\n}")
    assert said(text) == [f"{line}:9: an IPv6 address has no label; remove it"]


def test_peers_tell_the_family_of_a_router_without_addresses() -> None:
    found = loads(ALONE.format("no_virtual_ipaddress"), file="k.conf").config
    assert found is not None
    assert found.instances[0].router.family == 6


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("mcast_src_ip 192.0.2.11", replace(ROUTER, source=S1), id="mcast_src_ip"),
        pytest.param(
            "mcast_src_ip 192.0.2.11\ntrack_src_ip", replace(ROUTER, source=S1, watch_source=True), id="track_src_ip"
        ),
        pytest.param("mcast_dst_ip 224.0.0.99", replace(ROUTER, destination=IPv4Address("224.0.0.99")), id="dst"),
        pytest.param("mcast_dst_ip ff02::99" + SIX, replace(V6, destination=IPv6Address("ff02::99")), id="dst6"),
        pytest.param(
            "unicast_src_ip 192.0.2.11\nunicast_peer {\n192.0.2.12\n192.0.2.13\n}\nunicast_ttl 5",
            replace(ROUTER, source=S1, unicast=True, peers=(Peer(address=S2), Peer(address=S3)), ttl=5),
            id="unicast",
        ),
        pytest.param(
            "unicast_peer {\n192.0.2.12 min_ttl 254\n192.0.2.13 max_ttl 9 min_ttl 7\n}",
            replace(
                ROUTER,
                unicast=True,
                peers=(Peer(address=S2, min_ttl=254), Peer(address=S3, min_ttl=7, max_ttl=9)),
                check_unicast_source=True,
            ),
            id="ttl-bounds-turn-the-check-on",
        ),
        pytest.param(
            "unicast_peer {\n192.0.2.12\n}\ncheck_unicast_src",
            replace(ROUTER, unicast=True, peers=(Peer(address=S2),), check_unicast_source=True),
            id="check_unicast_src",
        ),
        pytest.param(
            "unicast_peer {\nfe80::2\n}" + SIX,
            replace(V6, unicast=True, peers=(Peer(address=IPv6Address("fe80::2")),)),
            id="unicast-ipv6",
        ),
        pytest.param("unicast_peer {\n}\nunicast_fault_no_peer", replace(ROUTER, unicast=True), id="no-peer"),
        pytest.param(
            "unicast_peer {\n192.0.2.12\n}\nunicast_ttl 0",
            replace(ROUTER, unicast=True, peers=(Peer(address=S2),), ttl=0),
            id="ttl-0",
        ),
        pytest.param("dont_track_primary", replace(ROUTER, watch_interface=False), id="dont_track_primary"),
    ],
)
def test_how_adverts_travel(lines: str, expected: RouterConfig) -> None:
    assert instance_of(lines).router == expected


def test_global_groups_reach_the_instances_of_their_family() -> None:
    before = "global_defs {\nvrrp_mcast_group4 224.0.0.20\nvrrp_mcast_group6 ff02::20\nvrrp_check_unicast_src\n}"
    v4, v6 = instance_of("", before).router, instance_of(SIX, before).router
    assert (v4.destination, v6.destination) == (IPv4Address("224.0.0.20"), IPv6Address("ff02::20"))
    assert v4.check_unicast_source
    own = instance_of("mcast_dst_ip 224.0.0.21", before).router
    assert own.destination == IPv4Address("224.0.0.21")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("", None, id="none"),
        pytest.param("use_vmac", Vmac(), id="bare"),
        pytest.param("use_vmac vrrp7", Vmac(name="vrrp7"), id="name"),
        pytest.param("use_vmac 02:00:5e:00:01", Vmac(address=bytes.fromhex("02005e000107")), id="five-bytes"),
        pytest.param(
            "use_vmac 2:0:5e:0:1:ff v\nuse_vmac_addr\nvmac_xmit_base",
            Vmac(name="v", address=bytes.fromhex("02005e0001ff"), on_base=True, other_devices=True),
            id="all",
        ),
    ],
)
def test_a_vmac(lines: str, expected: Vmac | None) -> None:
    assert instance_of(lines).vmac == expected


def test_use_vmac_addr_concerns_the_addresses_on_other_interfaces() -> None:
    lines = "use_vmac_addr\nvirtual_ipaddress {\n192.0.2.1\n192.0.2.2 dev eth0\n192.0.2.3 dev eth1\n}"
    assert [(a.device, a.use_vmac) for a in instance_of(lines).addresses] == [
        ("eth0", False),
        ("eth0", False),
        ("eth1", True),
    ]


NOBODY = "nobody would hear a unicast advert; add a block `unicast_peer`"
VIRTUAL = "belongs to the virtual routers of VRRP (RFC 9568 7.3), which have it without being told"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "unicast_src_ip 192.0.2.11",
            [f"4:16: `unicast_src_ip` without `unicast_peer`: {NOBODY}, or write `mcast_src_ip`"],
            id="source-without-peers",
        ),
        pytest.param(
            "unicast_ttl 9", [f"4:13: `unicast_ttl` without `unicast_peer`: {NOBODY}"], id="ttl-without-peers"
        ),
        pytest.param(
            "check_unicast_src",
            [f"4:1: `check_unicast_src` without `unicast_peer`: {NOBODY}"],
            id="check-without-peers",
        ),
        pytest.param(
            "unicast_peer { }",
            [
                "4:1: no peer stands in `unicast_peer`: nobody would hear an advert; "
                "add the addresses of the other routers, or `unicast_fault_no_peer`"
            ],
            id="no-peer",
        ),
        pytest.param(
            "unicast_src_ip 192.0.2.11\nunicast_peer { 192.0.2.11 }",
            ["5:16: 192.0.2.11 is this machine itself (unicast_src_ip); name the other routers only"],
            id="own-address",
        ),
        pytest.param(
            "unicast_peer { 192.0.2.12\n192.0.2.12\n}",
            ["5:1: 192.0.2.12 stands here again, after line 4; keep one of them"],
            id="peer-twice",
        ),
        pytest.param(
            "unicast_peer { fe80::2 }",
            ["4:16: fe80::2 is not of the family of the virtual addresses; write an IPv4 address"],
            id="peer-of-the-other-family",
        ),
        pytest.param(
            "unicast_peer { 224.0.0.18 }",
            ["4:16: 224.0.0.18 cannot be the address of a machine; write the address of another router"],
            id="multicast-peer",
        ),
        pytest.param(
            "unicast_peer { 192.0.2.12 min_ttl 5 max_ttl 3 }",
            ["4:16: no TTL is at least 5 and at most 3; write a min_ttl that is not above max_ttl"],
            id="ttl-bounds",
        ),
        pytest.param(
            "unicast_peer { 192.0.2.12 192.0.2.13 }",
            ["4:27: `192.0.2.13` does not fit here; write one address a line, then min_ttl or max_ttl"],
            id="two-peers-on-a-line",
        ),
        pytest.param(
            "unicast_peer { 192.0.2.12 min_ttl 1 min_ttl 2 }",
            ["4:37: `min_ttl` stands here twice; remove one of them"],
            id="bound-twice",
        ),
        pytest.param(
            "unicast_peer { 192.0.2.12 min_ttl }",
            ["4:34: something is missing here; write a whole number from 0 to 255"],
            id="bound-of-nothing",
        ),
        pytest.param(
            "unicast_peer { 192.0.2.12.1 }",
            ["4:16: `192.0.2.12.1` does not fit here; write an IPv4 or IPv6 address"],
            id="no-address",
        ),
        pytest.param(
            "mcast_src_ip 192.0.2.11\nunicast_src_ip 192.0.2.11\nunicast_peer { 192.0.2.12 }",
            ["5:16: an advert comes from one address; keep `mcast_src_ip`, or with unicast peers `unicast_src_ip`"],
            id="two-sources",
        ),
        pytest.param(
            "mcast_src_ip 192.0.2.11%eth0",
            ["4:14: `192.0.2.11%eth0` does not fit here; write an IPv4 or IPv6 address"],
            id="zone",
        ),
        pytest.param(
            "mcast_src_ip fe80::1",
            ["4:14: fe80::1 is not of the family of the virtual addresses; write an IPv4 address"],
            id="source-of-the-other-family",
        ),
        pytest.param(
            "track_src_ip",
            ["4:1: `track_src_ip` has no address to watch; add `mcast_src_ip` or `unicast_src_ip`, or remove it"],
            id="track-nothing",
        ),
        pytest.param(
            "mcast_dst_ip 192.0.2.9",
            [
                "4:14: `192.0.2.9` does not fit here; write an IPv4 multicast address such as 224.0.0.18, "
                "or an IPv6 multicast address of the link such as ff02::12"
            ],
            id="group-that-is-none",
        ),
        pytest.param(
            "mcast_dst_ip ff02::9",
            ["4:14: ff02::9 is not of the family of the virtual addresses; write an IPv4 address"],
            id="group-of-the-other-family",
        ),
        pytest.param(
            "mcast_dst_ip 224.0.0.99\nunicast_peer { 192.0.2.12 }",
            ["4:14: `mcast_dst_ip` has no effect beside `unicast_peer`; remove one of them"],
            id="group-and-peers",
        ),
        pytest.param(
            "vmac_xmit_base",
            ["4:1: `vmac_xmit_base` has no effect without `use_vmac`; remove it, or add `use_vmac`"],
            id="base-without-vmac",
        ),
        pytest.param(
            "use_vmac\nunicast_peer { 192.0.2.12 }",
            ["4:1: warning: unicast adverts go through the interface below the macvlan; add `vmac_xmit_base`"],
            id="unicast-on-a-vmac",
        ),
        pytest.param(
            "use_vmac a b",
            [
                "4:12: two names for one interface; "
                "write nothing, or the name of the interface to make, a MAC address, or both"
            ],
            id="two-names",
        ),
        pytest.param(
            "use_vmac 02:00:5e",
            ["4:10: `02:00:5e` is no MAC address; write five or six bytes, such as 02:00:5e:00:01"],
            id="short-mac",
        ),
        pytest.param(
            "use_vmac 00:00:5e:00:01:07",
            [f"4:10: 00:00:5e:00:01:07 {VIRTUAL}; remove it, or write another"],
            id="virtual-router-mac",
        ),
        pytest.param(
            "use_vmac 03:00:5e:00:01:07",
            ["4:10: 03:00:5e:00:01:07 is the address of a group; write one whose first byte is even"],
            id="group-mac",
        ),
        pytest.param(
            "native_ipv6", ["4:1: `native_ipv6`, but the addresses are not IPv6; remove it"], id="native-ipv6-with-ipv4"
        ),
    ],
)
def test_what_is_wrong_with_the_way(line: str, expected: list[str]) -> None:
    text = f"vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\n{line}\nvirtual_ipaddress {{ 192.0.2.1 }}\n}}\n"
    assert said(text) == expected
