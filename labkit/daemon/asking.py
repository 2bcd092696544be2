"""The client's side of the control socket."""

import json
import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from labkit.daemon.report import Report, TableReport, from_json
from labkit.diagnostics import LabkitError
from labkit.hints import Self

_TIMEOUT_S = 10.0
_RELOAD_TIMEOUT_S = 120.0
_STOP_TIMEOUT_MS = 120_000


class NotRunningError(LabkitError):
    """No daemon answers."""

    exit_code = 1


class RefusedRequestError(LabkitError):
    """The daemon answers that it cannot be."""

    exit_code = 1


class Connection:
    """A connection to one daemon."""

    def __init__(self, path: Path) -> None:
        """Connect.

        Raises:
            NotRunningError: nobody listens there, or we may not ask.
        """
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # a crowd may stand before us: connecting waits its turn, which it does not when Python keeps the time
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(_TIMEOUT_S), 0))
        try:
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._socket.connect(f"/proc/self/fd/{folder}/{path.name}")  # however long the path is
            finally:
                os.close(folder)
        except OSError as error:
            self._socket.close()
            reason = {2: "nothing is there", 111: "nobody listens there"}.get(error.errno or 0, error.strerror)
            raise NotRunningError(f"no keepalived answers at {path}: {reason}") from error
        self._socket.settimeout(_TIMEOUT_S)
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the daemon."""
        self._lines.close()
        self._socket.close()

    def ask(self, **request: object) -> dict[str, object]:
        """Send a request and return its answer.

        Raises:
            NotRunningError: the daemon went away or does not answer.
            RefusedRequestError: it cannot be.
        """
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            line = self._lines.readline()
        except OSError as error:
            raise NotRunningError(f"keepalived at {self._path} does not answer: {error}") from error
        if not line:
            raise NotRunningError(f"keepalived at {self._path} went away")
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or "ok" not in answer:
            raise NotRunningError(f"what answers at {self._path} is no keepalived of labkit")
        if not answer["ok"]:
            raise RefusedRequestError(str(answer.get("error")))
        return dict(answer)

    def status(self, instance: str = "") -> Report:
        """Return the report of the daemon, or of one of its instances."""
        request = {"ask": "status", "instance": instance} if instance else {"ask": "status"}
        return from_json(Report, self.ask(**request)["report"])

    def table(self, *, connections: bool = False) -> TableReport:
        """Return the table of the director, with the connections if they are wanted."""
        return from_json(TableReport, self.ask(ask="lvs", connections=connections)["table"])

    def reload(self) -> tuple[bool, list[str]]:
        """Have the daemon read its file again; return whether it was taken, and the diagnostics."""
        self._socket.settimeout(_RELOAD_TIMEOUT_S)
        answer = self.ask(ask="reload")
        diagnostics = answer["diagnostics"]
        return bool(answer["taken"]), [str(line) for line in diagnostics] if isinstance(diagnostics, list) else []

    def events(self, *, follow: bool) -> tuple[float, Iterator[str]]:
        """Return seconds of the epoch minus the trace's clock, and the records, each a line of JSON."""
        answer = self.ask(ask="events", follow=follow)
        count, now_us, wall = answer["count"], answer["now_us"], answer["time"]
        assert isinstance(count, int)
        assert isinstance(now_us, int)
        assert isinstance(wall, float)
        return wall - now_us / 1e6, self._records(count, follow=follow)

    def _records(self, count: int, *, follow: bool) -> Iterator[str]:
        if follow:
            self._socket.settimeout(None)
        while follow or count > 0:
            try:
                line = self._lines.readline()
            except OSError as error:
                raise NotRunningError(f"keepalived at {self._path} does not answer: {error}") from error
            if not line:
                return
            count -= 1
            yield line.decode().rstrip("\n")

    def stop(self) -> bool:
        """Stop the daemon and wait until it is down; False: it takes longer than two minutes."""
        pid, _, _ = struct.unpack("=iII", self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        descriptor: int | None = None
        with suppress(OSError):  # it belongs to a PID namespace that we do not see
            descriptor = os.pidfd_open(pid)
        self.ask(ask="stop")
        poll = select.poll()
        poll.register(descriptor if descriptor is not None else self._socket, select.POLLIN)
        ended = bool(poll.poll(_STOP_TIMEOUT_MS))
        if descriptor is not None:
            os.close(descriptor)
        return ended
