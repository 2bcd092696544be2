"""The elections of the failover guide, to the microsecond; a frame takes 100 us.

Skew and master-down at 1 s: server1 (150) 0.414062 and 3.414062 s, server2 (120) 0.531250 and 3.531250 s, server3 (100)
0.609375 and 3.609375 s.  server1's adverts leave at 3.414062 s and every second from there.
"""

from dataclasses import replace

import pytest

from labkit.sim.node import ScriptBehaviour
from labkit.sim.packets import ipv4_packet
from labkit.trace import SECOND, Kind
from labkit.vrrp.config import ScriptConfig, Track, TrackKind
from labkit.vrrp.events import Configure
from labkit.vrrp.packet import Advert, encode
from tests.sim.conftest import GUIDE, VIP, Lab, LabMaker


def test_the_highest_priority_becomes_master(lab: Lab) -> None:
    assert lab.history() == [(3_414_062, "server1", "MASTER", "no-advert")]
    assert lab.states() == {"server1": "MASTER", "server2": "BACKUP", "server3": "BACKUP"}
    assert lab.owners() == ["server1"]
    assert lab.host_sees() == "server1"


def test_the_trace_tells_everything(lab: Lab) -> None:
    at_takeover = [record for record in lab.world.trace if record.at == 3_414_062]
    assert [(record.kind, record.node) for record in at_takeover] == [
        (Kind.ADVERT, "lan"),
        (Kind.ADDRESS, "server1"),
        *[(Kind.ANNOUNCE, "lan")] * 5,
        (Kind.STATE, "server1"),
    ]
    assert at_takeover[0].to_json() == (
        '{"at":3414062,"kind":"advert","node":"lan","source":"192.168.1.21","vrid":21,"version":2,"priority":150,'
        '"interval_us":1000000,"addresses":"192.168.1.20","lladdr":"02:00:00:00:00:01"}'
    )
    assert at_takeover[1].data == {"interface": "eth0", "address": "192.168.1.20", "present": True}
    assert at_takeover[2].data == {"address": "192.168.1.20", "lladdr": "02:00:00:00:00:01"}
    assert at_takeover[-1].data == {
        "instance": "MY-FAILOVER",
        "state": "MASTER",
        "old": "BACKUP",
        "reason": "no-advert",
        "why": "no advert from anyone for 3.414 s",
        "priority": 150,
    }


def test_the_guide_step_by_step(lab: Lab) -> None:
    lab["server1"].stop()
    lab.world.run_until(20 * SECOND)
    assert (lab.owners(), lab.host_sees()) == (["server2"], "server2")
    lab["server2"].stop()
    lab.world.run_until(30 * SECOND)
    assert (lab.owners(), lab.host_sees()) == (["server3"], "server3")
    lab.start("server1", "server2")
    lab.world.run_until(40 * SECOND)
    assert (lab.owners(), lab.host_sees()) == (["server1"], "server1")
    # 10 s + 100 us + 0.531250 s; 20 s + 100 us + 0.609375 s; 30 s + 3.414062 s, and 100 us until server3 hears it
    assert lab.history()[1:] == [
        (10_531_350, "server2", "MASTER", "released"),
        (20_609_475, "server3", "MASTER", "released"),
        (33_414_062, "server1", "MASTER", "preempted"),
        (33_414_162, "server3", "BACKUP", "higher-priority"),
    ]


def test_after_a_crash_the_master_down_interval_passes(lab: Lab) -> None:
    lab["server1"].crash()
    lab.world.run_until(20 * SECOND)
    # the last advert left at 9.414062 s; + 100 us + 3.531250 s
    assert lab.history()[1:] == [(12_945_412, "server2", "MASTER", "no-advert")]
    assert lab.owners() == ["server2"]


def test_a_killed_daemon_leaves_its_address_behind(lab: Lab) -> None:
    lab["server1"].kill()
    lab.world.run_until(20 * SECOND)
    assert lab.owners() == ["server1", "server2"]
    lab.start("server1")
    assert lab.owners() == ["server2"]


