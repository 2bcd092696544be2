"""Sync groups: two routers that move together, as in the NAT guide (externa on eth0, interna on eth1).

Both have priority 150: master down 3.414062 s, skew 0.414062 s.
"""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from labkit.trace import SECOND
from labkit.vrrp.config import GroupConfig, ScriptConfig
from labkit.vrrp.events import State
from tests.vrrp.dialogue import LOWER, V2, Dialogue, interface_track, script_track

OUT = replace(V2, name="out")
IN = replace(V2, name="in", interface="eth1", vrid=22, addresses=(IPv4Address("10.0.0.20"),))
GROUP = GroupConfig(name="G", members=("out", "in"))


def grouped() -> Dialogue:
    return Dialogue(OUT, IN, groups=[GROUP], interfaces=("eth0", "eth1"))


def both_master() -> Dialogue:
    dialogue = grouped()
    dialogue.wait_until(10 * SECOND)
    assert dialogue.speaker.groups == {"G": State.MASTER}
    return dialogue


def test_both_take_over_together() -> None:
    dialogue = grouped()
    assert dialogue.started == ["out: BACKUP started", "in: BACKUP started", "group G BACKUP"]
    dialogue.now = SECOND
    dialogue.hear(200, like=IN)
    assert dialogue.wait_until(4 * SECOND) == []
    assert dialogue.speaker.deadline == 4_414_062
    assert dialogue.wait_until(4_414_062) == [
        f"4414062 {text}"
        for text in (
            "out: advert 150",
            "out: hold",
            "out: announce 5",
            "out: MASTER sync-group",
            "in: advert 150",
            "in: hold",
            "in: announce 5",
            "in: MASTER no-advert",
            "group G MASTER",
        )
    ]


def test_a_released_member_waits_for_the_other() -> None:
    """The peer lost its inner link: prio 0 comes outside only, the inner master falls silent."""
    dialogue = grouped()
    dialogue.hear(200, like=OUT)
    dialogue.hear(200, like=IN)
    dialogue.now = SECOND
    dialogue.hear(0, like=OUT)
    assert [text for text in dialogue.wait_until(5 * SECOND) if "MASTER" in text] == [
        "3414062 out: MASTER sync-group",
        "3414062 in: MASTER no-advert",
        "3414062 group G MASTER",
    ]


def test_a_member_that_waits_is_not_put_off_by_another_release() -> None:
    dialogue = grouped()
    dialogue.now = SECOND
    dialogue.hear(200, like=IN)
    dialogue.wait_until(4 * SECOND)
    dialogue.hear(0, like=OUT)
    assert dialogue.wait_until(4_414_062)[3] == "4414062 out: MASTER sync-group"


def test_a_member_that_waits_follows_a_master_that_comes() -> None:
    dialogue = grouped()
    dialogue.now = SECOND
    dialogue.hear(200, like=IN)
    dialogue.wait_until(4 * SECOND)
    dialogue.hear(200, like=OUT)
    assert dialogue.wait_until(7_000_000) == []
    assert dialogue.wait_until(7_414_062)[-1] == "7414062 group G MASTER"


def test_one_yields_and_the_other_gives_way() -> None:
    dialogue = both_master()
    assert dialogue.hear(200, like=OUT) == [
        "out: release",
        "out: BACKUP higher-priority",
        "in: advert 0",
        "in: release",
        "in: BACKUP sync-group",
        "group G BACKUP",
    ]
    assert dialogue.speaker.deadline == 13_414_062


def test_one_fails_and_the_other_with_it() -> None:
    dialogue = both_master()
    assert dialogue.link("eth1", up=False) == [
        "out: advert 0",
        "out: release",
        "out: FAULT sync-group",
        "in: release",
        "in: FAULT interface-down",
        "group G FAULT",
    ]
    assert str(dialogue.speaker.routers["out"].why) == "sync group G: in, interface eth1 is down"
    assert dialogue.link("eth1") == ["out: BACKUP recovered", "in: BACKUP recovered", "group G BACKUP"]
    assert dialogue.wait_until(13_414_062)[-1] == "13414062 group G MASTER"


