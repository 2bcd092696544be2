"""The state machine of one virtual router, as dialogues.

The figures: VRRPv2 at 1 s, priority 150: skew (256 - 150)/256 s = 0.414062 s, master down 3.414062 s; priority 120:
0.531250 s and 3.531250 s.  VRRPv3 at 0.1 s, priority 120: 0.053125 s and 0.353125 s.
"""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from labkit.trace import SECOND, Micros
from labkit.vrrp.config import RouterConfig
from labkit.vrrp.events import Notice, Noticed, Received, Rejected, State, Transition
from labkit.vrrp.packet import Advert, DecodeError, ErrorKind
from labkit.vrrp.reasons import TRANSITIONS
from tests.vrrp.dialogue import HIGHER, LOWER, US, V2, V3, VIP, Dialogue, line, master

TAKEOVER = ["advert 150", "hold", "announce 5"]
OWNER = replace(V2, priority=255)
NOPREEMPT = replace(V2, preempt=False)


# --- start and stop ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "down"),
    [
        pytest.param(V2, 3_414_062, id="rfc3768-6.1-150"),
        pytest.param(replace(V2, priority=120), 3_531_250, id="rfc3768-6.1-120"),
        pytest.param(replace(V2, priority=100, advert_interval=3 * SECOND), 9_609_375, id="rfc3768-skew-is-unscaled"),
        pytest.param(V3, 353_125, id="rfc9568-6.1-120"),
        pytest.param(replace(V3, priority=254, advert_interval=10_000), 30_078, id="rfc9568-6.1-254-at-10-ms"),
        pytest.param(replace(V3, priority=1, advert_interval=40_950_000), 163_640_039, id="rfc9568-6.1-1-at-40.95-s"),
    ],
)
def test_alone_it_takes_over_when_the_master_is_down(config: RouterConfig, down: Micros) -> None:
    dialogue = Dialogue(config)
    assert dialogue.started == ["BACKUP started"]
    assert dialogue.speaker.deadline == down
    assert dialogue.wait_until(down) == [
        f"{down} {text}" for text in (f"advert {config.priority}", "hold", "announce 5", "MASTER no-advert")
    ]
    assert str(dialogue.speaker.routers["V"].why) == f"no advert from anyone for {down / SECOND:.3f} s"


def test_a_master_advertises_on_a_grid_and_announces_again() -> None:
    dialogue = Dialogue(replace(V2, announce_delay=2_500_000))
    dialogue.wait_until(3_414_062)
    assert dialogue.wait_until(7_500_000) == [
        "4414062 advert 150",
        "5414062 advert 150",
        "5914062 announce 5",
        "6414062 advert 150",
        "7414062 advert 150",
    ]


def test_no_second_announcement_without_a_delay() -> None:
    dialogue = Dialogue(replace(V2, announce_delay=0, announce_repeat=1))
    assert dialogue.wait_until(3_414_062)[2] == "3414062 announce 1"
    assert all("advert" in answer for answer in dialogue.wait_until(20 * SECOND))


def test_announcement_and_advert_due_together() -> None:
    dialogue = Dialogue(V2)
    dialogue.wait_until(8_000_000)
    assert dialogue.wait_until(8_414_062) == ["8414062 advert 150", "8414062 announce 5"]


def test_after_a_stall_one_advert_goes_out_and_the_grid_is_kept() -> None:
    dialogue = Dialogue(V2)
    dialogue.wait_until(9_000_000)
    assert dialogue.wake_late(15_000_000) == ["advert 150"]
    assert dialogue.speaker.deadline == 15_414_062


def test_a_wake_before_its_time_does_nothing() -> None:
    dialogue = Dialogue(V2)
    assert dialogue.wake_late(3_414_061) == []
    assert dialogue.speaker.deadline == 3_414_062


def test_the_address_owner_does_not_wait() -> None:
    dialogue = Dialogue(OWNER)
    assert dialogue.started == ["advert 255", "hold", "announce 5", "MASTER address-owner"]


