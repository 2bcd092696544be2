"""Verdicts, and what was found and measured: the result of a run as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from labkit.trace import Micros, Record


class Verdict(StrEnum):
    """The outcome of an expectation, and of a scenario (its worst)."""

    PASS = "PASS"
    SKIP = "SKIP"  # this machine lacks what the lab needs
    INCONCLUSIVE = "INCONCLUSIVE"  # failed, but the host stalled for longer than it failed by
    LATE = "LATE"  # came true after its bound
    NEVER = "NEVER"  # did not come true within twice its bound
    VIOLATED = "VIOLATED"  # what must not happen happened
    ERROR = "ERROR"  # the lab broke, not the subject


_WORSE = list(Verdict)
FINAL = (Verdict.NEVER, Verdict.VIOLATED)  # what follows would mean nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One expectation, and what was measured: `took` is None when it never came true; times in microseconds.

    `bound` is 0 where nothing limits the time, as for a check.  What did not pass says what was `seen` instead, a
    `hint` at the cause, and the `timeline` around it; it counts from `since`.
    """

    what: str
    verdict: Verdict
    bound: Micros
    took: Micros | None
    note: str = ""
    seen: str = ""
    hint: str = ""
    since: Micros = 0
    timeline: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a probe measured during a step: `outage` is the longest time without an answer where tries were missed."""

    probe: str
    failed: int
    answered: int  # of probes that tell each try; 0 for the others
    outage: Micros | None = None
    by: Mapping[str, int] = field(default_factory=dict)  # how many answers came from whom


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What a step did and what came of it; `outage` is the longest time that any probe was without an answer."""

    did: tuple[str, ...]
    findings: tuple[Finding, ...]
    outage: Micros | None = None
    began: Micros = 0  # on the lab's clock
    measured: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A whole scenario; `timers` is the sum of its bounds, which `took` is to be compared with."""

    scenario: str
    title: str
    verdict: Verdict
    steps: tuple[StepResult, ...]
    took: Micros
    timers: Micros
    error: str = ""
    trace: tuple[Record, ...] = ()
    seed: int = 0  # of the random order of `each`


def skipped(name: str, title: str, why: str) -> Result:
    """Return the result of a scenario that cannot run here."""
    return Result(scenario=name, title=title, verdict=Verdict.SKIP, steps=(), took=0, timers=0, error=why)


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the worst of the verdicts; PASS for none."""
    return max(verdicts, key=_WORSE.index, default=Verdict.PASS)


def _seconds(value: Micros | None) -> float | None:
    return None if value is None else value / 1e6


def as_dict(result: Result) -> dict[str, Any]:
    """Return the result as plain values for JSON; times in seconds."""
    return {
        "scenario": result.scenario,
        "title": result.title,
        "verdict": result.verdict.value,
        "error": result.error,
        "took_s": _seconds(result.took),
        "timers_s": _seconds(result.timers),
        "seed": result.seed,
        "steps": [_step_as_dict(step) for step in result.steps],
    }


def _step_as_dict(step: StepResult) -> dict[str, Any]:
    return {
        "did": list(step.did),
        "outage_s": _seconds(step.outage),
        "probes": [
            {
                "probe": each.probe,
                "answered": each.answered,
                "failed": each.failed,
                "outage_s": _seconds(each.outage),
                "by": dict(each.by),
            }
            for each in step.measured
        ],
        "findings": [
            {
                "what": finding.what,
                "verdict": finding.verdict.value,
                "bound_s": _seconds(finding.bound) if finding.bound else None,
                "took_s": _seconds(finding.took),
                "note": finding.note,
                "seen": finding.seen,
                "hint": finding.hint,
            }
            for finding in step.findings
        ],
    }