def test_one_waits_and_the_other_with_it() -> None:
    waiting = replace(IN, tracks=(script_track("chk"),))
    dialogue = Dialogue(OUT, waiting, groups=[GROUP], scripts=[ScriptConfig(name="chk")], interfaces=("eth0", "eth1"))
    assert dialogue.started == ["run chk"]
    assert str(dialogue.speaker.routers["out"].why) == "chk has not answered yet"
    assert dialogue.script("chk", 0)[1:] == ["out: BACKUP started", "in: BACKUP started", "group G BACKUP"]


def test_weights_do_not_count_in_a_group() -> None:
    weighted = replace(OUT, tracks=(interface_track("eth1", -40),))
    dialogue = Dialogue(weighted, replace(IN, interface="eth2"), groups=[GROUP], interfaces=("eth0", "eth1", "eth2"))
    assert dialogue.link("eth1", up=False) == []
    assert dialogue.speaker.routers["out"].priority == 150


def test_owners_take_over_at_once() -> None:
    dialogue = Dialogue(
        replace(OUT, priority=255), replace(IN, priority=255), groups=[GROUP], interfaces=("eth0", "eth1")
    )
    assert [text for text in dialogue.started if "MASTER" in text] == [
        "out: MASTER address-owner",
        "in: MASTER address-owner",
        "group G MASTER",
    ]


def test_stop_stops_all() -> None:
    dialogue = both_master()
    assert dialogue.stop() == [
        "out: advert 0",
        "out: release",
        "out: INIT stopped",
        "in: advert 0",
        "in: release",
        "in: INIT stopped",
        "group G INIT",
    ]


def test_a_reload_keeps_the_group_and_its_state() -> None:
    dialogue = both_master()
    assert dialogue.configure(OUT, IN, groups=[GROUP]) == []
    assert dialogue.speaker.groups == {"G": State.MASTER}


def test_a_reload_that_takes_a_script_from_a_member() -> None:
    tracking = replace(IN, tracks=(script_track("chk"),))
    dialogue = Dialogue(OUT, tracking, groups=[GROUP], scripts=[ScriptConfig(name="chk")], interfaces=("eth0", "eth1"))
    dialogue.script("chk", 1)
    assert dialogue.speaker.groups == {"G": State.FAULT}
    assert dialogue.configure(replace(OUT, priority=100), IN, groups=[GROUP]) == [
        "out: priority 150 -> 100",
        "out: BACKUP recovered",
        "in: BACKUP recovered",
        "group G BACKUP",
    ]


@pytest.mark.parametrize("members", [("out",), ("out", "in")], ids=["one-left", "both-left"])
def test_a_member_that_leaves_its_group_takes_over_by_itself(members: tuple[str, ...]) -> None:
    dialogue = grouped()
    dialogue.now = SECOND
    dialogue.hear(200, LOWER, like=IN)
    dialogue.wait_until(4 * SECOND)
    groups = [replace(GROUP, members=("in",))] if members == ("out",) else []
    assert "out: MASTER no-advert" in dialogue.configure(OUT, IN, groups=groups)
    assert dialogue.speaker.routers["in"].state is State.BACKUP


def test_a_master_that_joins_stays_and_the_other_follows_when_it_may() -> None:
    dialogue = Dialogue(OUT, IN, interfaces=("eth0", "eth1"))
    dialogue.now = SECOND
    dialogue.hear(200, like=IN)
    dialogue.wait_until(4 * SECOND)
    assert dialogue.configure(OUT, IN, groups=[GROUP]) == ["group G BACKUP"]
    assert dialogue.speaker.routers["out"].state is State.MASTER
    assert dialogue.wait_until(4_414_062)[-2:] == ["4414062 in: MASTER no-advert", "4414062 group G MASTER"]


def test_an_empty_group_does_nothing() -> None:
    dialogue = Dialogue(OUT, groups=[GroupConfig(name="E", members=())])
    assert dialogue.started == ["out: BACKUP started"]
    assert dialogue.speaker.groups == {"E": State.INIT}
