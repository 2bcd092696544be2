"""`labkit run`: raise a lab for each scenario, run it, report, and take it down."""

import os
import time

import click

from labkit.lab import client
from labkit.ui.cli.plan import lab_options, prepare

_COLOURS = {"PASS": "green", "INCONCLUSIVE": "yellow"}


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

    Exits 0 when all passed, 1 when a verdict failed, 2 when something was wrong with the lab.
    """
    from labkit.lab import catalog, report, vocabulary  # yaml only where a lab is read
    from labkit.lab.scenario import Experiment, Result
    from labkit.providers import registry

    def say(line: str) -> None:
        if not quiet and not as_json:
            click.echo(line)

    folder = catalog.lab_folder(lab)
    began = time.monotonic_ns()
    results: list[Result] = []
    for name, path in catalog.scenarios(folder, lab, wanted):
        prepared = prepare(lab, vocabulary.variant_of(path) or variant, settings, daemons)
        scenario = vocabulary.load(path, name, prepared.topology)
        say(f"{name}: {scenario.title}")
        instance = f"{prepared.topology.name.replace('/', '-')}-{name}-{os.getpid()}"
        _, leash = client.start(prepared.plan(instance, owned=True), registry.provider(provider_name))
        try:
            with client.Client(instance) as connection:
                results.append(Experiment(scenario, prepared.topology, prepared.configs, connection, say).run())
            client.take_down(instance)
        finally:
            leash.close()
        if not as_json:
            line = report.summary(results[-1])
            verdict = results[-1].verdict.value
            click.echo(click.style(line, fg=_COLOURS.get(verdict, "red"), bold=True))
    if as_json:
        click.echo(report.to_json(results))
    else:
        click.echo(report.total(results, (time.monotonic_ns() - began) // 1000))
    raise SystemExit(report.exit_code(results))
