"""Every verdict, each from a literal trace made to produce it."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from labkit.conf.model import Config
from labkit.diagnostics import LabkitError
from labkit.lab import loader, render, replay, report, vocabulary
from labkit.lab.provider import Completed
from labkit.lab.scenario import Experiment
from labkit.lab.topology import Topology
from labkit.lab.verdict import Result, Verdict
from labkit.trace import Kind, Micros, Record, Value

KILL = """\
title: t
steps:
  - do: {kill: server1}
    expect: [{vip: server2, within: skew(server2)}]
    never: [{vip: server3}]
"""
FAST = {"advert_int": "0.01", "version": "3"}  # skew(server2) is 5.312 ms


class FakeLab:
    """Answers like a supervisor; after the fault it tells the records of `story` (offset from the fault: record)."""

    def __init__(self, story: list[tuple[Micros, Kind, str, dict[str, Value]]], broken: bool = False) -> None:
        self.story = story
        self.broken = broken
        self.records: list[Record] = []

    def ask(self, verb: str, **_: object) -> dict[str, object]:
        if verb == "fault":
            if self.broken:
                raise LabkitError("the lab has ended")
            now = time.monotonic_ns() // 1000
            self.records = [
                Record(at=now + offset, kind=kind, node=node, data=data) for offset, kind, node, data in self.story
            ]
        return {}

    def run(self, node: str, argv: list[str]) -> Completed:
        return Completed(status=1, output=f"{node} refuses {argv[-1]}")

    def next_records(self, within_s: float) -> list[Record]:
        records, self.records = self.records, []
        return records


def address(node: str, *, present: bool = True) -> tuple[Kind, str, dict[str, Value]]:
    return Kind.ADDRESS, node, {"interface": "eth0", "address": "192.168.1.20", "present": present}


Run = Callable[..., Result]


@pytest.fixture
def fast(folder: Path) -> tuple[Topology, Mapping[str, Config]]:
    topology = loader.load(folder / "lab.yml", name="failover", settings=FAST)
    return topology, render.check(render.render(topology, folder))[0]


@pytest.fixture
def run(fast: tuple[Topology, Mapping[str, Config]], tmp_path: Path) -> Run:
    def run(text: str, *story: tuple[Micros, Kind, str, dict[str, Value]], broken: bool = False) -> Result:
        path = tmp_path / "01-x.yml"
        path.write_text(text)
        topology, configs = fast
        scenario = vocabulary.load(path, "x", topology)
        lab = FakeLab(list(story), broken)
        return Experiment(scenario, topology, configs, lab, lambda _: None).run()  # type: ignore[arg-type]

    return run


def finding(result: Result, number: int = 0) -> tuple[Verdict, str]:
    found = result.steps[-1].findings[number]
    return found.verdict, found.note


def test_pass(run: Run) -> None:
    result = run(KILL, (6_000, *address("server2")))
    assert result.verdict is Verdict.PASS
    assert result.steps[0].findings[0].bound == 5_312
    assert 6_000 <= (result.steps[0].findings[0].took or 0) < 50_000
    assert report.exit_code([result]) == 0


def test_late(run: Run) -> None:
    result = run(KILL, (305_312, *address("server2")))
    verdict, note = finding(result)
    assert verdict is Verdict.LATE
    assert note.startswith("0.30")
    assert report.exit_code([result]) == 1


def test_too_early(run: Run) -> None:
    text = "steps: [{do: {kill: server1}, expect: [{vip: server2, within: 1s, not_before: 500ms}]}]"
    early = run(text, (300_000, *address("server2")))
    verdict, note = finding(early)
    assert (verdict, note.endswith(" s before its time, 0.500 s")) == (Verdict.VIOLATED, True)
    assert run(text, (510_000, *address("server2"))).verdict is Verdict.PASS


def test_never(run: Run) -> None:
    result = run(KILL, (1_000, *address("server2", present=False)))
    assert finding(result) == (Verdict.NEVER, "watched on to twice the bound")
    assert report.exit_code([result]) == 1


def test_violated(run: Run) -> None:
    result = run(KILL, (1_000, *address("server3")), (2_000, *address("server2")))
    assert result.verdict is Verdict.VIOLATED
    assert result.steps[0].findings[-1].what == "never: VIP on server3"


def test_inconclusive(run: Run) -> None:
    stall: dict[str, Value] = {"stalled_us": 400_000}
    result = run(KILL, (1_000, Kind.STALL, "", stall), (305_312, *address("server2")))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert finding(result)[1] == "the host stalled for 400 ms"
    assert report.exit_code([result]) == 0


def test_error_when_the_lab_breaks(run: Run) -> None:
    result = run(KILL, broken=True)
    assert (result.verdict, result.error) == (Verdict.ERROR, "the lab has ended")
    assert report.exit_code([result]) == 2


def test_error_when_a_command_fails(run: Run) -> None:
    result = run("steps: [{do: {exec: {server1: mend it}}}]")
    assert result.verdict is Verdict.ERROR
    assert result.error == "server1: /bin/sh -c mend it ended with 1: server1 refuses mend it"


def test_what_must_hold_and_does_not(run: Run) -> None:
    text = KILL + "  - hold: [{vip: server2}]\n    for: 5ms\n"
    held = run(text, (1_000, *address("server2")))
    assert held.verdict is Verdict.PASS
    lost = run("steps: [{do: {kill: server1}, hold: [{vip: server2}], for: 50ms}]", (1_000, *address("server3")))
    assert lost.verdict is Verdict.VIOLATED
    assert lost.steps[-1].findings[-1].what == "always: VIP on server2"


def test_other_conditions(run: Run) -> None:
    text = """\
