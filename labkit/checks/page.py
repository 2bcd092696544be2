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
_INTERIM = re.compile(rb"HTTP/\d(?:\.\d)? +1(?!01)\d\d(?!\d)")  # of 101 on it is no HTTP any more
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
_END = re.compile(rb"\n\r?\n")
_LONGEST_HEADER = 65536
_LONGEST_KEPT = 8 << 20
_WITHOUT_BODY = (204, 304)  # RFC 9112 6.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask for (`get`), and what of the body is wanted: to `keep` it, its `digest`.

    `material` and `name` are for TLS: the `SSL` block, and what is told in the handshake.
    """

    text: bytes
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


def get(path: str, host: str, protocol: HttpProtocol = HttpProtocol.HTTP_1_0) -> bytes:
    """Return the text of a request."""
    close = "" if protocol is HttpProtocol.HTTP_1_0 else "Connection: close\r\n"
    first = f"GET {path} HTTP/{protocol.value[:3]}\r\nUser-Agent: KeepAliveClient\r\n"
    return f"{first}{close}Host: {host}\r\n\r\n".encode()


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
    if not await stream.send(request.text, deadline):
        raise late("the request was not taken", patience)
    head, length = await _header(stream, deadline, patience)
    status = _STATUS.match(head)
    if status is None:
        raise CheckFailedError(f"no HTTP: the answer begins {head[:length].rstrip()[:20]!r}")
    code = int(status[1])
    body = _Body(request, 0 if code in _WITHOUT_BODY else _content_length(head, length))
    body.add(head[length:])
    while body.left != 0:
        chunk = await stream.receive(deadline)
        if chunk is None:
            raise CheckFailedError(f"status {code}, but no end of the page within {patience / SECOND:g} s")
        if not chunk:  # keepalived: a page that is shorter than its Content-Length is as good as any
            break
        body.add(chunk)
    return Page(status=code, header=head[:length], body=bytes(body.kept), digest=body.digest())


async def _header(stream: Stream, deadline: Micros, patience: Micros) -> tuple[bytes, int]:
    """Return what has come when the header is whole, and how much of that is the header with its empty line.

    Interim answers are passed over (RFC 9110 15.2).
    """
    head, passed = b"", 0
    while (end := _END.search(head)) is None or _INTERIM.match(head):
        if end is not None:
            passed += end.end()
            head = head[end.end() :]
            continue
        chunk = await stream.receive(deadline)
        if chunk is None:
            raise late("no answer" if not head else "no end of the HTTP header", patience)
        if not chunk:
            raise CheckFailedError("closed without an answer" if not head else "closed within the HTTP header")
        head += chunk
        if passed + len(head) > _LONGEST_HEADER:
            raise CheckFailedError(f"the HTTP header is longer than {_LONGEST_HEADER} bytes")
    return head, end.end()


def _content_length(head: bytes, length: int) -> int | None:
    """Return what a header says of the body's length; None: it ends when the server closes."""
    found = _LENGTH.search(head, 0, length)
    return int(found[1]) if found else None


class _Body:
    """What comes after the header: counted, and hashed or kept where that is asked for."""

    __slots__ = ("_hash", "_keep", "kept", "left")

    def __init__(self, request: Request, length: int | None) -> None:
        self.left = length  # bytes that are still to come; None: until the server closes
        self._hash = hashlib.md5(usedforsecurity=False) if request.digest else None
        self._keep = request.keep
        self.kept = bytearray()

    def add(self, chunk: bytes) -> None:
        if self.left is not None:
            chunk = chunk[: self.left]
            self.left -= len(chunk)
        if self._hash is not None:
            self._hash.update(chunk)
        if self._keep:
            self.kept += chunk
            if len(self.kept) > _LONGEST_KEPT:
                raise CheckFailedError(f"the page is longer than {_LONGEST_KEPT >> 20} MiB")

    def digest(self) -> str:
        return self._hash.hexdigest() if self._hash is not None else ""
