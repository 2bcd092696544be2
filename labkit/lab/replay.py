"""Judges a recorded trace anew: the same engine, the same records, no lab.

A run writes into its trace where each step began, from when on its bounds counted and when it lasted; so a replay comes
to the same verdicts, or, with another scenario file of as many steps, to those of other expectations.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from labkit.conf import loader as conf
from labkit.diagnostics import LabkitError
from labkit.lab import catalog, vocabulary
from labkit.lab.judge import Judge
from labkit.lab.prepared import Prepared, prepare
from labkit.lab.report import finding_text
from labkit.lab.sight import Sight
from labkit.lab.story import Scenario
from labkit.lab.topology import CONFIG
from labkit.lab.verdict import Finding, Result, StepResult, Verdict, worst
from labkit.trace import Kind, Record


def read(path: Path) -> list[Record]:
    """Return the records of a trace file, one a line.

    Raises:
        LabkitError: it cannot be read, or a line is no record.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise LabkitError(f"{path}: {error.strerror}") from error
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(Record.from_json(line))
        except ValueError as error:
            cure = "trace.jsonl of an evidence folder is a trace"
            raise LabkitError(f"{path}:{number}: {error}; {cure}") from error
    return records


def replay(
    records: Iterable[Record], told: Callable[[str], None], *, lab: str | None = None, scenario: Path | None = None
) -> Result:
    """Judge a trace by its own scenario, or by another one; `lab` is where the lab file is now.

    Raises:
        LabkitError: the trace is no scenario's, or the lab or scenario is not there or wrong.
    """
    taken = list(records)
    head = next((each for each in taken if each.kind is Kind.STEP and each.data["event"] == "scenario"), None)
    if head is None:
        raise LabkitError("this is no trace of a scenario; `labkit run --evidence FOLDER` records one")
    file = scenario or Path(str(head.data["file"]))
    prepared = _prepare(head, file, lab)
    story = vocabulary.load(file, str(head.data["scenario"]), prepared.topology, int(str(head.data["seed"])))
    return _Replay(story, prepared, told).run(taken)


def _prepare(head: Record, file: Path, lab: str | None) -> Prepared:
    recorded = str(head.data["lab"])
    place = lab or (recorded if recorded in catalog.lab_names() else str(file.parent.parent))
    daemons = json.loads(str(head.data.get("daemons", "{}")))
    return prepare(place, str(head.data["variant"]), json.loads(str(head.data["variables"])), daemons)


@dataclass(slots=True)
class _Mark:
    """The step being judged: its number, and the judge once bounds count."""

    number: int = -1
    began: int = 0
    judge: Judge | None = None


class _Replay:
    def __init__(self, story: Scenario, prepared: Prepared, told: Callable[[str], None]) -> None:
        self.story = story
        self.configs = dict(prepared.configs)
        self.sight = Sight(prepared.topology)
        self.told = told
        self.mark = _Mark()
        self.checks: list[Finding] = []
        self.results: list[StepResult] = []
        self.timers = 0

    def run(self, records: list[Record]) -> Result:
        for record in records:
            if record.kind is Kind.STEP:
                self._obey(record)
            elif self.mark.judge is not None:
                self.mark.judge.take(record)
            else:
                self.sight.take(record)
        verdicts = [finding.verdict for result in self.results for finding in result.findings]
        return Result(
            scenario=self.story.name,
            title=self.story.title,
            verdict=worst(verdicts),
            steps=tuple(self.results),
            took=records[-1].at - records[0].at,
            timers=self.timers,
            trace=tuple(records),
            seed=self.story.seed,
        )

    def _obey(self, record: Record) -> None:
        data, mark = record.data, self.mark
        match data["event"]:
            case "begin":
                began = int(str(data["began"]))
                self.sight.begin_step(began)
                self.mark = _Mark(mark.number + 1, began)
                self.checks = []
            case "config":
                node = str(data["changed"])
                loaded = conf.loads(str(data["text"]), file=f"{node}:{CONFIG}")
                self.configs[node] = loaded.config or self.configs[node]
            case "mark":
                mark.judge = self._judge(record)
            case "last" if mark.judge is not None:
                mark.judge.begin_to_last(int(str(data["since"])))
            case "check":
                verdict = Verdict(str(data["verdict"]))
                self.checks.append(
                    Finding(what=str(data["what"]), verdict=verdict, bound=0, took=None, note=str(data["said"]))
                )
            case "end" if mark.judge is not None:
                self._end(mark.judge, record)

    def _judge(self, record: Record) -> Judge:
        if self.mark.number >= len(self.story.steps):
            raise LabkitError(f"{self.story.file} has {len(self.story.steps)} steps, the trace has more")
        data, step = record.data, self.story.steps[self.mark.number]
        judge = Judge(
            step, self.sight, self.configs, str(data["best"]), int(str(data["mark"])), int(str(data["slack"]))
        )
        self.timers += judge.timers
        return judge

    def _end(self, judge: Judge, record: Record) -> None:
        step = self.story.steps[self.mark.number]
        findings = (*judge.findings(record.at), *self.checks)
        for action in step.actions:
            self.told(f"  {action}")
        for finding in findings:
            self.told("\n".join(f"    {line}" for line in finding_text(finding).splitlines()))
        measured = self.sight.measured(record.at)
        self.results.append(
            StepResult(
                did=tuple(str(action) for action in step.actions),
                findings=findings,
                outage=max((each.outage for each in measured if each.outage is not None), default=None),
                began=self.mark.began,
                measured=measured,
            )
        )
        self.mark.judge = None