steps:
  - do: {kill: server1}
    expect:
      - {arp: host, is: server2, within: 1s}
      - {state: server3, is: FAULT, within: 1s}
      - {master: best, within: 1s}
"""
    neighbour: dict[str, Value] = {"interface": "eth0", "address": "192.168.1.20", "lladdr": "02:00:00:00:00:03"}
    state: dict[str, Value] = {"instance": "X", "state": "FAULT", "why": "eth1 is down", "priority": 100}
    advert: dict[str, Value] = {"source": "192.168.1.22", "priority": 120}
    result = run(
        text,
        (1_000, Kind.NEIGHBOUR, "host", neighbour),
        (2_000, Kind.STATE, "server3", state),
        (90_000, Kind.ADVERT, "lan", advert),
    )
    assert result.verdict is Verdict.PASS
    assert [each.what for each in result.steps[0].findings][2] == "adverts from server2"


def test_arp_tables_with_a_virtual_mac_address_follow_its_adverts(run: Run) -> None:
    lladdr = "00:00:5e:00:01:15"
    neighbour: dict[str, Value] = {"interface": "eth0", "address": "192.168.1.20", "lladdr": lladdr}
    adverts: list[dict[str, Value]] = [
        {"source": f"192.168.1.{number}", "priority": 100, "lladdr": lladdr} for number in (21, 22)
    ]
    result = run(
        "steps: [{do: {kill: server1}, expect: [{arp: host, is: server2, within: 1s}]}]",
        (1_000, Kind.NEIGHBOUR, "host", neighbour),
        (2_000, Kind.ADVERT, "lan", adverts[0]),
        (50_000, Kind.ADVERT, "lan", adverts[1]),
    )
    assert result.steps[0].findings[0].took == pytest.approx(50_000, abs=10_000)


def test_a_check_that_fails_is_the_subjects_fault(run: Run) -> None:
    result = run("steps: [{check: [{host: ask 9 same=9}]}]")  # the fake lab refuses every command
    assert result.verdict is Verdict.VIOLATED
    found = result.steps[0].findings[0]
    assert (found.what, found.note) == ("check: host: ask 9 same=9", "host refuses ask 9 same=9")


def test_another_address_than_the_virtual_one(run: Run) -> None:
    text = """\
