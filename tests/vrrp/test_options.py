"""What keepalived adds to the protocol, option by option, as dialogues; figures as in test_router.py."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from labkit.trace import SECOND
from labkit.vrrp.config import GroupConfig, RouterConfig
from labkit.vrrp.events import Deleted, DuplicateSeen, PriorityCause, PriorityChanged, SetPriority, State
from tests.vrrp.dialogue import HIGHER, LOWER, US, V2, V3, VIP, Dialogue, master

ANSWERED = "lower-priority-answered 192.168.1.11 100"
OWNER = replace(V2, priority=255)


def announcements(answers: list[str]) -> list[str]:
    return [answer for answer in answers if "announce" in answer]


# --- announcements ----------------------------------------------------------------------------------------------------


def test_a_master_refreshes_its_announcements() -> None:
    dialogue = Dialogue(replace(V2, refresh_interval=60 * SECOND, refresh_repeat=2))
    assert announcements(dialogue.wait_until(130 * SECOND)) == [
        "3414062 announce 5",
        "8414062 announce 5",
        "63414062 announce 2",
        "123414062 announce 2",
    ]


def test_other_interfaces_are_announced_on_periods_of_their_own() -> None:
    dialogue = Dialogue(replace(V2, announce_repeat=0, extra_interval=100 * SECOND, vmac_interval=150 * SECOND))
    assert announcements(dialogue.wait_until(310 * SECOND)) == [
        "103414062 announce 1 extra",
        "153414062 announce 1 vmac",
        "203414062 announce 1 extra",
        "303414062 announce 1 extra",
        "303414062 announce 1 vmac",
    ]


def test_periods_that_a_stall_ate_are_left_out() -> None:
    dialogue = Dialogue(replace(V2, refresh_interval=10 * SECOND, announce_delay=0))
    dialogue.wait_until(4 * SECOND)
    assert announcements(dialogue.wake_late(40 * SECOND)) == ["announce 1"]
    assert announcements(dialogue.wait_until(44 * SECOND)) == ["43414062 announce 1"]


def test_a_backup_does_not_refresh() -> None:
    dialogue = master(replace(V2, refresh_interval=10 * SECOND))
    dialogue.hear(200)
    assert announcements(dialogue.wait_until(103 * SECOND)) == []


def test_new_periods_begin_with_the_reload_and_old_ones_go_on() -> None:
    dialogue = Dialogue(replace(V2, refresh_interval=60 * SECOND))
    dialogue.wait_until(20 * SECOND)
    assert dialogue.configure(replace(V2, refresh_interval=60 * SECOND, extra_interval=50 * SECOND)) == []
    assert announcements(dialogue.wait_until(71 * SECOND)) == ["63414062 announce 1", "70000000 announce 1 extra"]
    dialogue.configure(V2)
    assert announcements(dialogue.wait_until(200 * SECOND)) == []


def test_a_backup_takes_new_periods_when_it_is_master() -> None:
    dialogue = Dialogue(V2)
    dialogue.configure(replace(V2, refresh_interval=10 * SECOND))
    assert announcements(dialogue.wait_until(14 * SECOND))[-1] == "13414062 announce 1"


@pytest.mark.parametrize(
    ("config", "answer", "later"),
    [
        pytest.param(V2, [ANSWERED, "advert 150", "announce 5"], ["105000000 announce 5"], id="as-a-new-master"),
        pytest.param(
            replace(V2, lower_prio_repeat=1, lower_prio_delay=2 * SECOND),
            [ANSWERED, "advert 150", "announce 1"],
            ["102000000 announce 1"],
            id="own-figures",
        ),
        pytest.param(replace(V2, lower_prio_repeat=0), [ANSWERED, "advert 150"], [], id="no-announcement"),
        pytest.param(
            replace(V2, lower_prio_delay=0), [ANSWERED, "advert 150", "announce 5"], [], id="no-second-announcement"
        ),
        pytest.param(
            replace(V2, lower_prio_no_advert=True),
            ["lower-priority-unanswered 192.168.1.11 100", "announce 5"],
            ["105000000 announce 5"],
            id="no-advert",
        ),
        pytest.param(
            replace(V2, strict=True),
            ["lower-priority-unanswered 192.168.1.11 100", "announce 5"],
            ["105000000 announce 5"],
            id="strict",
        ),
    ],
)
def test_a_lower_master_is_answered(config: RouterConfig, answer: list[str], later: list[str]) -> None:
    dialogue = master(config)
    assert dialogue.hear(100, like=V2) == answer
    assert announcements(dialogue.wait_until(110 * SECOND)) == later


# --- elections --------------------------------------------------------------------------------------------------------


def test_a_master_that_yields_may_speak_once_more() -> None:
    dialogue = master(replace(V2, higher_prio_send_advert=True))
    assert dialogue.hear(200) == ["advert 150", "release", "BACKUP higher-priority"]


@pytest.mark.parametrize(
    ("config", "down"),
    [
        pytest.param(replace(V2, down_timer_adverts=1), 1_414_062, id="v2-1"),
        pytest.param(replace(V2, down_timer_adverts=10), 10_414_062, id="v2-10"),
        pytest.param(replace(V3, down_timer_adverts=5), 553_125, id="v3-5"),
    ],
)
def test_how_many_adverts_make_a_master_dead(config: RouterConfig, down: int) -> None:
    dialogue = Dialogue(config)
    assert dialogue.speaker.deadline == down
    assert dialogue.speaker.routers["V"].master_down_interval == down


def test_another_number_of_adverts_counts_from_the_reload_on() -> None:
    dialogue = Dialogue(V2)
    dialogue.now = SECOND
    dialogue.configure(replace(V2, down_timer_adverts=2))
    assert dialogue.speaker.deadline == 3_414_062


def test_an_owner_may_ignore_all_others() -> None:
    dialogue = Dialogue(replace(OWNER, owner_ignore_adverts=True))
    assert dialogue.hear(255, HIGHER) == []
    assert dialogue.hear(0, HIGHER) == []
    assert (dialogue.state, dialogue.speaker.routers["V"].counters.adverts_received) == (State.MASTER, 2)


def test_only_an_owner_ignores() -> None:
    dialogue = master(replace(V2, owner_ignore_adverts=True))
    assert dialogue.hear(200)[-1] == "BACKUP higher-priority"


def test_the_first_start_may_be_delayed() -> None:
    delayed = replace(V2, start_delay=5_500_000)
    dialogue = Dialogue(delayed)
    assert dialogue.started == []
    assert str(dialogue.speaker.routers["V"].why) == "the startup delay is not over"
    assert dialogue.hear(200) == []
    assert dialogue.wait_until(5_500_000) == ["5500000 BACKUP started"]
    assert dialogue.speaker.deadline == 8_914_062
    other = replace(delayed, name="W", vrid=22)
    assert dialogue.configure(delayed, other) == ["W: BACKUP started"]


def test_a_fault_does_not_end_the_delay() -> None:
    dialogue = Dialogue(replace(V2, start_delay=SECOND))
    assert dialogue.link(up=False) == ["FAULT interface-down"]
    assert dialogue.link() == []
    assert dialogue.link(up=False) == []
    assert dialogue.wait_until(SECOND) == []
    assert dialogue.link() == ["BACKUP recovered"]


def test_a_fault_may_be_over_before_the_delay() -> None:
    dialogue = Dialogue(replace(V2, start_delay=SECOND))
    dialogue.link(up=False)
    dialogue.link()
    assert dialogue.wait_until(SECOND) == ["1000000 BACKUP recovered"]


def test_a_stop_ends_the_delay() -> None:
    dialogue = Dialogue(replace(V2, start_delay=SECOND))
    dialogue.stop()
    assert dialogue.wait_until(2 * SECOND) == []


# --- the operator -----------------------------------------------------------------------------------------------------


def test_the_operator_s_priority_is_told_to_the_peers_at_once() -> None:
    dialogue = master(V2)
    assert dialogue.tell(SetPriority(router="V", priority=50)) == ["priority 150 -> 50", "advert 50"]
    assert dialogue.actions[0] == PriorityChanged(router="V", old=150, new=50, cause=PriorityCause.OPERATOR)
    status = dialogue.speaker.routers["V"]
    assert (status.override, status.base_priority, status.priority) == (50, 50, 50)
    assert dialogue.tell(SetPriority(router="V", priority=50)) == []
    assert dialogue.tell(SetPriority(router="V", priority=None)) == ["priority 50 -> 150", "advert 150"]


def test_the_operator_s_priority_survives_a_reload() -> None:
    dialogue = Dialogue(V2)
    assert dialogue.tell(SetPriority(router="V", priority=200)) == ["priority 150 -> 200"]
    assert dialogue.configure(replace(V2, priority=120)) == []
    assert dialogue.tell(SetPriority(router="V", priority=None)) == ["priority 200 -> 120"]


def test_an_owner_s_priority_is_not_a_matter_of_choice() -> None:
    dialogue = Dialogue(V2)
    dialogue.tell(SetPriority(router="V", priority=20))
    assert dialogue.configure(OWNER)[0] == "priority 20 -> 255"
    assert dialogue.tell(SetPriority(router="V", priority=20)) == []
    assert dialogue.speaker.routers["V"].override is None


def test_a_router_that_is_not_there_has_no_priority() -> None:
    assert Dialogue(V2).tell(SetPriority(router="W", priority=20)) == []


# --- reload, removal, duplicates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(replace(V2, auth=b"other"), id="password"),
        pytest.param(replace(V2, auth=None, ah=b"secret"), id="ah"),
        pytest.param(replace(V2, source=US), id="source"),
    ],
)
def test_what_is_on_the_wire_is_sent_anew(changed: RouterConfig) -> None:
    assert master(V2).configure(changed) == ["advert 150"]


def test_a_hundred_reloads_do_not_disturb_a_router() -> None:
    dialogue = Dialogue(V3)
    dialogue.hear(200, like=V3, interval=SECOND)
    deadline = dialogue.speaker.deadline
    for step in range(100):
        dialogue.now += 10_000
        assert dialogue.configure(replace(V3, lower_prio_repeat=step)) == []
        assert dialogue.speaker.deadline == deadline
    assert dialogue.speaker.routers["V"].master_advert_interval == SECOND


def test_a_router_that_is_removed_is_told_of_last() -> None:
    dialogue = Dialogue(V2)
    assert dialogue.configure() == ["INIT stopped", "deleted"]
    assert dialogue.actions[-1] == Deleted(router="V")


def test_a_claimed_address_is_told_once_a_minute() -> None:
    dialogue = Dialogue(V2)
    seen = DuplicateSeen(router="V", address=VIP, lladdr=bytes.fromhex("020000000099"))
    assert dialogue.tell(seen) == ["duplicate 192.168.1.20 02:00:00:00:00:99"]
    assert dialogue.tell(seen) == []
    assert dialogue.tell(replace(seen, lladdr=bytes(6))) == ["duplicate 192.168.1.20 00:00:00:00:00:00"]
    dialogue.now = 60 * SECOND
    assert dialogue.tell(seen) == ["duplicate 192.168.1.20 02:00:00:00:00:99"]
    assert dialogue.tell(replace(seen, router="W")) == []


# --- who was heard ----------------------------------------------------------------------------------------------------


def test_peers_are_counted_apart() -> None:
    dialogue = Dialogue(V2)
    dialogue.hear(200, HIGHER)
    dialogue.now = SECOND
    dialogue.hear(100, LOWER)
    dialogue.hear(101, LOWER)
    peers = dialogue.speaker.routers["V"].peers
    assert [(peer.address, peer.adverts, peer.priority, peer.heard) for peer in peers] == [
        (LOWER, 2, 101, SECOND),
        (HIGHER, 1, 200, 0),
    ]


def test_who_else_claims_the_vrid_and_why() -> None:
    dialogue = master(V2)
    stranger = replace(V2, auth=b"wrong")
    dialogue.hear(50, HIGHER, like=stranger)
    dialogue.now += SECOND
    dialogue.hear(50, HIGHER, like=stranger)
    dialogue.hear(50, LOWER, like=replace(V2, advert_interval=2 * SECOND))
    status = dialogue.speaker.routers["V"]
    assert [str(claim) for claim in status.claims] == [
        "192.168.1.31 also claims VRID 21: its password differs",
        "192.168.1.11 also claims VRID 21: advertisement interval 2 s, ours is 1 s",
    ]
    claim = status.claims[0]
    assert (claim.count, claim.since, claim.heard) == (2, 100 * SECOND, 101 * SECOND)
    assert status.suspicions(dialogue.now + 6 * SECOND) == status.claims
    assert status.suspicions(dialogue.now + 7 * SECOND) == ()
    dialogue.hear(200)
    assert dialogue.speaker.routers["V"].suspicions(dialogue.now) == ()


def test_a_claim_is_over_when_its_sender_is_taken() -> None:
    dialogue = Dialogue(V2)
    dialogue.hear(200, like=replace(V2, auth=b"wrong"))
    dialogue.hear(200)
    status = dialogue.speaker.routers["V"]
    assert (status.claims, len(status.peers)) == ((), 1)
    dialogue.hear(200, like=replace(V2, auth=b"wrong"))
    assert dialogue.speaker.routers["V"].peers == ()


def test_only_so_many_senders_are_known() -> None:
    dialogue = Dialogue(V2)
    first = IPv4Address("10.0.0.1")
    for number in range(40):
        dialogue.now = number
        dialogue.hear(100, first + number)
        dialogue.hear(100, first + 100 + number, like=replace(V2, auth=None))
    status = dialogue.speaker.routers["V"]
    assert [peer.address for peer in status.peers] == [first + number for number in range(39, 7, -1)]
    assert [claim.address for claim in status.claims] == [first + 100 + number for number in range(39, 7, -1)]


def test_a_group_follows_the_operator() -> None:
    dialogue = Dialogue(V2, replace(V2, name="W", vrid=22), groups=[GroupConfig(name="G", members=("V", "W"))])
    dialogue.wait_until(4 * SECOND)
    assert dialogue.tell(SetPriority(router="V", priority=10)) == ["priority 150 -> 10", "advert 10"]
    assert dialogue.hear(100)[-1] == "group G BACKUP"
