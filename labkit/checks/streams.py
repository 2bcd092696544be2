"""What goes over a connection, with a point in time at which each step ends."""

import socket

from labkit.checks.waiting import READ, WRITE, ready
from labkit.trace import Micros

CHUNK = 16384


class Stream:
    """A connected TCP socket; TLS has the same methods (`labkit.checks.tls`)."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    async def send(self, data: bytes, deadline: Micros) -> bool:
        """Send all of it; return False when `deadline` came before.

        Raises:
            OSError: the connection is gone.
        """
        while data:
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                if not await ready(self._socket, WRITE, deadline):
                    return False
        return True

    async def receive(self, deadline: Micros) -> bytes | None:
        """Return what came (nothing: the server has ended it), or None when `deadline` came before.

        Raises:
            OSError: the connection is gone.
        """
        while await ready(self._socket, READ, deadline):
            try:
                return self._socket.recv(CHUNK)
            except BlockingIOError:
                continue
        return None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
