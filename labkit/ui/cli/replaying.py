"""`labkit replay`."""

from pathlib import Path

import click


@click.command("replay")
@click.argument("trace", type=click.Path(path_type=Path))
@click.option("--lab", metavar="LAB", help="Where the lab is, if not where it was.")
@click.option(
    "--scenario", metavar="FILE", type=click.Path(path_type=Path), help="Judge by these expectations: as many steps."
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def replay_command(trace: Path, lab: str | None, scenario: Path | None, as_json: bool) -> None:
    """Judge a recorded run again, without a lab: TRACE is the trace.jsonl of its evidence.

    Exits as `labkit run` does.
    """
    from labkit.lab import report  # yaml only where a lab is read
    from labkit.lab.replay import read, replay

    result = replay(read(trace), (lambda _: None) if as_json else click.echo, lab=lab, scenario=scenario)
    run = report.Run(lab=lab or "replay", number=0, result=result)
    click.echo(report.to_json([run]) if as_json else report.summary(result))
    raise SystemExit(report.exit_code([result]))