def test_a_link_that_goes_down_is_fault_and_nothing_is_sent(lab: Lab) -> None:
    lab["server1"].set_link("eth0", up=False)
    lab.world.run_until(20 * SECOND)
    lab["server1"].set_link("eth0", up=True)
    lab.world.run_until(30 * SECOND)
    assert lab.history()[1:] == [
        (10_000_000, "server1", "FAULT", "interface-down"),
        (12_945_412, "server2", "MASTER", "no-advert"),
        (20_000_000, "server1", "BACKUP", "recovered"),
        (23_414_062, "server1", "MASTER", "preempted"),
        (23_414_162, "server2", "BACKUP", "higher-priority"),
    ]


def test_a_removed_primary_address_is_fault(lab: Lab) -> None:
    lab["server1"].set_address("eth0", None)
    lab.world.run_until(20 * SECOND)
    assert lab.states() == {"server1": "FAULT", "server2": "MASTER", "server3": "BACKUP"}


def test_partition_and_heal(lab: Lab) -> None:
    segment = lab.world.segments["lan"]
    segment.partition(["server1"], ["server2", "server3"])
    lab.world.run_until(16 * SECOND)
    assert lab.owners() == ["server1", "server2"]
    segment.heal()
    lab.world.run_until(17 * SECOND)
    # server1 speaks at 16.414062 s
    assert lab.history()[1:] == [
        (12_945_412, "server2", "MASTER", "no-advert"),
        (16_414_162, "server2", "BACKUP", "higher-priority"),
    ]
    assert lab.owners() == ["server1"]


def test_a_master_that_hears_a_lower_one_answers_within_a_frame(lab: Lab) -> None:
    """server2 is deaf to server1 only: server1 answers each of its adverts, and announces the address anew."""
    lab.world.segments["lan"].cut("server1", "server2")
    lab.world.run_until(13 * SECOND)
    answers = [
        (record.at, record.kind.value)
        for record in lab.world.trace
        if record.at == 12_945_512 and record.data.get("lladdr", "02:00:00:00:00:01") == "02:00:00:00:00:01"
    ]
    assert answers[:6] == [(12_945_512, "advert"), *[(12_945_512, "announce")] * 5]
    assert lab.states()["server1"] == "MASTER"


def test_equal_priorities_that_start_together(make_lab: LabMaker) -> None:
    lab = make_lab(100, 100, 100)
    lab.start()
    lab.world.run_until(10 * SECOND)
    assert lab.owners() == ["server3"]
    assert [entry for entry in lab.history() if entry[2] == "BACKUP"] == [
        (3_609_475, "server1", "BACKUP", "higher-address"),
        (3_609_475, "server2", "BACKUP", "higher-address"),
    ]


def test_equal_priority_does_not_preempt(make_lab: LabMaker) -> None:
    lab = make_lab(100, 100)
    lab.start("server1")
    lab.world.run_until(10 * SECOND)
    lab.start("server2")
    lab.world.run_until(30 * SECOND)
    assert lab.owners() == ["server1"]


def test_nopreempt_stays_backup_until_it_is_needed(make_lab: LabMaker) -> None:
    lab = make_lab(like=replace(GUIDE, preempt=False))
    lab.start("server2", "server3")
    lab.world.run_until(10 * SECOND)
    lab.start("server1")
    lab.world.run_until(30 * SECOND)
    assert lab.owners() == ["server2"]
    lab["server2"].stop()
    lab.world.run_until(40 * SECOND)
    assert lab.history()[-1] == (30_414_162, "server1", "MASTER", "released")


def test_the_address_owner_takes_the_address_within_a_frame(make_lab: LabMaker) -> None:
    lab = make_lab(255, 120)
    lab.start("server2")
    lab.world.run_until(10 * SECOND)
    lab.start("server1")
    lab.world.run_until(11 * SECOND)
    assert lab.history()[1:] == [
        (10_000_000, "server1", "MASTER", "address-owner"),
        (10_000_100, "server2", "BACKUP", "higher-priority"),
    ]


