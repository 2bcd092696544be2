"""The GitHub Action and the GitLab template: valid by the published schemas, and their commands do what they say."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import junitparser
import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION, TEMPLATE = ROOT / "packaging/ci/action.yml", ROOT / "packaging/ci/gitlab.yml"


@pytest.mark.parametrize(
    ("schema", "file"), [("vendor.github-actions", ACTION), ("vendor.gitlab-ci", TEMPLATE)], ids=["github", "gitlab"]
)
def test_valid_by_the_published_schema(schema: str, file: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **more}


def bash(script: str, folder: Path, variables: Mapping[str, str], status: int = 0) -> str:
    """Run a script as a runner does."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


class Action:
    """Does the steps of the action that run a script, with inputs put in as GitHub does it."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.folder = folder
        self.action = yaml.safe_load(ACTION.read_text())
        self.inputs = {name: given["default"] for name, given in self.action["inputs"].items()} | inputs

    def step(self, identity: str, status: int = 0) -> str:
        (step,) = (each for each in self.action["runs"]["steps"] if each.get("id") == identity)
        variables = {name: self._put(value) for name, value in step["env"].items()}
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            variables[name] = str(self.folder / name.lower())
        return bash(step["run"], self.folder, variables, status)

    def _put(self, text: str) -> str:
        return re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda match: str(self.inputs[match[1]]), text)


def test_inputs_reach_scripts_by_the_environment_only() -> None:
    for step in yaml.safe_load(ACTION.read_text())["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), "an input in a script is a way to run anything"


def test_the_action_runs_reports_and_sums_up(tmp_path: Path) -> None:
    action = Action(tmp_path, provider="sim", options="--scenario kill --set advert_int=2", repeat="2")
    action.step("run")
    outputs = dict(line.split("=") for line in (tmp_path / "github_output").read_text().splitlines())
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / outputs["junit"]))
    assert (suite.name, suite.tests, suite.failures) == ("failover", 2, 0)
    assert "<svg" in (tmp_path / outputs["html"]).read_text()
    summary = (tmp_path / "github_step_summary").read_text()
    assert "### labkit: 2 of 2 scenarios passed" in summary
    assert "| VIP on server2 | 6.531 s | 6.531 s |" in summary


def test_a_step_fails_when_a_verdict_does(tmp_path: Path) -> None:
    (tmp_path / "lab/scenarios").mkdir(parents=True)
    (tmp_path / "lab/lab.yml").write_text((ROOT / "labs/failover/lab.yml").read_text())
    (tmp_path / "lab/scenarios/01-hasty.yml").write_text(
        "title: a | b\nsteps: [{expect: [{vip: server1, within: 50ms}]}]\n"
    )
    Action(tmp_path, lab="lab", provider="sim").step("run", status=1)
    summary = (tmp_path / "github_step_summary").read_text()
    assert "### labkit: 0 of 1 scenarios passed" in summary
    assert "❌ NEVER" in summary
    assert "a \\| b" in summary
    (evidence,) = tmp_path.glob("labkit-evidence/*-hasty-1")
    assert (evidence / "trace.jsonl").stat().st_size > 0


def test_the_doctor_is_asked_and_obeyed(tmp_path: Path) -> None:
    """A doctor that wants one thing, as on a machine that forbids user namespaces."""
    (tmp_path / "labkit").write_text(
        '#!/bin/sh\n[ "$2" = --commands ] && { [ -e cured ] || echo "touch cured"; exit; }\n[ -e cured ] && echo well\n'
    )
    (tmp_path / "labkit").chmod(0o755)
    script = next(each for each in Action(tmp_path).action["runs"]["steps"] if each.get("id") == "doctor")["run"]
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    bash(script, tmp_path, {**path, "PREPARE": "false"}, status=1)
    assert bash(script, tmp_path, {**path, "PREPARE": "true"}) == "well\n"


def lines(script: list[Any]) -> Iterator[str]:
    yield from (str(line) for line in script)


def test_the_template_runs_and_reports(tmp_path: Path) -> None:
    job = yaml.safe_load(TEMPLATE.read_text())[".labkit"]
    variables = {**job["variables"], "LABKIT_PROVIDER": "sim", "LABKIT_OPTIONS": "-s stop -s steady"}
    bash("\n".join(lines(job["script"])), tmp_path, variables)
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / job["artifacts"]["reports"]["junit"]))
    assert [case.name for case in suite] == ["steady 1", "stop 1"]
    assert "<svg" in (tmp_path / "labkit-evidence/report.html").read_text()
