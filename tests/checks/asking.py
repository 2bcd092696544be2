"""Runs checks to their end, and the small servers that they ask."""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from labkit.checks import Target, Waiter, prepare
from labkit.checks.waiting import now
from labkit.conf.model_balancing import Check, Connection
from labkit.lvs.check import Result
from labkit.trace import SECOND

PATIENCE = 30 * SECOND
"""For checks that must not be late, however busy the machine is."""


def drive(waiter: Waiter, until: Callable[[], object], within: float = 60) -> None:
    """Run what the waiter has until a condition holds."""
    end = time.monotonic() + within
    while not until():
        assert time.monotonic() < end, f"not true within {within} s"
        deadline = waiter.deadline
        wait = end - time.monotonic() if deadline is None else max(0, deadline - now()) / SECOND
        select.select([waiter], [], [], wait)
        waiter.step()


def ask(*specs: Check, target: Target | None = None) -> list[Result]:
    """Run checks side by side; return their results."""
    waiter, results = Waiter(), dict[int, Result]()
    for number, spec in enumerate(specs):
        waiter.start(
            prepare(spec, target or Target())(), lambda result, number=number: results.update({number: result})
        )
    drive(waiter, lambda: len(results) == len(specs))
    assert len(waiter) == 0
    waiter.close()
    return [results[number] for number in range(len(specs))]


def to(server: socket.socket | tuple[str, int], timeout: int = PATIENCE, **options: object) -> Connection:
    """Return how to reach a server."""
    host, port = server.getsockname()[:2] if isinstance(server, socket.socket) else server
    return Connection(address=ip_address(host), port=port, timeout=timeout, **options)  # type: ignore[arg-type]


@contextmanager
def listening(host: str = "127.0.0.1", backlog: int = 16) -> Iterator[socket.socket]:
    """A TCP socket that listens and never accepts."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        server.bind((host, 0))
        server.listen(backlog)
        yield server


@contextmanager
def serving(talk: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A TCP server that has one talk after the other; a peer that is gone ends a talk."""
    with listening(host) as server:
        thread = threading.Thread(target=_serve, args=(server, talk))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(server: socket.socket, talk: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            peer = server.accept()[0]
        except OSError:
            return
        with peer:
            peer.settimeout(60)
            try:
                talk(peer)
            except ConnectionError:
                continue
