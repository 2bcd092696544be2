"""Exit codes and the lines that a run prints, from results written by hand."""

import json

import pytest

from labkit.lab import report
from labkit.lab.verdict import Finding, Result, StepResult, Verdict, worst


def result(verdict: Verdict, *steps: StepResult, error: str = "") -> Result:
    return Result(
        scenario="kill", title="t", verdict=verdict, steps=steps, took=9_100_000, timers=8_000_000, error=error
    )


def finding(what: str, verdict: Verdict, took: int | None, bound: int = 3_531_250) -> Finding:
    return Finding(what=what, verdict=verdict, bound=bound, took=took)


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param(["PASS", "PASS"], 0, id="passed"),
        pytest.param(["PASS", "INCONCLUSIVE"], 0, id="the-host-stalled"),
        pytest.param(["PASS", "SKIP"], 0, id="skipped"),
        pytest.param(["PASS", "LATE"], 1, id="late"),
        pytest.param(["NEVER"], 1, id="never"),
        pytest.param(["VIOLATED", "INCONCLUSIVE"], 1, id="violated"),
        pytest.param(["PASS", "ERROR"], 2, id="the-lab-broke"),
        pytest.param(["LATE", "ERROR", "NEVER"], 2, id="the-lab-broke-beside-failures"),
    ],
)
def test_exit_code(verdicts: list[str], status: int) -> None:
    assert report.exit_code([result(Verdict(verdict)) for verdict in verdicts]) == status


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], "PASS"),
        (["PASS", "INCONCLUSIVE"], "INCONCLUSIVE"),
        (["LATE", "INCONCLUSIVE", "PASS"], "LATE"),
        (["NEVER", "LATE"], "NEVER"),
        (["VIOLATED", "NEVER"], "VIOLATED"),
        (["ERROR", "VIOLATED"], "ERROR"),
    ],
)
def test_the_worst_verdict_counts(verdicts: list[str], expected: str) -> None:
    assert worst([Verdict(verdict) for verdict in verdicts]) is Verdict(expected)


def test_summary() -> None:
    steady = StepResult(did=(), findings=(finding("VIP on server1", Verdict.PASS, 3_414_300),))
    kill = StepResult(
        did=("kill server1",),
        findings=(
            finding("VIP on server2", Verdict.PASS, 3_531_900),
            finding("ARP of host points to server2", Verdict.PASS, 3_532_100),
        ),
        outage=3_540_000,
    )
    assert report.summary(result(Verdict.PASS, steady, kill)) == (
        "PASS kill                    takeover 3.532 s (bound 3.531)  ARP 3.532 s  client outage 3.540 s  9.1 s in all"
    )


def test_summary_of_what_never_came_and_of_what_broke() -> None:
    kill = StepResult(did=("kill server1",), findings=(finding("VIP on server2", Verdict.NEVER, None),))
    assert report.summary(result(Verdict.NEVER, kill)) == (
        "NEVER kill                    takeover - (bound 3.531)  client outage below 0.030 s  9.1 s in all"
    )
    assert report.summary(result(Verdict.ERROR, error="the lab has ended")) == (
        "ERROR kill                    9.1 s in all  the lab has ended"
    )


def test_total() -> None:
    results = [result(Verdict.PASS), result(Verdict.INCONCLUSIVE)]
    assert report.total(results, 18_250_000) == (
        "1 of 2 scenarios passed in 18.2 s; the protocol timers in them add up to 16.0 s"
    )
    for skipped, told in ((1, "1 was skipped"), (2, "2 were skipped")):
        mixed = [result(Verdict.PASS), *[result(Verdict.SKIP)] * skipped]
        assert f"scenarios passed, {told}, in 18.2 s;" in report.total(mixed, 18_250_000)


def test_spread_of_what_was_measured_several_times() -> None:
    runs = [
        report.Run(
            lab="failover",
            number=number,
            result=result(Verdict.PASS, StepResult(did=(), findings=(finding("VIP on server2", Verdict.PASS, took),))),
        )
        for number, took in ((1, 3_500_000), (2, 3_540_000), (3, 3_530_000), (4, None))
    ]
    assert report.spread(runs) == [
        "failover kill: VIP on server2: 3.500 s, 3.530 s, 3.540 s (bound 3.531 s; least, median and most of 3)"
    ]
    assert report.spread(runs[:1]) == []


def test_json_is_in_seconds() -> None:
    kill = StepResult(did=("kill server1",), findings=(finding("VIP on server2", Verdict.NEVER, None),), outage=20_000)
    assert json.loads(report.to_json([report.Run(lab="failover", result=result(Verdict.NEVER, kill))])) == [
        {
            "lab": "failover",
            "number": 0,
            "scenario": "kill",
            "title": "t",
            "verdict": "NEVER",
            "error": "",
            "took_s": 9.1,
            "timers_s": 8.0,
            "seed": 0,
            "steps": [
                {
                    "did": ["kill server1"],
                    "outage_s": 0.02,
                    "probes": [],
                    "findings": [
                        {
                            "what": "VIP on server2",
                            "verdict": "NEVER",
                            "bound_s": 3.53125,
                            "took_s": None,
                            "note": "",
                            "seen": "",
                            "hint": "",
                        }
                    ],
                }
            ],
        }
    ]
