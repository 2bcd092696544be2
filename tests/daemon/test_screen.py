"""What `status` and `events` show a person, whole and in particulars."""

from dataclasses import replace

import pytest

from labkit.daemon.report import AddressReport, DuplicateReport, Report, from_json, to_json
from labkit.daemon.screen import ago, clock, event_line, render, span
from tests.daemon.reports import BACKUP, MASTER, NOON, REPORT


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_the_whole_screen() -> None:
    assert render(REPORT) == (
        "server1  keepalived (labkit 1.2.3), pid 812, VRRP process 813, up 2 h 3 min, /etc/keepalived/keepalived.conf\n"
        "\n"
        "VI_1  MASTER since 10:00:00: no advert from 192.168.1.21 for 3.531 s\n"
        "  router    VRID 21 on eth0, VRRPv2, an advert every 1 s\n"
        "  priority  110 (configured 150, script chk -40)\n"
        "  holds     192.168.1.20/24, 10.0.0.1 on eth1 (excluded)\n"
        "  adverts   7200 sent, 4 received, 13 refused (password 12, ttl 1); MASTER 1 time\n"
        "  peer      192.168.1.21  priority 150, 4 adverts, heard 2 h 0 min ago\n"
        "  !         two masters? 192.168.1.22 also claims VRID 21: its password differs"
        " (12 adverts, the last 0.4 s ago)\n"
        "\n"
        "VI_2  BACKUP since 10:00:00: just started\n"
        "  router    VRID 22 on eth0, VRRPv2, an advert every 1 s\n"
        "  priority  100\n"
        "  master    192.168.1.21, taken over after 3.570 s of silence\n"
        "  addresses 192.168.1.30\n"
        "  adverts   0 sent, 5 received; MASTER 0 times\n"
        "\n"
        "group G  BACKUP: VI_1, VI_2\n"
        "script chk  fails (exit status 1)\n"
        "    | no process found\n"
        "interface eth9  does not exist\n"
        "notify scripts  3 told\n"
        "FIFO /run/fifo  7 told, 2 lost\n"
        "mail  1 told, 4 waiting\n"
    )


@pytest.mark.parametrize(
    ("router", "told"),
    [
        pytest.param(
            replace(MASTER, addresses=(AddressReport(address="192.168.1.20", interface="eth0"),)),
            "  !         192.168.1.20 should be here and is not\n",
            id="address-lost",
        ),
        pytest.param(replace(MASTER, problem="no"), "  !         the kernel refuses: no\n", id="problem"),
        pytest.param(replace(BACKUP, master=None), "  master    none heard yet, taken over", id="no-master"),
        pytest.param(replace(BACKUP, preempt=False), "an advert every 1 s, nopreempt\n", id="nopreempt"),
        pytest.param(replace(BACKUP, group="G"), "an advert every 1 s, sync group G\n", id="group"),
        pytest.param(replace(BACKUP, family=6), "VRRPv2, IPv6, an advert", id="ipv6"),
        pytest.param(replace(BACKUP, addresses=()), "  addresses none\n", id="no-addresses"),
        pytest.param(
            replace(BACKUP, operator_priority=200, priority=200),
            "  priority  200 (configured 100, set to 200 by `prio`)\n",
            id="prio",
        ),
        pytest.param(
            replace(MASTER, suspects=(replace(MASTER.suspects[0], suspected=False),)),
            "  !         192.168.1.22 also claims VRID 21",
            id="claim-without-suspicion",
        ),
        pytest.param(
            replace(
                BACKUP,
                duplicates=(DuplicateReport(address="192.168.1.30", lladdr="", here=True, seen=NOON - 2),),
            ),
            "  !         192.168.1.30 is on this machine though it should not be (seen 2.0 s ago)\n",
            id="duplicate-here",
        ),
        pytest.param(
            replace(
                MASTER,
                duplicates=(
                    DuplicateReport(address="192.168.1.20", lladdr="02:00:00:00:00:09", here=False, seen=NOON),
                ),
            ),
            "  !         192.168.1.20 is claimed by 02:00:00:00:00:09 too (seen 0.0 s ago)\n",
            id="duplicate",
        ),
    ],
)
def test_particulars(router: object, told: str) -> None:
    assert told in render(replace(REPORT, routers=(router,)))  # type: ignore[arg-type]


def test_colour_is_for_terminals() -> None:
    assert "\033[1m\033[32mMASTER\033[0m" in render(REPORT, colour=True)
    assert "\033" not in render(REPORT)


def test_claims_of_long_ago_are_not_shown() -> None:
    old = replace(MASTER.suspects[0], suspected=False, heard=NOON - 3700)
    assert "also claims" not in render(replace(REPORT, routers=(replace(MASTER, suspects=(old,)),)))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (7384, "2 h 3 min"), (90000, "1 d 1 h"), (-1, "0 s")],
)
def test_durations(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_moments() -> None:
    assert ago(0.44) == "0.4 s ago"
    assert ago(61) == "1 min 1 s ago"
    assert clock(NOON - 60, NOON) == "11:59:00"
    assert clock(NOON - 86400, NOON) == "2026-11-24 12:00:00"


@pytest.mark.parametrize(
    ("record", "line"),
    [
        pytest.param(
            '"kind":"state","node":"s1","instance":"V","state":"MASTER","old":"BACKUP","reason":"x","why":"because"',
            "s1 (V) BACKUP -> MASTER: because",
            id="state",
        ),
        pytest.param(
            '"kind":"priority","node":"s1","instance":"V","priority":110,"old":150',
            "s1 (V) priority 150 -> 110",
            id="p",
        ),
        pytest.param(
            '"kind":"script","node":"s1","script":"c","healthy":false,"status":1',
            "s1 script c fails (status 1)",
            id="s",
        ),
        pytest.param(
            '"kind":"rejected","node":"s1","instance":"","source":"10.0.0.9","error":"ttl","count":3',
            "s1 (no router of ours) refused 3 adverts from 10.0.0.9: ttl",
            id="rejected",
        ),
        pytest.param(
            '"kind":"stall","node":"s1","stalled_us":60000', "s1 this host did not run us for 0.060 s", id="stall"
        ),
        pytest.param(
            '"kind":"check","node":"d1","service":"V","server":"S","check":"TCP_CHECK","healthy":false,"detail":"refused"',
            "d1 TCP_CHECK of S fails: refused",
            id="check",
        ),
        pytest.param(
            '"kind":"server","node":"d1","service":"V","server":"S","up":true', "d1 S of VS V is up", id="server"
        ),
        pytest.param(
            '"kind":"quorum","node":"d1","service":"V","up":false,"weight":1,"quorum":2,"hysteresis":0',
            "d1 VS V has lost its quorum of 2: all weigh 1",
            id="quorum",
        ),
        pytest.param(
            '"kind":"link","node":"s1","interface":"eth0","up":true', "s1 link interface=eth0 up=True", id="x"
        ),
    ],
)
def test_events(record: str, line: str) -> None:
    assert event_line(f'{{"at":1500000,{record}}}', NOON) == f"12:00:01.500 {line}"


def test_a_report_survives_the_socket() -> None:
    import json

    assert from_json(Report, json.loads(json.dumps(to_json(REPORT)))) == REPORT


def test_what_a_newer_daemon_adds_is_left_out_and_what_is_wrong_is_told() -> None:
    assert from_json(Report, {**to_json(REPORT), "news": 1}) == REPORT
    with pytest.raises(TypeError, match="Report is an object"):
        from_json(Report, [])
    with pytest.raises(TypeError, match="'x' is not int"):
        from_json(Report, {**to_json(REPORT), "pid": "x"})
