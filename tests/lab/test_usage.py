"""What daemons cost, read from /proc; and how two of them stand side by side."""

import pytest

from labkit.diagnostics import LabkitError
from labkit.lab.report import Run
from labkit.lab.usage import Usage, read
from labkit.lab.verdict import Finding, Result, StepResult, Verdict
from labkit.ui.cli.compare import Column, column, table

PARENT = "5 (keepalived) S 1 5 5 0 -1 4194368 1644 0 0 0 10 5 0 0 20 0 1 0 1000 4096 100"
CHILD = "6 (keepalived_vrrp (x) S) S 5 5 5 0 -1 4194624 4497 0 7 0 20 10 3 2 20 0 1 0 1010 4096 100"


def test_processor_time_is_that_of_all_processes_and_their_children() -> None:
    """0.15 s and 0.35 s; names may hold brackets and blanks."""
    found = read(f"{PARENT}\nPss:     1000 kB\n{CHILD}\nPss:     2500 kB\n")
    assert found == Usage(cpu_s=pytest.approx(0.5), memory_kb=3500)


def test_processor_time_is_to_the_nanosecond_where_the_kernel_counts_so() -> None:
    """Two threads of 4 ms in all, and the child's children's 0.05 s."""
    found = read(f"{PARENT}\n1000000 55 3\n3000000 7 1\nPss:     1000 kB\n{CHILD}\n0 0 0\nPss:        5 kB\n")
    assert found == Usage(cpu_s=pytest.approx(0.054), memory_kb=1005)


def test_where_no_daemon_runs_nothing_is_measured() -> None:
    assert read("") is None


@pytest.mark.parametrize("text", ["5 (keepalived) S 1\n", PARENT.replace(" 10 5 ", " x 5 ")])
def test_another_proc_is_named(text: str) -> None:
    with pytest.raises(LabkitError, match=r"^/proc of a node is not as proc\(5\) says"):
        read(text)


def result(took: int | None) -> Run:
    finding = Finding(what="VIP on server2", verdict=Verdict.PASS, bound=600_000, took=took)
    step = StepResult(did=("stop server1",), findings=(finding,), outage=took)
    whole = Result(scenario="stop", title="", verdict=Verdict.PASS, steps=(step,), took=4_000_000, timers=0)
    usage = {"server1": Usage(cpu_s=1.0, memory_kb=1024), "server2": Usage(cpu_s=2.0, memory_kb=2048)}
    return Run(lab="failover", result=whole, usage=usage if took is not None else {})


def test_a_column_has_the_longest_times_and_the_mean_cost() -> None:
    expected = Column(verdict="PASS", takeover_s=0.55, outage_s=0.55, cpu_s=1.5, memory_kb=1536)
    assert column(result(550_000)) == expected
    lacking = Column(verdict="SKIP", takeover_s=None, outage_s=None, cpu_s=None, memory_kb=None, why="no FAULT")
    assert list(table("x", {"frr": lacking}))[-1] == "  frr: no FAULT"
    assert list(table("failover stop", {"labkit": column(result(550_000)), "keepalived": column(result(None))})) == [
        "failover stop                     labkit    keepalived",
        "  verdict                           PASS          PASS",
        "  takeover                       0.550 s             -",
        "  outage                         0.550 s             -",
        "  CPU                            1.500 s             -",
        "  memory                          1.5 MB             -",
    ]
