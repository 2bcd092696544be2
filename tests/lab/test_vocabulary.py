"""Scenario files: a closed vocabulary, every mistake told with its place."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.diagnostics import LabkitError, RefusedError
from labkit.lab import actions, catalog, loader, vocabulary
from labkit.lab.probes.probe import ProbeSpec
from labkit.lab.topology import Topology

GOOD = """\
title: a scenario
probe: {from: host}
steps:
  - expect: [{vip: server1, within: election(server1)}]
  - do: {kill: server1}
    expect:
      - {arp: host, is: server2, within: master_down(server2)}
    never: [{owners: 2}]
"""


@pytest.mark.parametrize("lab", catalog.lab_names())
def test_the_shipped_scenarios_load(lab: str) -> None:
    folder = catalog.lab_folder(lab)
    for _, name, path in catalog.wanted_scenarios(lab, ()):
        topology = loader.load(folder / "lab.yml", name=lab, variant=vocabulary.variant_of(path))
        assert vocabulary.load(path, name, topology).steps


def test_scenarios_in_their_order(folder: Path) -> None:
    assert catalog.scenario_names(folder)[:3] == ["steady", "kill", "stop"]


@pytest.mark.parametrize("lab", catalog.lab_names())
def test_no_scenario_sleeps(lab: str) -> None:
    for _, _, path in catalog.wanted_scenarios(lab, ()):
        assert "sleep" not in path.read_text()


def load(tmp_path: Path, topology: Topology, text: str) -> vocabulary.Scenario:
    path = tmp_path / "01-x.yml"
    path.write_text(text)
    return vocabulary.load(path, "x", topology)


def test_a_scenario(tmp_path: Path, topology: Topology) -> None:
    scenario = load(tmp_path, topology, GOOD)
    assert [str(action) for step in scenario.steps for action in step.actions] == ["kill server1"]
    assert [str(each.condition) for step in scenario.steps for each in step.expect] == [
        "VIP on server1",
        "ARP of host points to server2",
    ]
    assert scenario.probes == (
        ProbeSpec(name="ping", kind="ping", node="host", target="192.168.1.20", interval=10_000),
    )


def test_probes(tmp_path: Path, topology: Topology) -> None:
    text = """\
probe:
  - {http: vip, from: host, rate: 100, path: /test.html}
  - {http: "server1:8080", from: server2, every: 30ms, name: own}
steps:
  - expect:
      - {distribution: {server1: 3, server2: 1}, of: 40, probe: own, tolerance: 2.5%, within: 1s}
      - {distribution: same, of: 9, within: 1s}
    budget: {own: 3, http: 100ms + skew(server1)}
