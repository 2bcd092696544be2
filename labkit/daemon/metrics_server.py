"""`pykeepalived metrics --listen`: the figures at http://HOST:PORT/metrics.

A process of its own: whoever scrapes, however often, waits for this one and not for VRRP.
"""

import asyncio
import os
import signal
from collections.abc import Callable

from labkit.daemon.metrics import tell
from labkit.diagnostics import LabkitError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_REQUEST_BYTES = 8192
_PATIENCE_S = 5.0


class ListenError(LabkitError):
    """The address to listen on is wrong or taken."""


def serve(place: str, ask: Callable[[], str]) -> int:
    """Serve what `ask` returns at http://HOST:PORT/metrics until SIGTERM or SIGINT; return the exit status.

    Raises:
        ListenError: `place` is no HOST:PORT, or cannot be listened on.
    """
    host, _, port = place.rpartition(":")
    if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise ListenError(f"'{place}' is not HOST:PORT; for example 127.0.0.1:9165")
    asyncio.run(_serve(host.strip("[]") or None, int(port), ask))
    return os.EX_OK


async def _serve(host: str | None, port: int, ask: Callable[[], str]) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(respond(request, ask))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(client, host, port, limit=_REQUEST_BYTES)
    except OSError as error:
        raise ListenError(f"cannot listen on {host or '*'}:{port}: {error.strerror}") from error
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with server:
        await ended.wait()


def respond(request: bytes, ask: Callable[[], str]) -> bytes:
    """Return the HTTP response to a request's head."""
    words = request.split(b"\r\n", 1)[0].split()
    if len(words) != 3 or words[0] not in (b"GET", b"HEAD"):
        return _response("405 Method Not Allowed", "text/plain", b"GET /metrics is what there is\n")
    if words[1].partition(b"?")[0] not in (b"/metrics", b"/"):
        return _response("404 Not Found", "text/plain", b"it is at /metrics\n")
    try:
        body = ask()
    except LabkitError:
        body = tell(None)
    return _response("200 OK", CONTENT_TYPE, body.encode(), head=words[0] == b"HEAD")


def _response(status: str, kind: str, body: bytes, *, head: bool = False) -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close", "", "")
    return "\r\n".join(lines).encode() + (b"" if head else body)
