"""Actions in keepalived's words; the expected lines are those of keepalived 2.2.7."""

from ipaddress import IPv4Address, IPv4Interface

import pytest

from labkit.conf.model import VirtualAddress, VrrpInstance
from labkit.daemon.wording import Line, tell
from labkit.diagnostics import Span
from labkit.vrrp.config import RouterConfig, TrackKind
from labkit.vrrp.events import (
    Action,
    Announce,
    GroupTransition,
    HoldAddresses,
    Notice,
    Noticed,
    PriorityChanged,
    Reason,
    Rejected,
    ReleaseAddresses,
    ScriptChanged,
    SendAdvert,
    State,
    TrackerChanged,
    Transition,
    Why,
)
from labkit.vrrp.packet import Advert, DecodeError, ErrorKind

VIP = IPv4Address("192.168.1.20")
PEER = IPv4Address("192.168.1.21")
INSTANCE = VrrpInstance(
    router=RouterConfig(name="X", interface="eth0", vrid=21, addresses=(VIP,), priority=150),
    addresses=(VirtualAddress(address=IPv4Interface("192.168.1.20/32"), device="eth0"),),
    span=Span(file="f", line=1, column=1),
)
INSTANCES = {"X": INSTANCE}


def advert(priority: int) -> SendAdvert:
    sent = Advert(version=2, vrid=21, priority=priority, interval=1_000_000, addresses=(VIP,))
    return SendAdvert(router="X", advert=sent)


def enter(old: State, new: State, reason: Reason, **particulars: object) -> Transition:
    why = Why(reason=reason, **particulars)  # type: ignore[arg-type]
    return Transition(router="X", old=old, new=new, why=why, priority=120)


TAKE_OVER: list[Action] = [
    advert(150),
    HoldAddresses(router="X"),
    Announce(router="X", repeat=2),
    enter(State.BACKUP, State.MASTER, Reason.NO_ADVERT, peer=PEER, elapsed=3_531_000),
]


