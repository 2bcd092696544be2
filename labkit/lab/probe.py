"""Probes: repeated measurements from a node, on the lab's clock."""

import asyncio
import contextlib
import os
import socket
import struct
import time
from ipaddress import IPv4Address

from labkit.lab.provider import Emit
from labkit.trace import Kind, Micros, Record, Value

_ECHO_REQUEST, _ECHO_REPLY = 8, 0
_HEADER = struct.Struct("!BBHHH")


class PingProbe:
    """Sends an ICMP echo request (RFC 792) each `interval` and records, for each, when it was answered.

    The socket was opened in the node, so requests leave through the node's own interface, routes and ARP table.  A
    record is told when answers stop and when they come back; `stop` gives the sums.
    """

    def __init__(
        self, name: str, node: str, descriptor: int, target: IPv4Address, interval: Micros, emit: Emit
    ) -> None:
        self.name = name
        self.node = node
        self.target = target
        self.interval_s = interval / 1e6
        self.emit = emit
        self.identity = int.from_bytes(os.urandom(2))
        self.sent = 0
        self.answered: dict[int, Micros] = {}
        self.last_answer: Micros | None = None
        self.longest_gap: Micros = 0
        self.silent = False
        self.socket = socket.socket(fileno=os.dup(descriptor))
        self.socket.setblocking(False)
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(self.socket.fileno(), self._receive)
        self.due = self.loop.time()
        self._send()

    def _send(self) -> None:
        self.sent += 1
        header = _HEADER.pack(_ECHO_REQUEST, 0, 0, self.identity, self.sent & 0xFFFF)
        message = header[:2] + struct.pack("!H", _checksum(header)) + header[4:]
        with contextlib.suppress(OSError):  # no route, no neighbour: it stays unanswered, which is the measurement
            self.socket.sendto(message, (str(self.target), 0))
        now = time.monotonic_ns() // 1000
        gap = now - self.last_answer if self.last_answer is not None else 0
        if not self.silent and gap > 3 * self.interval_s * 1e6:
            self.silent = True
            self._tell(self.last_answer or now, ok=False, gap=0)
        self.due += self.interval_s
        self.timer = self.loop.call_at(self.due, self._send)

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = self.socket.recv(256)
                offset = (packet[0] & 0xF) * 4
                if len(packet) < offset + _HEADER.size:
                    continue
                kind, _, _, identity, sequence = _HEADER.unpack_from(packet, offset)
                if kind == _ECHO_REPLY and identity == self.identity:
                    self._answer(sequence)

    def _answer(self, sequence: int) -> None:
        now = time.monotonic_ns() // 1000
        self.answered.setdefault(sequence, now)
        gap = now - self.last_answer if self.last_answer is not None else 0
        self.longest_gap = max(self.longest_gap, gap)
        self.last_answer = now
        if self.silent or len(self.answered) == 1:
            self.silent = False
            self._tell(now, ok=True, gap=gap)

    def _tell(self, at: Micros, *, ok: bool, gap: Micros) -> None:
        data: dict[str, Value] = {"probe": self.name, "target": str(self.target), "ok": ok, "gap_us": gap}
        self.emit(Record(at=at, kind=Kind.PROBE, node=self.node, data=data))

    def stop(self) -> dict[str, object]:
        """End the probe; return the sums (`longest_gap_us` is the time between two answers)."""
        self.timer.cancel()
        self.loop.remove_reader(self.socket.fileno())
        self.socket.close()
        return {"sent": self.sent, "answered": len(self.answered), "longest_gap_us": self.longest_gap}


def _checksum(header: bytes) -> int:
    """RFC 1071, over an even number of bytes whose checksum field is zero."""
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
