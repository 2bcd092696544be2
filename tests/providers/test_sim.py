"""Scenarios in the simulator: the shipped ones, every fault that is modelled, and what is not, by name."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit.diagnostics import LabkitError
from labkit.lab import catalog, vocabulary
from labkit.lab.plan import Plan
from labkit.lab.verdict import Result, Verdict
from labkit.providers import registry
from labkit.providers.sim.lab import simulate
from labkit.trace import SECOND, Kind
from labkit.ui.cli.plan import prepare

FAILOVER = [each for each in catalog.wanted_scenarios("failover", ()) if each[1] != "stray"]  # it forges adverts
_GRAIN = 5_000  # microseconds: frames take 100 us, check scripts 1 ms

Run = Callable[..., Result]


def prepared(
    lab: str, variant: str | None = None, settings: tuple[str, ...] = (), daemons: tuple[str, ...] = ()
) -> Plan:
    return prepare(lab, variant, settings, daemons).plan("sim")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the steps of a scenario, begun when server1 alone holds the address."""

    def run(steps: str, *, lab: str = "failover", variant: str = "basic", head: str = "", **more: Any) -> Result:
        daemons, seed = more.get("daemons", ()), more.get("seed", 0)
        plan = prepared(lab, variant, daemons=daemons)
        path = tmp_path / "01-x.yml"
        start = "" if lab != "failover" else "  - expect: [{only: server1, within: 10s}]\n"
        path.write_text(f"title: t\n{head}\nsteps:\n{start}{steps}")
        return simulate(plan, vocabulary.load(path, "x", plan.topology, seed), lambda _: None)

    return run


@pytest.mark.parametrize(("lab", "name", "path"), [pytest.param(*each, id=each[1]) for each in FAILOVER])
def test_shipped_scenarios_keep_their_bounds_exactly(lab: str, name: str, path: Path) -> None:
    plan = prepared(lab, vocabulary.variant_of(path))
    result = simulate(plan, vocabulary.load(path, name, plan.topology), lambda _: None)
    assert result.verdict is Verdict.PASS
    for step in result.steps:
        for finding in step.findings:
            assert finding.took is not None
            assert not finding.bound or finding.took <= finding.bound + _GRAIN, finding


def test_equal_seeds_have_equal_histories(run: Run) -> None:
    lossy = "  - do: {impair: {server1: {loss: 60%}}}\n    expect: [{vip: server2, within: 60s}]\n"
    first, second = run(lossy, seed=7), run(lossy, seed=7)
    assert first.trace == second.trace
    assert run(lossy, seed=8).trace != first.trace


@pytest.mark.parametrize(
    ("steps", "variant"),
    [
        pytest.param(
            "  - do: {freeze: server1}\n    expect: [{master: server2, within: master_down(server2)}]\n"
            "  - do: {thaw: server1}\n    expect: [{state: server2, is: BACKUP, within: advert(server1)}]\n",
            "basic",
            id="freeze",
        ),
        pytest.param(
            "  - do: {partition: {lan: [[server1], [server2, server3, host]]}}\n"
            "    expect: [{arp: host, is: server2, within: master_down(server2)}]\n    never: [{vip: server3}]\n"
            "  - do: {heal: all}\n    expect: [{only: server1, within: advert(server1)}]\n",
            "basic",
            id="partition",
        ),
        pytest.param(
            "  - do: {mute: {server1: server3}}\n    expect: [{vip: server3, within: master_down(server3)}]\n"
            "    never: [{vip: server2}]\n",
            "basic",
            id="adverts-lost-one-way",
        ),
        pytest.param(
            "  - do: {fail_check: server1}\n    expect: [{state: server1, is: FAULT, within: script_fall(server1)}]\n"
            "  - do: {mend_check: server1}\n    expect: [{vip: server1, within: script_rise(server1) + 4s}]\n",
            "services",
            id="check",
        ),
        pytest.param(
            "  - do: {service_stop: server1}\n    expect: [{only: server2, within: script_fall(server1) + 1s}]\n",
            "services",
            id="service",
        ),
        pytest.param(
            "  - do: {port_down: server1.eth1}\n    expect: [{state: server1, is: FAULT, within: 1ms}]\n"
            "  - do: {port_up: server1.eth1}\n    expect: [{vip: server1, within: election(server1)}]\n",
            "services",
            id="port",
        ),
        pytest.param(
            "  - do: {reload: {server1: {priority: 90}}}\n    expect: [{only: server2, within: 5s}]\n",
            "basic",
            id="reload",
        ),
        pytest.param(
            "  - do: {restart: server1}\n    expect: [{only: server1, within: election(server1)}]\n",
            "basic",
            id="restart",
        ),
    ],
)
def test_a_fault_has_its_effect(run: Run, steps: str, variant: str) -> None:
    result = run(steps, variant=variant)
    assert result.verdict is Verdict.PASS, (result.error, result.steps)