def test_a_master_that_stops_says_so() -> None:
    dialogue = master(V2)
    assert dialogue.stop() == ["advert 0", "release", "INIT stopped"]
    assert dialogue.speaker.deadline is None
    counters = dialogue.speaker.routers["V"].counters
    assert (counters.became_master, counters.released_master, counters.priority_zero_sent) == (1, 1, 1)


def test_a_backup_that_stops_is_silent() -> None:
    dialogue = Dialogue(V2)
    assert dialogue.stop() == ["INIT stopped"]


def test_after_stop_nothing_happens() -> None:
    dialogue = Dialogue(V2)
    dialogue.stop()
    assert dialogue.link(up=False) == []
    assert dialogue.link(up=True) == []
    assert dialogue.wake_late(100 * SECOND) == []
    assert dialogue.stop() == []


# --- BACKUP hears -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "priority", "answer", "deadline"),
    [
        pytest.param(V2, 151, [], 4_414_062, id="rfc9568-6.4.2-higher"),
        pytest.param(V2, 150, [], 4_414_062, id="rfc9568-6.4.2-equal"),
        pytest.param(V2, 149, ["lower-priority-discarded 192.168.1.11 149"], 3_414_062, id="rfc9568-6.4.2-lower"),
        pytest.param(V2, 0, ["priority-zero-received 192.168.1.11 0"], 1_414_062, id="rfc9568-6.4.2-release"),
        pytest.param(NOPREEMPT, 149, [], 4_414_062, id="rfc9568-6.4.2-lower-nopreempt"),
        pytest.param(NOPREEMPT, 0, ["priority-zero-received 192.168.1.11 0"], 1_414_062, id="release-nopreempt"),
        pytest.param(V3, 0, ["priority-zero-received 192.168.1.11 0"], 1_053_125, id="v3-release"),
    ],
)
def test_backup_hears(config: RouterConfig, priority: int, answer: list[str], deadline: Micros) -> None:
    dialogue = Dialogue(config)
    dialogue.now = SECOND
    assert dialogue.hear(priority, like=config) == answer
    assert dialogue.speaker.deadline == deadline


def test_why_the_master_was_given_up() -> None:
    dialogue = Dialogue(V2)
    dialogue.now = SECOND
    dialogue.hear(200)
    assert dialogue.speaker.routers["V"].master == LOWER
    dialogue.wait_until(4_414_062)
    assert str(dialogue.speaker.routers["V"].why) == "no advert from 192.168.1.11 for 3.414 s"
    assert dialogue.speaker.routers["V"].master is None


def test_why_after_a_release() -> None:
    dialogue = Dialogue(V2)
    dialogue.hear(200, HIGHER)
    dialogue.hear(0, HIGHER)
    assert dialogue.wait_until(414_062)[-1] == "414062 MASTER released"
    assert str(dialogue.speaker.routers["V"].why) == "192.168.1.31 gave up mastership (priority 0)"


def test_a_release_is_forgotten_when_another_master_speaks() -> None:
    dialogue = Dialogue(V2)
    dialogue.hear(0, HIGHER)
    dialogue.hear(200, LOWER)
    assert dialogue.wait_until(3_414_062)[-1] == "3414062 MASTER no-advert"


def test_a_lower_master_is_forgotten_when_a_better_one_speaks() -> None:
    dialogue = Dialogue(V2)
    dialogue.hear(120, LOWER)
    dialogue.hear(200, HIGHER)
    assert dialogue.wait_until(3_414_062)[-1] == "3414062 MASTER no-advert"


def test_a_lower_master_is_preempted_and_told_once() -> None:
    dialogue = Dialogue(V2)
    answers = []
    for second in range(4):
        dialogue.wait_until(second * SECOND)
        answers += dialogue.hear(120)
    answers += dialogue.wait_until(3_414_062)
    assert answers == [
        "lower-priority-discarded 192.168.1.11 120",
        *(f"3414062 {text}" for text in [*TAKEOVER, "MASTER preempted"]),
    ]
    assert str(dialogue.speaker.routers["V"].why) == "our priority is above that of 192.168.1.11 (120)"


