"""`labkit labs` and `labkit render`."""

import json
from pathlib import Path
from typing import Any

import click

from labkit.diagnostics import LabkitError, RefusedError, did_you_mean
from labkit.lab.provider import File
from labkit.ui.cli.plan import lab_options, load, show_warnings


@click.command("labs")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def labs_command(as_json: bool) -> None:
    """List the labs, their variants and their scenarios."""
    from labkit.lab import catalog  # yaml only where a lab is read
    from labkit.lab.document import read_yaml, variants_of

    found: list[dict[str, Any]] = []
    for name in catalog.lab_names():
        folder = catalog.lab_folder(name)
        document = read_yaml(folder / "lab.yml")
        title = document.value.get("title", "") if isinstance(document.value, dict) else ""
        variants = variants_of(document)
        found.append({"name": name, "title": title, "variants": variants, "scenarios": catalog.scenario_names(folder)})
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for lab in found:
        click.echo(f"{lab['name']}: {lab['title']}")
        width = max(map(len, lab["variants"]))
        for variant, text in lab["variants"].items():
            click.echo(f"  --variant {variant:<{width}} {text}")
        click.echo(f"  scenarios: {', '.join(lab['scenarios'])}")


def write(folder: Path, file: File) -> None:
    """Write a file below `folder`, whatever is there now, and say so.

    Raises:
        LabkitError: it cannot be written.
    """
    target = folder / file.path.lstrip("/")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text)
        target.chmod(file.mode)
    except OSError as error:
        raise LabkitError(f"{target} cannot be written: {error.strerror}") from error
    click.echo(str(target))


@click.command("render")
@click.argument("lab")
@lab_options
@click.option("--node", metavar="NODE", help="Only this node's files.")
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FOLDER", help="Write them, by node.")
def render_command(
    lab: str,
    variant: str | None,
    settings: tuple[str, ...],
    daemons: tuple[str, ...],
    node: str | None,
    output: Path | None,
) -> None:
    """Print the files that LAB gives each node, or write them into a folder; keepalived.conf is checked."""
    from labkit.lab import frr, render  # see plan.load

    topology, folder = load(lab, variant, settings, daemons)
    files = render.render(topology, folder)
    if node is not None:
        if node not in files:
            raise LabkitError(f"no node '{node}' in lab {lab}; {did_you_mean(node, files)}")
        files = {node: files[node]}
    for name, rendered in files.items():
        network = render.network(topology.node(name))
        if output is None:
            click.echo(f"# {name}: its network, as these commands would make it\n{network}")
        else:
            rendered = (*rendered, File(path="/network.sh", text=network))
        for file in rendered:
            if output is None:
                click.echo(f"# {name}:{file.path}\n{file.text}")
                continue
            write(output / name, file)
    try:
        configs, warnings = render.check(files)
        show_warnings(warnings)
        frr.refuse(topology, configs)
    except RefusedError as error:
        raise LabkitError(f"{error}\nthe rendered files are wrong") from error
