"""`labkit compare`: the same scenarios with different daemons, side by side."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import mean
from typing import TYPE_CHECKING, Any

import click

from labkit.diagnostics import LabkitError, did_you_mean
from labkit.lab.daemons import missing
from labkit.lab.topology import Daemon
from labkit.ui.cli.attempt import Attempt
from labkit.ui.cli.plan import lab_of_scenarios, load

if TYPE_CHECKING:
    from labkit.lab.report import Run

_ROWS = ("verdict", "takeover", "outage", "CPU", "memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What one daemon did in one scenario; takeover and outage are the longest, CPU and memory a node's mean.

    CPU is what those processes have used since they started that ran at the end; `why` says what kept the scenario from
    running, or broke it.
    """

    verdict: str
    takeover_s: float | None
    outage_s: float | None
    cpu_s: float | None
    memory_kb: int | None
    why: str = ""

    def cells(self) -> dict[str, str]:
        """Return it in words, by row."""
        figures = {
            "takeover": _figure(self.takeover_s, "{:.3f} s"),
            "outage": _figure(self.outage_s, "{:.3f} s"),
            "CPU": _figure(self.cpu_s, "{:.3f} s"),
            "memory": _figure(self.memory_kb and self.memory_kb / 1024, "{:.1f} MB"),
        }
        return {"verdict": self.verdict, **figures}


@click.command("compare")
@lab_of_scenarios
@click.option(
    "--daemons",
    default="labkit,keepalived",
    show_default=True,
    metavar="KIND,KIND",
    help="Which to compare: labkit, keepalived, frr.",
)
@click.option("--variant", metavar="NAME", help="A variant of the lab; see `labkit labs`.")
@click.option("--set", "settings", metavar="VARIABLE=VALUE", multiple=True, help="Change a variable of lab.yml.")
@click.option(
    "--provider", default="netns", show_default=True, help="What nodes are made of: netns, docker, uml or sim."
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def compare_command(
    lab: str,
    daemons: str,
    variant: str | None,
    settings: tuple[str, ...],
    wanted: tuple[str, ...],
    provider: str,
    as_json: bool,
) -> None:
    """Run the scenarios of LAB once with each daemon on every router, and show what each needed, side by side.

    Exits 0 when all passed, 1 when a verdict failed, 2 when something was wrong with the lab.
    """
    from labkit.lab import catalog, report  # yaml only where a lab is read

    kinds = _kinds(daemons)
    chosen: dict[tuple[str, str], dict[str, Attempt]] = {}
    for each, name, path in catalog.wanted_scenarios(lab, wanted):
        routers = [node.name for node in load(each, variant, settings, ())[0].routers]
        common = Attempt(
            lab=each,
            scenario=name,
            path=path,
            number=0,
            variant=variant,
            settings=settings,
            daemons=(),
            provider=provider,
            evidence=None,
            with_trace=False,
            with_usage=True,
        )
        chosen[each, name] = {
            kind: replace(common, daemons=tuple(f"{router}={kind}" for router in routers)) for kind in kinds
        }
    for attempts in chosen.values():
        for attempt in attempts.values():
            attempt.read()  # what a daemon cannot be part of is told before anything runs
    runs: list[Run] = []
    found: list[dict[str, Any]] = []
    for (each, name), attempts in chosen.items():
        made = {kind: attempt.run(lambda _: None) for kind, attempt in attempts.items()}
        runs += made.values()
        columns = {kind: column(run) for kind, run in made.items()}
        found.append({"lab": each, "scenario": name, "daemons": columns})
        if not as_json:
            click.echo("\n".join(table(f"{each} {name}", columns)))
    if as_json:
        click.echo(json.dumps(found, indent=2, default=_plain))
    raise SystemExit(report.exit_code([run.result for run in runs]))


def _kinds(wanted: str) -> list[str]:
    """Return the kinds of daemon that were asked for.

    Raises:
        LabkitError: there is no such daemon, or it is not installed.
    """
    kinds = list(dict.fromkeys(wanted.split(",")))
    for kind in kinds:
        if kind not in tuple(Daemon):
            raise LabkitError(f"no daemon '{kind}'; {did_you_mean(kind, Daemon)}")
        if lack := missing(Daemon(kind)):
            raise LabkitError(lack)
    return kinds


def column(run: "Run") -> Column:
    """Return what a run tells of its daemon."""
    faults = [step for step in run.result.steps if step.did]
    changes = [finding for step in faults for finding in step.findings if finding.what.startswith("VIP on")]
    takeovers = [finding.took / 1e6 for finding in changes if finding.took]
    outages = [step.outage / 1e6 for step in faults if step.outage is not None]
    usage = list(run.usage.values())
    return Column(
        verdict=run.result.verdict.value,
        takeover_s=max(takeovers, default=None),
        outage_s=max(outages, default=None),
        cpu_s=round(mean(each.cpu_s for each in usage), 4) if usage else None,
        memory_kb=round(mean(each.memory_kb for each in usage)) if usage else None,
        why=run.result.error,
    )


def table(title: str, columns: Mapping[str, Column]) -> Iterable[str]:
    """Yield the lines of one scenario: a column for each daemon."""
    cells = {kind: each.cells() for kind, each in columns.items()}
    width = max(12, *(len(text) for each in cells.values() for text in each.values()), *map(len, cells)) + 2
    yield f"{title:<26}" + "".join(f"{kind:>{width}}" for kind in cells)
    for row in _ROWS:
        yield f"  {row:<24}" + "".join(f"{each[row]:>{width}}" for each in cells.values())
    yield from (f"  {kind}: {each.why}" for kind, each in columns.items() if each.why)


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _plain(value: object) -> object:
    if isinstance(value, Column):
        return {name: getattr(value, name) for name in Column.__slots__}
    raise TypeError(f"not for JSON: {value!r}")
