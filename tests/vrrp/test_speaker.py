"""A speaker with several routers: who is an event for, what is refused, what does a reload do."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from labkit.trace import SECOND
from labkit.vrrp.config import RouterConfig, ScriptConfig
from labkit.vrrp.events import Received, State
from labkit.vrrp.packet import DecodeError, ErrorKind
from tests.vrrp.dialogue import HIGHER, LOWER, V2, V3, VIP, Dialogue, interface_track, master, script_track

OTHER = replace(V2, name="W", vrid=22, priority=100)
CHECK = ScriptConfig(name="chk", interval=2 * SECOND)
TRACKING = replace(V2, tracks=(script_track("chk"),))


# --- routing ----------------------------------------------------------------------------------------------------------


def test_each_router_has_its_own_timers() -> None:
    dialogue = Dialogue(V2, OTHER)
    assert dialogue.started == ["BACKUP started", "W: BACKUP started"]
    dialogue.now = SECOND
    dialogue.hear(255, like=V2)
    assert dialogue.speaker.deadline == 3_609_375
    assert dialogue.wait_until(3_609_375)[-1] == "3609375 W: MASTER no-advert"
    assert dialogue.speaker.deadline == 4_414_062


def test_equal_vrids_on_two_interfaces_are_two_routers() -> None:
    twin = replace(V2, name="W", interface="eth1")
    dialogue = Dialogue(V2, twin, interfaces=("eth0", "eth1"))
    dialogue.hear(0, like=twin)
    assert dialogue.speaker.deadline == 414_062
    assert dialogue.wait_until(414_062)[-1] == "414062 W: MASTER released"


def test_due_timers_of_all_routers_fire_at_one_wake() -> None:
    dialogue = Dialogue(V2, OTHER)
    answers = dialogue.wake_late(4 * SECOND)
    assert [text for text in answers if "MASTER" in text] == ["MASTER no-advert", "W: MASTER no-advert"]


def test_an_unknown_vrid_is_counted() -> None:
    dialogue = Dialogue(V2)
    assert dialogue.hear(255, like=OTHER) == ["rejected vrid from 192.168.1.11: 1"]
    assert dialogue.hear(255, like=replace(V2, interface="eth1")) == ["rejected vrid from 192.168.1.11: 1"]
    assert dialogue.speaker.errors == {ErrorKind.VRID: 2}
    assert dialogue.speaker.routers["V"].counters.errors == {}


def test_a_packet_without_vrid_is_counted() -> None:
    dialogue = Dialogue(V2)
    error = DecodeError(kind=ErrorKind.LENGTH, detail="7 bytes, at least 8 expected")
    assert dialogue.tell(Received(interface="eth0", source=LOWER, packet=error)) == [
        "rejected length from 192.168.1.11: 1"
    ]
    assert dialogue.speaker.errors == {ErrorKind.LENGTH: 1}


def test_a_snapshot_does_not_change() -> None:
    dialogue = Dialogue(V2)
    before = dialogue.speaker.routers["V"]
    dialogue.hear(200)
    dialogue.hear(200, like=replace(V2, auth=b"wrong"))
    assert (before.counters.adverts_received, before.counters.errors) == (0, {})
    after = dialogue.speaker.routers["V"].counters
    assert (after.adverts_received, after.errors) == (1, {ErrorKind.PASSWORD: 1})


# --- refused packets are told once a minute ---------------------------------------------------------------------------


def test_a_refused_source_is_told_once_a_minute_with_the_count() -> None:
    dialogue = Dialogue(V2)
    wrong = replace(V2, auth=b"wrong")
    told = []
    for second in range(121):
        dialogue.now = second * SECOND
        told += [f"{second} {text}" for text in dialogue.hear(200, like=wrong)]
    assert told == [
        "0 rejected password from 192.168.1.11: 1",
        "60 rejected password from 192.168.1.11: 60",
        "120 rejected password from 192.168.1.11: 60",
    ]
    assert dialogue.speaker.routers["V"].counters.errors == {ErrorKind.PASSWORD: 121}


def test_sources_and_errors_are_told_apart() -> None:
    dialogue = Dialogue(V2, OTHER)
    assert dialogue.hear(200, LOWER, like=replace(V2, auth=b"wrong")) != []
    assert dialogue.hear(200, HIGHER, like=replace(V2, auth=b"wrong")) != []
    assert dialogue.hear(200, LOWER, like=replace(V2, auth=None)) != []
    assert dialogue.hear(200, LOWER, like=replace(OTHER, auth=b"wrong")) != []
    assert dialogue.hear(200, LOWER, like=replace(V2, auth=b"worse")) == []


def test_a_flood_of_sources_is_told_of_256_a_minute() -> None:
    dialogue = Dialogue(V2)
    wrong = replace(V2, auth=b"wrong")

    def flood(first: int) -> int:
        return sum(len(dialogue.hear(200, IPv4Address(first + number), like=wrong)) for number in range(1000))

    assert flood(0x0A000000) == 256
    assert flood(0x0B000000) == 0
    dialogue.now = 60 * SECOND
    assert flood(0x0C000000) == 256
    assert dialogue.speaker.routers["V"].counters.errors == {ErrorKind.PASSWORD: 3000}


def test_who_was_told_last_is_remembered_longest() -> None:
    dialogue = Dialogue(V2)
    wrong = replace(V2, auth=b"wrong")
    dialogue.hear(200, LOWER, like=wrong)
    dialogue.now = SECOND
    for number in range(255):
        dialogue.hear(200, IPv4Address(0x0A000000 + number), like=wrong)
    dialogue.now = 60 * SECOND
    assert dialogue.hear(200, LOWER, like=wrong) == ["rejected password from 192.168.1.11: 1"]
    dialogue.now = 61 * SECOND
    assert dialogue.hear(200, HIGHER, like=wrong) == ["rejected password from 192.168.1.31: 1"]
    assert dialogue.hear(200, LOWER, like=wrong) == []


# --- reload -----------------------------------------------------------------------------------------------------------


def test_a_reload_without_a_change_touches_nothing() -> None:
    dialogue = master(V2)
    before, deadline = dialogue.speaker.routers, dialogue.speaker.deadline
    assert dialogue.configure(V2) == []
    assert (dialogue.speaker.routers, dialogue.speaker.deadline) == (before, deadline)


def test_a_removed_router_withdraws_and_a_new_one_starts() -> None:
    dialogue = master(V2)
    assert dialogue.configure(OTHER) == ["advert 0", "release", "INIT stopped", "deleted", "W: BACKUP started"]
    assert list(dialogue.speaker.routers) == ["W"]
    assert dialogue.hear(200, like=V2) == ["rejected vrid from 192.168.1.11: 1"]
    assert dialogue.wait_until(110 * SECOND)[0] == "103609375 W: advert 100"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(replace(V2, interface="eth1"), id="interface"),
        pytest.param(replace(V2, vrid=30), id="vrid"),
        pytest.param(replace(V3, name="V", priority=150), id="version"),
    ],
)
def test_another_identity_is_another_router(changed: RouterConfig) -> None:
    dialogue = master(V2)
    dialogue.link("eth1")
    assert dialogue.configure(changed) == ["advert 0", "release", "INIT stopped", "BACKUP started"]


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        pytest.param(replace(V2, priority=110), ["priority 150 -> 110", "advert 110"], id="priority"),
        pytest.param(replace(V2, auth=b"other"), ["advert 150"], id="password"),
        pytest.param(replace(V2, addresses=(VIP, HIGHER)), ["advert 150", "hold", "announce 5"], id="addresses"),
        pytest.param(replace(V2, preempt=False), [], id="preempt"),
        pytest.param(replace(V2, tracks=(interface_track("eth0"),)), [], id="tracks"),
        pytest.param(
            replace(V2, tracks=(interface_track("eth0", 10),)), ["priority 150 -> 160", "advert 160"], id="weight"
        ),
    ],
)
def test_a_changed_master_stays_master(changed: RouterConfig, answer: list[str]) -> None:
    dialogue = master(V2)
    assert dialogue.configure(changed) == answer
    assert dialogue.speaker.routers["V"].state is State.MASTER
    deadline = 101_000_000 if "advert 150" in answer or "advert" in " ".join(answer) else 100_414_062
    assert dialogue.speaker.deadline == deadline


def test_a_master_takes_a_new_interval() -> None:
    dialogue = master(V2)
    assert dialogue.configure(replace(V2, advert_interval=3 * SECOND)) == ["advert 150"]
    assert dialogue.wait_until(107 * SECOND) == ["103000000 advert 150", "106000000 advert 150"]


def test_a_backup_takes_a_new_interval() -> None:
    dialogue = Dialogue(V2)
    dialogue.now = SECOND
    dialogue.hear(200)
    assert dialogue.configure(replace(V2, advert_interval=3 * SECOND)) == []
    assert dialogue.speaker.deadline == 10_414_062


def test_a_changed_backup_keeps_its_timer() -> None:
    dialogue = Dialogue(V2)
    dialogue.now = SECOND
    assert dialogue.configure(replace(V2, priority=120)) == ["priority 150 -> 120"]
    assert dialogue.speaker.deadline == 3_414_062


def test_a_new_script_does_not_stop_a_running_router() -> None:
    dialogue = master(V2)
    assert dialogue.configure(TRACKING, scripts=[CHECK]) == ["run chk"]
    assert dialogue.script("chk", 0) == ["chk is healthy (0)"]
    assert dialogue.speaker.routers["V"].state is State.MASTER


def test_a_script_that_goes_is_ended_and_the_router_recovers() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    dialogue.script("chk", 1)
    dialogue.wait_until(2 * SECOND)
    assert dialogue.configure(V2) == ["kill chk -9", "BACKUP recovered"]
    assert dialogue.script("chk", -9) == []
    assert dialogue.wait_until(5_414_061) == []


def test_an_unchanged_script_keeps_its_account() -> None:
    check = replace(CHECK, fall=2)
    dialogue = Dialogue(TRACKING, scripts=[check])
    dialogue.script("chk", 0)
    dialogue.wait_until(2 * SECOND)
    dialogue.script("chk", 1)
    assert dialogue.configure(TRACKING, scripts=[check]) == []
    dialogue.wait_until(4 * SECOND)
    assert dialogue.script("chk", 1)[0] == "chk is failed (1)"


def test_a_changed_script_keeps_its_health_and_counts_anew() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    dialogue.script("chk", 0)
    assert dialogue.configure(TRACKING, scripts=[replace(CHECK, fall=2)]) == []
    dialogue.wait_until(2 * SECOND)
    assert dialogue.script("chk", 1) == ["chk answers failed (1)"]
    assert dialogue.configure(TRACKING, scripts=[replace(CHECK, fall=1)]) == []
    dialogue.wait_until(4 * SECOND)
    assert dialogue.script("chk", 1)[0] == "chk is failed (1)"
    assert dialogue.configure(TRACKING, scripts=[replace(CHECK, rise=2)]) == []
    assert dialogue.speaker.scripts["chk"].healthy is False


def test_start_again_after_stop() -> None:
    dialogue = master(V2)
    dialogue.stop()
    assert dialogue.hear(200) == ["rejected vrid from 192.168.1.11: 1"]
    assert dialogue.configure(V2) == ["BACKUP started"]
    assert dialogue.speaker.deadline == 103_414_062