"""
    scenario = load(tmp_path, topology, text)
    first, second = scenario.probes
    assert (first.target, first.port, first.interval, first.path) == ("192.168.1.20", 80, 10_000, "/test.html")
    assert (second.target, second.port, second.interval, second.node) == ("192.168.1.21", 8080, 30_000, "server2")
    shares, same = scenario.steps[0].distributions
    assert (shares.weights, shares.of, shares.probe) == ((("server1", 3), ("server2", 1)), 40, "own")
    assert shares.tolerance == pytest.approx(0.025)
    assert (same.weights, same.probe) == ((("same", 1),), "http")
    assert [(each.probe, each.tries) for each in scenario.steps[0].budgets] == [("own", 3), ("http", None)]


def test_a_random_order_can_be_repeated(tmp_path: Path, topology: Topology) -> None:
    path = tmp_path / "01-x.yml"
    path.write_text("steps: [{each: [server1, server2, server3], steps: [{do: {stop: each}}]}]")
    scenario = vocabulary.load(path, "x", topology)
    assert vocabulary.load(path, "x", topology, scenario.seed) == scenario
    orders = {vocabulary.load(path, "x", topology, seed).steps for seed in range(40)}
    assert len(orders) == 6


PROBES = """\
probe: {http: vip, from: host, rate: 10}
steps:
  - expect: [{distribution: {server1: 1}, of: 9, tolerance: 5%, within: 5s}]
    budget: {http: 0}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("http: vip", "htp: vip", "1:9: unknown word 'htp'; did you mean 'http'?", id="kind"),
        pytest.param("http: vip", "http: vip, ping: vip", "1:1: a probe is of one kind; one of: ", id="kinds"),
        pytest.param("http: vip", "http: nobody", "1:9: 'nobody' is no target; vip, a node, or an addr", id="target"),
        pytest.param("http: vip", "http: vip:x", "1:9: 'x' is no port; a number from 1 to 65535 behind", id="port"),
        pytest.param("http: vip", "ping: vip:80", "1:9: '80' is no port; a ping has no port", id="no-port"),
        pytest.param(", from: host", "", "1:1: 'from' is missing; the node that asks, such as", id="from"),
        pytest.param("rate: 10", "rate: ten", "1:32: 'ten' is no rate; tries a second, 1 to 1000", id="rate"),
        pytest.param("rate: 10", "every: 1us", "1:32: '1us' is no bound", id="every"),
        pytest.param("rate: 10", "every: skew(server1)", "1:32: 'skew(server1)' is no pace; 1ms or longer", id="pace"),
        pytest.param("rate: 10", "rate: 10, every: 5ms", "1:1: `rate` and `every` say the same thing", id="twice"),
        pytest.param("{server1: 1}", "{server9: 1}", "3:30: unknown word 'server9'; did you mean", id="server"),
        pytest.param("{server1: 1}", "{server1: 0}", "3:30: '0' is no weight; a number from 1 on", id="weight"),
        pytest.param("{server1: 1}", "all", "3:15: this is no distribution; weights by server such", id="shape"),
        pytest.param("of: 9", "of: 0", "3:43: '0' is no number of answers; for example `of: 60`", id="of"),
        pytest.param("5%", "5", "3:50: '5' is no tolerance; a part of all answers such as 5%", id="tolerance"),
        pytest.param("{http: 0}", "{htp: 0}", "4:14: unknown word 'htp'; did you mean 'http'?", id="budget"),
        pytest.param("{http: 0}", "{http: few}", "4:14: 'few' is no bound; ", id="allowed"),
        pytest.param("{http: 0}", "[http]", "4:5: this is no mapping; for example `budget: {", id="budget-shape"),
    ],
)
def test_complaints_about_probes(tmp_path: Path, topology: Topology, old: str, new: str, expected: str) -> None:
    with pytest.raises(RefusedError) as caught:
        load(tmp_path, topology, PROBES.replace(old, new, 1))
    assert f"{tmp_path / '01-x.yml'}:{expected}" in str(caught.value)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(
            "{never: [{vip: server1}]}", "1:9: `never` alone is watched for no time; add `expect:`", id="never"
        ),
        pytest.param(
            "{do: {kill: server1}, for: 5s}", "1:9: nothing is watched while this lasts; add `hold:`", id="for"
        ),
        pytest.param("{budget: {ping: 0}, for: 5s}", "1:19: the scenario has no probe; add for example", id="no-probe"),
    ],
)
def test_a_step_is_watched_for_some_time(tmp_path: Path, topology: Topology, step: str, expected: str) -> None:
    with pytest.raises(RefusedError) as caught:
        load(tmp_path, topology, f"steps: [{step}]")
    assert f"{tmp_path / '01-x.yml'}:{expected}" in str(caught.value)


