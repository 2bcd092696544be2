"""Dumps: what is in them beyond the comparison with C keepalived, and how they come to lie in /tmp."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import pytest

from labkit.conf.loader import loads
from labkit.conf.model import VirtualAddress
from labkit.daemon.dump_files import DumpError, write
from labkit.daemon.dumps import as_json, classic, seconds
from labkit.daemon.report import AddressReport, CounterReport
from labkit.daemon.written import address_words
from labkit.vrrp.packet import ErrorKind
from tests.daemon.daemon import Daemon, instance
from tests.daemon.reports import MASTER, REPORT
from tests.kernel.lan import Lan, eventually

Start = Callable[[int, str], Daemon]


def test_every_kind_of_refusal_that_keepalived_counts_is_counted_once() -> None:
    counters = CounterReport(errors=dict.fromkeys(map(str, ErrorKind), 1))
    figures = classic(counters)
    not_counted = {ErrorKind.VERSION, ErrorKind.CHECKSUM, ErrorKind.VRID, ErrorKind.PEER}
    assert sum(figures.values()) == len(set(ErrorKind) - not_counted)


@pytest.mark.parametrize(("duration", "number"), [(1_000_000, 1), (500_000, 0.5), (0, 0)])
def test_seconds(duration: int, number: float) -> None:
    assert repr(seconds(duration)) == repr(number)


@pytest.mark.parametrize(
    ("virtual", "words"),
    [
        pytest.param(
            VirtualAddress(address=IPv4Interface("192.168.1.20/32"), device="eth0"),
            "192.168.1.20 dev eth0 scope global",
            id="plain",
        ),
        pytest.param(
            VirtualAddress(address=IPv6Interface("fe80::1/128"), device="vrrp.1", preferred_lft=0, tracked=False),
            "fe80::1 dev vrrp.1@eth0 scope global deprecated no_track set",
            id="ipv6",
        ),
        pytest.param(
            VirtualAddress(address=IPv6Interface("2001:db8::1/64"), device="vrrp.1"),
            "2001:db8::1/64 dev vrrp.1@eth0 scope global preferred_lft forever set",
            id="ipv6-for-ever",
        ),
    ],
)
def test_addresses(virtual: VirtualAddress, words: str) -> None:
    held = words.endswith("set")
    assert address_words(virtual, base="eth0" if held else "", held=held) == words


def test_the_second_version_of_json_has_the_tracked_processes() -> None:
    text = instance(150, name="VI_1") + "vrrp_track_process web {\n process nginx\n quorum 2\n}\n"
    config = loads(text, file="f").config
    assert config is not None
    report = replace(
        REPORT, routers=(replace(MASTER, addresses=(AddressReport(address="192.168.1.20", interface="eth0"),)),)
    )
    assert isinstance(json.loads(as_json(config, report, 1)), list)
    whole = json.loads(as_json(config, report, 2))
    assert [entry["data"]["iname"] for entry in whole["vrrp"]] == ["VI_1"]
    assert whole["track_process"] == [
        {
            "process": "nginx",
            "param_match": "none",
            "min_processes": 2,
            "current_processes": 0,
            "have_quorum": False,
            "weight": 1,
            "terminate_delay": 0,
            "fork_delay": 0,
            "fork_delay_timer_running": False,
            "terminate_delay_timer_running": False,
            "full_command": False,
        }
    ]


def test_a_dump_replaces_a_link_and_does_not_follow_it(tmp_path: Path) -> None:
    target, link = tmp_path / "passwd", tmp_path / "keepalived.data"
    target.write_text("precious")
    link.symlink_to(target)
    write(link, "dump")
    assert target.read_text() == "precious"
    assert not link.is_symlink()
    assert link.read_text() == "dump"
    assert link.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keepalived.data", "passwd"]


def test_a_dump_that_cannot_be_written_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "keepalived.data").mkdir()
    with pytest.raises(DumpError, match=r"cannot write .*: Is a directory"):
        write(tmp_path / "keepalived.data", "dump")
    assert [path.name for path in tmp_path.iterdir()] == ["keepalived.data"]
    with pytest.raises(DumpError, match="No such file or directory"):
        write(tmp_path / "missing" / "keepalived.data", "dump")


@pytest.mark.kernel
def test_the_files_are_where_the_configuration_wants_them(lan: Lan, start: Start, tmp_path: Path) -> None:
    files = {10: tmp_path / "state.data", 12: tmp_path / "figures", 36: tmp_path / "j.json"}
    keywords = zip(("state_dump_file", "stats_dump_file", "json_dump_file"), files.values(), strict=True)
    settings = "".join(f" {keyword} {path}\n" for keyword, path in keywords)
    daemon = start(0, f"global_defs {{\n{settings} json_version 2\n}}\n" + instance(150))
    daemon.wait_log("Entering MASTER STATE")
    for number, path in files.items():
        os.kill(daemon.process.pid, number)
        eventually(path.exists)
    assert " State = MASTER" in files[10].read_text()
    assert (tmp_path / "state_parent.data").exists()
    assert json.loads(files[36].read_text())["vrrp"][0]["data"]["state"] == 2
    assert f"Printing VRRP stats for process({daemon.vrrp_pid}) on signal" in daemon.log
    assert f"Printing parent data for process({daemon.process.pid}) on signal" in daemon.log
    assert daemon.stop() == 0