steps:
  - do: {kill: server1}
    expect:
      - {vip: server2, address: 10.0.0.20, within: 1s}
      - {arp: host, is: server3, address: 10.0.0.20, within: 1s}
"""
    held: dict[str, Value] = {"interface": "eth1", "address": "10.0.0.20", "present": True}
    neighbour: dict[str, Value] = {"interface": "eth0", "address": "10.0.0.20", "lladdr": "02:00:00:00:00:04"}
    result = run(text, (1_000, Kind.ADDRESS, "server2", held), (2_000, Kind.NEIGHBOUR, "host", neighbour))
    assert [(each.what, each.verdict) for each in result.steps[0].findings] == [
        ("10.0.0.20 on server2", Verdict.PASS),
        ("ARP of host for 10.0.0.20 points to server3", Verdict.PASS),
    ]


def test_a_web_server_is_dropped_and_serves_again(run: Run) -> None:
    text = """\
steps:
  - do: {kill: server2}
    expect: [{dropped: host, by: server1, within: 1s}]
  - do: {kill: server2}
    expect: [{serves: host, by: server1, within: 1s}]
"""

    def told(text: str) -> tuple[Micros, Kind, str, dict[str, Value]]:
        return 1_000, Kind.LOG, "server1", {"line": f"server1 Keepalived_healthcheckers[5]: {text}"}

    result = run(text, told("Removing service [192.168.1.10]:tcp:80 from VS [192.168.1.20]:tcp:80"))
    assert [(step.findings[0].what, step.findings[0].verdict) for step in result.steps] == [
        ("host is out at server1", Verdict.PASS),
        ("host serves at server1", Verdict.NEVER),  # the fake lab tells the same again
    ]


def test_what_was_broken_cannot_be_a_goodbye(run: Run) -> None:
    """A router that leaves says so with priority 0: that is no sign of a master."""
    text = "steps: [{do: {kill: server1}, expect: [{master: server2, within: skew(server2)}]}]"
    leaving: dict[str, Value] = {"source": "192.168.1.22", "priority": 0}
    assert run(text, (1_000, Kind.ADVERT, "lan", leaving)).verdict is Verdict.NEVER


def test_an_advert_from_before_the_fault_does_not_count(run: Run) -> None:
    text = "steps: [{do: {kill: server1}, expect: [{master: server2, within: skew(server2)}]}]"
    advert: dict[str, Value] = {"source": "192.168.1.22", "priority": 120}
    assert run(text, (-5_000, Kind.ADVERT, "lan", advert)).verdict is Verdict.NEVER


def test_two_owners_at_once_are_seen(run: Run) -> None:
    text = "steps: [{do: {kill: server1}, expect: [{vip: server3, within: 1s}], never: [{owners: 2}]}]"
    handed_on = [
        (1_000, *address("server2")),
        (2_000, *address("server2", present=False)),
        (2_000, *address("server3")),
    ]
    assert run(text, *handed_on).verdict is Verdict.PASS
    overlapping = [(1_000, *address("server2")), (2_000, *address("server3"))]
    assert run(text, *overlapping).steps[0].findings[-1].what == "never: 2 owners"


def test_an_only_owner_is_one_whom_nobody_joins(run: Run) -> None:
    text = "steps: [{do: {kill: server1}, expect: [{only: server3, within: 1s}]}]"
    story = [(1_000, *address("server2")), (2_000, *address("server3")), (3_000, *address("server2", present=False))]
    (found,) = run(text, *story).steps[0].findings
    assert (found.what, found.verdict) == ("VIP on server3 only", Verdict.PASS)
    assert found.took is not None
    assert found.took >= 3_000


def test_what_follows_a_failure_is_not_done(run: Run) -> None:
    result = run(KILL + "  - do: {kill: server2}\n", (1_000, *address("server3")))
    assert [step.did for step in result.steps] == [("kill server1",)]


def test_best_is_the_highest_priority_of_those_not_stopped(run: Run) -> None:
    text = """\
