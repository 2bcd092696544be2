"""Files, processes, static entries, debounced interfaces and reversed weights, as dialogues with a speaker."""

from dataclasses import replace

import pytest

from labkit.trace import SECOND
from labkit.vrrp.config import GroupConfig, InterfaceDelay, ProcessConfig, ScriptConfig, Track, TrackKind
from labkit.vrrp.events import FileChanged, InterfaceChanged, ProcessesChanged, State, StaticChanged
from labkit.vrrp.judging import Adjustment
from labkit.vrrp.status import TrackerStatus
from labkit.vrrp.track import InterfaceCheck
from tests.vrrp.dialogue import V2, Dialogue, interface_track, master, script_track

CHECK = ScriptConfig(name="chk", interval=2 * SECOND, timeout=SECOND)
NGINX = ProcessConfig(name="nginx", quorum=2, quorum_max=3, fork_delay=200_000, terminate_delay=500_000)


def track(kind: TrackKind, name: str, weight: int = 0, *, reverse: bool = False) -> Track:
    return Track(kind=kind, name=name, weight=weight, reverse=reverse)


def with_file(weight: int = 0, *, reverse: bool = False, priority: int = 100) -> Dialogue:
    tracking = replace(V2, priority=priority, tracks=(track(TrackKind.FILE, "f", weight, reverse=reverse),))
    return Dialogue(tracking, files=["f"])


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_router_waits_for_its_file() -> None:
    dialogue = with_file()
    assert (dialogue.started, str(dialogue.speaker.routers["V"].why)) == ([], "f has not answered yet")
    assert dialogue.tell(FileChanged(file="f", value=0)) == ["file f is healthy (0)", "BACKUP started"]
    assert dialogue.tell(FileChanged(file="f", value=0)) == []
    assert dialogue.tell(FileChanged(file="f", value=1)) == ["file f failed (1)", "FAULT file-failed"]
    assert str(dialogue.speaker.routers["V"].why) == "file f is not 0"
    assert dialogue.tell(FileChanged(file="f", value=None)) == ["file f is healthy (None)", "BACKUP recovered"]
    assert dialogue.speaker.trackers == (TrackerStatus(kind=TrackKind.FILE, name="f", healthy=True),)


def test_a_reversed_file_without_weight() -> None:
    dialogue = with_file(reverse=True)
    assert dialogue.tell(FileChanged(file="f", value=0))[-1] == "FAULT file-failed"
    assert dialogue.tell(FileChanged(file="f", value=-3))[-1] == "BACKUP recovered"


@pytest.mark.parametrize(
    ("weight", "reverse", "value", "priority"),
    [
        pytest.param(1, False, 20, 120, id="value"),
        pytest.param(2, False, -20, 60, id="twice"),
        pytest.param(-2, False, 20, 60, id="negative-weight"),
        pytest.param(2, True, 20, 60, id="reversed"),
        pytest.param(1, False, -253, 1, id="lowest"),
        pytest.param(1, False, 1000, 254, id="highest"),
        pytest.param(2_147_483_647, False, 1, 254, id="largest-weight"),
        pytest.param(1, False, None, 100, id="no-number"),
    ],
)
def test_the_number_in_a_file_times_the_weight(weight: int, reverse: bool, value: int | None, priority: int) -> None:
    dialogue = with_file(weight, reverse=reverse)
    assert dialogue.started == ["BACKUP started"]
    dialogue.tell(FileChanged(file="f", value=value))
    assert dialogue.speaker.routers["V"].priority == priority


@pytest.mark.parametrize(("weight", "value"), [(1, -254), (-1, 254), (2_147_483_647, -1)])
def test_below_all_priorities_is_fault(weight: int, value: int) -> None:
    dialogue = with_file(weight)
    assert dialogue.tell(FileChanged(file="f", value=value))[-1] == "FAULT file-value"
    assert str(dialogue.speaker.routers["V"].why) == "file f lowers the priority below everything"


def test_what_changed_a_priority_is_named() -> None:
    dialogue = with_file(2)
    dialogue.tell(FileChanged(file="f", value=7))
    status = dialogue.speaker.routers["V"]
    assert status.adjustments == (Adjustment(kind=TrackKind.FILE, name="f", amount=14),)
    assert (status.base_priority, status.priority) == (100, 114)
    dialogue.tell(FileChanged(file="f", value=0))
    assert [getattr(action, "name", "") for action in dialogue.actions] == ["f", "f"]


def test_what_was_told_before_the_configuration_counts() -> None:
    dialogue = Dialogue(V2)
    dialogue.tell(FileChanged(file="f", value=5))
    dialogue.tell(ProcessesChanged(process="nginx", count=2))
    tracks = (track(TrackKind.FILE, "f", 1), track(TrackKind.PROCESS, "nginx"))
    tracking = replace(V2, priority=100, tracks=tracks)
    assert dialogue.configure(tracking, files=["f"], processes=[NGINX]) == [
        "process nginx is healthy (2)",
        "priority 150 -> 105",
    ]
    assert dialogue.configure(V2) == ["priority 105 -> 150"]
    assert dialogue.speaker.trackers == ()