@pytest.mark.parametrize(
    ("interval", "stop", "crash"),
    [
        # skew 136/256, 100 us for the frame; master down from the last advert before 10 s
        pytest.param(100_000, 10_053_225, (10_250_000, 10_353_225), id="0.1-s"),
        pytest.param(10_000, 10_005_412, (10_025_000, 10_035_412), id="0.01-s"),
    ],
)
def test_version_3_below_a_second(make_lab: LabMaker, interval: int, stop: int, crash: tuple[int, int]) -> None:
    like = replace(GUIDE, version=3, advert_interval=interval, auth=None)
    stopped, crashed = make_lab(like=like), make_lab(like=like)
    for lab in (stopped, crashed):
        lab.start()
        lab.world.run_until(10 * SECOND)
    stopped["server1"].stop()
    crashed["server1"].crash()
    for lab in (stopped, crashed):
        lab.world.run_until(12 * SECOND)
        assert lab.owners() == ["server2"]
    assert stopped.history()[-1] == (stop, "server2", "MASTER", "released")
    assert crash[0] <= crashed.history()[-1][0] <= crash[1]


def test_versions_do_not_understand_each_other(make_lab: LabMaker) -> None:
    lab = make_lab(150, 120)
    other = replace(GUIDE, priority=120, version=3, auth=None)
    lab.configurations["server2"] = Configure(routers=(other,))
    lab.start()
    lab.world.run_until(10 * SECOND)
    assert lab.owners() == ["server1", "server2"]
    rejected = {record.data["error"] for record in lab.world.trace if record.kind is Kind.REJECTED}
    assert rejected == {"version"}


def test_a_stray_with_a_wrong_password_changes_nothing(lab: Lab) -> None:
    """C keepalived's master falls silent for 3.5 s at a time here, and its backup flaps."""
    stray = lab.world.add_node("stray").attach("eth0", "lan")
    source = lab["host"].ports["eth0"].address
    assert source is not None
    advert = Advert(version=2, vrid=21, priority=50, interval=SECOND, addresses=(VIP,), auth=b"wrong")
    for number in range(75):
        lab.world.run_until(10 * SECOND + number * 400_000)
        lab.world.send_packet(stray, ipv4_packet(encode(advert, source), source))
    lab.world.run_until(41 * SECOND)
    assert lab.history() == [(3_414_062, "server1", "MASTER", "no-advert")]
    adverts = [
        record.at
        for record in lab.world.trace
        if record.kind is Kind.ADVERT and record.data["source"] == "192.168.1.21"
    ]
    assert adverts == [3_414_062 + second * SECOND for second in range(38)]
    rejected = [record for record in lab.world.trace if record.kind is Kind.REJECTED and record.node == "server1"]
    assert [(record.data["error"], record.data["count"]) for record in rejected] == [("password", 1)]


def test_a_paused_backup_hears_what_it_missed_first(lab: Lab) -> None:
    lab["server2"].pause()
    lab.world.run_until(30 * SECOND)
    lab["server2"].resume()
    lab.world.run_until(40 * SECOND)
    assert lab.history() == [(3_414_062, "server1", "MASTER", "no-advert")]


def test_a_paused_master_yields_and_comes_back(lab: Lab) -> None:
    lab["server1"].pause()
    lab["server1"].pause()
    lab.world.run_until(20 * SECOND)
    assert lab.owners() == ["server1", "server2"]
    lab["server1"].resume()
    lab.world.run_until(21 * SECOND)
    assert lab.owners() == ["server1"]
    assert lab.states()["server2"] == "BACKUP"


# --- check scripts ----------------------------------------------------------------------------------------------------

CHECK = ScriptConfig(name="chk", interval=2 * SECOND, rise=2, fall=2)


def tracking(make_lab: LabMaker, weight: int) -> Lab:
    track = Track(kind=TrackKind.SCRIPT, name="chk", weight=weight)
    lab = make_lab(150, 120, like=replace(GUIDE, tracks=(track,)), scripts=(CHECK,))
    lab.start()
    lab.world.run_until(10 * SECOND)
    assert lab.owners() == ["server1"]
    return lab


