"""Check scripts, notify scripts and tracked interfaces, run by a daemon of ours."""

import os
from collections.abc import Callable
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from labkit.kernel.links import add_address, set_link
from tests.daemon.daemon import Daemon, instance
from tests.kernel.lan import Lan, eventually

pytestmark = pytest.mark.kernel
Start = Callable[[int, str], Daemon]
VIP = "192.168.1.20"


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def script(command: str, more: str = "timeout 10") -> str:
    return f"""vrrp_script chk {{
 script "{command}"
 interval 0.1
 fall 2
 rise 2
 {more}
}}
"""


TRACKED = "track_script {\n  chk\n }"


def test_a_failing_script_is_a_fault_until_it_recovers(lan: Lan, start: Start, tmp_path: Path) -> None:
    service = tmp_path / "service"
    service.touch()
    server1 = start(0, script(f"test -e {service}") + instance(150, more=TRACKED))
    start(1, instance(120))
    lan.hosts[0].wait_address(VIP)
    service.unlink()
    lan.hosts[0].wait_address(VIP, present=False)
    lan.hosts[1].wait_address(VIP)
    service.touch()
    server1.wait_log("(VI) Entering MASTER STATE", times=2)
    told = [line.split(": ", 1)[1] for line in server1.log.splitlines()]
    expected = [
        "VRRP_Script(chk) succeeded",
        "(VI) Entering BACKUP STATE",
        "(VI) Entering MASTER STATE",
        "Script `chk` now returning 1",
        "VRRP_Script(chk) failed (exited with status 1)",
        "(VI) Entering FAULT STATE",
        "(VI) sent 0 priority",
        "(VI) removing VIPs.",
        "Script `chk` now returning 0",
        "VRRP_Script(chk) succeeded",
        "(VI) Entering BACKUP STATE",
        "(VI) Entering MASTER STATE",
    ]
    assert [line for line in told[told.index(expected[0]) :] if line in expected] == expected


def test_a_weighted_script_lowers_the_priority(lan: Lan, start: Start, tmp_path: Path) -> None:
    service = tmp_path / "service"
    service.touch()
    server1 = start(0, script(f"test -e {service}", "weight -40") + instance(150, more=TRACKED))
    lan.sniffer.wait_advert("192.168.1.21", priority=150)
    service.unlink()
    lan.sniffer.wait_advert("192.168.1.21", priority=110)
    server1.wait_log("(VI) Changing effective priority from 150 to 110")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("/nonexistent/check", id="not-there"),
        pytest.param("/etc/passwd", id="not-executable"),
        pytest.param("sh -c 'exit 3'", id="fails"),
    ],
)
def test_a_script_that_never_works_is_a_fault(start: Start, command: str) -> None:
    server1 = start(0, script(command) + instance(150, more=TRACKED))
    server1.wait_log("(VI) Entering FAULT STATE")
    assert server1.stop() == 0


