"""What a configuration names and this machine has not got."""

import os
from pathlib import Path

import pytest

from labkit.conf.loader import loads
from labkit.daemon.at_hand import missing

INSTANCE = """\
vrrp_instance VI {
 interface lo0
 virtual_router_id 21
 virtual_ipaddress {
  192.0.2.1/24
 }
"""


def told(text: str, *, interfaces: bool = False) -> list[str]:
    """Return the warnings about a file."""
    loaded = loads(text, file="f")
    assert loaded.config is not None, loaded.diagnostics
    return [str(diagnostic) for diagnostic in missing(loaded.config, interfaces=interfaces)]


def test_interfaces() -> None:
    more = "  192.0.2.2/24 dev lo\n  192.0.2.3/24 dev lo2\n }\n track_interface {\n  lo3 weight 5\n  lo4\n }\n"
    text = INSTANCE.removesuffix(" }\n") + more + "}\n"
    where = "f:1:15: warning: (vrrp_instance VI)"
    assert told(text, interfaces=True) == [
        f"{where} interface lo0 does not exist on this machine; until it is there the instance waits in FAULT",
        f"{where} tracked interface lo3 does not exist on this machine; it counts as failed until it is there",
        f"{where} tracked interface lo4 does not exist on this machine; until it is there the instance waits in FAULT",
        f"{where} interface lo2 of a virtual address does not exist on this machine; "
        "until it is there the address is nowhere",
    ]
    assert told(text) == []


def test_a_macvlan_of_its_own_is_not_missed() -> None:
    text = INSTANCE.replace(" virtual_r", " use_vmac mine\n virtual_r").replace("/24", "/24 dev mine")
    (warning,) = told(text + "}\n", interfaces=True)
    assert "interface lo0 does not exist" in warning


def test_programs(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("")
    check = f"vrrp_script c {{\n script {text}\n}}\n"
    group = "vrrp_sync_group G {\n group {\n  VI\n }\n notify_master /nowhere/g\n}\n"
    defaults = "global_defs {\n startup_script /nowhere/s\n notify_fifo /run/f\n notify_fifo_script /nowhere/r\n}\n"
    twice = " notify /nowhere/n\n notify_backup /nowhere/n\n track_script {\n  c\n }\n}\n"
    absent = "No such file or directory; put that right, if it is not meant so"
    assert told(defaults + check + INSTANCE + twice + group) == [
        f"f:1:1: warning: startup_script: /nowhere/s: {absent}",
        f"f:1:1: warning: the reader of /run/f: /nowhere/r: {absent}",
        f"f:6:13: warning: vrrp_script c: {text} is not executable; put that right, if it is not meant so",
        f"f:9:15: warning: (vrrp_instance VI) notify: /nowhere/n: {absent}",
        f"f:9:15: warning: (vrrp_instance VI) notify_backup: /nowhere/n: {absent}",
        f"f:21:17: warning: (vrrp_sync_group G) notify_master: /nowhere/g: {absent}",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs commands as somebody else")
def test_accounts() -> None:
    text = f"{INSTANCE} notify /bin/true nosuchuser\n}}\n"
    assert told(text) == [
        "f:1:15: warning: (vrrp_instance VI) notify will not run: user 'nosuchuser' does not exist; "
        "put that right, or remove the script"
    ]
