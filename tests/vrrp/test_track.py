"""Check scripts, interfaces and weights, as dialogues with a speaker."""

from dataclasses import replace

import pytest

from labkit.trace import SECOND
from labkit.vrrp.config import RouterConfig, ScriptConfig
from labkit.vrrp.events import State
from labkit.vrrp.status import ScriptStatus
from tests.vrrp.dialogue import V2, Dialogue, interface_track, script_track

CHECK = ScriptConfig(name="chk", interval=2 * SECOND, timeout=SECOND, rise=2, fall=2)
TRACKING = replace(V2, tracks=(script_track("chk"),))
MASTERED = ["advert 150", "hold", "announce 5"]


def answering(dialogue: Dialogue, *statuses: int | None) -> list[str]:
    """Let the next runs answer at once with `statuses`, and return what was said, adverts left out."""
    said = []
    for status in statuses:
        while "run chk" not in (step := dialogue.wait_until(dialogue.speaker.deadline or 0))[-1]:
            said += step
        said += step[:-1] + dialogue.script("chk", status)
    return [text for text in said if "advert " not in text and "announce" not in text]


# --- the first answer -------------------------------------------------------------------------------------------------


def test_a_router_waits_in_init_for_its_script() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    assert dialogue.started == ["run chk"]
    status = dialogue.speaker.routers["V"]
    assert (status.state, str(status.why)) == (State.INIT, "chk has not answered yet")
    assert dialogue.script("chk", 0) == ["chk is healthy (0)", "BACKUP started"]


@pytest.mark.parametrize("status", [1, 127, -9, None])
def test_a_first_failure_is_fault(status: int | None) -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    assert dialogue.script("chk", status) == [f"chk is failed ({status})", "FAULT script-failed"]
    assert str(dialogue.speaker.routers["V"].why) == "script chk fails"


def test_init_fail_starts_in_fault_and_one_success_is_enough() -> None:
    dialogue = Dialogue(TRACKING, scripts=[replace(CHECK, init_fail=True)])
    assert dialogue.started == ["run chk", "FAULT script-failed"]
    assert dialogue.script("chk", 0) == ["chk is healthy (0)", "BACKUP recovered"]


def test_init_fail_and_a_first_failure_is_told() -> None:
    dialogue = Dialogue(TRACKING, scripts=[replace(CHECK, init_fail=True)])
    assert dialogue.script("chk", 1) == ["chk is failed (1)"]


def test_a_script_with_a_weight_does_not_hold_up_the_start() -> None:
    dialogue = Dialogue(replace(V2, tracks=(script_track("chk", -40),)), scripts=[CHECK])
    assert dialogue.started == ["run chk", "BACKUP started"]


def test_one_failure_suffices_while_another_script_is_silent() -> None:
    tracks = (script_track("chk"), script_track("slow"))
    dialogue = Dialogue(replace(V2, tracks=tracks), scripts=[CHECK, replace(CHECK, name="slow")])
    assert dialogue.script("chk", 1)[-1] == "FAULT script-failed"
    assert dialogue.script("slow", 0) == ["slow is healthy (0)"]


def test_recovery_waits_for_a_silent_script() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    dialogue.link(up=False)
    assert dialogue.link(up=True) == []
    assert str(dialogue.speaker.routers["V"].why) == "chk has not answered yet"
    assert dialogue.script("chk", 0)[-1] == "BACKUP recovered"


# --- rise and fall ----------------------------------------------------------------------------------------------------


def test_fall_and_rise_as_in_the_guide() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    dialogue.script("chk", 0)
    assert answering(dialogue, 0, 0, 1) == [
        "3414062 hold",
        "3414062 MASTER no-advert",
        "chk answers failed (1)",
    ]
    assert answering(dialogue, 1) == ["chk is failed (1)", "release", "FAULT script-failed"]
    assert answering(dialogue, 1, 0) == ["chk answers healthy (0)"]
    assert answering(dialogue, 0) == ["chk is healthy (0)", "BACKUP recovered"]


def test_a_failing_script_releases_with_priority_zero() -> None:
    dialogue = Dialogue(TRACKING, scripts=[replace(CHECK, interval=5 * SECOND, fall=1)])
    dialogue.script("chk", 0)
    dialogue.wait_until(5 * SECOND)
    assert dialogue.script("chk", 1) == [
        "chk answers failed (1)",
        "chk is failed (1)",
        "advert 0",
        "release",
        "FAULT script-failed",
    ]


