"""`labkit import`."""

from pathlib import Path

import click

from labkit.diagnostics import LabkitError
from labkit.ui.cli.labs import write


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="The new lab.")
def import_command(source: Path, output: Path) -> None:
    """Make a lab of SOURCE, a containerlab topology (*.clab.yml) or a folder with Kathará's lab.conf.

    Nodes, networks, addresses, routes, kernel settings and each keepalived.conf are taken over; what is left out, and
    what had to be chosen, is told.
    """
    from labkit.lab.importing import containerlab, draft, kathara  # yaml and pydantic only where a lab is read

    if (output / "lab.yml").exists():
        raise LabkitError(f"{output} is a lab already; choose another folder by -o")
    if (source / "lab.conf").is_file() or source.name == "lab.conf":
        read = kathara.read(source.parent if source.name == "lab.conf" else source)
    elif source.exists():
        read = containerlab.read(containerlab.topology_file(source) if source.is_dir() else source)
    else:
        raise LabkitError(f"there is no {source}")
    files, chosen = draft.write(read)
    for file in files:
        write(output, file)
    for line in chosen:
        click.echo(line, err=True)
    for line in read.left_out:
        click.echo(f"left out: {line}", err=True)
    click.echo(f"next: labkit up {output}")
