"""FRR in nodes of a lab: the guide's scenarios with their bounds, every fault, and what it cannot do, in words."""

import json
from typing import Any

import pytest

from labkit.lab import daemons
from labkit.lab.topology import Daemon
from tests.conftest import Labkit
from tests.e2e.test_probes import run

_LACK = daemons.missing(Daemon.FRR)
pytestmark = [pytest.mark.e2e, pytest.mark.kernel, pytest.mark.interop, pytest.mark.skipif(bool(_LACK), reason=_LACK)]

FAST = ("--set", "version=3", "--set", "advert_int=0.4")
SLOW = ("--set", "version=3")  # slow enough that on a busy machine skew times differ
ONE = ("--daemon", "server2=frr")
ALL = tuple(word for number in (1, 2, 3) for word in ("--daemon", f"server{number}=frr"))

FAULTS = """\
title: each of them breaks what it says, and is undone
variant: basic
probe: [{from: host, name: real, ping: server1}]
steps:
  - expect: [{only: server1, within: election(server1) + 1s}, {state: server1, is: MASTER, within: 2s}]
  - do: {freeze: server1}
    expect: [{vip: server2, within: master_down(server2)}]
    always: [{vip: server1}]
  - do: {thaw: server1}
    expect: [{state: server2, is: BACKUP, within: advert(server1)}]
  - do: {reload: {server1: {priority: 110}}}
    expect: [{vip: best, within: advert(server1) + master_down(server2)}, {state: server1, is: BACKUP, within: 2s}]
  - do: {heal: server1}
    expect: [{vip: server1, within: advert(server2) + master_down(server1)}, {state: server2, is: BACKUP, within: 2s}]
  - do: {link_down: server1.eth0}
    expect: [{only: server2, within: master_down(server2)}]
  - do: {link_up: server1.eth0}
    expect: [{vip: server1, within: 1s + election(server1)}, {state: server2, is: BACKUP, within: 2s}]
  - do: {vip_add: server2}
    expect: [{vip: server2, within: 100ms}]
  - do: {heal: server2}
    expect: [{only: server1, within: 100ms}]
  - do: {kill: server2}
    never: [{owners: 2}]
    for: 500ms
  - do: {start: server2}
    never: [{owners: 2}]
    expect: [{state: server2, is: BACKUP, within: 100ms}]
  - do: {stop: server2}
    never: [{owners: 2}]
    hold: [{only: server1}]
    for: 500ms
    budget: {real: 0}
"""


def verdicts(said: str) -> dict[str, str]:
    return {result["scenario"]: result["verdict"] for result in json.loads(said)}


def run_all(tool: Labkit, *nodes: str) -> None:
    """Run the guide's scenarios; what a busy machine was late for is run again, but not a third time."""
    found = dict.fromkeys(("steady", "kill", "stop", "preempt", "cut"), "")
    for _ in range(3):
        left = [word for name, verdict in found.items() if verdict != "PASS" for word in ("-s", name)]
        if left:
            command = ("run", "failover", "--json", "--jobs", "2", *left, *nodes, *SLOW)
            found |= verdicts(tool(*command, status=None, folder=tool.runtime))
    assert set(found.values()) <= {"PASS", "INCONCLUSIVE"}, found
    assert found["stop"] == "PASS"


def test_the_guide_s_scenarios_with_one(labkit: Labkit) -> None:
    run_all(labkit, *ONE)


def test_the_guide_s_scenarios_with_nothing_else(own: Labkit) -> None:
    run_all(own, *ALL)


def test_faults_and_their_heals(labkit: Labkit) -> None:
    result = run(labkit, FAULTS, "--set", "advert_int=0.4", *ALL, status=None)
    assert result["verdict"] in ("PASS", "INCONCLUSIVE"), result


def test_what_it_shows_of_itself(own: Labkit) -> None:
    own("up", "failover", "-q", *ONE, *FAST)
    assert "BACKUP" in own("status")
    assert "vrrp4-1-21  +192.168.1.20  DOWN" in own("status")
    assert "BACKUP" in own("exec", "server2", "--", "vtysh", "-c", "show vrrp").upper()
    assert "FRR is running" in own("exec", "server2", "--", "/etc/init.d/frr", "status")
    assert "reloads priority, advert_int and nopreempt only" in own("fault", "server2", "reload", "vrid=3", status=2)
    own("fault", "server2", "stop")
    assert "FRR is not running" in own("exec", "server2", "--", "/etc/init.d/frr", "status", status=3)
    assert "no vrrpd runs on server2; start it: /etc/init.d/frr start" in own("fault", "server2", "kill", status=2)


def test_what_it_cannot_be_part_of(own: Labkit) -> None:
    assert "server2 runs frr, which knows no authentication" in own("up", "failover", *ONE, status=2)
    assert "server2 runs frr, which knows no authentication" in own("render", "failover", *ONE, status=2)
    assert "no track_script" in own("up", "failover", *ONE, *FAST, "--variant", "services", status=2)
    assert "SKIP web-dies" in own("run", "failover", "-s", "web-dies", *ONE, *FAST)
    said = own("run", "failover", "-s", "stop", "--provider", "sim", *ONE, *FAST)
    assert "SKIP stop                    server2 runs frr; the simulator has labkit's own daemon only" in said
    assert "a lab is exported without frr" in own("export", "compose", "failover", *ONE, status=2)


def test_three_daemons_side_by_side(own: Labkit) -> None:
    if lack := daemons.missing(Daemon.KEEPALIVED):
        pytest.skip(lack)
    kinds = ("--daemons", "labkit,keepalived,frr")
    scenarios: list[dict[str, Any]] = json.loads(
        own("compare", "failover", "-s", "stop", "-s", "eth1-down", *kinds, "--set", "version=3", "--json", within=90)
    )
    for kind, figures in scenarios[0]["daemons"].items():
        assert figures["verdict"] in ("PASS", "INCONCLUSIVE"), kind
        assert figures["takeover_s"] > 0.3
        assert figures["outage_s"] > 0.3
        assert figures["cpu_s"] > 0
        assert figures["memory_kb"] > 500
    skipped = scenarios[1]["daemons"]["frr"]
    assert skipped["verdict"] == "SKIP"
    assert skipped["why"].startswith("server1, server2 and server3 run frr, which has no track_script")
    said = own("compare", "failover", "-s", "stop", *kinds, status=2)
    assert "server1 runs frr, which knows no authentication" in said
    assert "takeover" not in said
