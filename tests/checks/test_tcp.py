import os
import resource
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from labkit.checks import Target, Waiter, prepare
from labkit.conf.model_balancing import Connection, TcpCheck
from labkit.lvs.check import Result
from labkit.trace import SECOND
from tests.checks.asking import ask, drive, listening, to
from tests.kernel.lan import Namespace, why_not


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if why_not():
        pytest.skip(why_not())
    made = Namespace()
    with made.entered():
        yield made
    made.close()


@pytest.fixture
def full() -> Iterator[socket.socket]:
    """A server whose queue is full: it answers nobody."""
    with listening(backlog=0) as server, socket.socket() as first, socket.socket() as second:
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_server_that_listens_is_healthy(host: str) -> None:
    with listening(host) as server:
        assert ask(TcpCheck(connection=to(server))) == [Result(ok=True, detail="connected")]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_where_nobody_listens_is_refused(host: str) -> None:
    with listening(host) as server:
        closed = to(server)
    assert ask(TcpCheck(connection=closed)) == [Result(ok=False, detail="connection refused")]


def test_where_no_descriptor_is_left_nothing_is_said_of_the_server() -> None:
    waiter, ends = Waiter(), list[Result]()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with listening() as server:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, before[1]))
        try:
            waiter.start(prepare(TcpCheck(connection=to(server)), Target())(), ends.append)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        waiter.step()
    waiter.close()
    assert ends == [Result(ok=False, detail="no descriptor is left", void=True)]


def test_who_does_not_answer_fails_at_the_timeout_and_holds_up_nobody(full: socket.socket) -> None:
    waiter, ends = Waiter(), list[tuple[str, Result]]()
    with listening() as server:
        slow, quick = TcpCheck(connection=to(full, timeout=SECOND)), TcpCheck(connection=to(server))
        waiter.start(prepare(slow, Target())(), lambda result: ends.append(("slow", result)))
        waiter.start(prepare(quick, Target())(), lambda result: ends.append(("quick", result)))
        drive(waiter, lambda: len(ends) == 2)
    waiter.close()
    assert ends == [
        ("quick", Result(ok=True, detail="connected")),
        ("slow", Result(ok=False, detail="no connection within 1 s")),
    ]


def test_a_check_that_is_cancelled_leaves_nothing_open_and_tells_nothing(full: socket.socket) -> None:
    waiter = Waiter()
    before = descriptors()
    running = waiter.start(prepare(TcpCheck(connection=to(full)), Target())(), lambda result: pytest.fail(str(result)))
    assert descriptors() == before + 1
    running.cancel()
    running.cancel()
    waiter.step()
    assert (descriptors(), len(waiter), waiter.deadline) == (before, 0, None)
    waiter.close()


def test_a_result_that_waits_to_be_told_can_be_cancelled_too() -> None:
    waiter = Waiter()
    nowhere = Connection(address=ip_address("127.0.0.1"), port=1, source_interface="nowhere0")
    running = waiter.start(prepare(TcpCheck(connection=nowhere), Target())(), lambda result: pytest.fail(str(result)))
    assert waiter.deadline == 0
    running.cancel()
    waiter.step()
    waiter.close()


def test_a_waiter_that_is_closed_ends_its_checks(full: socket.socket) -> None:
    before = descriptors()
    waiter = Waiter()
    for _ in range(10):
        waiter.start(prepare(TcpCheck(connection=to(full)), Target())(), lambda result: pytest.fail(str(result)))
    waiter.close()
    assert descriptors() == before


@pytest.mark.kernel
def test_a_mark_may_be_as_large_as_the_kernel_has_them(namespace: Namespace) -> None:
    with listening() as server:
        assert ask(TcpCheck(connection=to(server, fwmark=2**32 - 1))) == [Result(ok=True, detail="connected")]


@pytest.mark.kernel
def test_a_check_comes_from_where_the_file_says(namespace: Namespace) -> None:
    Path("/proc/sys/net/ipv4/tcp_fwmark_accept").write_text("1")
    with listening() as server:
        connection = to(server, source=ip_address("127.0.0.9"), source_interface="lo", source_port=7777, fwmark=5)
        for _ in range(2):  # the second time the port is in TIME_WAIT
            assert ask(TcpCheck(connection=connection)) == [Result(ok=True, detail="connected")]
            accepted, peer = server.accept()
            with accepted:
                assert peer == ("127.0.0.9", 7777)
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_MARK) == 5
                assert accepted.recv(1) == b""


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"source": ip_address("192.0.2.7")}, "this machine does not have the address to connect from"),
        ({"source_interface": "nowhere0"}, os.strerror(19).lower()),
    ],
)
def test_what_the_kernel_refuses_is_said(namespace: Namespace, options: dict[str, object], detail: str) -> None:
    assert ask(TcpCheck(connection=to(("127.0.0.1", 80), **options))) == [Result(ok=False, detail=detail)]  # type: ignore[arg-type]


@pytest.mark.kernel
def test_a_network_without_a_route_is_said(namespace: Namespace) -> None:
    assert ask(TcpCheck(connection=to(("192.0.2.1", 80)))) == [Result(ok=False, detail="no route to the network")]