def test_preemption_waits_for_its_delay() -> None:
    """A lower master speaks every second from 0.5 s; adverts at 0.5 .. 4.5 s are followed, 5.5 s is discarded."""
    dialogue = Dialogue(replace(V2, preempt_delay=5 * SECOND))
    answers = []
    for second in range(8):
        answers += dialogue.wait_until(second * SECOND + 500_000)
        answers += dialogue.hear(120)
    assert answers == ["preempt-delay-started 192.168.1.11 120", "lower-priority-discarded 192.168.1.11 120"]
    # the advert of 4.5 s was the last one followed: 4.5 + 3.414062
    assert dialogue.wait_until(7_914_062)[-1] == "7914062 MASTER preempted"


def test_the_delay_starts_again_after_a_better_master() -> None:
    dialogue = Dialogue(replace(V2, preempt_delay=2 * SECOND))
    dialogue.hear(120)
    dialogue.hear(200)
    dialogue.now = 3 * SECOND
    assert dialogue.hear(120) == ["preempt-delay-started 192.168.1.11 120"]
    assert dialogue.speaker.deadline == 6_414_062


def test_the_delay_does_not_matter_when_nobody_is_master() -> None:
    dialogue = Dialogue(replace(V2, preempt_delay=1000 * SECOND))
    assert dialogue.wait_until(3_414_062)[-1] == "3414062 MASTER no-advert"


def test_an_owner_that_had_to_yield_preempts_despite_nopreempt() -> None:
    dialogue = Dialogue(replace(OWNER, preempt=False))
    dialogue.hear(255, HIGHER)
    assert dialogue.hear(254) == ["lower-priority-discarded 192.168.1.11 254"]


# --- version 3 learns the interval ------------------------------------------------------------------------------------


def test_version_3_learns_the_masters_interval() -> None:
    dialogue = Dialogue(V3)
    dialogue.hear(200, like=V3, interval=SECOND)
    # 3 * 1 s + 136/256 s
    assert dialogue.speaker.deadline == 3_531_250
    dialogue.hear(0, like=V3, interval=SECOND)
    assert dialogue.speaker.deadline == 531_250
    assert dialogue.speaker.routers["V"].master_advert_interval == SECOND


def test_version_3_forgets_the_interval_as_master() -> None:
    dialogue = Dialogue(V3)
    dialogue.hear(200, like=V3, interval=SECOND)
    dialogue.wait_until(3_531_250)
    assert dialogue.speaker.deadline == 3_631_250
    assert dialogue.speaker.routers["V"].master_advert_interval == 100_000


def test_version_3_does_not_learn_from_a_master_it_preempts() -> None:
    dialogue = Dialogue(V3)
    dialogue.hear(100, like=V3, interval=10 * SECOND)
    assert dialogue.speaker.deadline == 353_125


# --- MASTER hears -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "source", "answer"),
    [
        pytest.param(151, LOWER, ["release", "BACKUP higher-priority"], id="rfc9568-6.4.3-higher"),
        pytest.param(150, HIGHER, ["release", "BACKUP higher-address"], id="rfc9568-6.4.3-equal-higher-address"),
        pytest.param(
            150,
            LOWER,
            ["lower-priority-answered 192.168.1.11 150", "advert 150", "announce 5"],
            id="rfc9568-6.4.3-equal-lower-address",
        ),
        pytest.param(
            149,
            HIGHER,
            ["lower-priority-answered 192.168.1.31 149", "advert 150", "announce 5"],
            id="rfc9568-6.4.3-lower",
        ),
        pytest.param(0, HIGHER, ["priority-zero-answered 192.168.1.31 0", "advert 150"], id="rfc9568-6.4.3-release"),
        pytest.param(200, US, [], id="our-own-looped-back"),
    ],
)
@pytest.mark.parametrize("preempt", [pytest.param(True, id="preempt"), pytest.param(False, id="nopreempt")])
def test_master_hears(preempt: bool, priority: int, source: IPv4Address, answer: list[str]) -> None:
    dialogue = master(replace(V2, preempt=preempt))
    assert dialogue.hear(priority, source) == answer