steps:
  - do: {kill: server1}
    expect: [{vip: best, within: 1s}]
  - do: {kill: server2}
    expect: [{vip: best, within: 1s}]
"""
    result = run(text, (1_000, *address("server2")), (2_000, *address("server3")))
    assert [step.findings[0].what for step in result.steps] == ["VIP on server2", "VIP on server3"]


def test_a_small_stall_does_not_excuse(run: Run) -> None:
    stall: dict[str, Value] = {"stalled_us": 100_000}
    result = run(KILL, (1_000, Kind.STALL, "", stall), (305_312, *address("server2")))
    assert result.verdict is Verdict.LATE


def test_the_timers_add_up(run: Run) -> None:
    text = KILL + "  - hold: [{vip: server2}]\n    for: 5ms\n"
    assert run(text, (1_000, *address("server2"))).timers == 5_312 + 5_000


def test_a_lab_without_a_vrrp_instance(fast: tuple[Topology, Mapping[str, Config]], tmp_path: Path) -> None:
    topology, _ = fast
    (tmp_path / "01-x.yml").write_text(KILL)
    scenario = vocabulary.load(tmp_path / "01-x.yml", "x", topology)
    with pytest.raises(LabkitError, match=r"^server1 has no vrrp_instance, so no bound can be computed; "):
        Experiment(scenario, topology, {}, FakeLab([]), lambda _: None)  # type: ignore[arg-type]


def tried(took: Micros = 0, **data: Value) -> tuple[Kind, str, dict[str, Value]]:
    return Kind.PROBE, "host", {"probe": "http", "ok": True, "gap_us": 0, "lost": 0, "took_us": took, **data}


LOAD = """\
probe: {http: vip, from: host}
steps:
  - do: {kill: server1}
    expect: [{distribution: %s, of: 6, tolerance: %s, within: 50ms}]
"""


@pytest.mark.parametrize(
    ("wanted", "answers", "verdict", "note"),
    [
        pytest.param("{server2: 2, server3: 1}", "223223", Verdict.PASS, "4 server2, 2 server3", id="by-weight"),
        pytest.param("{server2: 1, server3: 1}", "223223", Verdict.VIOLATED, "4 server2, 2 server3", id="uneven"),
        pytest.param("{server2: 1}", "222223", Verdict.VIOLATED, "5 server2, 1 server3", id="somebody-else"),
        pytest.param("same", "222222", Verdict.PASS, "6 server2", id="one"),
        pytest.param("same", "222322", Verdict.VIOLATED, "5 server2, 1 server3", id="not-one"),
        pytest.param("same", "2222", Verdict.NEVER, "4 answers came: 4 server2", id="too-few"),
        pytest.param("same", "", Verdict.NEVER, "no answer came", id="none"),
    ],
)
def test_who_answers(run: Run, wanted: str, answers: str, verdict: Verdict, note: str) -> None:
    story = [(1_000 * n, *tried(by=f"server{digit}")) for n, digit in enumerate(answers, 1)]
    result = run(LOAD % (wanted, "10%"), *story)
    assert finding(result) == (verdict, note)


@pytest.mark.parametrize(
    ("wanted", "verdict"),
    [
        pytest.param("{server2: 1, server3: 1}", Verdict.INCONCLUSIVE, id="uneven"),
        pytest.param("{server2: 1}", Verdict.VIOLATED, id="somebody-else"),
        pytest.param("same", Verdict.VIOLATED, id="not-one"),
    ],
)
def test_a_stall_excuses_answers_out_of_turn_and_no_strangers(run: Run, wanted: str, verdict: Verdict) -> None:
    story = [(1_000 * n, *tried(by=f"server{digit}")) for n, digit in enumerate("222223", 2)]
    stall: dict[str, Value] = {"stalled_us": 150_000}
    assert finding(run(LOAD % (wanted, "10%"), (1_000, Kind.STALL, "", stall), *story))[0] is verdict


def test_answers_to_earlier_tries_do_not_count(run: Run) -> None:
    old = [(1_000, *tried(took=20_000, by="server1")) for _ in range(6)]
    new = [(2_000, *tried(by="server2")) for _ in range(6)]
    assert finding(run(LOAD % ("{server2: 1}", "0%"), *old, *new)) == (Verdict.PASS, "6 server2")


def test_budgets(run: Run) -> None:
    text = """\
