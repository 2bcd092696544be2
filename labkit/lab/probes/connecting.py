"""What probes have in common whose every try is a conversation over a socket of its own."""

import asyncio
import os
import re
import socket
from collections.abc import Iterable

from labkit.lab.probes.probe import Open, Probe, ProbeSpec, now
from labkit.lab.provider import Emit
from labkit.lab.topology import Topology

WITHIN_S = 1.0  # a try that takes longer has failed


class ConnectingProbe(Probe):
    """Connects and converses; a kind says in `_converse` what is said."""

    kind = socket.SOCK_STREAM

    def __init__(self, spec: ProbeSpec, open_socket: Open, emit: Emit, topology: Topology) -> None:
        super().__init__(spec, emit)
        self.open_socket = open_socket
        self.names = naming(node.name for node in topology.nodes)
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
                with self.open_socket(socket.AF_INET, self.kind, 0) as connection:
                    await self.loop.sock_connect(connection, (self.spec.target, self.spec.port))
                    by, error = await self._converse(connection, sequence)
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

    async def _converse(self, connection: socket.socket, sequence: int) -> tuple[str, str]:
        """Return who answered (empty: nobody known), and what was wrong with the answer (empty: nothing)."""
        raise NotImplementedError

    def stop(self) -> dict[str, object]:
        """End the probe and what it has under way; return the sums."""
        for task in self.tasks:
            task.cancel()
        return super().stop()


class TcpProbe(ConnectingProbe):
    """Connects and closes; nothing is said."""

    async def _converse(self, connection: socket.socket, sequence: int) -> tuple[str, str]:
        return "", ""


class UdpProbe(ConnectingProbe):
    """Sends a line and wants any answer; the node whose name stands in it is who answered."""

    kind = socket.SOCK_DGRAM

    async def _converse(self, connection: socket.socket, sequence: int) -> tuple[str, str]:
        await self.loop.sock_sendall(connection, f"labkit {sequence}\n".encode())
        answer = await self.loop.sock_recv(connection, 1 << 16)
        return found(self.names, answer.decode("latin-1")), ""


def naming(nodes: Iterable[str]) -> re.Pattern[str]:
    """Return what finds the name of a node in a text, whatever its case."""
    names = "|".join(re.escape(name) for name in sorted(nodes, key=len, reverse=True))
    return re.compile(rf"(?<![\w-])({names})(?![\w-])", re.IGNORECASE)


def found(names: re.Pattern[str], text: str) -> str:
    """Return the first node named in a text; empty when none is."""
    match = names.search(text)
    return match[1].lower() if match else ""
