"""JUnit XML of runs written by hand, read by somebody else's parser."""

import junitparser
import pytest

from labkit.lab import junit
from labkit.lab.report import Run
from labkit.lab.verdict import Finding, Measured, Result, StepResult, Verdict


def run(verdict: Verdict, *findings: Finding, lab: str = "failover", error: str = "", number: int = 0) -> Run:
    web = Measured(probe="web", failed=3, answered=141, outage=3_540_000, by={"server1": 70, "server2": 71})
    steps = (StepResult(did=("kill server1",), findings=findings, measured=(web,)),) if findings else ()
    result = Result(
        scenario="kill", title="it dies", verdict=verdict, steps=steps, took=9_100_000, timers=8_000_000, error=error
    )
    return Run(lab=lab, result=result, number=number)


def finding(verdict: Verdict, took: int | None, note: str = "") -> Finding:
    return Finding(what="VIP on server2", verdict=verdict, bound=3_531_250, took=took, note=note)


def read(*runs: Run) -> list[junitparser.TestSuite]:
    return list(junitparser.JUnitXml.fromstring(junit.to_junit(runs).encode()))


def test_bounds_and_measured_times_are_properties() -> None:
    check = Finding(what="check: client1: ask 3", verdict=Verdict.PASS, bound=0, took=12_000)
    (suite,) = read(run(Verdict.PASS, finding(Verdict.PASS, 3_531_900), check))
    (case,) = suite
    assert (case.classname, case.name, case.time, case.result) == ("failover", "kill", 9.1, [])
    assert {each.name: each.value for each in case.child(junitparser.Properties)} == {
        "verdict": "PASS",
        "timers_s": "8.000000",
        "1.1 VIP on server2: bound_s": "3.531250",
        "1.1 VIP on server2: measured_s": "3.531900",
        "1.2 check: client1: ask 3: measured_s": "0.012000",
        "1 web: failed": "3",
        "1 web: outage_s": "3.540000",
        "1 web: answered by server1": "70",
        "1 web: answered by server2": "71",
    }
    assert "kill server1\nPASS  VIP on server2: 3.532 s (bound 3.531 s)" in case.system_out


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        pytest.param(
            run(Verdict.LATE, finding(Verdict.LATE, 4_000_000, "0.469 s after its bound")),
            junitparser.Failure,
            "LATE; VIP on server2: 0.469 s after its bound",
            id="late",
        ),
        pytest.param(
            run(Verdict.NEVER, finding(Verdict.NEVER, None)),
            junitparser.Failure,
            "NEVER; VIP on server2: NEVER",
            id="never",
        ),
        pytest.param(
            run(Verdict.ERROR, error="the lab has ended"), junitparser.Error, "ERROR; the lab has ended", id="error"
        ),
        pytest.param(
            run(Verdict.SKIP, error="the kernel lacks ipvs"),
            junitparser.Skipped,
            "SKIP; the kernel lacks ipvs",
            id="skip",
        ),
        pytest.param(
            run(Verdict.INCONCLUSIVE, finding(Verdict.INCONCLUSIVE, 4_000_000, "the host stalled for 900 ms")),
            junitparser.Skipped,
            "INCONCLUSIVE; VIP on server2: the host stalled for 900 ms",
            id="inconclusive",
        ),
    ],
)
def test_what_did_not_pass(given: Run, kind: type, message: str) -> None:
    (suite,) = read(given)
    ((outcome,),) = (case.result for case in suite)
    assert type(outcome) is kind
    assert outcome.message == message


def test_a_suite_for_each_lab_with_its_counts() -> None:
    runs = [
        run(Verdict.PASS, number=1),
        run(Verdict.NEVER, finding(Verdict.NEVER, None), number=2),
        run(Verdict.SKIP, lab="balance/dr", error="no ipvs"),
        run(Verdict.ERROR, lab="balance/dr", error="gone"),
    ]
    failover, balance = read(*runs)
    assert [case.name for case in failover] == ["kill 1", "kill 2"]
    assert (failover.tests, failover.failures, failover.errors, failover.skipped) == (2, 1, 0, 0)
    assert (balance.name, balance.tests, balance.errors, balance.skipped) == ("balance/dr", 2, 1, 1)


def test_what_xml_cannot_carry_is_replaced() -> None:
    (suite,) = read(run(Verdict.VIOLATED, finding(Verdict.VIOLATED, 5, note='\x00<&">\x1b')))
    ((outcome,),) = (case.result for case in suite)
    assert outcome.message == 'VIOLATED; VIP on server2: �<&">�'