def test_taking_over_is_told_in_keepalived_s_order() -> None:
    assert tell(TAKE_OVER, INSTANCES) == [
        Line("(X) Receive advertisement timeout", detail=True),
        Line("(X) Entering MASTER STATE"),
        Line("(X) MASTER because no advert from 192.168.1.21 for 3.531 s", detail=True),
        Line("(X) setting VIPs.", detail=True),
        Line("(X) Sending/queueing gratuitous ARPs on eth0 for 192.168.1.20", detail=True),
        Line("Sending gratuitous ARP on eth0 for 192.168.1.20", detail=True),
        Line("Sending gratuitous ARP on eth0 for 192.168.1.20", detail=True),
    ]


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        pytest.param(
            [advert(0), ReleaseAddresses(router="X"), enter(State.MASTER, State.INIT, Reason.STOPPED)],
            ["(X) sent 0 priority", "(X) removing VIPs."],
            id="stop",
        ),
        pytest.param(
            [
                advert(0),
                ReleaseAddresses(router="X"),
                enter(State.MASTER, State.FAULT, Reason.SCRIPT_FAILED, name="chk"),
            ],
            [
                "(X) Entering FAULT STATE",
                "(X) FAULT because script chk fails",
                "(X) sent 0 priority",
                "(X) removing VIPs.",
            ],
            id="fault",
        ),
        pytest.param(
            [
                ReleaseAddresses(router="X"),
                enter(State.MASTER, State.BACKUP, Reason.HIGHER_PRIORITY, peer=PEER, peer_priority=150),
            ],
            [
                "(X) Master received advert from 192.168.1.21 with higher priority 150, ours 120",
                "(X) Entering BACKUP STATE",
                "(X) removing VIPs.",
            ],
            id="higher-priority",
        ),
        pytest.param(
            [
                ReleaseAddresses(router="X"),
                enter(State.MASTER, State.BACKUP, Reason.HIGHER_ADDRESS, peer=PEER, peer_priority=120),
            ],
            [
                "(X) Master received advert from 192.168.1.21 with same priority 120 but higher IP address than ours",
                "(X) Entering BACKUP STATE",
                "(X) removing VIPs.",
            ],
            id="higher-address",
        ),
        pytest.param(
            [enter(State.FAULT, State.BACKUP, Reason.RECOVERED)],
            ["(X) Entering BACKUP STATE", "(X) BACKUP because what failed works again"],
            id="recovered",
        ),
        pytest.param(
            [PriorityChanged(router="X", old=150, new=110)],
            ["(X) Changing effective priority from 150 to 110"],
            id="priority",
        ),
        pytest.param(
            [GroupTransition(group="G1", old=State.BACKUP, new=State.MASTER)],
            ["VRRP_Group(G1) Syncing instances to MASTER state"],
            id="group",
        ),
        pytest.param(
            [ScriptChanged(script="chk", healthy=True, status=1, settled=False)],
            ["Script `chk` now returning 1"],
            id="script-first-failure",
        ),
        pytest.param(
            [ScriptChanged(script="chk", healthy=False, status=1, settled=True)],
            ["VRRP_Script(chk) failed (exited with status 1)"],
            id="script-failed",
        ),
        pytest.param(
            [ScriptChanged(script="chk", healthy=False, status=-15, settled=True)],
            ["VRRP_Script(chk) failed (exited due to signal 15)"],
            id="script-killed",
        ),
        pytest.param(
            [ScriptChanged(script="chk", healthy=False, status=-15, settled=False, timed_out=True)],
            ["Script `chk` timed out"],
            id="script-first-timeout",
        ),
        pytest.param(
            [ScriptChanged(script="chk", healthy=False, status=-15, settled=True, timed_out=True)],
            ["VRRP_Script(chk) timed_out"],
            id="script-timed-out",
        ),
        pytest.param(
            [ScriptChanged(script="chk", healthy=False, status=None, settled=False)],
            ["Script `chk` could not be run"],
            id="script-not-run",
        ),
        pytest.param(
            [ScriptChanged(script="chk", healthy=True, status=0, settled=True)],
            ["VRRP_Script(chk) succeeded"],
            id="script-succeeded",
        ),
        pytest.param(
            [Noticed(router="X", notice=Notice.LOWER_PRIORITY_DISCARDED, peer=PEER, peer_priority=110)],
            ["(X) received lower priority (110) advert from 192.168.1.21 - discarding"],
            id="discarded",
        ),
        pytest.param(
            [Noticed(router="X", notice=Notice.LOWER_PRIORITY_ANSWERED, peer=PEER, peer_priority=120)],
            ["(X) Received advert from 192.168.1.21 with lower priority 120, ours 150, forcing new election"],
            id="answered",
        ),
        pytest.param(
            [Noticed(router="X", notice=Notice.PRIORITY_ZERO_RECEIVED, peer=PEER)],
            ["(X) Backup received priority 0 advertisement"],
            id="priority-zero",
        ),
        pytest.param(
            [Noticed(router="X", notice=Notice.PRIORITY_ZERO_ANSWERED, peer=PEER)],
            ["(X) Master received priority 0 message"],
            id="priority-zero-at-a-master",
        ),
        pytest.param(
            [
                Rejected(
                    router="X",
                    interface="eth0",
                    source=PEER,
                    error=DecodeError(kind=ErrorKind.PASSWORD, detail="wrong"),
                    count=3,
                )
            ],
            ["(X) received an invalid passwd! from 192.168.1.21 on eth0 (3 times)"],
            id="password",
        ),
        pytest.param(
            [
                Rejected(
                    router="",
                    interface="eth0",
                    source=PEER,
                    error=DecodeError(kind=ErrorKind.TTL, detail="TTL 64, expected 255"),
                    count=1,
                )
            ],
            ["dropped an advert from 192.168.1.21 on eth0: TTL 64, expected 255"],
            id="ttl",
        ),
        pytest.param(
            [
                Rejected(
                    router="",
                    interface="eth0",
                    source=PEER,
                    error=DecodeError(kind=ErrorKind.VRID, detail="VRID 9 is not ours on eth0", vrid=9),
                    count=2,
                )
            ],
            ["Unknown VRID(9) received on interface(eth0) from 192.168.1.21 (2 times)"],
            id="vrid",
        ),
    ],
)
def test_lines(actions: list[Action], expected: list[str]) -> None:
    assert [line.text for line in tell(actions, INSTANCES)] == expected


def test_a_fault_says_why_without_being_asked_for_detail() -> None:
    assert tell([enter(State.BACKUP, State.FAULT, Reason.INTERFACE_MISSING, name="eth1")], INSTANCES) == [
        Line("(X) Entering FAULT STATE"),
        Line("(X) FAULT because interface eth1 does not exist"),
    ]


@pytest.mark.parametrize(
    ("starting", "expected"),
    [
        pytest.param(True, "(X) Entering BACKUP STATE (init)", id="at-start"),
        pytest.param(False, "(X) Entering BACKUP STATE", id="after-scripts-answered"),
    ],
)
def test_the_first_backup_says_init(starting: bool, expected: str) -> None:
    actions = [enter(State.INIT, State.BACKUP, Reason.STARTED)]
    assert tell(actions, INSTANCES, starting=starting) == [Line(expected)]


@pytest.mark.parametrize("notice", list(Notice))
def test_every_notice_has_words(notice: Notice) -> None:
    (line,) = tell([Noticed(router="X", notice=notice, peer=PEER, peer_priority=1)], INSTANCES)
    assert line.text.startswith("(X) ")


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (TrackerChanged(kind=TrackKind.FILE, name="f", healthy=False, value=7), "Track file f is now 7"),
        (TrackerChanged(kind=TrackKind.FILE, name="f", healthy=True), "Track file f is now without a number"),
        (
            TrackerChanged(kind=TrackKind.PROCESS, name="nginx", healthy=False, value=0),
            "Track process nginx counts as failed (0 running)",
        ),
        (
            TrackerChanged(kind=TrackKind.INTERFACE, name="eth1", healthy=True),
            "Tracked interface eth1 counts as healthy",
        ),
    ],
)
def test_trackers_have_words(action: TrackerChanged, line: str) -> None:
    assert [told.text for told in tell([action], INSTANCES)] == [line]