probe: [{http: vip, from: host}, {from: host}]
steps:
  - do: {kill: server1}
    expect: [{vip: server2, within: 1s}]
    budget: {http: %d, ping: 100ms}
"""
    ping: dict[str, Value] = {"probe": "ping", "ok": True, "gap_us": 190_000, "lost": 18}
    story = [
        (1_000, *tried(ok=False, error="refused")),
        (2_000, *tried(ok=False, error="refused")),
        (3_000, *tried(gap_us=60_000, by="server2")),
        (4_000, Kind.PROBE, "host", ping),
        (5_000, *address("server2")),
    ]
    passed = run(text % 2, *story)
    assert passed.verdict is Verdict.PASS
    assert [(each.what, each.took, each.note) for each in passed.steps[0].findings[1:]] == [
        ("http loses at most 2", None, "lost 2"),
        ("ping has an answer again", 190_000, ""),
    ]
    assert [(each.probe, each.answered, each.failed, each.outage, each.by) for each in passed.steps[0].measured] == [
        ("http", 1, 2, 60_000, {"server2": 1}),
        ("ping", 0, 18, 190_000, {}),
    ]
    assert finding(run(text % 1, *story), 1) == (Verdict.VIOLATED, "lost 2")
    slow = run(text % 2, *story[:3], (4_000, Kind.PROBE, "host", {**ping, "gap_us": 210_000}), story[4])
    assert finding(slow, 2) == (Verdict.VIOLATED, "")
    assert finding(run(text % 2, story[4]), 1) == (Verdict.NEVER, "the probe has told nothing")


def test_what_comes_in_order(run: Run) -> None:
    text = """\
steps:
  - do: {kill: server1}
    order: [{state: server1, is: FAULT}, {vip: server2}]
    for: 20ms
"""
    fault = (Kind.STATE, "server1", {"instance": "X", "state": "FAULT", "why": "", "priority": 150})
    right = run(text, (1_000, *fault), (2_000, *address("server2")))
    assert (right.verdict, right.steps[0].findings[0].took) == (Verdict.PASS, right.steps[0].findings[0].took)
    wrong = run(text, (1_000, *address("server2")), (2_000, *fault))
    assert finding(wrong)[0] is Verdict.VIOLATED
    assert wrong.steps[0].findings[0].what == "order: server1 is FAULT, then VIP on server2"
    assert finding(run(text, (1_000, *fault))) == (Verdict.NEVER, "VIP on server2 never came")


def test_never_is_watched_to_the_end_of_its_step(run: Run) -> None:
    alone = "steps: [{do: {kill: server1}, never: [{vip: server3}], for: 20ms}]"
    assert run(alone).verdict is Verdict.PASS
    assert run(alone, (1_000, *address("server3"))).verdict is Verdict.VIOLATED
    after = "steps: [{do: {kill: server1}, expect: [{vip: server2, within: 1s}], never: [{vip: server3}]}]"
    result = run(after, (1_000, *address("server2")), (1_001, *address("server3")))
    assert result.steps[0].findings[-1].what == "never: VIP on server3"


def test_always_is_watched_from_the_beginning(run: Run) -> None:
    text = "steps: [{do: {kill: server1}, always: [{vip: server2}], for: 5ms}]"
    assert run(text).verdict is Verdict.VIOLATED  # it is not so to begin with
    gone = "steps: [{do: {kill: server2}, expect: [{vip: server2, within: 1s}]}, {always: [{vip: server2}], for: 5ms}]"
    assert run(gone, (1_000, *address("server2"))).verdict is Verdict.PASS


def test_what_must_hold_is_looked_at_when_it_begins(run: Run) -> None:
    assert run("steps: [{hold: [{vip: server2}], for: 5ms}]").verdict is Verdict.VIOLATED


def test_a_stall_excuses_what_was_violated(run: Run) -> None:
    stall: dict[str, Value] = {"stalled_us": 150_000}
    result = run(KILL, (1_000, Kind.STALL, "", stall), (2_000, *address("server3")))
    assert (result.verdict, finding(result, -1)[1]) == (Verdict.INCONCLUSIVE, "the host stalled for 150 ms")


def test_a_replay_comes_to_the_same_verdicts(run: Run, tmp_path: Path) -> None:
    text = """\