def test_a_master_that_yielded_follows_the_better_one() -> None:
    dialogue = master(V2)
    dialogue.hear(200)
    assert dialogue.speaker.deadline == 103_414_062
    status = dialogue.speaker.routers["V"]
    assert (status.state, status.master, status.since) == (State.BACKUP, LOWER, 100 * SECOND)
    assert str(status.why) == "192.168.1.11 advertises a higher priority (200)"


def test_an_answer_sets_the_advert_timer_and_announces_again_later() -> None:
    dialogue = master(V2)
    dialogue.hear(100)
    assert dialogue.speaker.deadline == 101 * SECOND
    answers = dialogue.wait_until(105_900_000)
    assert answers == [f"{second * SECOND} advert 150" for second in range(101, 106)] + ["105000000 announce 5"]


def test_two_owners_are_told_and_the_higher_address_wins() -> None:
    dialogue = Dialogue(OWNER)
    assert dialogue.hear(255, HIGHER) == [
        "two-owners 192.168.1.31 255",
        "release",
        "BACKUP higher-address",
    ]
    assert str(dialogue.speaker.routers["V"].why) == "192.168.1.31 advertises the same priority from a higher address"


def test_two_owners_and_ours_is_the_higher_address() -> None:
    dialogue = Dialogue(OWNER)
    assert dialogue.hear(255, LOWER)[0] == "two-owners 192.168.1.11 255"
    assert dialogue.speaker.routers["V"].state is State.MASTER


# --- what is refused touches nothing ----------------------------------------------------------------------------------

GOOD = Advert(version=2, vrid=21, priority=255, interval=SECOND, addresses=(VIP,), auth=b"Venezuel")

STRAY = [
    pytest.param(replace(GOOD, auth=b"wrong"), ErrorKind.PASSWORD, "wrong password", id="password"),
    pytest.param(replace(GOOD, auth=None), ErrorKind.AUTH_TYPE, "authentication type 0, ours is 1", id="no-password"),
    pytest.param(
        Advert(version=3, vrid=21, priority=255, interval=SECOND, addresses=(VIP,)),
        ErrorKind.VERSION,
        "version 3, ours is 2",
        id="version",
    ),
    pytest.param(
        replace(GOOD, interval=3 * SECOND),
        ErrorKind.INTERVAL,
        "advertisement interval 3 s, ours is 1 s",
        id="interval",
    ),
    pytest.param(
        replace(GOOD, addresses=()), ErrorKind.ADDRESSES, "addresses none, ours are 192.168.1.20", id="no-addresses"
    ),
    pytest.param(
        replace(GOOD, addresses=(HIGHER,)),
        ErrorKind.ADDRESSES,
        "addresses 192.168.1.31, ours are 192.168.1.20",
        id="other-address",
    ),
    pytest.param(
        DecodeError(kind=ErrorKind.CHECKSUM, detail="wrong checksum", vrid=21),
        ErrorKind.CHECKSUM,
        "wrong checksum",
        id="checksum",
    ),
    pytest.param(
        DecodeError(kind=ErrorKind.TTL, detail="TTL 64, expected 255", vrid=21),
        ErrorKind.TTL,
        "TTL 64, expected 255",
        id="ttl",
    ),
]


@pytest.mark.parametrize(("packet", "kind", "detail"), STRAY)
@pytest.mark.parametrize("state", [State.BACKUP, State.MASTER])
def test_a_stray_touches_no_timer(state: State, packet: Advert | DecodeError, kind: ErrorKind, detail: str) -> None:
    dialogue = Dialogue(V2) if state is State.BACKUP else master(V2)
    before = dialogue.speaker.deadline
    dialogue.now += 100_000
    dialogue.tell(Received(interface="eth0", source=HIGHER, packet=packet))
    assert dialogue.actions == [
        Rejected(
            router="V",
            interface="eth0",
            source=HIGHER,
            error=DecodeError(kind=kind, detail=detail, vrid=21),
            count=1,
        )
    ]
    assert dialogue.speaker.deadline == before
    status = dialogue.speaker.routers["V"]
    assert (status.state, status.master, status.counters.errors) == (state, None, {kind: 1})


