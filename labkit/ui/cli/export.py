"""`labkit export`."""

import importlib
from pathlib import Path

import click

from labkit.ui.cli.labs import write
from labkit.ui.cli.plan import lab_options, load, show_warnings

_TARGETS = {"containerlab": "containerlab", "kathara": "kathara", "compose": "compose", "files": "hosts"}
"""The module of each target."""

_NEXT = {
    "containerlab": "containerlab deploy -t {folder}/{name}.clab.yml",
    "kathara": "kathara lstart -d {folder}",
    "compose": "docker compose --project-directory {folder} up --detach",
    "files": "see docs/deploy.md, or: ansible-playbook -i {folder}/inventory.yml {folder}/deploy.yml",
}


def _tell_of_others(folder: Path, written: set[Path]) -> None:
    """Tell of what the nodes' folders hold besides, such as files of an earlier export."""
    nodes = {folder / path.relative_to(folder).parts[0] for path in written}
    others = sorted(path for node in nodes for path in node.rglob("*") if path.is_file() and path not in written)
    if others:
        click.echo(f"{folder} holds {len(others)} more, not of this export: {others[0]}", err=True)


@click.command("export")
@click.argument("target", type=click.Choice(list(_TARGETS)))
@click.argument("lab")
@lab_options
@click.option("--unicast", is_flag=True, help="Adverts to each of the others, for networks that carry no multicast.")
@click.option("--image", metavar="IMAGE", help="The image of the containers; labkit-node by default.")
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FOLDER", help="LAB-TARGET by default.")
def export_command(
    target: str,
    lab: str,
    variant: str | None,
    settings: tuple[str, ...],
    daemons: tuple[str, ...],
    unicast: bool,
    image: str | None,
    output: Path | None,
) -> None:
    """Write LAB as TARGET reads it: containerlab, kathara, compose, or files for real hosts."""
    from labkit.lab import render  # see plan.load
    from labkit.lab.export.target import DAEMON_SCRIPT, IMAGE, PYTHON, Export, Lab, require_files, require_keepalived
    from labkit.lab.topology import CONFIG

    topology, folder = load(lab, variant, (*settings, "unicast=yes") if unicast else settings, daemons)
    require_keepalived(topology)
    files = render.render(topology, folder, python=PYTHON)
    _, warnings = render.check(files)
    exported = Lab(topology=topology, files=files, image=IMAGE if image is None else image)
    require_files(exported, [CONFIG] if target == "files" else [CONFIG, DAEMON_SCRIPT])
    export: Export = importlib.import_module(f"labkit.lab.export.{_TARGETS[target]}").export
    written = export(exported)
    output = output or Path(f"{exported.name}-{target}")
    for file in written:
        write(output, file)
    show_warnings(warnings)
    _tell_of_others(output, {output / file.path for file in written})
    click.echo(f"next: {_NEXT[target].format(folder=output, name=exported.name)}")