probe: {http: vip, from: host}
steps:
  - do: {kill: server1}
    expect: [{vip: server2, within: 50ms}, {distribution: same, of: 2, within: 1s}]
    never: [{owners: 2}]
    order: [{vip: server2}, {state: server2, is: MASTER}]
    budget: {http: 1}
  - {hold: [{vip: server2}], for: 5ms}
"""
    master: dict[str, Value] = {"instance": "X", "state": "MASTER", "why": "", "priority": 120}
    story = [
        (1_000, *tried(ok=False, error="refused")),
        (205_000, *address("server2")),
        (206_000, Kind.STATE, "server2", master),
        (207_000, *tried(by="server2")),
        (208_000, *tried(by="server2")),
    ]
    for story_told in (story, [*story, (209_000, *address("server3"))], story[2:]):
        result = run(text, *story_told)
        trace = tmp_path / "trace.jsonl"
        trace.write_text("".join(f"{record.to_json()}\n" for record in result.trace))
        again = replay.replay(replay.read(trace), lambda _: None)
        assert again.steps == result.steps
        assert (again.verdict, again.timers, again.seed) == (result.verdict, result.timers, result.seed)
    other = tmp_path / "02-other.yml"
    other.write_text("steps: [{do: {kill: server1}, expect: [{vip: server3, within: 50ms}]}, {expect: []}]")
    assert replay.replay(replay.read(trace), lambda _: None, scenario=other).verdict is Verdict.NEVER
    other.write_text("steps: [{do: {kill: server1}}]")
    if len(result.steps) > 1:
        with pytest.raises(LabkitError, match="has 1 steps, the trace has more"):
            replay.replay(replay.read(trace), lambda _: None, scenario=other)


def test_what_is_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(LabkitError, match="No such file"):
        replay.read(path)
    path.write_text('{"at": 1, "kind": "link", "node": "a"}\nnonsense\n')
    with pytest.raises(LabkitError, match=":2: "):
        replay.read(path)
    path.write_text('{"at": 1, "kind": "link", "node": "a"}\n')
    with pytest.raises(LabkitError, match="this is no trace of a scenario; `labkit run --evidence FOLDER` records one"):
        replay.replay(replay.read(path), lambda _: None)


def test_reports(run: Run) -> None:
    probe: dict[str, Value] = {"probe": "p", "ok": True, "gap_us": 540_000, "lost": 53}
    result = run(KILL, (6_000, *address("server2")), (6_500, Kind.PROBE, "host", probe))
    line = report.summary(result)
    assert line.startswith("PASS x ")
    assert "(bound 0.005)" in line
    assert "client outage 0.540 s" in line
    document = json.loads(report.to_json([report.Run(lab="failover", result=result)]))
    assert document[0]["verdict"] == "PASS"
    assert document[0]["steps"][0]["did"] == ["kill server1"]
    assert document[0]["steps"][0]["outage_s"] == 0.54
    assert report.total([result, replace(result, verdict=Verdict.LATE)], 1_000_000).startswith(
        "1 of 2 scenarios passed"
    )
