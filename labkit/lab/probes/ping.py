"""ICMP echo (RFC 792): 10 ms from try to try cost next to nothing."""

import contextlib
import os
import socket
import struct

from labkit.lab.probes.probe import Open, ProbeSpec, RawProbe
from labkit.lab.provider import Emit
from labkit.lab.topology import Topology

_ECHO_REQUEST, _ECHO_REPLY = 8, 0
_HEADER = struct.Struct("!BBHHH")


class PingProbe(RawProbe):
    """Requests leave through the node's own interface, routes and ARP table: the socket was opened there."""

    def __init__(self, spec: ProbeSpec, open_socket: Open, emit: Emit, _: Topology) -> None:
        super().__init__(spec, emit)
        self.identity = int.from_bytes(os.urandom(2))
        self._use(open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))

    def _try(self, sequence: int) -> None:
        header = _HEADER.pack(_ECHO_REQUEST, 0, 0, self.identity, sequence & 0xFFFF)
        message = header[:2] + struct.pack("!H", _checksum(header)) + header[4:]
        with contextlib.suppress(OSError):  # no route, no neighbour: it stays unanswered, which is the measurement
            self.socket.sendto(message, (self.spec.target, 0))

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = self.socket.recv(256)
                offset = (packet[0] & 0xF) * 4
                if len(packet) < offset + _HEADER.size:
                    continue
                kind, _, _, identity, sequence = _HEADER.unpack_from(packet, offset)
                if kind == _ECHO_REPLY and identity == self.identity:
                    self._succeed(self.sent - (self.sent - sequence & 0xFFFF))


def _checksum(header: bytes) -> int:
    """RFC 1071, over an even number of bytes whose checksum field is zero."""
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
