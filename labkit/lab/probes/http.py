"""HTTP: one connection a request, as many users would make them; who answered is read from the answer."""

import asyncio
import os
import re
import socket
from collections.abc import Collection

from labkit.lab.probes.probe import Open, Probe, ProbeSpec, now
from labkit.lab.provider import Emit

WITHIN_S = 1.0  # a try that takes longer has failed
_LARGEST = 1 << 18  # bytes of an answer that are read


class ConnectingProbe(Probe):
    """A probe whose tries are conversations over connections of their own; a kind says in `_converse` what is said."""

    def __init__(self, spec: ProbeSpec, open_socket: Open, emit: Emit) -> None:
        super().__init__(spec, emit)
        self.open_socket = open_socket
        self.tasks: set[asyncio.Task[None]] = set()

    def _try(self, sequence: int) -> None:
        task = self.loop.create_task(self._ask(sequence))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _ask(self, sequence: int) -> None:
        began = now()
        by, error = "", ""
        try:
            async with asyncio.timeout(WITHIN_S):
                with self.open_socket(socket.AF_INET, socket.SOCK_STREAM, 0) as connection:
                    await self.loop.sock_connect(connection, (self.spec.target, self.spec.port))
                    by, error = await self._converse(connection)
        except TimeoutError:
            error = "timeout"
        except ConnectionRefusedError:
            error = "refused"
        except ConnectionResetError:
            error = "reset"
        except OSError as problem:
            error = os.strerror(problem.errno or 0)
        if error:
            self._fail(error, now() - began)
        else:
            self._succeed(sequence, by=by, took=now() - began)

    async def _converse(self, connection: socket.socket) -> tuple[str, str]:
        """Return who answered, and what was wrong with the answer."""
        raise NotImplementedError

    def stop(self) -> dict[str, object]:
        """End the probe and what it has under way; return the sums."""
        for task in self.tasks:
            task.cancel()
        return super().stop()


class HttpProbe(ConnectingProbe):
    """Asks for a page; the node whose name stands in the answer, header or body, is who answered."""

    def __init__(self, spec: ProbeSpec, open_socket: Open, emit: Emit, nodes: Collection[str]) -> None:
        super().__init__(spec, open_socket, emit)
        host = spec.target if spec.port == 80 else f"{spec.target}:{spec.port}"
        self.request = f"GET {spec.path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        names = "|".join(re.escape(name) for name in sorted(nodes, key=len, reverse=True))
        self.names = re.compile(rf"(?<![\w-])({names})(?![\w-])", re.IGNORECASE)

    async def _converse(self, connection: socket.socket) -> tuple[str, str]:
        await self.loop.sock_sendall(connection, self.request)
        answer = b""
        while (piece := await self.loop.sock_recv(connection, 1 << 16)) and len(answer) < _LARGEST:
            answer += piece
        return read_answer(answer, self.names)


def read_answer(answer: bytes, names: re.Pattern[str]) -> tuple[str, str]:
    """Return who answered (empty: nobody known), and what was wrong with the answer (empty: nothing)."""
    text = answer.decode("latin-1")
    status = re.match(r"HTTP/1\.[01] ([0-9]{3})(?:\s|$)", text)
    if status is None:
        return "", "closed without an answer" if not answer else "no HTTP"
    if not 200 <= int(status[1]) < 400:
        return "", f"status {status[1]}"
    found = names.search(text)
    return found[1].lower() if found else "", ""
