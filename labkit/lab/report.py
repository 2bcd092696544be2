"""What a run of scenarios tells people and programs: one line a scenario, with the figures that matter."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from labkit.lab.topology import Topology
from labkit.lab.usage import Usage
from labkit.lab.verdict import Finding, Result, Verdict, as_dict
from labkit.trace import Micros, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A scenario of a lab that was run; `number` counts from 1 where it was run several times, else it is 0."""

    lab: str
    result: Result
    number: int = 0
    topology: Topology | None = None  # with its variant, for pictures
    usage: Mapping[str, Usage] = field(default_factory=dict)  # of the daemons that ran at the end, by node

    @property
    def title(self) -> str:
        """What tells this run from the others of its lab."""
        return f"{self.result.scenario} {self.number}" if self.number else self.result.scenario


def exit_code(results: Sequence[Result]) -> int:
    """Return 0 when every verdict is PASS, SKIP or INCONCLUSIVE, 2 when a lab broke, else 1."""
    verdicts = {result.verdict for result in results}
    if Verdict.ERROR in verdicts:
        return 2
    return 1 if verdicts - {Verdict.PASS, Verdict.SKIP, Verdict.INCONCLUSIVE} else 0


def summary(result: Result) -> str:
    """Return one line: verdict, takeover and its bound, the client's outage, when its ARP table changed."""
    parts = [f"{result.verdict.value:<4} {result.scenario:<22}"]
    if result.verdict is Verdict.SKIP:
        return "  ".join([*parts, result.error])
    faults = [step for step in result.steps if step.did]
    changes = [finding for step in faults for finding in step.findings if finding.took != 0]
    takeovers = [finding for finding in changes if finding.what.startswith("VIP on")]
    arps = [finding for finding in changes if finding.what.startswith("ARP of")]
    outages = [step.outage for step in faults if step.outage is not None]
    if takeovers:
        parts.append("takeover " + _times(takeovers))
    if arps:
        parts.append("ARP " + ", ".join(_seconds(finding.took) for finding in arps))
    if faults:
        parts.append(f"client outage {_seconds(max(outages)) if outages else 'below 0.030 s'}")
    parts.append(f"{result.took / 1e6:.1f} s in all")
    if result.error:
        parts.append(result.error)
    return "  ".join(parts)


def _times(findings: Sequence[Finding]) -> str:
    return ", ".join(f"{_seconds(finding.took)} (bound {finding.bound / 1e6:.3f})" for finding in findings)


def _seconds(value: Micros | None) -> str:
    return "-" if value is None else f"{value / 1e6:.3f} s"


def spread(runs: Sequence[Run]) -> list[str]:
    """Return a line for each thing that was expected and measured more than once: least, median and most."""
    measured: dict[tuple[str, int, str], list[Micros]] = {}
    bounds: dict[tuple[str, int, str], Micros] = {}
    for run in runs:
        for number, step in enumerate(run.result.steps):
            for finding in step.findings:
                if finding.bound and finding.took is not None and not finding.what.startswith("always"):
                    key = f"{run.lab} {run.result.scenario}", number, finding.what
                    measured.setdefault(key, []).append(finding.took)
                    bounds[key] = finding.bound
    return [
        f"{scenario}: {what}: {_seconds(min(took))}, {_seconds(round(median(took)))}, {_seconds(max(took))} "
        f"(bound {_seconds(bounds[scenario, number, what])}; least, median and most of {len(took)})"
        for (scenario, number, what), took in measured.items()
        if len(took) > 1 and max(took)
    ]


def total(results: Sequence[Result], took: Micros) -> str:
    """Return the last line of a run: how many passed, and how the time compares with the protocol's own timers."""
    passed = sum(result.verdict is Verdict.PASS for result in results)
    skipped = sum(result.verdict is Verdict.SKIP for result in results)
    timers = sum(result.timers for result in results)
    aside = f", {skipped} {'was' if skipped == 1 else 'were'} skipped," if skipped else ""
    return (
        f"{passed} of {len(results)} scenarios passed{aside} in {took / 1e6:.1f} s; "
        f"the protocol timers in them add up to {timers / 1e6:.1f} s"
    )


def finding_line(finding: Finding) -> str:
    """Return a finding in one line: the verdict, what was expected, what was measured, and the bound."""
    parts = [f"{finding.verdict.value:<5} {finding.what}: {_seconds(finding.took)}"]
    if finding.bound:
        parts.append(f"(bound {_seconds(finding.bound)})")
    return " ".join([*parts, finding.note]).rstrip()


def finding_text(finding: Finding) -> str:
    """Return a finding in one line, and what did not pass with what was seen instead, when, and a hint at the cause."""
    lines = [finding_line(finding)]
    if finding.verdict is not Verdict.PASS:
        lines += [f"      seen: {finding.seen}"] if finding.seen else []
        lines += [f"      {happening(record, finding.since)}" for record in finding.timeline]
        lines += [f"      hint: {finding.hint}"] if finding.hint else []
    return "\n".join(lines)


def happening(record: Record, since: Micros = 0) -> str:
    """Return a record as one line for people: seconds since then, where, what, and the particulars."""
    particulars = " ".join(
        f"{key}={value}" for key, value in record.data.items() if value not in (None, "") and key != "why"
    )
    why = f" ({record.data['why']})" if record.data.get("why") else ""
    time = f"{(record.at - since) / 1e6:+10.3f}" if since else f"{record.at / 1e6:12.6f}"
    return f"{time}  {record.node:<10} {record.kind.value:<10} {particulars}{why}"


def to_json(runs: Sequence[Run]) -> str:
    """Return all runs as one JSON document."""
    return json.dumps([{"lab": run.lab, "number": run.number, **as_dict(run.result)} for run in runs], indent=2)