# --- processes --------------------------------------------------------------------------------------------------------


def with_process(weight: int = 0, *, reverse: bool = False, process: ProcessConfig = NGINX) -> Dialogue:
    tracking = replace(V2, tracks=(track(TrackKind.PROCESS, "nginx", weight, reverse=reverse),))
    return Dialogue(tracking, processes=[process])


def count(dialogue: Dialogue, number: int) -> list[str]:
    return dialogue.tell(ProcessesChanged(process="nginx", count=number))


@pytest.mark.parametrize(("number", "state"), [(0, "FAULT"), (1, "FAULT"), (2, "BACKUP"), (3, "BACKUP"), (4, "FAULT")])
def test_the_first_count_decides_at_once(number: int, state: str) -> None:
    dialogue = with_process()
    assert dialogue.started == []
    count(dialogue, number)
    assert dialogue.state == state


def test_a_lost_quorum_counts_after_its_delay() -> None:
    dialogue = with_process()
    count(dialogue, 2)
    dialogue.now = SECOND
    assert count(dialogue, 1) == []
    assert count(dialogue, 0) == []
    assert dialogue.wait_until(1_499_999) == []
    assert dialogue.wait_until(1_500_000) == ["1500000 process nginx failed (0)", "1500000 FAULT process-failed"]
    assert str(dialogue.speaker.routers["V"].why) == "process nginx does not run in the right number"
    assert count(dialogue, 2) == []
    assert dialogue.wait_until(1_700_000) == ["1700000 process nginx is healthy (2)", "1700000 BACKUP recovered"]


def test_a_fork_that_ends_in_time_does_not_count() -> None:
    dialogue = with_process()
    count(dialogue, 3)
    dialogue.now = SECOND
    assert count(dialogue, 4) == []
    dialogue.now = 1_199_999
    assert count(dialogue, 3) == []
    assert dialogue.wait_until(2 * SECOND) == []
    assert dialogue.state is State.BACKUP
    assert count(dialogue, 4) == []
    assert dialogue.wait_until(2_200_000)[-1] == "2200000 FAULT process-failed"


@pytest.mark.parametrize(
    ("weight", "reverse", "running", "priority"),
    [
        pytest.param(20, False, 2, 170, id="up"),
        pytest.param(20, False, 0, 150, id="down"),
        pytest.param(-20, False, 2, 150, id="negative-up"),
        pytest.param(-20, False, 0, 130, id="negative-down"),
        pytest.param(20, True, 2, 130, id="reversed-up"),
        pytest.param(-20, True, 0, 170, id="reversed-down"),
    ],
)
def test_weights_of_processes(weight: int, reverse: bool, running: int, priority: int) -> None:
    dialogue = with_process(weight, reverse=reverse)
    count(dialogue, running)
    assert dialogue.speaker.routers["V"].priority == priority


def test_none_may_run() -> None:
    dialogue = with_process(process=ProcessConfig(name="nginx", quorum=0, quorum_max=0))
    assert count(dialogue, 0) == ["process nginx is healthy (0)", "BACKUP started"]
    assert count(dialogue, 1) == ["process nginx failed (1)", "FAULT process-failed"]


def test_another_quorum_is_held_against_the_count_at_once() -> None:
    dialogue = with_process()
    count(dialogue, 2)
    tracking = replace(V2, tracks=(track(TrackKind.PROCESS, "nginx"),))
    stricter = ProcessConfig(name="nginx", quorum=3)
    assert dialogue.configure(tracking, processes=[stricter]) == ["process nginx failed (2)", "FAULT process-failed"]
    assert dialogue.speaker.trackers == (TrackerStatus(kind=TrackKind.PROCESS, name="nginx", healthy=False, value=2),)
    assert dialogue.configure(V2) == ["BACKUP recovered"]


def test_another_delay_changes_nothing_now() -> None:
    dialogue = with_process()
    count(dialogue, 2)
    tracking = replace(V2, tracks=(track(TrackKind.PROCESS, "nginx"),))
    assert dialogue.configure(tracking, processes=[replace(NGINX, fork_delay=0)]) == []


def test_nothing_happens_before_its_time() -> None:
    state = InterfaceChanged(interface="eth0", exists=True, up=True, primary=None)
    check = InterfaceCheck(DELAYED, state)
    check.told(replace(state, up=False), 0)
    assert check.wake(299_999) == []
    assert check.seen.up


def test_a_quorum_that_changes_before_the_first_count() -> None:
    dialogue = with_process()
    tracking = replace(V2, tracks=(track(TrackKind.PROCESS, "nginx"),))
    assert dialogue.configure(tracking, processes=[ProcessConfig(name="nginx")]) == []
    assert count(dialogue, 1)[-1] == "BACKUP started"


# --- static entries, interfaces, scripts ------------------------------------------------------------------------------


