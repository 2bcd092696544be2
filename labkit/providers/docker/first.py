"""The first process of a node that is a container: `python -m labkit.providers.docker.first NODE`."""

import json
import pickle
import socket
import sys

from labkit.providers.docker.hub import NODES, SHARE
from labkit.providers.netns import node
from labkit.providers.netns.programs import PROGRAMS


def main(name: str) -> None:
    """Come to the hub, and be the node until the hub is gone."""
    hosts, files = pickle.loads((SHARE / name).read_bytes())  # written by the hub
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.connect(str(NODES))
    channel.send(json.dumps({"name": name}).encode())
    node.main(node.NodeSpec(name=name, hosts=hosts, files=files, programs=PROGRAMS), channel)


if __name__ == "__main__":
    main(sys.argv[1])
