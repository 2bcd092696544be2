"""What a lab's hub runs, the container that owns the lab: the supervisor, the networks, and this end of the line.

Started as `python -m labkit.providers.docker.hub`; on its standard input come first, pickled and after their length,
the plan and the lab's templates.  It says `LISTENING` when nodes may start; their first processes come to the socket in
the folder that all containers of the lab share, and hand over what the supervisor watches and drives a node by.  So the
hub alone needs CAP_SYS_ADMIN, to enter the nodes' network namespaces.  When the line to the keeper ends, or the
supervisor, the hub ends, and the nodes' first processes with it.
"""

import asyncio
import json
import os
import pickle
import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from labkit.lab.plan import Plan
from labkit.lab.provider import DeployError, File
from labkit.lab.topology import Topology
from labkit.providers import distant
from labkit.providers.netns.provider import NetnsNode, NetnsProvider, hosts_file

SHARE = Path("/lab")
NODES = SHARE / "nodes"
LISTENING = b"L"
LENGTH = struct.Struct("!I")
_CONTROL = Path("/run/labkit.sock")
_NODES_WITHIN_S = 60.0


class ContainerProvider(NetnsProvider):
    """Nodes that come by themselves: containers, each with the first process of a node."""

    def __init__(self, nodes: socket.socket) -> None:
        super().__init__()
        self._nodes = nodes

    def enclose(self) -> None:
        """Do nothing: the hub's container encloses it."""

    def build(self, topology: Topology, files: Mapping[str, Sequence[File]]) -> None:
        """Wait for every node, and connect them."""
        channels: dict[str, socket.socket] = {}
        self._nodes.settimeout(_NODES_WITHIN_S)
        try:
            while len(channels) < len(topology.nodes):
                channel, _ = self._nodes.accept()
                channels[json.loads(channel.recv(4096))["name"]] = channel
        except TimeoutError:
            late = ", ".join(node.name for node in topology.nodes if node.name not in channels)
            raise DeployError(f"these containers did not start within {_NODES_WITHIN_S:.0f} s: {late}") from None
        self.nodes = {node.name: NetnsNode(node, channels[node.name], pidfd=None) for node in topology.nodes}
        self.connect(topology)


def _exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            raise SystemExit("the keeper is gone")
        data += piece
    return data


def _await_nodes(plan: Plan) -> socket.socket:
    """Write down what each node is to be, then listen for them."""
    hosts = hosts_file(plan.topology)
    for node in plan.topology.nodes:
        spec = (hosts, tuple(plan.files.get(node.name, ())))
        (SHARE / node.name).write_bytes(pickle.dumps(spec))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(NODES))
    listener.listen(len(plan.topology.nodes))
    return listener


async def _serve(leash: socket.socket) -> None:
    await distant.serve(await distant.connection(0, 1), leash, _CONTROL)


def main() -> None:
    """Raise the lab and relay until its end."""
    (length,) = LENGTH.unpack(_exactly(LENGTH.size))
    plan = distant.unpacked(_exactly(length))
    nodes = _await_nodes(plan)
    os.write(1, LISTENING)
    leash = distant.supervise(plan, ContainerProvider(nodes), _CONTROL)
    nodes.close()
    asyncio.run(_serve(leash))


if __name__ == "__main__":
    main()