def test_a_probe_measures_what_the_client_feels(run: Run) -> None:
    steps = (
        "  - hold: [{vip: server1}]\n    for: 1s\n  - do: {stop: server1}\n    expect: [{vip: server2, within: 1s}]\n"
    )
    result = run(steps, head="probe: {from: host}")
    outage = result.steps[-1].outage
    assert outage is not None
    assert 531_250 <= outage <= 551_250
    assert [record.data["ok"] for record in result.trace if record.kind is Kind.PROBE] == [True, False, True]


def test_a_daemon_that_was_killed_leaves_its_address_behind(run: Run) -> None:
    result = run("  - do: {kill: server1}\n    expect: [{owners: 2, within: 4s}]\n")
    assert result.verdict is Verdict.PASS
    assert result.steps[-1].findings[0].took == pytest.approx(3.5 * SECOND, abs=SECOND)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"steps": "  - do: {exec: {host: curl 192.168.1.20}}\n"}, "`curl 192.168.1.20`", id="command"),
        pytest.param({"steps": "  - do: {exec: {host: echo $HOME}}\n"}, "`/bin/sh -c 'echo $HOME'`", id="shell"),
        pytest.param({"steps": "  - do: {vip_add: server3}\n"}, "`ip -o -4 address show`", id="ip"),
        pytest.param({"steps": "  - do: {advert: {host: {priority: 255}}}\n"}, "sockets of a node", id="forged"),
        pytest.param(
            {"steps": "  - do: {impair: {server1: {delay: 50ms}}}\n"}, "netem is missing for delay", id="netem"
        ),
        pytest.param(
            {"steps": "  - hold: [{vip: server1}]\n    for: 1s\n", "head": "probe: {from: host, http: vip}"},
            "a probe by http",
            id="http",
        ),
        pytest.param(
            {"steps": "  - do: {exec: {host: ping -c 1 10.0.0.1}}\n"},
            "routing, which a ping of 10.0.0.1 from host needs",
            id="routing",
        ),
        pytest.param(
            {"steps": "  - hold: [{vip: server1}]\n    for: 1s\n", "daemons": ("server2=keepalived",)},
            "server2 runs keepalived",
            id="another-daemon",
        ),
        pytest.param(
            {"steps": "  - hold: [{vip: director1}]\n    for: 1s\n", "lab": "balance/nat", "variant": None},
            "load balancing, which director1 does",
            id="balancing",
        ),
    ],
)
def test_what_is_not_modelled_is_skipped_by_name(run: Run, given: dict[str, Any], reason: str) -> None:
    result = run(**given)
    assert result.verdict is Verdict.SKIP
    assert re.search(re.escape(reason), result.error), result.error


def test_it_raises_no_lab_to_play_with() -> None:
    with pytest.raises(LabkitError, match=r"the simulator runs scenarios and nothing else: labkit run --provider sim"):
        registry.provider("sim")