def test_a_single_failure_is_forgiven() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    dialogue.script("chk", 0)
    assert answering(dialogue, 1, 0, 1, 0) == [
        "chk answers failed (1)",
        "3414062 hold",
        "3414062 MASTER no-advert",
        "chk answers healthy (0)",
        "chk answers failed (1)",
        "chk answers healthy (0)",
    ]


def test_successes_and_failures_are_counted_up_and_down() -> None:
    """fall 3: two failures and one success leave one failure on the account, so two more are enough."""
    dialogue = Dialogue(replace(V2, tracks=(script_track("chk", -1),)), scripts=[replace(CHECK, fall=3)])
    dialogue.script("chk", 0)
    said = answering(dialogue, 1, 1, 0, 1, 1)
    assert said[-2:] == ["chk is failed (1)", "priority 150 -> 149"]


def test_a_failed_script_needs_all_its_successes() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    dialogue.script("chk", 0)
    assert answering(dialogue, 1, 1)[-1] == "FAULT script-failed"
    assert answering(dialogue, 0) == ["chk answers healthy (0)"]
    assert answering(dialogue, 0) == ["chk is healthy (0)", "BACKUP recovered"]


# --- when a script runs -----------------------------------------------------------------------------------------------


def test_runs_start_on_a_grid_of_the_interval() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK], interfaces=())
    runs = []
    for _ in range(3):
        dialogue.now += 700_000
        dialogue.script("chk", 0)
        runs += dialogue.wait_until(dialogue.speaker.deadline or 0)
    assert runs == ["2000000 run chk", "4000000 run chk", "6000000 run chk"]


def test_a_run_that_takes_too_long_is_ended_and_counts_as_failed() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    assert dialogue.wait_until(1_999_999) == [
        "1000000 kill chk",
        "1000000 chk is failed (-15)",
        "1000000 FAULT script-failed",
    ]
    assert dialogue.script("chk", -15) == []
    assert dialogue.wait_until(2_000_000) == ["2000000 run chk"]


def test_a_run_that_takes_too_long_counts_once() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    dialogue.script("chk", 0)
    assert dialogue.wait_until(3 * SECOND) == [
        "2000000 run chk",
        "3000000 kill chk",
        "3000000 chk answers failed (-15)",
    ]
    assert dialogue.script("chk", -15) == []
    assert dialogue.speaker.scripts["chk"].healthy is True
    assert dialogue.speaker.scripts["chk"].timed_out is True
    dialogue.wait_until(4 * SECOND)
    dialogue.script("chk", -15)
    assert dialogue.speaker.scripts["chk"].timed_out is False  # somebody else's SIGTERM


def test_a_run_that_ignores_sigterm_is_killed_and_never_run_twice() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    dialogue.wait_until(1_500_000)
    assert dialogue.wait_until(60_500_000) == ["2000000 kill chk -9"]
    assert dialogue.speaker.scripts["chk"] == ScriptStatus(
        name="chk", healthy=False, status=-15, running=True, timed_out=True
    )
    assert dialogue.script("chk", -9) == []
    assert dialogue.wait_until(70_000_000)[0] == "62000000 run chk"


def test_a_run_longer_than_the_interval_skips_a_turn() -> None:
    dialogue = Dialogue(TRACKING, scripts=[replace(CHECK, timeout=10 * SECOND)])
    dialogue.wait_until(3_000_000)
    assert dialogue.script("chk", 0)[0] == "chk is healthy (0)"
    assert dialogue.wait_until(4_000_000) == ["4000000 run chk"]


def test_an_exit_that_nobody_waits_for_is_ignored() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    dialogue.script("chk", 0)
    assert dialogue.script("chk", 1) == []
    assert dialogue.script("other", 1) == []


def test_a_script_that_no_router_tracks_does_not_run() -> None:
    dialogue = Dialogue(V2, scripts=[CHECK])
    assert dialogue.started == ["BACKUP started"]
    assert dialogue.speaker.scripts == {}


def test_stop_ends_a_running_script() -> None:
    dialogue = Dialogue(TRACKING, scripts=[CHECK])
    assert dialogue.stop() == ["kill chk -9"]
    assert dialogue.script("chk", -9) == []
    assert dialogue.speaker.deadline is None


