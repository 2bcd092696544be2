"""From a lab's name to a plan that a supervisor can raise: loaded, rendered, checked."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labkit.conf.model import Config
from labkit.diagnostics import Diagnostic, LabkitError, did_you_mean
from labkit.lab import catalog, frr, loader, render
from labkit.lab.daemons import KINDS, kind_of
from labkit.lab.plan import Plan
from labkit.lab.provider import File
from labkit.lab.topology import Daemon, Node, Role, Topology


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
    """Return the node with the daemon that was asked for, and the kernel settings that its daemon needs."""
    daemon = Daemon(daemons.get(node.name, node.daemon))
    sysctls = KINDS[daemon].sysctls if node.role is Role.ROUTER else {}
    return replace(node, daemon=daemon, sysctls=tuple({**sysctls, **dict(node.sysctls)}.items()))


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
        """What must be there: what the lab says the kernel must be able to do, the daemons, and what they need of it.

        C keepalived balances with IPVS only, and FRR keeps virtual addresses on macvlans.
        """
        balancing = [name for name, config in self.configs.items() if config.virtual_servers]
        needs = [*self.topology.needs, *(kind_of(node).program for node in self.topology.routers)]
        if any(self.topology.node(name).daemon is Daemon.KEEPALIVED for name in balancing):
            needs.append("ipvs")
        if any(node.daemon is Daemon.FRR for node in self.topology.routers):
            needs.append("macvlan")
        return tuple(dict.fromkeys(need for need in needs if need))

    @property
    def lacking(self) -> str:
        """What the lab wants of daemons that they cannot do, in words; empty: they can do all of it."""
        return frr.lacking(self.topology, self.configs)

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
    frr.refuse(topology, configs)
    return Prepared(
        folder=folder.resolve(), topology=topology, files=files, configs=configs, python=python, warnings=warnings
    )
