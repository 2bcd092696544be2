"""`labkit run`: raise a lab for each scenario, run it, report, and take it down."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labkit.lab import client
from labkit.ui.cli.plan import lab_options, prepare

if TYPE_CHECKING:
    from labkit.lab.scenario import Result

_COLOURS = {"PASS": "green", "INCONCLUSIVE": "yellow", "SKIP": "yellow"}


@click.command("run")
@click.argument("lab", default="failover")
@lab_options
@click.option("--scenario", "-s", "wanted", metavar="S", multiple=True, help="Only this one; may be repeated.")
@click.option("--provider", "provider_name", default="netns", show_default=True, help="What nodes are made of.")
@click.option("--json", "as_json", is_flag=True, help="For machines: all results as JSON on standard output.")
@click.option("--quiet", "-q", is_flag=True, help="Only the verdicts.")
def run_command(
    lab: str,
    variant: str | None,
    settings: tuple[str, ...],
    daemons: tuple[str, ...],
    wanted: tuple[str, ...],
    provider_name: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run the scenarios of LAB, each in a fresh lab of its own, and give a verdict for each.

    LAB may also be several labs: `balance` is balance/dr and balance/nat.

    Exits 0 when all passed, 1 when a verdict failed, 2 when something was wrong with the lab.
    """
    from labkit.lab import catalog, report  # yaml only where a lab is read

    def say(line: str) -> None:
        if not quiet and not as_json:
            click.echo(line)

    began = time.monotonic_ns()
    results: list[Result] = []
    for each, name, path in catalog.wanted_scenarios(lab, wanted):
        wish = _Wish(each, "" if each == lab else f"{each} ", variant, settings, daemons, provider_name)
        results.append(_run(wish, name, path, say))
        if not as_json:
            line = report.summary(results[-1])
            verdict = results[-1].verdict.value
            click.echo(click.style(line, fg=_COLOURS.get(verdict, "red"), bold=True))
    if as_json:
        click.echo(report.to_json(results))
    else:
        click.echo(report.total(results, (time.monotonic_ns() - began) // 1000))
    raise SystemExit(report.exit_code(results))


@dataclass(frozen=True, slots=True)
class _Wish:
    """Which lab, changed how, and made of what."""

    lab: str
    prefix: str  # tells the lab from others of the same run
    variant: str | None
    settings: tuple[str, ...]
    daemons: tuple[str, ...]
    provider: str


def _run(wish: _Wish, name: str, path: Path, say: Callable[[str], None]) -> "Result":
    """Raise the lab that a scenario wants, run the scenario, and end the lab."""
    from labkit.lab import vocabulary
    from labkit.lab.scenario import Experiment, skipped
    from labkit.providers import registry

    prepared = prepare(wish.lab, vocabulary.variant_of(path) or wish.variant, wish.settings, wish.daemons)
    scenario = vocabulary.load(path, name, prepared.topology)
    say(f"{wish.prefix}{name}: {scenario.title}")
    provider = registry.provider(wish.provider)
    if lacking := registry.lacking(provider, prepared.needs):
        return skipped(name, scenario.title, lacking)
    instance = f"{prepared.topology.name.replace('/', '-')}-{name}-{os.getpid()}"
    _, leash = client.start(prepared.plan(instance, owned=True), provider)
    try:
        with client.Client(instance) as connection:
            result = Experiment(scenario, prepared.topology, prepared.configs, connection, say).run()
        client.take_down(instance)
    finally:
        leash.close()
    return result
