"""Tracked files and processes, and the last words of check scripts, in a daemon of ours."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon.daemon import OURS, Daemon, instance
from tests.daemon.test_scripts import TRACKED, program, script
from tests.kernel.lan import Lan

pytestmark = pytest.mark.kernel
Start = Callable[[int, str], Daemon]
VIP = "192.168.1.20"


def test_a_tracked_file_moves_the_priority_and_is_a_fault_at_minus_254(lan: Lan, start: Start, tmp_path: Path) -> None:
    switch = tmp_path / "switch"
    text = f"track_file switch {{\n file {switch}\n init_file 0\n}}\n"
    server1 = start(0, text + instance(150, more="track_file {\n  switch weight 1\n }"))
    lan.sniffer.wait_advert("192.168.1.21", priority=150)
    assert switch.read_text() == "0\n"
    switch.write_text("-40\n")
    lan.sniffer.wait_advert("192.168.1.21", priority=110)
    switch.write_text("-254\n")
    server1.wait_log("(VI) Entering FAULT STATE")
    lan.hosts[0].wait_address(VIP, present=False)
    switch.unlink()
    lan.hosts[0].wait_address(VIP)


def test_a_tracked_process_is_missed(lan: Lan, start: Start, tmp_path: Path) -> None:
    service = tmp_path / "service-of-test"
    service.symlink_to("/bin/sleep")
    child = subprocess.Popen([service, "600"])
    text = f"vrrp_track_process service {{\n process {service} 600\n weight 0\n}}\n"
    server1 = start(0, text + instance(150, more="track_process {\n  service\n }"))
    try:
        lan.hosts[0].wait_address(VIP)
    finally:
        child.kill()
        child.wait()
    lan.hosts[0].wait_address(VIP, present=False)
    server1.wait_log("(VI) Entering FAULT STATE")
    server1.wait_log("processes are counted once a second")  # a namespace of its own: no events


def test_a_script_s_last_words_are_in_the_status(start: Start, tmp_path: Path) -> None:
    check = program(tmp_path / "check", "yes | head -c 300000\necho no answer from 10.0.0.9 >&2\nexit 1")
    server1 = start(0, script(str(check)) + instance(150, more=TRACKED))
    server1.wait_log("(VI) Entering FAULT STATE")
    options = ("status", "-p", server1.home / "pid", "--json")
    told = subprocess.run([*OURS, *options], capture_output=True, check=True, cwd=server1.home)
    (tracker,) = json.loads(told.stdout)["trackers"]
    assert tracker["status"] == 1
    assert tracker["output"].endswith("no answer from 10.0.0.9")
