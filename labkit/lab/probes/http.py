"""HTTP: one connection a request, as many users would make them; who answered is read from the answer."""

import re
import socket

from labkit.lab.probes.connecting import ConnectingProbe, found

_LARGEST = 1 << 18  # bytes of an answer that are read


class HttpProbe(ConnectingProbe):
    """Asks for a page; the node whose name stands in the answer, header or body, is who answered."""

    async def _converse(self, connection: socket.socket, sequence: int) -> tuple[str, str]:
        spec = self.spec
        host = spec.target if spec.port == 80 else f"{spec.target}:{spec.port}"
        request = f"GET {spec.path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        await self.loop.sock_sendall(connection, request.encode())
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
    return found(names, text), ""
