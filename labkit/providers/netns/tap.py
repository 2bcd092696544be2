"""A tap on a segment: keeps the frames that enter the switch, each with the port that it came in by.

The kernel writes frames into a ring of memory that is mapped here (packet_mmap, TPACKET_V2), so that nothing wakes for
a frame: the ring is emptied a few times a second, and whenever somebody wants the frames.  A frame is kept once, as its
sender sent it: a port that is cut or drops frames still shows them.
"""

import mmap
import socket
import struct
from collections import deque

from labkit.lab.provider import Frame

_SOL_PACKET, _PACKET_RX_RING, _PACKET_VERSION, _PACKET_IGNORE_OUTGOING = 263, 5, 10, 23  # linux/if_packet.h
_TPACKET_V2, _USER = 1, 1
_ETH_P_ALL = 0x0003
_SLOT, _SLOTS, _BLOCK = 2048, 1024, 1 << 16  # a frame longer than its slot is cut off: veth carries segments of 64 kB
_HEADER = struct.Struct("=IIIHHII")  # status, length, captured, mac, net, seconds, nanoseconds
_SOCKADDR = 32  # where the slot's sockaddr_ll stands
_INDEX = struct.Struct("=i")
_KEPT = 8 << 20  # bytes


class Tap:
    """Made in the segment's namespace; `ports` are the names of its ports by interface index, all else is left out."""

    def __init__(self, ports: dict[int, str]) -> None:
        """Begin to keep frames, of all interfaces at first; what came before there was a ring is dropped by the kernel.

        Raises:
            OSError: the kernel refused.
        """
        self._ports = ports
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V2)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        request = struct.pack("=IIII", _BLOCK, _SLOT * _SLOTS // _BLOCK, _SLOT, _SLOTS)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
        self._ring = mmap.mmap(self._socket.fileno(), _SLOT * _SLOTS)
        self._slot = 0
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._number = 0

    def drain(self) -> None:
        """Take what the kernel wrote into the ring; the oldest frames give way to the latest."""
        while True:
            start = self._slot * _SLOT
            status, length, captured, mac, _, seconds, nanoseconds = _HEADER.unpack_from(self._ring, start)
            if not status & _USER:
                return
            (index,) = _INDEX.unpack_from(self._ring, start + _SOCKADDR + 4)
            if index in self._ports:
                data = self._ring[start + mac : start + mac + captured]
                self._keep(seconds * 1_000_000_000 + nanoseconds, self._ports[index], length, data)
            struct.pack_into("=I", self._ring, start, 0)  # the slot is the kernel's again
            self._slot = (self._slot + 1) % _SLOTS

    def _keep(self, at_ns: int, port: str, length: int, data: bytes) -> None:
        self._number += 1
        self._frames.append(Frame(number=self._number, at_ns=at_ns, port=port, length=length, data=data))
        self._bytes += len(data)
        while self._bytes > _KEPT:
            self._bytes -= len(self._frames.popleft().data)

    def frames(self, after: int) -> list[Frame]:
        """Return the kept frames whose number is above `after`, oldest first."""
        self.drain()
        return [frame for frame in self._frames if frame.number > after]

    def close(self) -> None:
        """Keep nothing any more."""
        self._ring.close()
        self._socket.close()
