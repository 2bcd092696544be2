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
    return [str(diagnostic) for diagnostic in missing(loaded, interfaces=interfaces)]


def test_interfaces() -> None:
    more = "  192.0.2.2/24 dev lo\n  192.0.2.3/24 dev lo2\n }\n track_interface {\n  lo3 weight 5\n  lo4\n }\n"
    text = INSTANCE.removesuffix(" }\n") + more + "}\n"
    there, waits = "does not exist on this machine", "until it is there the instance waits in FAULT"
    assert told(text, interfaces=True) == [
        f"f:2:12: warning: (vrrp_instance VI) interface lo0 {there}; {waits}",
        f"f:7:20: warning: (vrrp_instance VI) interface lo2 of a virtual address {there}; "
        "until it is there the address is nowhere",
        f"f:10:3: warning: (vrrp_instance VI) tracked interface lo3 {there}; it counts as failed until it is there",
        f"f:11:3: warning: (vrrp_instance VI) tracked interface lo4 {there}; {waits}",
    ]
    assert told(text) == []


def test_interfaces_outside_an_instance() -> None:
    statics = "static_ipaddress {\n 192.0.2.9/24 dev lo5\n}\n"
    group = "vrrp_sync_group G {\n group {\n  VI\n }\n track_interface {\n  lo6\n }\n}\n"
    found = told(statics + group + INSTANCE + "}\n", interfaces=True)
    assert [line.partition(" does")[0] for line in found] == [
        "f:2:19: warning: interface lo5 of a static address",
        "f:9:3: warning: (vrrp_sync_group G) tracked interface lo6",
        "f:13:12: warning: (vrrp_instance VI) interface lo0",
    ]


def test_interfaces_of_routes() -> None:
    statics = "static_routes {\n 10.1.0.0/16 dev lo5\n}\n"
    routes = " virtual_routes {\n  10.2.0.0/16 nexthop via 192.0.2.7 dev lo6 nexthop via 192.0.2.8 dev lo7\n }\n}\n"
    found = told(statics + INSTANCE + routes, interfaces=True)
    assert [line for line in found if "route" in line] == [
        f"{place} interface {name} of a route does not exist on this machine; until it is there the route is not"
        for place, name in (
            ("f:2:18: warning:", "lo5"),
            ("f:11:41: warning: (vrrp_instance VI)", "lo6"),
            ("f:11:71: warning: (vrrp_instance VI)", "lo7"),
        )
    ]


def test_an_interface_by_default_is_told_at_the_block() -> None:
    text = "global_defs {\n default_interface lo0\n}\nstatic_ipaddress {\n 192.0.2.9/24\n}\n"
    (warning, *_) = told(text + INSTANCE.replace("lo0", "lo1") + "}\n", interfaces=True)
    assert warning.startswith("f:4:1: warning: interface lo0 of a static address does not exist")


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
        f"f:2:17: warning: startup_script: /nowhere/s: {absent}",
        f"f:4:21: warning: the reader of /run/f: /nowhere/r: {absent}",
        f"f:7:9: warning: vrrp_script c: {text} is not executable; put that right, if it is not meant so",
        f"f:15:9: warning: (vrrp_instance VI) notify: /nowhere/n: {absent}",
        f"f:16:16: warning: (vrrp_instance VI) notify_backup: /nowhere/n: {absent}",
        f"f:25:16: warning: (vrrp_sync_group G) notify_master: /nowhere/g: {absent}",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs commands as somebody else")
def test_accounts() -> None:
    text = f"{INSTANCE} notify /bin/true nosuchuser\n}}\n"
    assert told(text) == [
        "f:7:9: warning: (vrrp_instance VI) notify will not run: user 'nosuchuser' does not exist; "
        "put that right, or remove the script"
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs commands as somebody else")
def test_an_account_of_all_is_told_once() -> None:
    text = "global_defs {\n script_user nosuchuser\n}\n" + INSTANCE
    text += " notify /bin/true\n notify_master /bin/true\n notify_backup /nowhere/n root\n}\n"
    assert told(text) == [
        "f:2:14: warning: what names no user of its own will not run: user 'nosuchuser' does not exist; put that right",
        "f:12:16: warning: (vrrp_instance VI) notify_backup: /nowhere/n: No such file or directory; "
        "put that right, if it is not meant so",
    ]
