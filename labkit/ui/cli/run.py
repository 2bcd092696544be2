"""`labkit run`: raise a lab for each scenario, run it, report, and take it down."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labkit.diagnostics import LabkitError
from labkit.lab import client
from labkit.ui.cli.plan import Prepared, lab_options, prepare

if TYPE_CHECKING:
    from labkit.lab.report import Run
    from labkit.lab.verdict import Result

EVIDENCE = "labkit-evidence"
_COLOURS = {"PASS": "green", "INCONCLUSIVE": "yellow", "SKIP": "yellow"}


@click.command("run")
@click.argument("lab", default="failover")
@lab_options
@click.option("--scenario", "-s", "wanted", metavar="S", multiple=True, help="Only this one; may be repeated.")
@click.option("--provider", "provider_name", default="netns", show_default=True, help="What nodes are made of.")
@click.option(
    "--json",
    "json_file",
    metavar="[FILE]",
    is_flag=False,
    flag_value="-",
    help="For machines: all results as JSON, to FILE or to standard output.",
)
@click.option("--junit", "junit_file", metavar="FILE", help="For CI: all results as JUnit XML.")
@click.option("--html", "html_file", metavar="FILE", help="For people: a page with timelines, in one file.")
@click.option(
    "--evidence",
    metavar="FOLDER",
    help="Keep captures, logs, files and the trace of every scenario there; of those that fail it is done anyway, "
    f"in {EVIDENCE}.",
)
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
    html_file: str | None,
    evidence: str | None,
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
    runs: list[report.Run] = []
    for each, name, path in catalog.wanted_scenarios(lab, wanted):
        wish = _Wish(each, "" if each == lab else f"{each} ", variant, settings, daemons, provider_name, evidence)
        runs.append(_run(wish, name, path, say))
        if not silent:
            _tell(runs[-1].result)
    results = [run.result for run in runs]
    _write(runs, {"json": json_file, "junit": junit_file, "html": html_file})
    if not silent:
        click.echo(report.total(results, (time.monotonic_ns() - began) // 1000))
    raise SystemExit(report.exit_code(results))


def _tell(result: "Result") -> None:
    from labkit.lab import report

    verdict = result.verdict.value
    click.echo(click.style(report.summary(result), fg=_COLOURS.get(verdict, "red"), bold=True))


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
            Path(file).write_text(text, encoding="utf-8")
        except OSError as error:
            raise LabkitError(f"the report cannot be written: {error}") from error


def _rendered(runs: "Sequence[Run]", form: str) -> str:
    from labkit.lab import junit, page, report  # each only where it is wanted

    return {"json": report.to_json, "junit": junit.to_junit, "html": page.to_html}[form](runs)


@dataclass(frozen=True, slots=True)
class _Wish:
    """Which lab, changed how, and made of what."""

    lab: str
    prefix: str  # tells the lab from others of the same run
    variant: str | None
    settings: tuple[str, ...]
    daemons: tuple[str, ...]
    provider: str
    evidence: str | None


def _run(wish: _Wish, name: str, path: Path, say: Callable[[str], None]) -> "Run":
    """Raise the lab that a scenario wants, run the scenario, and end the lab."""
    from labkit.lab import report, vocabulary
    from labkit.lab.scenario import Experiment
    from labkit.lab.verdict import skipped
    from labkit.providers import registry

    prepared = prepare(wish.lab, vocabulary.variant_of(path) or wish.variant, wish.settings, wish.daemons)
    scenario = vocabulary.load(path, name, prepared.topology)
    say(f"{wish.prefix}{name}: {scenario.title}")
    provider = registry.provider(wish.provider)
    if lacking := registry.lacking(provider, prepared.needs):
        return report.Run(lab=wish.lab, result=skipped(name, scenario.title, lacking))
    instance = f"{prepared.topology.name.replace('/', '-')}-{name}-{os.getpid()}"
    _, leash = client.start(prepared.plan(instance, owned=True), provider)
    try:
        with client.Client(instance) as connection:
            connection.ask("tap")
            result = Experiment(scenario, prepared.topology, prepared.configs, connection, say).run()
            run = report.Run(lab=wish.lab, result=result, topology=prepared.topology)
            if wish.evidence or report.exit_code([result]):
                _keep(wish, run, prepared, connection, say)
        client.take_down(instance)
    finally:
        leash.close()
    return run


def _keep(wish: _Wish, run: "Run", prepared: Prepared, connection: client.Client, say: Callable[[str], None]) -> None:
    """Keep the evidence; a verdict stands without it."""
    from labkit.lab import evidence

    try:
        place = evidence.keep(Path(wish.evidence or EVIDENCE), run, prepared.files, connection)
        say(f"  evidence: {place}")
    except LabkitError as error:
        click.echo(f"labkit: {error}", err=True)