# --- weights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "status", "answer"),
    [
        pytest.param(replace(V2, tracks=(script_track("chk", -40),)), 1, ["priority 150 -> 110"], id="subtract"),
        pytest.param(replace(V2, tracks=(script_track("chk", -40),)), 0, [], id="nothing-to-subtract"),
        pytest.param(replace(V2, tracks=(script_track("chk", 40),)), 0, ["priority 150 -> 190"], id="add"),
        pytest.param(replace(V2, tracks=(script_track("chk", 40),)), 1, [], id="nothing-to-add"),
        pytest.param(replace(V2, tracks=(script_track("chk", -253),)), 1, ["priority 150 -> 1"], id="at-least-1"),
        pytest.param(replace(V2, tracks=(script_track("chk", 253),)), 0, ["priority 150 -> 254"], id="at-most-254"),
        pytest.param(replace(V2, priority=255, tracks=(script_track("chk", -40),)), 1, [], id="owner-stays-255"),
        pytest.param(
            replace(V2, tracks=(script_track("chk", -40), interface_track("eth0", 30))),
            1,
            ["priority 180 -> 140"],
            id="sum-of-two",
        ),
    ],
)
def test_weight(config: RouterConfig, status: int, answer: list[str]) -> None:
    dialogue = Dialogue(config, scripts=[CHECK])
    assert dialogue.script("chk", status)[1:] == answer


def test_a_master_advertises_the_lower_priority_at_its_next_turn() -> None:
    dialogue = Dialogue(replace(V2, tracks=(interface_track("eth1", -40),)), interfaces=("eth0", "eth1"))
    dialogue.wait_until(4_000_000)
    assert dialogue.link("eth1", up=False) == ["priority 150 -> 110"]
    assert dialogue.wait_until(4_414_062) == ["4414062 advert 110"]


# --- interfaces -------------------------------------------------------------------------------------------------------


def test_a_router_waits_for_news_of_its_interface() -> None:
    dialogue = Dialogue(V2, interfaces=())
    assert dialogue.started == []
    assert str(dialogue.speaker.routers["V"].why) == "eth0 has not answered yet"
    assert dialogue.link() == ["BACKUP started"]


@pytest.mark.parametrize(
    ("change", "answer", "why"),
    [
        pytest.param(
            {"up": False}, ["release", "FAULT interface-down"], "interface eth0 is down", id="down-sends-nothing"
        ),
        pytest.param(
            {"exists": False, "up": False},
            ["release", "FAULT interface-missing"],
            "interface eth0 does not exist",
            id="missing-sends-nothing",
        ),
        pytest.param(
            {"primary": None},
            ["advert 0", "release", "FAULT no-primary-address"],
            "interface eth0 has no address",
            id="no-address-says-goodbye-from-the-one-it-had",
        ),
    ],
)
def test_the_own_interface(change: dict[str, bool | None], answer: list[str], why: str) -> None:
    dialogue = Dialogue(V2)
    dialogue.wait_until(20 * SECOND)
    assert dialogue.link(**change) == answer  # type: ignore[arg-type]
    assert str(dialogue.speaker.routers["V"].why) == why
    assert dialogue.speaker.deadline is None
    assert dialogue.hear(100) == []
    assert dialogue.link() == ["BACKUP recovered"]
    assert dialogue.speaker.deadline == 23_414_062


def test_news_that_are_none_are_ignored() -> None:
    dialogue = Dialogue(V2)
    dialogue.now = SECOND
    assert dialogue.link() == []
    assert dialogue.speaker.deadline == 3_414_062


def test_a_tracked_interface_is_fault_and_the_peers_are_told() -> None:
    dialogue = Dialogue(replace(V2, tracks=(interface_track("eth1"),)), interfaces=("eth0", "eth1"))
    dialogue.wait_until(20 * SECOND)
    assert dialogue.link("eth1", up=False) == ["advert 0", "release", "FAULT interface-down"]
    assert dialogue.link("eth1", exists=False, up=False) == []
    assert str(dialogue.speaker.routers["V"].why) == "interface eth1 does not exist"
    assert dialogue.link("eth1", primary=None) == ["BACKUP recovered"]


def test_an_owner_comes_back_as_master() -> None:
    dialogue = Dialogue(replace(V2, priority=255))
    assert dialogue.link(up=False) == ["release", "FAULT interface-down"]
    assert dialogue.link() == ["advert 255", "hold", "announce 5", "MASTER address-owner"]


def test_fault_at_start_has_its_reason() -> None:
    dialogue = Dialogue(interfaces=())
    dialogue.link(up=False)
    assert dialogue.configure(V2) == ["FAULT interface-down"]
    assert dialogue.stop() == ["INIT stopped"]