def test_a_packet_that_came_through_a_router() -> None:
    dialogue = Dialogue(V2)
    dialogue.tell(Received(interface="eth0", source=HIGHER, packet=GOOD, ttl=254))
    assert [line(action) for action in dialogue.actions] == ["rejected ttl from 192.168.1.31: 1"]


def test_a_password_where_we_have_none() -> None:
    dialogue = Dialogue(replace(V2, auth=None))
    assert dialogue.hear(200, like=V2) == ["rejected auth-type from 192.168.1.11: 1"]


def test_addresses_may_come_in_another_order() -> None:
    config = replace(V2, addresses=(VIP, HIGHER))
    dialogue = Dialogue(config)
    dialogue.now = SECOND
    assert dialogue.hear(200, like=replace(config, addresses=(HIGHER, VIP))) == []
    assert dialogue.speaker.deadline == 4_414_062


@pytest.mark.parametrize(
    ("addresses", "told"),
    [
        pytest.param((VIP, HIGHER), "addresses 192.168.1.20, 192.168.1.31", id="one-more"),
        pytest.param(
            (VIP,) * 6,
            "addresses 192.168.1.20, 192.168.1.20, 192.168.1.20, 192.168.1.20 and 2 more",
            id="many",
        ),
    ],
)
def test_a_list_that_overlaps_is_followed_and_told_once_a_minute(addresses: tuple[IPv4Address, ...], told: str) -> None:
    dialogue = Dialogue(V2)
    dialogue.now = SECOND
    other = replace(V2, addresses=addresses)
    assert dialogue.hear(200, like=other) == ["other-addresses 192.168.1.11 200"]
    notice = dialogue.actions[0]
    assert isinstance(notice, Noticed)
    assert notice.detail == f"{told}, ours are 192.168.1.20"
    assert dialogue.speaker.deadline == 4_414_062
    assert dialogue.hear(200, like=other) == []
    assert dialogue.speaker.routers["V"].counters.errors == {ErrorKind.ADDRESSES: 2}


def test_neither_has_an_address() -> None:
    bare = replace(V2, addresses=())
    assert Dialogue(bare).hear(200, like=bare) == []


def test_strictly_any_other_list_is_refused() -> None:
    dialogue = Dialogue(replace(V2, strict=True))
    other = replace(V2, addresses=(VIP, HIGHER))
    assert dialogue.hear(200, like=other) == ["rejected addresses from 192.168.1.11: 1"]


def test_the_list_of_the_master_itself_need_not_be_compared() -> None:
    """skip_check_adv_addr: that of the master is looked at when it becomes the master, and not again."""
    dialogue = Dialogue(replace(V2, skip_check_adv_addr=True))
    dialogue.hear(200)
    assert dialogue.hear(200, like=replace(V2, addresses=(HIGHER,))) == []
    assert dialogue.hear(200, HIGHER, like=replace(V2, addresses=(HIGHER,))) == [
        "rejected addresses from 192.168.1.31: 1"
    ]


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_table_of_transitions_reaches_every_state() -> None:
    assert {new for _, new in TRANSITIONS} == set(State)
    assert all(old is not new and reasons for (old, new), reasons in TRANSITIONS.items())


def test_a_notice_names_the_peer() -> None:
    dialogue = master(V2)
    dialogue.hear(100, HIGHER)
    notice = dialogue.actions[0]
    assert notice == Noticed(router="V", notice=Notice.LOWER_PRIORITY_ANSWERED, peer=HIGHER, peer_priority=100)


def test_a_transition_carries_the_effective_priority() -> None:
    dialogue = Dialogue(V2)
    dialogue.wait_until(3_414_062)
    transition = dialogue.actions[-1]
    assert isinstance(transition, Transition)
    assert (transition.old, transition.new, transition.priority) == (State.BACKUP, State.MASTER, 150)
