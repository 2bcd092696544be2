"""The shipped scenarios catch broken daemons: each mutant by the scenario and the finding that is named beside it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import ROOT, Labkit
from tests.e2e.mutants import MUTANTS

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]

FAST = ("--set", "advert_int=0.4", "--set", "version=3")
AT_ONCE = 7  # labs beside one another: a mutant waits most of its time


def start(tool: Labkit, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.e2e.mutants", name, "run", "failover", "--json", *FAST]
    folder = tool.runtime / name
    folder.mkdir(exist_ok=True)
    environment = {**tool.environment, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*command, "-s", MUTANTS[name][0]], cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True
    )


def failures(output: str) -> list[str]:
    """Return what a run found that did not pass."""
    findings: Iterator[dict[str, Any]] = (
        finding for step in json.loads(output)[0]["steps"] for finding in step["findings"]
    )
    return [f"{found['verdict']} {found['what']}: {found['note']}" for found in findings if found["verdict"] != "PASS"]


def caught(failure: str, name: str) -> bool:
    verdict, _, what = failure.partition(" ")
    return verdict in ("LATE", "NEVER", "VIOLATED") and what.startswith(MUTANTS[name][1])


def test_each_mutant_is_caught_by_a_shipped_scenario(own: Labkit) -> None:
    assert len(MUTANTS) >= 12
    missed: dict[str, object] = dict.fromkeys(MUTANTS)
    for _ in range(3):  # on a machine that stalls a verdict may be INCONCLUSIVE
        names = sorted(missed, key=lambda name: MUTANTS[name][0])  # those that take long together
        for first in range(0, len(names), AT_ONCE):
            running = {name: start(own, name) for name in names[first : first + AT_ONCE]}
            for name, process in running.items():
                output, errors = process.communicate(timeout=60)
                found = failures(output) if output else [errors]
                if any(caught(each, name) for each in found):
                    del missed[name]
                else:
                    missed[name] = found
        if not missed:
            return
    assert missed == {}
