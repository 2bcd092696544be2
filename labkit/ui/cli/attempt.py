"""One scenario run once: a lab is raised for it, and taken down."""

import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labkit.diagnostics import LabkitError
from labkit.lab import client
from labkit.ui.cli.plan import prepare

if TYPE_CHECKING:
    from labkit.lab.prepared import Prepared
    from labkit.lab.provider import World
    from labkit.lab.report import Run
    from labkit.lab.story import Scenario
    from labkit.lab.verdict import Result

EVIDENCE = "labkit-evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Which scenario of which lab, changed how and made of what; `number` is that of `report.Run`."""

    lab: str
    scenario: str
    path: Path
    number: int
    variant: str | None
    settings: tuple[str, ...]
    daemons: tuple[str, ...]
    provider: str
    evidence: str | None  # where it is kept, whatever the verdict
    with_trace: bool  # it is wanted for pictures
    with_usage: bool = False  # what the daemons cost is wanted

    def told(self) -> "tuple[list[str], Run]":
        """Run it in silence; return what it would have said, too."""
        lines: list[str] = []
        return lines, self.run(lines.append)

    def read(self, python: str = sys.executable) -> "tuple[Prepared, Scenario]":
        """Load the scenario, and its lab in the variant that it is for; `python` is how nodes start the interpreter.

        Raises:
            LabkitError: something is wrong with one of them, or the lab cannot be what was asked for.
        """
        from labkit.lab import vocabulary

        variant = vocabulary.variant_of(self.path) or self.variant
        prepared = prepare(self.lab, variant, self.settings, self.daemons, python=python)
        return prepared, vocabulary.load(self.path, self.scenario, prepared.topology)

    def run(self, say: Callable[[str], None]) -> "Run":
        """Run it, saying how it goes.

        Raises:
            LabkitError: something is wrong with the lab or the scenario, or it cannot be raised.
        """
        from labkit.lab import report, usage
        from labkit.lab.scenario import Experiment
        from labkit.lab.verdict import skipped
        from labkit.providers import registry

        provider = None if self.provider == "sim" else registry.provider(self.provider)
        prepared, scenario = self.read(provider.python if provider else sys.executable)
        say(f"{self.lab} {self.scenario}: {scenario.title}")
        if provider is None:
            return self._simulate(prepared, scenario, say)
        if lacking := _lacking(prepared, scenario, provider):
            result = skipped(self.scenario, scenario.title, lacking)
            return report.Run(lab=self.lab, number=self.number, result=result)
        instance = f"{prepared.topology.name.replace('/', '-')}-{self.scenario}-{os.getpid()}"
        _, leash = client.start(prepared.plan(instance, owned=True), provider)
        try:
            with client.Client(instance) as connection:
                connection.ask("tap")
                result = Experiment(scenario, prepared.topology, prepared.configs, connection, say).run()
                run = self._finish(result, prepared, connection, say)
                if self.with_usage:
                    run = replace(run, usage=usage.measure(connection, prepared.topology.routers))
            with contextlib.suppress(LabkitError):  # a lab that broke is gone already; the verdict says so
                client.take_down(instance)
        finally:
            leash.close()
        return run

    def _simulate(self, prepared: "Prepared", scenario: "Scenario", say: Callable[[str], None]) -> "Run":
        from labkit.providers.sim.lab import simulate

        return self._finish(simulate(prepared.plan("sim"), scenario, say), prepared, None, say)

    def _finish(
        self,
        result: "Result",
        prepared: "Prepared",
        connection: client.Client | None,
        say: Callable[[str], None],
    ) -> "Run":
        """Keep the evidence where it is wanted or something failed, and the trace always; a verdict stands without."""
        from labkit.lab import evidence, report

        run = report.Run(lab=self.lab, number=self.number, result=result, topology=prepared.topology)
        with contextlib.suppress(LabkitError):
            evidence.record(client.runtime_folder(), run)
        if self.evidence or report.exit_code([result]):
            try:
                place = evidence.keep(Path(self.evidence or EVIDENCE), run, prepared.files, connection)
                say(f"  evidence: {place}")
            except LabkitError as error:
                click.echo(f"labkit: {error}", err=True)
        return run if self.with_trace else replace(run, result=replace(result, trace=()))


def _lacking(prepared: "Prepared", scenario: "Scenario", provider: "World") -> str:
    """Return in words what keeps a scenario from being run: of the daemons, then of the machine; or nothing."""
    from labkit.lab import frr
    from labkit.providers import registry

    unable = prepared.lacking or frr.lacking_for(scenario, prepared.topology)
    return unable or registry.lacking(provider, prepared.needs)