def test_each_is_unrolled_in_some_order(tmp_path: Path, topology: Topology) -> None:
    text = "steps:\n  - each: [server1, server2, server3]\n    steps: [{do: {stop: each}}, {do: {start: each}}]\n"
    actions = [action for step in load(tmp_path, topology, text).steps for action in step.actions]
    assert [action.verb for action in actions] == ["stop", "start"] * 3
    assert {action.node for action in actions} == {"server1", "server2", "server3"}
    assert actions[0].node == actions[1].node


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("{kill: server1}", "{kil: server1}", "5:10: unknown word 'kil'; did you mean 'kill'?", id="verb"),
        pytest.param(
            "{kill: server1}",
            "{kill: host}",
            "5:10: unknown word 'host'; known here: server1, server2, server3",
            id="no-router",
        ),
        pytest.param(
            "{kill: server1}", "{cut: server1.eth9}", "5:10: unknown word 'eth9'; did you mean 'eth0'?", id="interface"
        ),
        pytest.param(
            "election(server1)",
            "soon",
            "4:29: 'soon' is no bound; a bound is a sum of advert(NODE), "
            "skew(NODE), master_down(NODE), election(NODE), script_fall(NODE), script_rise(NODE), "
            "check_removal(NODE), check_return(NODE) and durations "
            "such as 5s or 100ms",
            id="bound",
        ),
        pytest.param(
            ", within: election(server1)",
            "",
            "4:14: an expectation has a bound; add `within: master_down(NODE)` or another bound",
            id="no-bound",
        ),
        pytest.param("{owners: 2}", "{owners: two}", "8:14: 'two' is no number; for example `owners: 2`", id="owners"),
        pytest.param("{owners: 2}", "{owners: ²}", "8:14: '²' is no number; for example `owners: 2`", id="superscript"),
        pytest.param(
            "{kill: server1}",
            "{}",
            f"5:5: an action is one verb; one of: {', '.join(actions.VERBS)}",
            id="no-verb",
        ),
        pytest.param(
            "{owners: 2}",
            "{state: server1, is: MASTRE}",
            "8:30: unknown word 'MASTRE'; did you mean 'MASTER'?",
            id="state",
        ),
        pytest.param(
            "{owners: 2}",
            "{}",
            "8:13: this is no condition; one of: vip, only, master, arp, state, owners, dropped, serves",
            id="no-condition",
        ),
        pytest.param(
            "{owners: 2}",
            "{dropped: hoost, by: server9}",
            "8:14: unknown word 'hoost'; did you mean 'host'?\n{file}:8:30: unknown word 'server9'; "
            "did you mean 'server3'?",
            id="dropped",
        ),
        pytest.param(
            "{owners: 2}",
            "{vip: server1, address: 10.0.0.}",
            "8:28: '10.0.0.' is no address; an IPv4 address such as 10.0.0.20",
            id="address",
        ),
        pytest.param(
            "    never: [{owners: 2}]",
            "    check: [{hoost: ask}]",
            "8:13: unknown word 'hoost'; did you mean 'host'?",
            id="check",
        ),
        pytest.param("title:", "titel:", "1:1: unknown word 'titel'; did you mean 'title'?", id="key"),
        pytest.param(
            "is: server2, within: master_down(server2)",
            "is: server2, within: master_down(server4)",
            "7:34: unknown word 'server4'; did you mean 'server3'?",
            id="bound-node",
        ),
        pytest.param(
            "    never: [{owners: 2}]",
            "    hold: [{vip: server1}]",
            "5:5: `hold` and `for` go together; for example `hold: [{vip: server1}]` and `for: 5s`",
            id="hold",
        ),
        pytest.param(
            "probe: {from: host}", "probe: {from: hoost}", "2:9: unknown word 'hoost'; did you mean 'host'?", id="probe"
        ),
    ],
)
def test_complaints(tmp_path: Path, topology: Topology, old: str, new: str, expected: str) -> None:
    with pytest.raises(RefusedError) as caught:
        load(tmp_path, topology, GOOD.replace(old, new, 1))
    file = f"{tmp_path / '01-x.yml'}"
    assert str(caught.value) == f"{file}:{expected.replace('{file}', file)}"


def test_several_mistakes_are_told_at_once(tmp_path: Path, topology: Topology) -> None:
    text = GOOD.replace("kill: server1", "kil: server1").replace("from: host", "from: hots").replace("owners", "onwers")
    with pytest.raises(RefusedError) as caught:
        load(tmp_path, topology, text)
    assert [each.span.line for each in caught.value.diagnostics] == [2, 5, 8]


WORDS = ["title", "steps", "each", "do", "expect", "never", "hold", "for", "within", "vip", "arp", "is", "state"]
WORDS += ["owners", "exec", "kill", "cut", "server1", "server1.eth0", "best", "5s", "probe", "from", "host"]


@settings(deadline=None, max_examples=200)
@given(
    st.recursive(
        st.sampled_from(WORDS) | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=4)
        ),
    )
)
def test_anything_is_refused_or_loaded(
    tmp_path_factory: pytest.TempPathFactory, topology: Topology, value: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "01-fuzz.yml"
    for text in (json.dumps(value), json.dumps({"steps": value}), json.dumps({"steps": [value]})):
        path.write_text(text)
        with contextlib.suppress(RefusedError):
            vocabulary.load(path, "fuzz", topology)


def test_unknown_scenario() -> None:
    with pytest.raises(LabkitError, match="lab failover has no scenario 'stap'; did you mean 'stop'"):
        catalog.wanted_scenarios("failover", ("stap",))


def test_a_lab_without_scenarios_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "lab.yml").touch()
    with pytest.raises(LabkitError, match="has no scenario; write one into its folder `scenarios`"):
        catalog.wanted_scenarios(str(tmp_path), ())


def test_shipped_scenarios_name_no_virtual_address() -> None:
    """It is a variable of the lab; nodes know it as `vip`."""
    scenarios = list((catalog.share() / "labs").rglob("scenarios/*.yml"))
    assert len(scenarios) > 20
    for address in ("192.168.1.20", "10.0.0.20"):
        assert [path.name for path in scenarios if address in path.read_text()] == []
