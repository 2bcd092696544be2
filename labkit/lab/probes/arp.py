"""ARP (RFC 826): who says that an address is his; asked by broadcast, so that nobody's table is believed."""

import contextlib
import socket
import struct
from ipaddress import IPv4Address

from labkit.lab.probes.probe import Open, ProbeSpec, RawProbe
from labkit.lab.provider import Emit
from labkit.lab.topology import Topology

_ETH_P_ARP, _BROADCAST = 0x0806, b"\xff" * 6
_REQUEST, _REPLY = 1, 2
_ARP = struct.Struct("!HHBBH6s4s6s4s")


class ArpProbe(RawProbe):
    """Asks on the node's link that has the address; the node with the answering link-layer address is who answered."""

    def __init__(self, spec: ProbeSpec, open_socket: Open, emit: Emit, topology: Topology) -> None:
        super().__init__(spec, emit)
        target = IPv4Address(spec.target)
        links = topology.node(spec.node).links
        link = next((link for link in links if target in link.address.network), links[0])
        self.owners = {link.lladdr: node.name for node in topology.nodes for link in node.links}
        self.target = target.packed
        ends = (link.lladdr, link.address.ip.packed, bytes(6), self.target)
        message = _ARP.pack(1, 0x0800, 6, 4, _REQUEST, *ends)
        self.frame = _BROADCAST + link.lladdr + struct.pack("!H", _ETH_P_ARP) + message
        opened = open_socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        opened.bind((link.interface, _ETH_P_ARP))
        self._use(opened)

    def _try(self, sequence: int) -> None:
        with contextlib.suppress(OSError):  # a link that is down: it stays unanswered, which is the measurement
            self.socket.send(self.frame)

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                message = self.socket.recv(256)[14:]
                if len(message) >= _ARP.size:
                    _, _, _, _, operation, lladdr, address, _, _ = _ARP.unpack_from(message)
                    if operation == _REPLY and address == self.target:
                        self._succeed(self.sent, by=self.owners.get(lladdr, lladdr.hex(":")))
