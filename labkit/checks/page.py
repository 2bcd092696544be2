"""One page of an HTTP server, read as C keepalived reads it.

    GET ──> header ends at the empty line ──> body ends at Content-Length, or when the server closes

A digest of C's genhash is that of the bytes as they come, a chunked body's with its chunk lines (tried with 2.2.7), so
a library that takes those out is of no use here, and h11 costs a quarter of all that a check costs (docs/adr/0024).
"""

import hashlib
import re

from labkit.checks.connecting import connect
from labkit.checks.streams import Stream
from labkit.checks.trouble import CheckFailedError, late
from labkit.checks.waiting import now
from labkit.conf.model_balancing import Connection, HttpProtocol, TlsMaterial
from labkit.trace import SECOND, Micros
from labkit.values import dataclass

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})(?!\d)")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
_END = re.compile(rb"\r?\n\r?\n")
_LONGEST_HEADER = 65536
_LONGEST_KEPT = 8 << 20
_WITHOUT_BODY = (204, 304)  # RFC 9112 6.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask for, and what of the body is wanted: to `keep` it, its `digest`.

    `material` and `name` are for TLS: the `SSL` block, and what is told in the handshake.
    """

    path: str
    host: str
    protocol: HttpProtocol = HttpProtocol.HTTP_1_0
    tls: bool = False
    material: TlsMaterial | None = None
    name: str | None = None
    digest: bool = False
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What came: the header and the empty line that ends it, the body where it was to be kept, its MD5 as text."""

    status: int
    header: bytes
    body: bytes = b""
    digest: str = ""


def own_host(connection: Connection) -> str:
    """Return the Host of a server that has no name."""
    address = connection.address
    return f"{address}:{connection.port}" if address.version == 4 else f"[{address}]:{connection.port}"


async def fetch(request: Request, connection: Connection) -> Page:
    """Ask a server for a page; connecting, the handshake and all of the answer may take the timeout each.

    Raises:
        CheckFailedError, OSError: there is no answer, or none by HTTP.
    """
    connected = await connect(connection)
    if request.tls:
        from labkit.checks.tls import secure  # where nobody asks by TLS, its library is not loaded

        stream = await secure(connected, request.material, request.name, connection.timeout)
    else:
        stream = Stream(connected)
    try:
        return await _talk(stream, request, connection.timeout)
    finally:
        stream.close()


async def _talk(stream: Stream, request: Request, patience: Micros) -> Page:
    deadline = now() + patience
    if not await stream.send(_text(request), deadline):
        raise late("the request was not taken", patience)
    head = b""
    while (end := _END.search(head)) is None:
        chunk = await stream.receive(deadline)
        if chunk is None:
            raise late("no answer" if not head else "no end of the HTTP header", patience)
        if not chunk:
            raise CheckFailedError("closed without an answer" if not head else "closed within the HTTP header")
        head += chunk
        if len(head) > _LONGEST_HEADER:
            raise CheckFailedError(f"the HTTP header is longer than {_LONGEST_HEADER} bytes")
    header, first = head[: end.start()], head[end.end() :]
    status = _STATUS.match(header)
    if status is None:
        raise CheckFailedError(f"no HTTP: the answer begins {header[:20]!r}")
    code = int(status[1])
    length = _LENGTH.search(header)
    expected = 0 if code in _WITHOUT_BODY else int(length[1]) if length else None
    body = _Body(request, expected)
    body.add(first)
    while not body.complete:
        chunk = await stream.receive(deadline)
        if chunk is None:
            raise CheckFailedError(f"status {code}, but no end of the page within {patience / SECOND:g} s")
        if not chunk:  # keepalived: a page that is shorter than its Content-Length is as good as any
            break
        body.add(chunk)
    return Page(status=code, header=head[: end.end()], body=bytes(body.kept), digest=body.digest())


def _text(request: Request) -> bytes:
    close = "" if request.protocol is HttpProtocol.HTTP_1_0 else "Connection: close\r\n"
    version = request.protocol.value[:3]
    first = f"GET {request.path} HTTP/{version}\r\nUser-Agent: KeepAliveClient\r\n"
    return f"{first}{close}Host: {request.host}\r\n\r\n".encode()


class _Body:
    """What comes after the header: counted, and hashed or kept where that is asked for."""

    __slots__ = ("_expected", "_hash", "_keep", "_length", "kept")

    def __init__(self, request: Request, expected: int | None) -> None:
        self._expected = expected
        self._length = 0
        self._hash = hashlib.md5(usedforsecurity=False) if request.digest else None
        self._keep = request.keep
        self.kept = bytearray()

    @property
    def complete(self) -> bool:
        return self._expected is not None and self._length >= self._expected

    def add(self, chunk: bytes) -> None:
        if self._expected is not None:
            chunk = chunk[: self._expected - self._length]
        self._length += len(chunk)
        if self._hash is not None:
            self._hash.update(chunk)
        if self._keep:
            self.kept += chunk
            if len(self.kept) > _LONGEST_KEPT:
                raise CheckFailedError(f"the page is longer than {_LONGEST_KEPT >> 20} MiB")

    def digest(self) -> str:
        return self._hash.hexdigest() if self._hash is not None else ""
