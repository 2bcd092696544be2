"""The control socket: a unix stream socket on which the parent answers, one JSON object a line (docs/control.md).

Only root and the daemon's own user may ask.  The VRRP process knows nothing of clients.  A client that sends what is no
request is told so and let go; one that does not read, says nothing for long, or is one too many, is let go.
"""

import os
import socket
import stat
import struct
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from labkit.daemon.loop import Loop
from labkit.diagnostics import LabkitError
from labkit.hints import TypeAlias
from labkit.kernel.process import now
from labkit.trace import SECOND, Micros
from labkit.values import dataclass

CLIENTS = 16
_BACKLOG = 64
_REQUEST_BYTES = 4096
_REPLY_BYTES = 16 << 20
_FOLLOWER_BYTES = 1 << 20
_PATIENCE: Micros = 10 * SECOND
"""How long a client may take to send a request, or to read some of its answer."""

Json: TypeAlias = Mapping[str, object]


class Ask(StrEnum):
    """What can be asked."""

    STATUS = "status"
    EVENTS = "events"
    RELOAD = "reload"
    STOP = "stop"
    PRIO = "prio"
    LVS = "lvs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `priority` None with PRIO means the configured one, `follow` goes with EVENTS, and
    `connections` with LVS.
    """

    ask: Ask
    instance: str = ""
    priority: int | None = None
    follow: bool = False
    connections: bool = False


class RequestError(ValueError):
    """A line that is no request; its text says why."""


def parse(line: bytes) -> Request:
    """Read a request.

    Raises:
        RequestError: it is none.
    """
    import json  # for those who ask

    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError("a request is one JSON object on one line") from error
    if not isinstance(fields, dict):
        raise RequestError("a request is one JSON object on one line")
    unknown = set(fields) - {"ask", "instance", "priority", "follow", "connections"}
    if unknown:
        raise RequestError(f"unknown fields: {', '.join(sorted(unknown))}")
    ask, instance = fields.get("ask"), fields.get("instance", "")
    priority, follow, connections = (
        fields.get("priority"),
        fields.get("follow", False),
        fields.get("connections", False),
    )
    if ask not in list(Ask):
        raise RequestError(f"'ask' is one of {', '.join(Ask)}")
    if not isinstance(instance, str) or not isinstance(follow, bool) or not isinstance(connections, bool):
        raise RequestError("'instance' is a text, 'follow' and 'connections' are true or false")
    if priority is not None and (type(priority) is not int or not 1 <= priority <= 254):
        raise RequestError("'priority' is a number in 1..254, or null for the configured one")
    return Request(ask=Ask(ask), instance=instance, priority=priority, follow=follow, connections=connections)


class Client:
    """One connection; it is sent answers and never waited for."""

    def __init__(self, loop: Loop, connection: socket.socket, requested: Callable[["Client", Request], None]) -> None:
        connection.setblocking(False)
        self.following = False
        self.open = True
        self.heard_at = now()
        self._loop = loop
        self._connection = connection
        self._requested = requested
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._busy = False
        self._taking = False
        self._leaving = False  # no more requests are taken; it is let go when it has read its answers
        self._ended = False  # it will send nothing more
        loop.watch(connection, self._ready)

    @property
    def give_up_at(self) -> Micros | None:
        """When its patience ends: it owes us a request, or the reading of an answer."""
        waits_for_us = self._busy or self.following
        return None if waits_for_us and not self._outgoing else self.heard_at + _PATIENCE

    def reply(self, answer: Json) -> None:
        """Answer the request that was asked last."""
        self._busy = False
        self.heard_at = now()
        import json

        self._say(json.dumps(answer, separators=(",", ":")), _REPLY_BYTES)
        self._take_lines()

    def add(self, line: str) -> None:
        """Send one more line to a client that follows the events."""
        self._say(line, _FOLLOWER_BYTES)

    def refuse(self, why: str) -> None:
        """Answer that it cannot be, and let the client go."""
        import json

        self._leaving, self._busy = True, False
        self._say(json.dumps({"ok": False, "error": why}), _REPLY_BYTES)

    def close(self) -> None:
        """Let go of the client."""
        if self.open:
            self.open = False
            self._loop.unwatch(self._connection)
            self._connection.close()

    def abandon(self) -> None:
        """Close the connection in a process that was forked from its owner."""
        self._connection.close()

    def _say(self, line: str, bound: int) -> None:
        if self.open:
            self._outgoing += line.encode() + b"\n"
            self._write()
            if len(self._outgoing) > bound:
                self.close()

    def _ready(self) -> None:
        if self._outgoing:
            self._write()
        elif self._ended:  # both directions are closed
            self.close()
        if self.open and not self._ended:
            self._read()

    def _write(self) -> None:
        try:
            while self._outgoing:
                del self._outgoing[: self._connection.send(self._outgoing)]
                self.heard_at = now()
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self._leaving and not self._outgoing and not self._busy:
            self.close()
        else:
            self._loop.wait_for(self._connection, reading=not self._ended, writing=bool(self._outgoing))

    def _read(self) -> None:
        try:
            data = self._connection.recv(_REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._incoming += data
        else:  # as `printf ... | socat - UNIX:...` does, and waits for the answer
            self._ended = self._leaving = True
            if not self._busy:
                self._incoming.clear()
        self._take_lines()
        if self.open and self._ended:
            self._write()

    def _take_lines(self) -> None:
        """Take the next request, where none is being answered."""
        if self._taking:  # an answer came at once
            return
        self._taking = True
        self._take()
        self._taking = False

    def _take(self) -> None:
        while self.open and not self._busy and not self._leaving and b"\n" in self._incoming:
            line, _, rest = self._incoming.partition(b"\n")
            self._incoming = rest
            try:
                request = parse(bytes(line))
            except RequestError as error:
                self.refuse(str(error))
                return
            self._busy = True
            self._requested(self, request)
        if len(self._incoming) > _REQUEST_BYTES and not self._leaving:
            self.refuse(f"a request has at most {_REQUEST_BYTES} bytes, and waits for the answer to the one before it")


class ControlError(LabkitError):
    """The control socket cannot be made."""


class ControlServer:
    """The listening socket and its clients."""

    def __init__(self, loop: Loop, path: Path, requested: Callable[[Client, Request], None]) -> None:
        """Listen at `path`, in the place of a socket that nobody listens on any more.

        Raises:
            ControlError: another daemon answers there, or the socket cannot be made.
        """
        self._loop = loop
        self._path = path
        self._requested = requested
        self._clients: list[Client] = []
        try:
            self._listener = listen(path)
        except OSError as error:
            raise ControlError(f"no control socket {path}: {error.strerror or error}") from error
        loop.watch(self._listener, self._accept)

    @property
    def deadline(self) -> Micros | None:
        """When to call `fire`."""
        times = [client.give_up_at for client in self._clients if client.open]
        return min((time for time in times if time is not None), default=None)

    def fire(self) -> None:
        """Let go of those whose patience is at its end."""
        moment = now()
        for client in self._clients:
            give_up_at = client.give_up_at
            if give_up_at is not None and give_up_at <= moment:
                client.close()
        self._clients = [client for client in self._clients if client.open]

    def tell(self, line: str) -> None:
        """Send a line to every client that follows the events."""
        for client in self._clients:
            if client.following:
                client.add(line)

    def abandon(self) -> None:
        """Close everything in a process that was forked from the owner."""
        self._listener.close()
        for client in self._clients:
            client.abandon()

    def close(self) -> None:
        """Remove the socket and let go of the clients."""
        self._path.unlink(missing_ok=True)
        self._loop.unwatch(self._listener)
        self._listener.close()
        for client in self._clients:
            client.close()

    def _accept(self) -> None:
        for _ in range(_BACKLOG):
            try:
                connection, _ = self._listener.accept()
            except OSError:  # nobody is there, or no descriptor is left
                return
            self._welcome(connection)

    def _welcome(self, connection: socket.socket) -> None:
        self._clients = [client for client in self._clients if client.open]
        if len(self._clients) >= CLIENTS:  # the newcomer may be a person; who was silent longest may be stuck
            min(self._clients, key=lambda client: client.heard_at).close()
        client = Client(self._loop, connection, self._requested)
        self._clients.append(client)
        _, uid, _ = struct.unpack("=iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in (0, os.geteuid()):
            client.refuse("only root and the user of the daemon may ask")


def listen(path: Path) -> socket.socket:
    """Make a listening socket (mode 0600).

    Raises:
        OSError: somebody listens there already, or it cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    place = f"/proc/self/fd/{folder}/{path.name}"  # however long the path is: a socket's own may have 107 bytes
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
                if trial.connect_ex(place) == 0:
                    raise OSError("another daemon answers there")
            path.unlink()
        mask = os.umask(0o777 & ~(stat.S_IRUSR | stat.S_IWUSR))
        try:
            listener.bind(place)
        finally:
            os.umask(mask)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    finally:
        os.close(folder)
    return listener
