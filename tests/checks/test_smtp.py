import socket
from collections.abc import Callable, Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from labkit.conf.model_balancing import SmtpCheck
from labkit.lvs.check import Result
from labkit.trace import SECOND
from tests.checks.asking import PATIENCE, ask, listening, serving, to

GOOD = Result(ok=True, detail="takes HELO and QUIT")
Talk = Callable[[socket.socket], None]


@pytest.fixture
def mail_server() -> Iterator[tuple[str, int]]:
    with listening() as taken:
        port = taken.getsockname()[1]
    controller = Controller(Sink(), hostname="127.0.0.1", port=port)
    controller.start()
    yield "127.0.0.1", port
    controller.stop()


def test_a_mail_server_is_healthy(mail_server: tuple[str, int]) -> None:
    assert ask(SmtpCheck(connections=(to(mail_server),), helo_name="director.example")) == [GOOD]


def saying(*replies: bytes, heard: list[bytes] | None = None) -> Talk:
    """Greet with the first reply, and answer every line with the next; say nothing more when there is none."""

    def talk(peer: socket.socket) -> None:
        lines = peer.makefile("rb")
        for reply in replies:
            peer.sendall(reply)
            line = lines.readline()
            if heard is not None and line:
                heard.append(line)
        lines.readline()

    return talk


def test_replies_may_have_many_lines_and_we_call_ourselves_as_keepalived_does() -> None:
    heard: list[bytes] = []
    with serving(saying(b"220-one\r\n220 two\r\n", b"250-a\r\n250 b\r\n", b"500 what\r\n", heard=heard)) as server:
        assert ask(SmtpCheck(connections=(to(server),))) == [GOOD]
    assert heard == [b"HELO smtpchecker.keepalived.org\r\n", b"QUIT\r\n"]


@pytest.mark.parametrize(
    ("replies", "detail"),
    [
        pytest.param((b"554 go away\r\n",), "greeting: '554 go away', not 220", id="refused"),
        pytest.param((b"220 hi\r\n", b"421 busy\r\n"), "HELO: '421 busy', not 250", id="busy"),
        pytest.param((b"\xff\xfe\r\n",), r"greeting: '\\xff\\xfe', not 220", id="lies"),
        pytest.param((b"220 " + b"x" * 20000,), "greeting: a line without an end", id="endless-line"),
        pytest.param((b"220-x\r\n" * 2000,), "the reply to greeting is longer than 8192 bytes", id="endless-reply"),
    ],
)
def test_a_server_that_answers_otherwise(replies: tuple[bytes, ...], detail: str) -> None:
    with serving(saying(*replies)) as server:
        assert ask(SmtpCheck(connections=(to(server),))) == [Result(ok=False, detail=detail)]


@pytest.mark.parametrize(
    ("replies", "detail"),
    [((b"",), "no greeting within 1 s"), ((b"220 hi\r\n", b""), "no reply to HELO within 1 s")],
)
def test_a_server_that_stalls(replies: tuple[bytes, ...], detail: str) -> None:
    with serving(saying(*replies)) as server:
        assert ask(SmtpCheck(connections=(to(server, timeout=SECOND),))) == [Result(ok=False, detail=detail)]


def test_a_server_that_closes_and_the_first_bad_host_decide(mail_server: tuple[str, int]) -> None:
    with serving(lambda peer: None) as server:
        check = SmtpCheck(connections=(to(mail_server), to(server, timeout=PATIENCE)))
        (result,) = ask(check)
    assert result in (
        Result(ok=False, detail="closed before the greeting"),
        Result(ok=False, detail="connection reset"),
    )
