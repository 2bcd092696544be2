"""Things done side by side, in a program of its own: the test run has threads, and a fork would take half of them."""

import os
import subprocess
import sys

import pytest

from tests.conftest import eventually

PROGRAM = """
import os, signal, sys
from functools import partial
from labkit.diagnostics import LabkitError
from labkit.ui.cli.jobs import side_by_side

first, second = os.pipe(), os.pipe()

def meet(own, other):  # ends only when two run at once
    os.write(own[1], b"x")
    os.read(other[0], 1)
    return os.getpid()

def refuse():
    raise LabkitError("no such lab")

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def hang():
    print(os.getpid(), flush=True)
    os.write(first[1], b"x")
    signal.pause()

def end():  # when the other one hangs
    os.read(first[0], 1)
    return 7

"""
MEETING = "print(len({os.getpid(), *side_by_side([partial(meet, first, second), partial(meet, second, first)], 2)}))"
ORDER = "print(list(side_by_side((partial(int, n) for n in range(5)), 1)))"


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM + code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param(MEETING, "3", id="each-in-a-process-of-its-own-at-once"),
        pytest.param(ORDER, "[0, 1, 2, 3, 4]", id="one-at-a-time-in-order"),
        pytest.param("print(list(side_by_side([], 3)))", "[]", id="nothing-to-do"),
    ],
)
def test_side_by_side(code: str, said: str) -> None:
    assert run(code).stdout.strip() == said


@pytest.mark.parametrize(
    ("task", "error"),
    [
        pytest.param("refuse", "LabkitError: no such lab", id="refused"),
        pytest.param("die", "LabkitError: a process that ran a scenario ended with status -9", id="killed"),
        pytest.param("(lambda: 1 / 0)", "LabkitError: it broke: ZeroDivisionError", id="broke"),
    ],
)
def test_what_goes_wrong_is_told(task: str, error: str) -> None:
    assert error in run(f"list(side_by_side([{task}], 2))").stderr


def test_whoever_stops_asking_ends_what_goes_on() -> None:
    done = run("results = side_by_side([hang, end], 2)\nprint(next(results))\nresults.close()")
    hanging = next(int(line) for line in done.stdout.split() if line != "7")
    assert eventually(lambda: not _alive(hanging))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
