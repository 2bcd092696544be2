"""containerlab: a topology file and the nodes' files beside it.

A segment is a node too, a container that runs a bridge: containerlab's own kind `bridge` wants one that is on the host
already, and clabernetes, which makes each link a tunnel between two pods, cannot spread it over machines.  `eth0` stays
the lab's interface, since `network-mode: none` leaves out containerlab's management network.

Sources: containerlab's manual, pages "Nodes" and "Topology definition", and its published schema.
"""

from labkit.lab import render
from labkit.lab.export.target import Lab, document, health, placed, require
from labkit.lab.provider import File
from labkit.lab.topology import Network, Node, Topology

_NAMES = r"[a-zA-Z0-9][a-zA-Z0-9_.-]*"
_HEAD = """\
{title}
containerlab deploy -t {name}.clab.yml        containerlab destroy -t {name}.clab.yml
"""


def export(lab: Lab) -> tuple[File, ...]:
    """Return NAME.clab.yml and the files that it binds into the nodes.

    Raises:
        LabkitError: a name of the lab is none for containerlab.
    """
    topology = lab.topology
    names = {network.name: "network" for network in topology.networks}
    require(names, _NAMES, "containerlab takes names of letters, digits, '-', '_' and '.'")
    nodes = {segment_name(topology, network): _segment(topology, network) for network in topology.networks}
    nodes |= {node.name: _node(lab, node) for node in topology.nodes}
    defaults = {"kind": "linux", "image": lab.image, "network-mode": "none", "cmd": "sleep infinity"}
    value = {
        "name": lab.name,
        "topology": {"defaults": defaults, "nodes": nodes, "links": _links(topology)},
    }
    head = _HEAD.format(title=lab.title, name=lab.name)
    files = [placed(node, file) for node in topology.nodes for file in lab.taken(node)]
    return File(path=f"{lab.name}.clab.yml", text=document(head, value)), *files


def segment_name(topology: Topology, network: Network) -> str:
    """Return the name of the node that is a segment: the network's, unless a node has it."""
    taken = {node.name for node in topology.nodes}
    return network.name if network.name not in taken else f"{network.name}-segment"


def _ports(topology: Topology, network: Network) -> list[tuple[Node, str, str]]:
    """Return (node, its interface, MAC address) for each port of a segment, in the order of the lab file."""
    return [
        (node, link.interface, link.lladdr.hex(":"))
        for node in topology.nodes
        for link in node.links
        if link.network == network.name
    ]


def _segment(topology: Topology, network: Network) -> dict[str, object]:
    # Without snooping the bridge floods every multicast frame, as a switch without IGMP does.
    commands = ["ip link add br0 type bridge mcast_snooping 0"]
    commands += [f"ip link set eth{n} master br0" for n, _ in enumerate(_ports(topology, network), 1)]
    return {"exec": [*commands, "ip link set br0 up"]}


def _node(lab: Lab, node: Node) -> dict[str, object]:
    value: dict[str, object] = {}
    if node.sysctls:
        value["sysctls"] = dict(node.sysctls)
    if files := lab.taken(node):
        value["binds"] = [f"{placed(node, file).path}:{file.path}" for file in files]
    if commands := [*render.addressing(node), *lab.services(node)]:
        value["exec"] = commands
    if test := health(node):
        value["healthcheck"] = {"test": test, "interval": 5, "timeout": 3, "retries": 2, "start-period": 2}
    return value


def _links(topology: Topology) -> list[dict[str, object]]:
    return [
        {
            "type": "veth",
            "endpoints": [
                {"node": node.name, "interface": interface, "mac": lladdr},
                {"node": segment_name(topology, network), "interface": f"eth{port}"},
            ],
        }
        for network in topology.networks
        for port, (node, interface, lladdr) in enumerate(_ports(topology, network), 1)
    ]