def test_a_failing_service_moves_the_address_and_brings_it_back(make_lab: LabMaker) -> None:
    lab = tracking(make_lab, 0)
    lab.world.run_until(11 * SECOND)
    lab["server1"].scripts["chk"] = ScriptBehaviour(status=1)
    lab.world.run_until(21 * SECOND)
    lab["server1"].scripts["chk"] = ScriptBehaviour(status=0)
    lab.world.run_until(30 * SECOND)
    # runs at 12 and 14 s, 1 ms each, fail; those of 22 and 24 s succeed
    assert lab.history()[1:] == [
        (14_001_000, "server1", "FAULT", "script-failed"),
        (14_532_350, "server2", "MASTER", "released"),
        (24_001_000, "server1", "BACKUP", "recovered"),
        (27_415_062, "server1", "MASTER", "preempted"),
        (27_415_162, "server2", "BACKUP", "higher-priority"),
    ]
    scripts = [(record.at, record.data["healthy"]) for record in lab.world.trace if record.kind is Kind.SCRIPT]
    assert scripts[-2:] == [(14_001_000, False), (24_001_000, True)]


def test_a_weight_lets_the_backup_wait_for_its_timer(make_lab: LabMaker) -> None:
    """No priority 0 is sent: server2 discards adverts of priority 110 until 3.531250 s after the last of 150."""
    lab = tracking(make_lab, -40)
    lab["server1"].scripts["chk"] = ScriptBehaviour(status=1)
    lab.world.run_until(20 * SECOND)
    changes = [(record.at, record.data["priority"]) for record in lab.world.trace if record.kind is Kind.PRIORITY]
    # the run of 10 s began before the behaviour changed
    assert changes == [(14_001_000, 110)]
    # the last advert of 150 left at 13.414062 s
    assert lab.history()[-2:] == [
        (16_945_412, "server2", "MASTER", "preempted"),
        (16_945_512, "server1", "BACKUP", "higher-priority"),
    ]


@pytest.mark.parametrize(
    ("stubborn", "status"), [pytest.param(False, -15, id="sigterm"), pytest.param(True, -9, id="sigkill")]
)
def test_a_hanging_script_is_ended(make_lab: LabMaker, stubborn: bool, status: int) -> None:
    lab = tracking(make_lab, 0)
    lab["server1"].scripts["chk"] = ScriptBehaviour(duration=None, stubborn=stubborn)
    lab.world.run_until(60 * SECOND)
    assert lab.states()["server1"] == "FAULT"
    speaker = lab["server1"].speaker
    assert speaker is not None
    assert speaker.scripts["chk"].status == -15


# --- reload -----------------------------------------------------------------------------------------------------------


def test_a_reload_with_a_lower_priority_hands_over(lab: Lab) -> None:
    lower = Configure(routers=(replace(GUIDE, priority=110),))
    lab["server1"].start(lower)
    lab.world.run_until(20 * SECOND)
    # server2 followed the advert of 9.414062 s last
    assert lab.history()[1:] == [
        (12_945_412, "server2", "MASTER", "preempted"),
        (12_945_512, "server1", "BACKUP", "higher-priority"),
    ]


def test_a_reload_with_another_vrid_withdraws_first(lab: Lab) -> None:
    lab["server1"].start(Configure(routers=(replace(GUIDE, priority=150, vrid=99),)))
    lab.world.run_until(20 * SECOND)
    assert lab.history()[1] == (10_531_350, "server2", "MASTER", "released")
    assert lab.owners() == ["server1", "server2"]


def test_a_reload_changes_the_addresses(lab: Lab) -> None:
    other = lab["host"].ports["eth0"].address
    assert other is not None
    lab["server1"].start(Configure(routers=(replace(GUIDE, priority=150, addresses=(other,)),)))
    assert lab["server1"].held == {str(other)}
    lab["server1"].start(Configure(routers=(replace(GUIDE, priority=150, addresses=(VIP, other)),)))
    assert lab["server1"].held == {str(VIP), str(other)}
