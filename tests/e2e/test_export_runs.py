"""What exports tell other tools to do makes the lab run: nodes without anything play the containers.

The test does what the tool does, in the tool's order: interfaces, files, and then the commands of the export.
"""

import shlex
import shutil
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from labkit.lab.importing import kathara
from tests.conftest import Labkit, eventually
from tests.e2e.hosts import VIP, Hosts

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]

_FAST = ("--set", "version=3", "--set", "advert_int=0.1")
_SCRIPT = "/etc/init.d/keepalived"


def bare(nodes: dict[str, dict[str, str]]) -> str:
    """Return a lab.yml of nodes whose interfaces (interface: network) are cabled; their addresses mean nothing."""
    networks = {
        network: number for number, network in enumerate({each for links in nodes.values() for each in links.values()})
    }
    value: dict[str, Any] = {"title": "Containers", "networks": {}, "nodes": {}}
    for network, number in networks.items():
        value["networks"][network] = {"subnet": f"10.250.{number}.0/24"}
    for count, (name, links) in enumerate(nodes.items(), 1):
        cabled = {
            interface: {"network": network, "address": f"10.250.{networks[network]}.{count}"}
            for interface, network in links.items()
        }
        value["nodes"][name] = {"role": "server", "links": cabled}
    return yaml.safe_dump(value, sort_keys=False)


def commands(node: dict[str, Any]) -> str:
    """Return the commands of a node of containerlab, which it runs without a shell, as lines of one."""
    lines = [str(line) for line in node.get("exec", ())]
    assert all(shlex.join(shlex.split(line)) == line for line in lines), "a shell would understand it otherwise"
    return "set -e\n" + "\n".join(lines)


def bound(hosts: Hosts, name: str, there: Path, binds: list[str], scratch: Path) -> None:
    """Give a node the files that are bound into it."""
    root = scratch / name
    root.mkdir(parents=True)
    for bind in binds:
        source, target = bind.split(":")
        (root / target.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(there / source, root / target.lstrip("/"))
    hosts.copy(name, root, "/")


def flush(hosts: Hosts, nodes: dict[str, dict[str, str]]) -> None:
    for name, links in nodes.items():
        hosts.install(name, *(f"ip address flush dev {interface}" for interface in links))


def containerlab(own: Labkit, there: Path, scratch: Path) -> Hosts:
    topology = yaml.safe_load((there / "failover.clab.yml").read_text())["topology"]
    nodes: dict[str, dict[str, str]] = {name: {} for name in topology["nodes"]}
    for number, link in enumerate(topology["links"]):
        for end in link["endpoints"]:
            nodes[end["node"]][end["interface"]] = f"cable{number}"
    hosts = Hosts(own, scratch, bare(nodes))
    flush(hosts, nodes)
    for name, node in topology["nodes"].items():
        bound(hosts, name, there, node.get("binds", []), scratch)
        hosts.run(name, "sh", "-c", commands(node))
    test = topology["nodes"]["server1"]["healthcheck"]["test"]
    assert test[0] == "CMD-SHELL"
    hosts.run("server1", "sh", "-c", test[1])
    return hosts


def kathara_lab(own: Labkit, there: Path, scratch: Path) -> Hosts:
    nodes = {
        device.name: {port.interface: port.segment for port in device.ports} for device in kathara.read(there).devices
    }
    hosts = Hosts(own, scratch, bare(nodes))
    flush(hosts, nodes)
    for name in nodes:
        for file in [each for each in there.glob(f"{name}/**/*") if each.is_file()]:
            file.chmod(0o644)  # Kathará copies no modes
        if (there / name).is_dir():
            hosts.copy(name, there / name, "/")
        hosts.run(name, "sh", "-ec", (there / f"{name}.startup").read_text())
    hosts.run("server1", "test", "-x", _SCRIPT)
    return hosts


def compose(own: Labkit, there: Path, scratch: Path) -> Hosts:
    value = yaml.safe_load((there / "compose.yaml").read_text())
    services = value["services"]
    nodes = {
        name: {each["interface_name"]: network for network, each in service["networks"].items()}
        for name, service in services.items()
    }
    hosts = Hosts(own, scratch, bare(nodes))
    flush(hosts, nodes)
    for name, service in services.items():
        for network, each in service["networks"].items():
            (pool,) = value["networks"][network]["ipam"]["config"]
            assert each["ipv4_address"] != pool["gateway"]
            address = f"{each['ipv4_address']}/{IPv4Network(pool['subnet']).prefixlen}"
            interface = each["interface_name"]
            up = f"ip address add {address} dev {interface} && ip route add default via {pool['gateway']}"
            hosts.run(name, "sh", "-c", up)
        bound(hosts, name, there, service["volumes"], scratch)
        hosts.background("exec", name, "--", *service["command"])
    return hosts


@pytest.mark.parametrize("tool", [containerlab, kathara_lab, compose], ids=["containerlab", "kathara", "compose"])
def test_the_address_moves(own: Labkit, tmp_path: Path, tool: Any) -> None:
    there, scratch = tmp_path / "there", tmp_path / "scratch"
    scratch.mkdir()
    own("export", tool.__name__.removesuffix("_lab"), "failover", *_FAST, "-o", str(there))
    hosts = tool(own, there, scratch)
    assert eventually(lambda: hosts.has_the_address("server1"), within=30)
    assert eventually(lambda: not hosts.has_the_address("server2"), within=30)
    hosts.run("host", "ping", "-c", "1", "-W", "5", VIP)
    assert hosts.run("host", "ip", "route", "show", "default") == ""
    hosts.run("server1", "sh", _SCRIPT, "stop")
    assert eventually(lambda: hosts.has_the_address("server2"), within=30)
    assert not hosts.has_the_address("server1")
    hosts.run("host", "ping", "-c", "1", "-W", "5", VIP)
    hosts.run("server1", "sh", "-c", f"sh {_SCRIPT} status || exit 1", status=1)  # what makes a container unhealthy
    hosts.end()
