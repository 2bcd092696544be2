"""A segment by itself, in namespaces that end with the process that made them."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]

_FORGETFUL = """
import socket, threading
from labkit.kernel import links
from labkit.kernel.netlink import Netlink
from labkit.providers.netns.segment import Segment

segment = Segment("lan")
segment.changes.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
for number in range(20):
    segment.add_port(links.Peer(f"eth{number}", 100 + number, segment.namespace, bytes([2, 0, 0, 0, 0, number])))
segment.connect()
ports = range(3, 23)
segment.netlink.ask([links.set_link(100 + number, up=True) for number in range(20)])
segment.netlink.ask([links.set_link(port, up=False) for port in ports])
threading.Timer(0.3, Netlink().ask, [[links.set_link(port, up=True) for port in ports]]).start()
segment.wait_until_it_forwards(10)
print("forwards")
"""


def test_a_segment_waits_for_its_ports_though_changes_are_lost() -> None:
    """The kernel drops what a socket has no room for: so many ports tell more than it holds."""
    command = ["unshare", "--map-root-user", sys.executable, "-c", _FORGETFUL]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "forwards\n"), done.stderr