def test_a_hanging_script_is_killed_with_what_it_started(start: Start, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    hanging = program(tmp_path / "hang", f"trap '' TERM\nsleep 600 &\necho $$ $! >> {pids}\nwhile :; do wait; done")
    server1 = start(0, script(str(hanging), "timeout 1") + instance(150, more=TRACKED))
    eventually(lambda: pids.exists() and len(pids.read_text().split()) >= 2)
    first = pids.read_text().split()[:2]
    server1.wait_log("(VI) Entering FAULT STATE")
    eventually(lambda: not any(_runs(pid) for pid in first))
    server1.stop()
    eventually(lambda: not any(_runs(pid) for pid in pids.read_text().split()))


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_script_s_surroundings(start: Start, tmp_path: Path) -> None:
    told = tmp_path / "told"
    check = program(
        tmp_path / "check",
        f"echo $(readlink /proc/self/fd/0 /proc/self/fd/2 /proc/self/cwd) $(ps -o pgid= -p $$) $$ > {told}",
    )
    server1 = start(0, script(str(check)) + instance(150, more=TRACKED))
    eventually(lambda: told.exists() and told.read_text())
    null, errors, cwd, group, pid = told.read_text().split()
    assert (null, cwd) == ("/dev/null", str(server1.home))
    assert errors.startswith("pipe:")  # its last words are kept
    assert group == pid


def test_notify_scripts_are_told_every_change(lan: Lan, start: Start, tmp_path: Path) -> None:
    told = tmp_path / "told"
    notify = program(tmp_path / "notify", f'echo "$@" >> {told}')
    master = program(tmp_path / "master", f'echo "now master:$#:$1:$LANG_OF_TEST" >> {told}')
    os.environ["LANG_OF_TEST"] = "es"
    more = f"notify {notify}\n notify_master \"{master} 'a b'\""
    try:
        server1 = start(0, instance(150, more=more))
    finally:
        del os.environ["LANG_OF_TEST"]
    eventually(lambda: told.exists() and "INSTANCE VI MASTER 150" in told.read_text() and "now" in told.read_text())
    server1.stop()
    eventually(lambda: "STOP" in told.read_text())
    lines = told.read_text().splitlines()
    assert [line for line in lines if line.startswith("INSTANCE")] == [
        "INSTANCE VI BACKUP 150",
        "INSTANCE VI MASTER 150",
        "INSTANCE VI STOP 150",
    ]
    assert [line for line in lines if line.startswith("now")] == ["now master:1:a b:es"]


def test_a_fifo_and_its_script_are_told_every_change(lan: Lan, start: Start, tmp_path: Path) -> None:
    told = tmp_path / "told"
    reader = program(tmp_path / "reader", f'while read line; do echo "$1 $line" >> {told}; done < "$2"')
    head = f"global_defs {{\n script_user root\n vrrp_notify_fifo {tmp_path}/fifo\n"
    head += f' vrrp_notify_fifo_script "{reader} own"\n}}\n'
    group = "vrrp_sync_group G1 {\n group {\n  VI\n  OTHER\n }\n}\n"
    other = instance(150, name="OTHER", vip="192.168.1.30", vrid=22)
    text = head + group + instance(150) + other
    server1 = start(0, text)
    eventually(lambda: told.exists() and 'GROUP "G1" MASTER' in told.read_text())
    server1.reload(text)
    server1.wait_log("Reload complete")
    assert server1.stop() == 0
    lines = told.read_text().splitlines()
    assert [line for line in lines if "VI" in line] == [
        'own INSTANCE "VI" BACKUP 150',
        'own INSTANCE "VI" MASTER 150',
        'own INSTANCE "VI" STOP 150',
    ]
    assert [line for line in lines if "GROUP" in line] == [
        'own GROUP "G1" BACKUP 0',
        'own GROUP "G1" MASTER 0',
        'own GROUP "G1" STOP 0',
    ]
    assert not (tmp_path / "fifo").exists()


def test_the_script_of_the_stop_may_take_its_time(start: Start, tmp_path: Path) -> None:
    told = tmp_path / "told"
    stop = program(tmp_path / "stop", f"sleep 2\ntouch {told}")
    server1 = start(0, instance(150, more=f"notify_stop {stop}"))
    server1.wait_log("(VI) Entering BACKUP STATE")
    assert server1.stop() == 0
    assert told.exists()


def test_a_notify_script_that_hangs_or_is_missing_holds_nothing_up(lan: Lan, start: Start, tmp_path: Path) -> None:
    hanging = program(tmp_path / "hang", "exec sleep 600")
    server1 = start(0, instance(150, more=f"notify {hanging}\n notify_backup /nonexistent"))
    lan.hosts[0].wait_address(VIP)
    server1.wait_log("Notify script /nonexistent exited with status 127")
    lan.sniffer.wait_advert("192.168.1.21", within=1)
    assert server1.stop() == 0


def test_a_missing_tracked_interface_is_a_fault_of_that_router_only(lan: Lan, start: Start) -> None:
    more = "track_interface {\n  eth1\n }"
    other = instance(150, name="OTHER", vip="192.168.1.30", vrid=22)
    server1 = start(0, instance(150, more=more) + other)
    server1.wait_log("(VI) FAULT because interface eth1 does not exist")
    lan.hosts[0].wait_address("192.168.1.30")
    lan.segment.netlink.ask([lan.cable(lan.hosts[0], "q1", "eth1", 1)])
    lan.hosts[0].netlink.ask([set_link(lan.hosts[0].index("eth1"), up=True)])
    lan.hosts[0].wait_address(VIP)
    lan.hosts[0].set_link("eth1", up=False)
    lan.hosts[0].wait_address(VIP, present=False)
    server1.wait_log("(VI) FAULT because interface eth1 is down")


def test_an_interface_made_later_starts_its_router(lan: Lan, start: Start) -> None:
    text = instance(150).replace("interface eth0", "interface eth1")
    other = instance(150, name="OTHER", vip="192.168.1.30", vrid=22)
    server1 = start(0, text + other)
    server1.wait_log("(VI) Entering FAULT STATE")
    lan.hosts[0].wait_address("192.168.1.30")
    for turn in (1, 2):  # made, removed, made again
        lan.segment.netlink.ask([lan.cable(lan.hosts[0], "q1", "eth1", turn)])
        index = lan.hosts[0].index("eth1")
        own = add_address(index, IPv4Interface("192.168.1.51/24"))
        lan.hosts[0].netlink.ask([set_link(index, up=True), own])
        lan.hosts[0].wait_address(VIP)
        lan.sniffer.wait_advert("192.168.1.51")
        lan.remove_port("q1")
        server1.wait_log("FAULT because interface eth1", times=turn + 1)
    assert server1.stop() == 0


@pytest.mark.parametrize(
    ("user", "told"),
    [
        pytest.param("root", "VRRP_Script(chk) succeeded", id="may-read"),
        pytest.param("nobody", "VRRP_Script(chk) failed (exited with status 1)", id="may-not-read"),
        pytest.param("nobody_here", "Disabling script chk: user 'nobody_here' does not exist", id="unknown"),
        pytest.param("nobody_here", "VRRP_Script(chk) failed (could not be run)", id="unknown-fails"),
    ],
)
def test_a_script_runs_as_its_user_and_as_nobody_else(start: Start, user: str, told: str) -> None:
    server1 = start(0, script("test -r /etc/shadow", f"timeout 10\n user {user}") + instance(150, more=TRACKED))
    server1.wait_log(told)


def test_a_fault_of_one_member_is_a_fault_of_the_group(lan: Lan, start: Start) -> None:
    group = "vrrp_sync_group G1 {\n group {\n  VI\n  OTHER\n }\n notify /nonexistent\n}\n"
    failing = instance(150, more=TRACKED)
    other = instance(150, name="OTHER", vip="192.168.1.30", vrid=22)
    server1 = start(0, group + script("sh -c 'exit 1'") + failing + other)
    server1.wait_log("(OTHER) FAULT because sync group G1")
    server1.wait_log("Notify script /nonexistent exited with status 127")
