"""`labkit image`."""

import click

from labkit.ui.cli.plan import pairs


@click.command("image")
@click.option("--base", metavar="IMAGE", help="Which Debian to build on, 12 or newer; debian:bookworm-slim by default.")
@click.option(
    "--build-arg",
    "arguments",
    metavar="NAME=VALUE",
    multiple=True,
    help="An argument of the Dockerfile, such as PIP_INDEX_URL, or one that every engine knows, such as HTTPS_PROXY.",
)
@click.option("--network", metavar="MODE", help="The network of the build, as `docker build --network` has it.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing when all is well.")
def image_command(base: str | None, arguments: tuple[str, ...], network: str | None, quiet: bool) -> None:
    """Build the image of nodes on the Docker engine, for --provider docker and for exported labs."""
    from labkit.lab.export.target import IMAGE  # not before it is wanted
    from labkit.providers.docker import image
    from labkit.providers.docker.engine import Engine

    given = pairs(arguments, "--build-arg") | ({"BASE": base} if base else {})
    for line in image.build(Engine(), given, network):
        if not quiet:
            click.echo(line)
    if not quiet:
        click.echo(f"{IMAGE} is built; next: labkit up failover --provider docker")
