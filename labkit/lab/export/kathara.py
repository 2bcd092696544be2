"""Kathará: lab.conf, a startup script a device, and the devices' files in folders of their names.

Sources: kathara-lab.conf(5), kathara-lab-dirs(7), and what Kathará 3.8 does: it copies a device's files without their
modes, and takes one interface of a device on a collision domain.
"""

from labkit.diagnostics import LabkitError
from labkit.lab import render
from labkit.lab.export.target import Lab, placed, require, require_one_link
from labkit.lab.provider import File
from labkit.lab.topology import Node, Topology


def export(lab: Lab) -> tuple[File, ...]:
    """Return lab.conf, the startup scripts and the devices' files.

    Raises:
        LabkitError: Kathará cannot take a name, an interface or a link of the lab.
    """
    topology = lab.topology
    _check(topology)
    devices = "\n".join(_device(lab, node) for node in topology.nodes)
    title = " ".join(lab.title.translate(str.maketrans("=\"'", "   ")).split())  # Kathará splits and strips there
    text = f'# kathara lstart        kathara lclean\nLAB_NAME="{lab.name}"\nLAB_DESCRIPTION="{title}"\n\n{devices}'
    files = [File(path="lab.conf", text=text)]
    for node in topology.nodes:
        files.append(File(path=f"{node.name}.startup", text=_startup(lab, node)))
        files += [placed(node, file) for file in lab.taken(node)]
    return tuple(files)


def _check(topology: Topology) -> None:
    names = {node.name: "node" for node in topology.nodes}
    require(
        names,
        r"(?!shared$|_test$)[a-z0-9_]{1,30}",
        "Kathará takes names of small letters, digits and '_', and not shared",
    )
    require({network.name: "network" for network in topology.networks}, r"\w+", "Kathará takes letters, digits and '_'")
    require_one_link(topology, "Kathará")
    for node in topology.nodes:
        if [link.interface for link in node.links] != [f"eth{n}" for n, _ in enumerate(node.links)]:
            raise LabkitError(f"Kathará names interfaces eth0, eth1, ... in this order; rename those of {node.name}")


def _device(lab: Lab, node: Node) -> str:
    lines = [f'{node.name}[{n}]="{link.network}/{link.lladdr.hex(":")}"' for n, link in enumerate(node.links)]
    lines.append(f'{node.name}[image]="{lab.image}"')
    lines += [f'{node.name}[sysctl]="{name}={value}"' for name, value in node.sysctls]
    return "\n".join(lines) + "\n"


def _startup(lab: Lab, node: Node) -> str:
    lines = render.addressing(node)
    lines += [f"chmod {file.mode:o} {file.path}" for file in lab.taken(node) if file.mode != 0o644]
    return "".join(f"{line}\n" for line in (*lines, *lab.services(node)))
