"""`labkit run`: raise a lab for each scenario, run it, report, and take it down."""

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labkit.diagnostics import Diagnostic, LabkitError, RefusedError
from labkit.ui.cli.attempt import EVIDENCE, Attempt
from labkit.ui.cli.jobs import side_by_side
from labkit.ui.cli.plan import lab_of_scenarios, lab_options

if TYPE_CHECKING:
    from labkit.lab.report import Run

_COLOURS = {"PASS": "green", "INCONCLUSIVE": "yellow", "SKIP": "yellow"}


@click.command("run")
@lab_of_scenarios
@lab_options
@click.option(
    "--provider",
    "provider_name",
    default="netns",
    show_default=True,
    help="What nodes are made of: netns, docker, uml or sim.",
)
@click.option(
    "--json",
    "json_file",
    metavar="[FILE]",
    is_flag=False,
    flag_value="-",
    help="For machines: all results as JSON, to FILE or to standard output.",
)
@click.option("--junit", "junit_file", metavar="FILE", help="For CI: all results as JUnit XML.")
@click.option("--markdown", "markdown_file", metavar="FILE", help="For a CI job's summary: a table, added to FILE.")
@click.option("--html", "html_file", metavar="FILE", help="For people: a page with timelines, in one file.")
@click.option(
    "--evidence",
    metavar="FOLDER",
    help="Keep captures, logs, files and the trace of every scenario there; of those that fail it is done anyway, "
    f"in {EVIDENCE}.",
)
@click.option("--repeat", metavar="N", type=click.IntRange(1), help="Run each scenario so many times.")
@click.option("--until-fail", is_flag=True, help="Run them again and again until a verdict fails, or --repeat times.")
@click.option("--jobs", "-j", metavar="N", type=click.IntRange(1), default=1, help="Run so many at once.")
@click.option("--quiet", "-q", is_flag=True, help="Only the verdicts.")
def run_command(
    lab: str,
    variant: str | None,
    settings: tuple[str, ...],
    daemons: tuple[str, ...],
    wanted: tuple[str, ...],
    provider_name: str,
    json_file: str | None,
    junit_file: str | None,
    markdown_file: str | None,
    html_file: str | None,
    evidence: str | None,
    repeat: int | None,
    until_fail: bool,
    jobs: int,
    quiet: bool,
) -> None:
    """Run the scenarios of LAB, each in a fresh lab of its own, and give a verdict for each.

    LAB may also be several labs: `balance` is balance/dr and balance/nat.

    Exits 0 when all passed, 1 when a verdict failed, 2 when something was wrong with the lab.
    """
    from labkit.lab import catalog, report  # yaml only where a lab is read

    silent = json_file == "-"

    def say(line: str) -> None:
        if not quiet and not silent:
            click.echo(line)

    began = time.monotonic_ns()
    scenarios = catalog.wanted_scenarios(lab, wanted)
    once = [
        Attempt(
            lab=each,
            scenario=name,
            path=path,
            number=0,
            variant=variant,
            settings=settings,
            daemons=daemons,
            provider=provider_name,
            evidence=evidence,
            with_trace=html_file is not None,
        )
        for each, name, path in scenarios
    ]
    _check(once)
    numbered = repeat or until_fail
    rounds: Iterable[int] = (count(1) if repeat is None else range(1, repeat + 1)) if numbered else (0,)
    attempts = (replace(each, number=number) for number in rounds for each in once)
    runs: list[Run] = []
    with contextlib.closing(_results(attempts, jobs, say)) as results:
        for run in results:
            runs.append(run)
            if not silent:
                _tell(run)
            if until_fail and report.exit_code([run.result]):
                break
    order = [(each, name) for each, name, _ in scenarios]
    runs.sort(key=lambda run: (run.number, order.index((run.lab, run.result.scenario))))
    _write(runs, {"json": json_file, "junit": junit_file, "html": html_file, "markdown": markdown_file})
    if not silent:
        click.echo("".join(f"{line}\n" for line in report.spread(runs)), nl=False)
        click.echo(report.total([run.result for run in runs], (time.monotonic_ns() - began) // 1000))
    raise SystemExit(report.exit_code([run.result for run in runs]))


def _check(attempts: "Sequence[Attempt]") -> None:
    """See that every lab and scenario can be read, before the first of several is run.

    Raises:
        RefusedError: some cannot; holds everything found.
    """
    wrong: dict[Diagnostic, None] = {}
    for attempt in attempts if len(attempts) > 1 else ():
        try:
            attempt.read()
        except RefusedError as error:
            wrong |= dict.fromkeys(error.diagnostics)
    if wrong:
        raise RefusedError(wrong)


def _results(attempts: Iterator[Attempt], jobs: int, say: Callable[[str], None]) -> "Generator[Run, None, None]":
    """Yield what comes of each attempt; what those have to say that run side by side is said when they end."""
    if jobs == 1:
        yield from (attempt.run(say) for attempt in attempts)
        return
    for lines, run in side_by_side((attempt.told for attempt in attempts), jobs):
        for line in lines:
            say(line)
        yield run


def _tell(run: "Run") -> None:
    from labkit.lab import report

    colour = _COLOURS.get(run.result.verdict.value, "red")
    click.echo(click.style(report.summary(run.result), fg=colour, bold=True))


def _write(runs: "Sequence[Run]", files: Mapping[str, str | None]) -> None:
    """Write the runs in each of the forms that has a file; `-` is standard output."""
    for form, file in files.items():
        if file is None:
            continue
        text = _rendered(runs, form)
        if file == "-":
            click.echo(text)
            continue
        try:
            with Path(file).open("a" if form == "markdown" else "w", encoding="utf-8") as opened:
                opened.write(text)
        except OSError as error:
            raise LabkitError(f"the report cannot be written: {error}") from error


def _rendered(runs: "Sequence[Run]", form: str) -> str:
    from labkit.lab import junit, markdown, page, report  # each only where it is wanted

    forms = {"json": report.to_json, "junit": junit.to_junit, "html": page.to_html, "markdown": markdown.to_markdown}
    return forms[form](runs)