def test_a_static_entry_that_goes() -> None:
    dialogue = Dialogue(replace(V2, tracks=(track(TrackKind.STATIC, "10.0.0.1/24 on eth0"),)))
    assert dialogue.started == []
    here = StaticChanged(name="10.0.0.1/24 on eth0", present=True)
    assert dialogue.tell(here) == ["static 10.0.0.1/24 on eth0 is healthy (None)", "BACKUP started"]
    assert dialogue.tell(here) == []
    assert dialogue.tell(replace(here, present=False))[-1] == "FAULT static-missing"
    assert str(dialogue.speaker.routers["V"].why) == "10.0.0.1/24 on eth0 is missing"
    assert dialogue.speaker.trackers == (
        TrackerStatus(kind=TrackKind.STATIC, name="10.0.0.1/24 on eth0", healthy=False),
    )


def test_a_reversed_script_without_weight() -> None:
    dialogue = Dialogue(
        replace(V2, tracks=(track(TrackKind.SCRIPT, "chk", reverse=True),)), scripts=[replace(CHECK, rise=1)]
    )
    assert dialogue.script("chk", 0)[-1] == "FAULT script-failed"
    dialogue.wait_until(2 * SECOND)
    assert dialogue.script("chk", 1)[-1] == "BACKUP recovered"


@pytest.mark.parametrize(("weight", "up", "priority"), [(30, True, 120), (30, False, 150), (-30, False, 180)])
def test_reversed_weights_of_interfaces(weight: int, up: bool, priority: int) -> None:
    dialogue = Dialogue(replace(V2, tracks=(track(TrackKind.INTERFACE, "eth1", weight, reverse=True),)))
    dialogue.link("eth1", up=up)
    assert dialogue.speaker.routers["V"].priority == priority


DELAYED = InterfaceDelay(interface="eth0", down=300_000, up=100_000)


def test_an_interface_is_debounced() -> None:
    dialogue = Dialogue(V2, delays=[DELAYED], interfaces=())
    assert dialogue.link() == ["BACKUP started"]
    dialogue.now = SECOND
    assert dialogue.link(up=False) == []
    assert dialogue.wait_until(1_299_999) == []
    assert dialogue.wait_until(1_300_000) == ["1300000 interface eth0 failed (None)", "1300000 FAULT interface-down"]
    assert dialogue.link() == []
    assert dialogue.link(up=False) == []
    assert dialogue.link() == []
    assert dialogue.wait_until(1_400_000) == ["1400000 interface eth0 is healthy (None)", "1400000 BACKUP recovered"]


def test_a_short_outage_is_none() -> None:
    dialogue = Dialogue(V2, interfaces=())
    dialogue.link()
    dialogue.configure(V2, delays=[DELAYED])
    assert dialogue.link(up=False) == []
    assert dialogue.link(up=False, primary=None) == ["FAULT no-primary-address"]
    assert dialogue.link() == ["BACKUP recovered"]
    assert dialogue.wait_until(SECOND) == []


def test_an_interface_that_is_gone_is_so_at_once() -> None:
    dialogue = Dialogue(V2, delays=[DELAYED], interfaces=())
    dialogue.link()
    assert dialogue.link(exists=False, up=False, primary=None) == ["FAULT interface-missing"]


# --- what a group tracks ----------------------------------------------------------------------------------------------

OTHER = replace(V2, name="W", vrid=22)
GROUP = GroupConfig(name="G", members=("V", "W"), tracks=(interface_track("eth1"),))


def test_a_group_s_own_track_fails_all_members() -> None:
    dialogue = Dialogue(V2, OTHER, groups=[GROUP], interfaces=("eth0", "eth1"))
    assert dialogue.link("eth1", up=False) == ["FAULT interface-down", "W: FAULT interface-down", "group G FAULT"]
    assert dialogue.link("eth1")[-1] == "group G BACKUP"


def test_weights_count_in_a_group_that_says_so() -> None:
    weighted = replace(GROUP, tracks=(interface_track("eth1", -30),), weighted=True)
    own = replace(V2, tracks=(interface_track("eth2", -7),))
    dialogue = Dialogue(own, OTHER, groups=[weighted], interfaces=("eth0", "eth1", "eth2"))
    assert dialogue.link("eth1", up=False) == ["priority 150 -> 120", "W: priority 150 -> 120"]
    assert dialogue.link("eth2", up=False) == ["priority 120 -> 113"]


def test_weights_do_not_count_in_another_group() -> None:
    dialogue = Dialogue(
        replace(V2, tracks=(script_track("chk", -40), track(TrackKind.FILE, "f", 1))),
        OTHER,
        groups=[replace(GROUP, tracks=(interface_track("eth1", -30),))],
        scripts=[CHECK],
        files=["f"],
    )
    dialogue.script("chk", 1)
    dialogue.tell(FileChanged(file="f", value=-1000))
    assert (dialogue.state, dialogue.speaker.routers["V"].priority) == (State.BACKUP, 150)


def test_a_master_whose_file_fails_says_so() -> None:
    dialogue = master(V2)
    dialogue.tell(FileChanged(file="f", value=0))
    dialogue.configure(replace(V2, tracks=(track(TrackKind.FILE, "f"),)), files=["f"])
    assert dialogue.tell(FileChanged(file="f", value=1)) == [
        "file f failed (1)",
        "advert 0",
        "release",
        "FAULT file-failed",
    ]
