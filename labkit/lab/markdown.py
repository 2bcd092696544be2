"""A run as a Markdown table of bounds and measured times, for the summary page of a CI job."""

from collections.abc import Iterator, Sequence

from labkit.lab.report import Run
from labkit.lab.verdict import Finding, Verdict

_MARKS = {Verdict.PASS: "✅", Verdict.SKIP: "⏭️", Verdict.INCONCLUSIVE: "⚠️"}


def to_markdown(runs: Sequence[Run]) -> str:
    """Return the runs as a table: a line for each scenario, then one for each thing that was expected of it."""
    passed = sum(run.result.verdict is Verdict.PASS for run in runs)
    lines = [
        f"### labkit: {passed} of {len(runs)} scenarios passed",
        "",
        "| | scenario | expected | measured | bound |",
        "|---|---|---|---:|---:|",
    ]
    for run in runs:
        lines += _rows(run)
    return "\n".join(lines) + "\n"


def _rows(run: Run) -> Iterator[str]:
    result = run.result
    name = f"**{run.lab} {run.title}**"
    yield _row(_mark(result.verdict), name, result.title, "", "")
    for step in result.steps:
        for finding in step.findings:
            yield _row(_mark(finding.verdict), ", ".join(step.did), _told(finding), _seconds(finding), _bound(finding))
    if result.error:
        yield _row(_mark(result.verdict), "", result.error, "", "")


def _mark(verdict: Verdict) -> str:
    return f"{_MARKS.get(verdict, '❌')} {verdict.value}"


def _told(finding: Finding) -> str:
    return f"{finding.what}: {finding.note}" if finding.note and finding.verdict is not Verdict.PASS else finding.what


def _seconds(finding: Finding) -> str:
    return "-" if finding.took is None else f"{finding.took / 1e6:.3f} s"


def _bound(finding: Finding) -> str:
    return f"{finding.bound / 1e6:.3f} s" if finding.bound else ""


def _row(*cells: str) -> str:
    """Return a row of the table; nothing in a cell may end it, or be taken for HTML."""
    escaped = (
        cell.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("\n", "<br>") for cell in cells
    )
    return f"| {' | '.join(escaped)} |"
