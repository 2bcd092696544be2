"""From a lab's name to a plan that a supervisor can raise: the options that several commands share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from labkit.conf.model import Config
from labkit.diagnostics import Diagnostic, LabkitError, did_you_mean
from labkit.lab.plan import Plan
from labkit.lab.provider import File
from labkit.lab.topology import Daemon, Node, Topology

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
                help="Which daemon a node runs: labkit (ours) or keepalived (the C one, where it is installed).",
            ),
        )
    ):
        command = option(command)
    return command


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
    from labkit.lab import catalog, loader  # yaml and pydantic only where a lab is loaded

    folder = catalog.lab_folder(lab)
    name = lab if lab in catalog.lab_names() else folder.resolve().name
    topology = loader.load(folder / "lab.yml", name=name, variant=variant, settings=pairs(settings, "--set"))
    chosen = pairs(daemons, "--daemon")
    names = [node.name for node in topology.routers]
    for node, kind in chosen.items():
        if node not in names:
            raise LabkitError(f"no router '{node}' in lab {lab}; {did_you_mean(node, names)}")
        if kind not in tuple(Daemon):
            raise LabkitError(f"no daemon '{kind}'; {did_you_mean(kind, Daemon)}")
    nodes = tuple(_with_daemon(node, chosen) for node in topology.nodes)
    return replace(topology, nodes=nodes), folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A lab whose files are rendered and checked, ready for a supervisor."""

    folder: Path
    topology: Topology
    files: Mapping[str, Sequence[File]]
    configs: Mapping[str, Config]
    warnings: Sequence[Diagnostic]

    @property
    def needs(self) -> tuple[str, ...]:
        """What the kernel must be able to do: the lab's word, and that C keepalived balances with IPVS only."""
        balancing = [name for name, config in self.configs.items() if config.virtual_servers]
        if any(self.topology.node(name).daemon is Daemon.KEEPALIVED for name in balancing):
            return tuple(dict.fromkeys((*self.topology.needs, "ipvs")))
        return self.topology.needs

    def plan(self, instance: str, *, owned: bool = False) -> Plan:
        """Return the plan of a running lab of that name."""
        return Plan(
            instance=instance,
            folder=self.folder,
            topology=self.topology,
            files=self.files,
            configs=self.configs,
            owned=owned,
        )


def prepare(lab: str, variant: str | None, settings: Iterable[str], daemons: Iterable[str]) -> Prepared:
    """Load a lab, render its files and check them.

    Raises:
        LabkitError: anything is wrong with the lab, its templates or a rendered keepalived.conf.
    """
    from labkit.lab import render  # jinja2 only where a lab is rendered

    topology, folder = load(lab, variant, settings, daemons)
    files = render.render(topology, folder)
    configs, warnings = render.check(files)
    return Prepared(folder=folder.resolve(), topology=topology, files=files, configs=configs, warnings=warnings)


def _with_daemon(node: Node, chosen: dict[str, str]) -> Node:
    return replace(node, daemon=Daemon(chosen[node.name])) if node.name in chosen else node


def show_warnings(warnings: Iterable[Diagnostic]) -> None:
    """Print each different warning once: the nodes' files differ in little."""
    seen = set()
    for warning in warnings:
        if warning.message not in seen:
            seen.add(warning.message)
            click.echo(str(warning), err=True)
