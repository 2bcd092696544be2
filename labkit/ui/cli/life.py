"""`labkit up` and `labkit down`."""

from functools import partial

import click

from labkit.diagnostics import LabkitError
from labkit.lab import client
from labkit.ui.cli.plan import lab_options, prepare, show_warnings


@click.command("up")
@click.argument("lab")
@lab_options
@click.option("--name", metavar="NAME", help="A name for this running lab; the lab's own by default.")
@click.option(
    "--provider",
    "provider_name",
    default="netns",
    show_default=True,
    help="What nodes are made of: netns, docker or uml.",
)
@click.option("--quiet", "-q", is_flag=True, help="Say nothing when all is well.")
def up_command(
    lab: str,
    variant: str | None,
    settings: tuple[str, ...],
    daemons: tuple[str, ...],
    name: str | None,
    provider_name: str,
    quiet: bool,
) -> None:
    """Raise LAB: build its nodes, start its daemons, and leave it running until `labkit down`."""
    from labkit.providers import registry  # not before it is wanted

    provider = registry.provider(provider_name)
    prepared = prepare(lab, variant, settings, daemons, python=provider.python)
    topology = prepared.topology
    if not quiet:
        show_warnings(prepared.warnings)
    instance = name or topology.name.replace("/", "-")
    if not instance.replace("-", "").replace("_", "").replace(".", "").isalnum():
        cure = "give it one of letters, digits, '-', '_' and '.' by --name"
        raise LabkitError(f"'{instance}' is no name for a lab; {cure}")
    if lacking := prepared.lacking or registry.lacking(provider, prepared.needs):
        raise LabkitError(f"{lab} cannot run here: {lacking}")
    say = (lambda _: None) if quiet else partial(click.echo, err=True)
    times, leash = client.start(prepared.plan(instance), provider, say)
    leash.close()
    if not quiet:
        nodes = ", ".join(node.name for node in topology.nodes)
        click.echo(
            f"{instance} is up: {nodes} (built in {times['built'] * 1e3:.0f} ms, "
            f"daemons ready after {times['ready'] * 1e3:.0f} ms)"
        )
        where = "" if instance == topology.name else f" --name {instance}"
        router = topology.routers[0].name if topology.routers else topology.nodes[0].name
        click.echo(f"next: labkit status{where} · labkit shell{where} {router} · labkit down {instance}")


@click.command("down")
@click.argument("lab", required=False)
@click.option("--name", metavar="LAB", help="The same as LAB.")
@click.option("--all", "everything", is_flag=True, help="Every lab of yours, and what killed ones left.")
def down_command(lab: str | None, name: str | None, everything: bool) -> None:
    """End the running LAB (not needed when only one is up); nothing of it is left."""
    name = lab or name
    if everything and name:
        raise click.UsageError("give a name or --all, not both")
    for instance in client.running() if everything else [client.choose(name)]:
        client.take_down(instance)
        click.echo(f"{instance} is down")
    if everything:
        from labkit.providers import registry  # not before it is wanted

        for instance in registry.sweep(partial(click.echo, err=True)):
            click.echo(f"{instance} had left containers; they are removed")
