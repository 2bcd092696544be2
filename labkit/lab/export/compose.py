"""Docker Compose: a service a node, a network a segment.

Docker takes an address of each network for itself, which must be none of the lab's, and gives each container a default
route, which the start script takes away again: what a node cannot reach in the lab it must not reach here.
`interface_name` and `mac_address` of a network need Compose 2.36 and Docker 28.1.

Source: the Compose Specification, chapters "Services" and "Networks".
"""

from ipaddress import IPv4Address

from labkit.diagnostics import LabkitError
from labkit.lab.export.target import Lab, document, health, placed, require, require_one_link
from labkit.lab.provider import File
from labkit.lab.topology import Network, Node

_START = "/etc/labkit/start"
_HEAD = """\
{title}
docker compose up --detach        docker compose down
"""


def export(lab: Lab) -> tuple[File, ...]:
    """Return compose.yaml, and the files that it binds into the containers.

    Raises:
        LabkitError: a name of the lab is none for Compose, or a network has no address left for Docker.
    """
    topology = lab.topology
    require({network.name: "network" for network in topology.networks}, r"[a-zA-Z0-9_.-]+", "Compose takes plain names")
    require_one_link(topology, "Compose")
    value = {
        "name": lab.name,
        "services": {node.name: _service(lab, node) for node in topology.nodes},
        "networks": {
            network.name: {"ipam": {"config": [{"subnet": str(network.subnet), "gateway": str(_own(lab, network))}]}}
            for network in topology.networks
        },
    }
    files = [placed(node, file) for node in topology.nodes for file in _files(lab, node)]
    return File(path="compose.yaml", text=document(_HEAD.format(title=lab.title), value)), *files


def _files(lab: Lab, node: Node) -> list[File]:
    route = f"ip route replace default via {node.gateway}" if node.gateway else "ip route del default"
    lines = ["#!/bin/sh", "# what the container runs: the rest of its network, its services, and then nothing"]
    lines += [f"ip address add {address}/32 dev lo" for address in node.loopback]
    lines += [route, *lab.services(node), "exec sleep infinity"]
    return [*lab.taken(node), File(path=_START, text="\n".join(lines) + "\n", mode=0o755)]


def _service(lab: Lab, node: Node) -> dict[str, object]:
    value: dict[str, object] = {
        "image": lab.image,
        "hostname": node.name,
        "command": [_START],
        "cap_add": ["NET_ADMIN", "NET_RAW"],
    }
    if node.sysctls:
        value["sysctls"] = dict(node.sysctls)
    value["networks"] = {
        link.network: {
            "interface_name": link.interface,
            "ipv4_address": str(link.address.ip),
            "mac_address": link.lladdr.hex(":"),
        }
        for link in node.links
    }
    value["volumes"] = [f"./{placed(node, file).path}:{file.path}" for file in _files(lab, node)]
    if test := health(node):
        value["healthcheck"] = {"test": test, "interval": "5s", "timeout": "3s", "retries": 2, "start_period": "2s"}
    return value


def _own(lab: Lab, network: Network) -> IPv4Address:
    """Return the address that Docker may have: the highest that nothing in the lab speaks of."""
    topology = lab.topology
    used = {link.address.ip for node in topology.nodes for link in node.links}
    used |= {address for node in topology.nodes for address in (*node.loopback, node.gateway) if address}
    texts = [file.text for files in lab.files.values() for file in files]
    first, last = int(network.subnet.network_address) + 1, int(network.subnet.broadcast_address) - 1
    for number in range(last, first - 1, -1):
        address = IPv4Address(number)
        if address not in used and not any(str(address) in text for text in texts):
            return address
    raise LabkitError(f"Docker wants an address of network {network.name} ({network.subnet}) for itself; none is left")
