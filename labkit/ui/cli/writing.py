"""`labkit new` and `labkit schema`."""

import json
import re
from pathlib import Path

import click

from labkit.diagnostics import LabkitError

_PLACES = {
    "lab.yml": "lab.yml",
    "keepalived.conf.j2": "templates/keepalived.conf.j2",
    "01-failover.yml": "scenarios/01-failover.yml",
    "test_failover.py.j2": "test_{name}.py",
}
"""Templates of a new lab, and where they go in its folder."""


@click.command("new")
@click.argument("folder", type=click.Path(path_type=Path))
def new_command(folder: Path) -> None:
    """Make FOLDER with a small lab, a scenario, a test in Python, and schemas for editors."""
    from labkit.lab import catalog, schema  # not before they are wanted

    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        raise LabkitError(f"{folder} is there already and not empty; choose another name")
    name = re.sub(r"\W", "_", folder.resolve().name)
    written = {
        place.format(name=name): (catalog.share() / "templates/new" / source).read_text()
        for source, place in _PLACES.items()
    }
    written["scenario.schema.json"] = json.dumps(schema.scenario(), indent=2) + "\n"
    written["lab.schema.json"] = json.dumps(schema.lab(), indent=2) + "\n"
    try:
        for place, text in written.items():
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            click.echo(str(target))
    except OSError as error:
        raise LabkitError(f"{folder} cannot be written: {error.strerror}") from error
    click.echo(f"next: labkit run {folder} · pytest {folder} · labkit up {folder}")


@click.command("schema")
@click.argument("kind", type=click.Choice(["scenario", "lab"]))
def schema_command(kind: str) -> None:
    """Print the JSON Schema of scenario files or of lab.yml, for editors and other tools."""
    from labkit.lab import schema  # not before it is wanted

    click.echo(json.dumps(schema.scenario() if kind == "scenario" else schema.lab(), indent=2))
