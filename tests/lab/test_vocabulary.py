"""Scenario files: a closed vocabulary, every mistake told with its place."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.diagnostics import LabkitError, RefusedError
from labkit.lab import catalog, loader, vocabulary
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
    assert scenario.probe_from == "host"


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
            "5:5: an action is one verb; one of: kill, stop, start, restart, link_down, link_up, cut, heal, exec",
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
            "8:13: this is no condition; one of: vip, master, arp, state, owners, dropped, serves",
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
