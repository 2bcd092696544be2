"""From a lab's name to a plan that a supervisor can raise: loaded, rendered, checked."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labkit.conf.model import Config
from labkit.diagnostics import Diagnostic, LabkitError, did_you_mean
from labkit.lab import catalog, loader, render
from labkit.lab.plan import Plan
from labkit.lab.provider import File
from labkit.lab.topology import Daemon, Node, Topology


def load(
    lab: str, variant: str | None, settings: Mapping[str, str], daemons: Mapping[str, str]
) -> tuple[Topology, Path]:
    """Load a lab with other variables and daemons; return it and its folder.

    Raises:
        LabkitError: no such lab, variant, variable or node; or the file is wrong.
    """
    folder = catalog.lab_folder(lab)
    name = lab if lab in catalog.lab_names() else folder.resolve().name
    topology = loader.load(folder / "lab.yml", name=name, variant=variant, settings=settings)
    names = [node.name for node in topology.routers]
    for node, kind in daemons.items():
        if node not in names:
            raise LabkitError(f"no router '{node}' in lab {lab}; {did_you_mean(node, names)}")
        if kind not in tuple(Daemon):
            raise LabkitError(f"no daemon '{kind}'; {did_you_mean(kind, Daemon)}")
    nodes = tuple(_with_daemon(node, daemons) for node in topology.nodes)
    return replace(topology, nodes=nodes), folder


def _with_daemon(node: Node, daemons: Mapping[str, str]) -> Node:
    return replace(node, daemon=Daemon(daemons[node.name])) if node.name in daemons else node


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A lab whose files are rendered and checked, ready for a supervisor."""

    folder: Path
    topology: Topology
    files: Mapping[str, Sequence[File]]
    configs: Mapping[str, Config]
    python: str
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
            python=self.python,
            owned=owned,
        )


def prepare(
    lab: str,
    variant: str | None,
    settings: Mapping[str, str],
    daemons: Mapping[str, str],
    *,
    python: str = sys.executable,
) -> Prepared:
    """Load a lab, render its files and check them; `python` is how scripts in nodes start the interpreter.

    Raises:
        LabkitError: anything is wrong with the lab, its templates or a rendered keepalived.conf.
    """
    topology, folder = load(lab, variant, settings, daemons)
    files = render.render(topology, folder, python=python)
    configs, warnings = render.check(files)
    return Prepared(
        folder=folder.resolve(), topology=topology, files=files, configs=configs, python=python, warnings=warnings
    )
