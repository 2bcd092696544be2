"""A socket between the parent and one of its children: whole messages both ways, and neither end waits for the other.

A message is its length in 8 bytes and a pickle; both ends are the same program, in processes of the same user.  What
the socket does not take at once is queued, up to a bound.
"""

import pickle
import socket
from collections.abc import Callable

from labkit.daemon.loop import Loop

LENGTH_BYTES = 8
_READ = 1 << 16
_BOUND = 4 << 20
"""How many bytes may be queued for the other end before further messages are refused."""


class Channel:
    """One end; `heard` is called with each message, `ended` once, when the other end is gone."""

    def __init__(
        self, loop: Loop, end: socket.socket, *, heard: Callable[[object], None], ended: Callable[[], None]
    ) -> None:
        end.setblocking(False)
        self._loop = loop
        self._end = end
        self._heard = heard
        self._tell_ended = ended
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._open = True
        loop.watch(end, self._ready)

    def send(self, message: object) -> bool:
        """Send a message, now or as soon as the other end reads; False: it is refused, too much waits already."""
        if not self._open or len(self._outgoing) > _BOUND:
            return False
        content = pickle.dumps(message)
        self._outgoing += len(content).to_bytes(LENGTH_BYTES) + content
        self._write()
        return True

    def close(self) -> None:
        """Let go of this end, which the other end sees as an end of this process."""
        if self._open:
            self._open = False
            self._loop.unwatch(self._end)
        self._end.close()

    def abandon(self) -> None:
        """Close this end in a process that was forked from its owner, whose loop is closed already."""
        self._end.close()

    def _ready(self) -> None:
        if self._outgoing:
            self._write()
        self._read()

    def _write(self) -> None:
        waited = len(self._outgoing) > 0
        try:
            while self._outgoing:
                del self._outgoing[: self._end.send(self._outgoing)]
        except BlockingIOError:
            pass
        except OSError:  # the other end is gone: reading says so too
            self._outgoing.clear()
        if waited and self._open:
            self._loop.wait_for(self._end, writing=bool(self._outgoing))

    def _read(self) -> None:
        try:
            data = self._end.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._open = False
            self._loop.unwatch(self._end)
            self._tell_ended()
            return
        self._incoming += data
        while self._open and len(self._incoming) >= LENGTH_BYTES + (
            size := int.from_bytes(self._incoming[:LENGTH_BYTES])
        ):
            content = bytes(self._incoming[LENGTH_BYTES : LENGTH_BYTES + size])
            del self._incoming[: LENGTH_BYTES + size]
            self._heard(pickle.loads(content))
