"""From a lab's name to a plan that a supervisor can raise: the options that several commands share."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from labkit.diagnostics import Diagnostic
from labkit.lab.topology import Topology

if TYPE_CHECKING:
    from labkit.lab.prepared import Prepared

_F = TypeVar("_F", bound=Callable[..., Any])


def lab_options(command: _F) -> _F:
    """Add the options that choose a lab's variant and change it."""
    for option in reversed(
        (
            click.option("--variant", metavar="NAME", help="A variant of the lab; see `labkit labs`."),
            click.option(
                "--set", "settings", metavar="VARIABLE=VALUE", multiple=True, help="Change a variable of lab.yml."
            ),
            click.option(
                "--daemon",
                "daemons",
                metavar="NODE=KIND",
                multiple=True,
                help="Which daemon a node runs: labkit (ours), or keepalived (the C one) or frr where installed.",
            ),
        )
    ):
        command = option(command)
    return command


def lab_of_scenarios(command: _F) -> _F:
    """Add the lab, and the option that chooses scenarios of it."""

    def refuse(context: click.Context, _: click.Parameter, words: tuple[str, ...]) -> None:
        if words:
            usual = f"{context.command_path} {context.params['lab']} -s {words[0]}"
            raise click.UsageError(f"a scenario is named with -s: {usual}", context)

    option = click.option(
        "--scenario", "-s", "wanted", metavar="S", multiple=True, help="Only this one; may be repeated."
    )
    lab = click.argument("lab", default="failover")
    return lab(click.argument("more", nargs=-1, metavar="", expose_value=False, callback=refuse)(option(command)))


def pairs(items: Iterable[str], option: str) -> dict[str, str]:
    """Split `name=value` items.

    Raises:
        click.BadParameter: an item has no `=`.
    """
    found = {}
    for item in items:
        name, separator, value = item.partition("=")
        if not separator or not name:
            raise click.BadParameter(f"'{item}' is not NAME=VALUE", param_hint=option)
        found[name] = value
    return found


def load(lab: str, variant: str | None, settings: Iterable[str], daemons: Iterable[str]) -> tuple[Topology, Path]:
    """Load a lab with its options; return it and its folder.

    Raises:
        LabkitError: no such lab, variant, variable or node; or the file is wrong.
    """
    from labkit.lab import prepared  # yaml and pydantic only where a lab is loaded

    return prepared.load(lab, variant, pairs(settings, "--set"), pairs(daemons, "--daemon"))


def prepare(
    lab: str, variant: str | None, settings: Iterable[str], daemons: Iterable[str], *, python: str = sys.executable
) -> "Prepared":
    """Load a lab, render its files and check them; `python` is that of the nodes.

    Raises:
        LabkitError: anything is wrong with the lab, its templates or a rendered keepalived.conf.
    """
    from labkit.lab import prepared  # see above

    return prepared.prepare(lab, variant, pairs(settings, "--set"), pairs(daemons, "--daemon"), python=python)


def show_warnings(warnings: Iterable[Diagnostic]) -> None:
    """Print each different warning once: the nodes' files differ in little."""
    seen = set()
    for warning in warnings:
        if warning.message not in seen:
            seen.add(warning.message)
            click.echo(str(warning), err=True)
