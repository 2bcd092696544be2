"""Which router an advert is for: families, groups, unicast peers, sources; and what is told of one that went astray."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from labkit.trace import SECOND
from labkit.vrrp.config import Address, Peer, RouterConfig
from labkit.vrrp.events import State
from labkit.vrrp.packet import GROUP4, GROUP6
from tests.vrrp.dialogue import HIGHER, LOWER, US, US6, V2, V3, Dialogue, master

SIX = replace(
    V3, name="V", family=6, priority=150, advert_interval=SECOND, addresses=(IPv6Address("fe80::20"),), vrid=21
)
LOWER6, HIGHER6 = IPv6Address("fe80::11"), IPv6Address("fe80::31")
UNICAST = replace(V2, peers=(Peer(address=LOWER), Peer(address=HIGHER)))
HEARD: list[str] = []


# --- IPv6 -------------------------------------------------------------------------------------------------------------


def test_ipv6_elects_by_link_local_addresses() -> None:
    dialogue = master(SIX)
    assert dialogue.speaker.routers["V"].source == US6
    assert dialogue.hear(150, LOWER6, like=SIX)[0] == "lower-priority-answered fe80::11 150"
    assert dialogue.hear(150, HIGHER6, like=SIX) == ["release", "BACKUP higher-address"]
    assert dialogue.hear(150, US6, like=SIX) == []


def test_ipv6_without_a_link_local_address() -> None:
    dialogue = Dialogue(SIX, interfaces=())
    assert dialogue.link(link_local=None) == ["FAULT no-link-local-address"]
    assert dialogue.link() == ["BACKUP recovered"]
    assert dialogue.link(primary=None) == []


def test_both_families_may_share_a_vrid() -> None:
    dialogue = Dialogue(V2, replace(SIX, name="W"))
    dialogue.now = SECOND
    assert dialogue.hear(200, LOWER6, like=SIX, destination=GROUP6) == []
    assert dialogue.hear(200, LOWER, like=V2, destination=GROUP4) == []
    masters = {name: status.master for name, status in dialogue.speaker.routers.items()}
    assert masters == {"V": LOWER, "W": LOWER6}


# --- groups and peers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "destination", "answer"),
    [
        pytest.param(V2, GROUP4, HEARD, id="group"),
        pytest.param(V2, US, ["rejected peer from 192.168.1.11: 1"], id="group-by-unicast"),
        pytest.param(UNICAST, US, HEARD, id="unicast"),
        pytest.param(UNICAST, GROUP4, ["rejected peer from 192.168.1.11: 1"], id="unicast-by-group"),
        pytest.param(replace(UNICAST, source=US), US, HEARD, id="unicast-source"),
        pytest.param(
            replace(UNICAST, source=US), US + 1, ["rejected peer from 192.168.1.11: 1"], id="unicast-other-source"
        ),
        pytest.param(replace(V2, destination=GROUP4 + 1), GROUP4 + 1, HEARD, id="other-group"),
        pytest.param(
            replace(V2, destination=GROUP4 + 1), GROUP4, ["rejected peer from 192.168.1.11: 1"], id="not-our-group"
        ),
        pytest.param(replace(V2, vrid=99), GROUP4, ["rejected vrid from 192.168.1.11: 1"], id="other-vrid"),
    ],
)
def test_where_adverts_come(config: RouterConfig, destination: Address, answer: list[str]) -> None:
    dialogue = Dialogue(config)
    assert dialogue.hear(200, like=V2, destination=destination) == answer
    assert (dialogue.speaker.routers["V"].master is None) is bool(answer)


def test_a_group_and_peers_with_one_vrid() -> None:
    dialogue = Dialogue(V2, replace(UNICAST, name="U"), replace(UNICAST, name="S", source=US + 5))
    dialogue.hear(200, LOWER, destination=GROUP4)
    dialogue.hear(200, HIGHER, destination=US)
    dialogue.hear(200, LOWER, destination=US + 5)
    masters = {name: status.master for name, status in dialogue.speaker.routers.items()}
    assert masters == {"V": LOWER, "U": HIGHER, "S": LOWER}


@pytest.mark.parametrize(
    ("config", "source", "ttl", "answer"),
    [
        pytest.param(V2, LOWER, 254, ["rejected ttl from 192.168.1.11: 1"], id="group"),
        pytest.param(UNICAST, LOWER, 3, HEARD, id="peer"),
        pytest.param(UNICAST, LOWER + 1, 255, HEARD, id="stranger"),
        pytest.param(
            replace(UNICAST, check_unicast_source=True),
            LOWER + 1,
            255,
            ["rejected peer from 192.168.1.12: 1"],
            id="checked-stranger",
        ),
        pytest.param(replace(UNICAST, check_unicast_source=True), HIGHER, 255, HEARD, id="checked-peer"),
        pytest.param(
            replace(UNICAST, peers=(Peer(address=LOWER, min_ttl=250, max_ttl=253),)), LOWER, 250, HEARD, id="bounds"
        ),
        pytest.param(
            replace(UNICAST, peers=(Peer(address=LOWER, min_ttl=250, max_ttl=253),)),
            LOWER,
            249,
            ["rejected ttl from 192.168.1.11: 1"],
            id="below",
        ),
        pytest.param(
            replace(UNICAST, peers=(Peer(address=LOWER, min_ttl=250, max_ttl=253),)),
            LOWER,
            254,
            ["rejected ttl from 192.168.1.11: 1"],
            id="above",
        ),
        pytest.param(
            replace(UNICAST, peers=(Peer(address=LOWER, max_ttl=253),)),
            HIGHER,
            255,
            ["rejected peer from 192.168.1.31: 1"],
            id="bounds-mean-that-strangers-are-none",
        ),
    ],
)
def test_whose_adverts_are_taken(config: RouterConfig, source: IPv4Address, ttl: int, answer: list[str]) -> None:
    dialogue = Dialogue(config)
    assert dialogue.hear(200, source, destination=US if config.peers else GROUP4, ttl=ttl) == answer


def test_unicast_without_a_peer_is_fault() -> None:
    dialogue = Dialogue(replace(V2, unicast=True))
    assert dialogue.started == ["FAULT no-peer"]
    assert str(dialogue.speaker.routers["V"].why) == "no unicast peer is configured"
    assert dialogue.configure(replace(UNICAST, unicast=True)) == ["BACKUP recovered"]


def test_a_checksum_of_the_other_kind() -> None:
    config = replace(V3, checksum_as_v2=True)
    dialogue = Dialogue(V3)
    assert dialogue.hear(200, like=config) == ["rejected checksum from 192.168.1.11: 1"]
    (claim,) = dialogue.speaker.routers["V"].claims
    assert claim.detail == "checksum without pseudo header, ours is with (v3_checksum_as_v2)"
    other = Dialogue(config)
    assert other.hear(200, like=config) == []
    assert other.hear(200, HIGHER, like=V3) == ["rejected checksum from 192.168.1.31: 1"]


# --- sources ----------------------------------------------------------------------------------------------------------


def test_a_configured_source_is_used_and_may_be_watched() -> None:
    source = IPv4Address("192.168.1.29")
    dialogue = Dialogue(replace(V2, source=source))
    assert dialogue.state is State.BACKUP
    watched = replace(V2, source=source, watch_source=True)
    assert dialogue.configure(watched) == ["FAULT no-source-address"]
    assert str(dialogue.speaker.routers["V"].why) == "interface eth0 does not have our source address"
    assert dialogue.link(addresses=[US, source]) == ["BACKUP recovered"]
    assert dialogue.speaker.routers["V"].source == source
    assert dialogue.hear(200, source) == []
    assert dialogue.speaker.routers["V"].master is None


def test_adverts_say_where_they_come_from() -> None:
    dialogue = Dialogue(replace(V2, source=HIGHER))
    dialogue.wait_until(3_414_062)
    assert next(getattr(action, "source", None) for action in dialogue.actions) == HIGHER


def test_an_interface_that_is_not_watched_may_be_down() -> None:
    dialogue = Dialogue(replace(V2, watch_interface=False))
    assert dialogue.link(up=False) == []
    assert dialogue.link(exists=False, up=False) == ["FAULT interface-missing"]
