"""Real servers of all manners, and what a check is to make of each: the situations of test_checkers."""

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import trustme
from dnslib import RCODE, RR, DNSRecord

from tests.kernel.lan import Namespace

Talk = Callable[[socket.socket], None]
Answers = Callable[[bytes], list[bytes]]
Serve = Callable[[tuple[str, int]], contextlib.AbstractContextManager[object]]
PORT = 80


# --- how they serve ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def nobody(_place: tuple[str, int]) -> Iterator[None]:
    """Nobody listens."""
    yield


@contextlib.contextmanager
def deaf(place: tuple[str, int]) -> Iterator[None]:
    """The kernel takes connections, and nobody ever says anything."""
    with socket.create_server(place, backlog=1000):
        yield


@contextlib.contextmanager
def full(place: tuple[str, int]) -> Iterator[None]:
    """The queue of connections is full: a SYN is not answered."""
    with socket.create_server(place, backlog=0), socket.socket() as first, socket.socket() as second:
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(place)
        yield


class _Streams(socketserver.ThreadingTCPServer):
    request_queue_size = 100
    daemon_threads = True
    allow_reuse_address = True


class _Datagrams(socketserver.ThreadingUDPServer):
    daemon_threads = True


def talking(talk: Talk) -> Serve:
    """Every connection has this talk, side by side; a peer that is gone ends it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(30)
            with contextlib.suppress(OSError):
                talk(self.request)

    return lambda place: _served(_Streams(place, Handler))


def answering(answers: Answers) -> Serve:
    """Every datagram gets these answers."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked, server = self.request
            for answer in answers(asked):
                server.sendto(answer, self.client_address)

    return lambda place: _served(_Datagrams(place, Handler))


@contextlib.contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- what they say ----------------------------------------------------------------------------------------------------

PAGE = b"<html>Venezuela 21</html>"
MD5 = "121f4e9bc6e13ae875abb1b90796a971"
_EMPTY_LINE = b"\r\n\r\n"


def heard(peer: socket.socket) -> bytes:
    """Read a request to its empty line."""
    data = b""
    while _EMPTY_LINE not in data:
        chunk = peer.recv(4096)
        if not chunk:
            raise ConnectionError
        data += chunk
    return data


def page(status: str = "200 OK", body: bytes = PAGE, *, length: int | None = None, close: bool = True) -> Talk:
    """Answer with a page and close; without, wait for the other side to do so."""

    def talk(peer: socket.socket) -> None:
        heard(peer)
        size = len(body) if length is None else length
        peer.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n\r\n".encode() + body)
        if not close:
            peer.recv(1)

    return talk


def saying(answer: bytes, *, close: bool = True) -> Talk:
    """Answer a request by these bytes."""

    def talk(peer: socket.socket) -> None:
        heard(peer)
        peer.sendall(answer)
        if not close:
            peer.recv(1)

    return talk


def hosts(known: str) -> Talk:
    """Serve one virtual host."""

    def talk(peer: socket.socket) -> None:
        asked = heard(peer)
        status = "200 OK" if f"\r\nHost: {known}\r\n".encode() in asked else "404 No such host"
        peer.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    return talk


def paths(peer: socket.socket) -> None:
    """Serve /a and nothing else."""
    found = heard(peer).split()[1] == b"/a"
    peer.sendall(b"HTTP/1.1 " + (b"200 OK" if found else b"404 No") + b"\r\nContent-Length: 0\r\n\r\n")


def resetting(peer: socket.socket) -> None:
    """Take the request and reset the connection."""
    heard(peer)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def over_tls(talk: Talk) -> Talk:
    """The same over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("www.example.org").configure_cert(context)

    def secured(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as wrapped:
            talk(wrapped)

    return secured


def mail(*replies: bytes) -> Talk:
    """Greet by the first reply and answer each line by the next; then hear the other side out."""

    def talk(peer: socket.socket) -> None:
        lines = peer.makefile("rb")
        for reply in replies:
            peer.sendall(reply)
            lines.readline()
        lines.readline()

    return talk


def names(*, rcode: int = RCODE.NOERROR, other: bool = False) -> Answers:
    """Answer questions by this code; `other`: questions that nobody asked."""

    def answers(asked: bytes) -> list[bytes]:
        question = DNSRecord.parse(asked)
        reply = question.reply()
        reply.header.rcode = rcode
        if other:
            reply.header.id ^= 0xFFFF
        elif rcode == RCODE.NOERROR:
            reply.add_answer(*RR.fromZone("example.org 60 A 192.0.2.1"))
        return [bytes(reply.pack())]

    return answers


# --- situations -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Situation:
    """A real server, how it is checked, and whether it is kept; `c`: where C keepalived does otherwise, on purpose.

    In the text of the check %HOME% is the folder of the programs that it runs and the files that it reads.
    """

    name: str
    check: str
    serve: Serve
    kept: bool
    c: bool | None = None
    weight: int | None = None  # what the check makes of a weight of 5
    host: str = ""  # the server's address, where it is to be a certain one

    def kept_by(self, program: str) -> bool:
        """Whether C's or ours is to keep the server."""
        return self.c if program == "C" and self.c is not None else self.kept


def raise_all(namespace: Namespace, situations: list[tuple[Situation, tuple[str, int]]]) -> contextlib.ExitStack:
    """Have every server serve until the stack is closed."""
    stack = contextlib.ExitStack()
    with namespace.entered():
        for situation, place in situations:
            stack.enter_context(situation.serve(place))
    return stack
