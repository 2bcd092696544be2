"""The line to a lab's hub: its standard input and output, to which the engine attaches us.

    keeper ── socket pair ── two threads ══ the engine ══ hub

What the engine hands out is a socket, a TLS socket or a channel of ssh: threads that wait for it serve all three.  The
container's input ends when this attachment does, whatever ended it.
"""

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from labkit.providers.docker.engine import refusals
from labkit.providers.relay import Connection

if TYPE_CHECKING:
    from docker.models.containers import Container

_PIECE = 16384  # bytes
_HEADER = struct.Struct("!BxxxI")  # which stream, and how many bytes of it follow (Docker Engine API, attach)
_OUTPUT = 1
_KEPT = 500  # bytes


class Line:
    """Attached to a container that is not started yet."""

    def __init__(self, container: "Container") -> None:
        """Attach.

        Raises:
            EngineError: the engine refused.
        """
        with refusals(f"container {container.name} cannot be attached to"):
            attached = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        self._far: Any = getattr(attached, "_sock", attached)
        self._far.settimeout(None)
        self._near, self._ours = socket.socketpair()
        self.errors = b""  # the end of what the container wrote to its standard error
        for carry in (self._carry_in, self._carry_out):
            threading.Thread(target=carry, daemon=True).start()

    async def connection(self) -> Connection:
        """Return our end."""
        return await asyncio.open_connection(sock=self._ours)

    def _carry_out(self) -> None:
        """Carry what we write to the container."""
        with suppress(OSError):
            while data := self._near.recv(_PIECE):
                self._far.sendall(data)

    def _carry_in(self) -> None:
        """Carry what the container writes to us; its errors are kept."""
        with suppress(OSError):
            while header := self._exactly(_HEADER.size):
                stream, length = _HEADER.unpack(header)
                data = self._exactly(length)
                if stream == _OUTPUT:
                    self._near.sendall(data)
                else:
                    self.errors = (self.errors + data)[-_KEPT:]
        with suppress(OSError):
            self._near.shutdown(socket.SHUT_RDWR)  # closing it would not wake the other thread

    def _exactly(self, size: int) -> bytes:
        """Read so many bytes; none when the attachment ended."""
        data = b""
        while len(data) < size:
            piece = self._far.recv(size - len(data))
            if not piece:
                return b""
            data += piece
        return data
