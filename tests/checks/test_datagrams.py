import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
from dnslib import QTYPE, RCODE, RR, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

from labkit.conf.model_balancing import Connection, DnsCheck, PingCheck, UdpCheck
from labkit.lvs.check import Result
from labkit.trace import SECOND
from tests.checks.asking import ask, to

Answers = Callable[[bytes], list[bytes]]


@contextmanager
def datagrams(answers: Answers, host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A UDP server that answers one datagram with some."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((host, 0))
        server.settimeout(30)

        def serve() -> None:
            asked, peer = server.recvfrom(65535)
            for answer in answers(asked):
                server.sendto(answer, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            thread.join()


def closed(host: str) -> tuple[str, int]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((host, 0))
        return server.getsockname()[:2]


# --- UDP --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_datagram_that_icmp_refuses_fails_at_once(host: str) -> None:
    check = UdpCheck(connection=to(closed(host)))
    assert ask(check) == [Result(ok=False, detail="connection refused")]


def test_a_datagram_that_nobody_answers_is_well_unless_an_answer_is_required() -> None:
    with datagrams(lambda _: []) as server:
        connection = to(server, timeout=SECOND)
        assert ask(UdpCheck(connection=connection), UdpCheck(connection=connection, require_reply=True)) == [
            Result(ok=True, detail="not refused"),
            Result(ok=False, detail="no answer within 1 s"),
        ]


@pytest.mark.parametrize(
    ("options", "result"),
    [
        pytest.param({}, Result(ok=True, detail="not refused"), id="any"),
        pytest.param({"require_reply": True}, Result(ok=True, detail="an answer of 3 bytes"), id="required"),
        pytest.param(
            {"require_reply": True, "reply": b"\xab\x00\xef", "reply_mask": b"\xff\x0f\xff"},
            Result(ok=False, detail="the answer begins ab cd ef, not ab X0 ef"),
            id="wrong",
        ),
        pytest.param(
            {"require_reply": True, "reply": b"\xab\x0d\xef\x01", "reply_mask": b"\xff\x0f\xff\xff"},
            Result(ok=True, detail="an answer of 3 bytes"),
            id="masked-and-shorter",
        ),
        pytest.param(
            {"require_reply": True, "least": 4},
            Result(ok=False, detail="an answer of 3 bytes, not 4 to 255"),
            id="short",
        ),
        pytest.param(
            {"require_reply": True, "most": 2}, Result(ok=False, detail="an answer of 3 bytes, not 0 to 2"), id="long"
        ),
    ],
)
def test_what_an_answer_must_be(options: dict[str, object], result: Result) -> None:
    heard = []

    def answers(asked: bytes) -> list[bytes]:
        heard.append(asked)
        return [b"\xab\xcd\xef"]

    with datagrams(answers) as server:
        assert ask(UdpCheck(connection=to(server), payload=b"\x01\x02", **options)) == [result]  # type: ignore[arg-type]
    assert heard == [b"\x01\x02"]


# --- DNS --------------------------------------------------------------------------------------------------------------


class Zone(BaseResolver):
    """Knows example.org, and every other name is none."""

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        reply = request.reply()
        if request.q.qname == "example.org":
            reply.add_answer(*RR.fromZone("example.org 60 A 192.0.2.1"))
        else:
            reply.header.rcode = RCODE.NXDOMAIN
        return reply


@pytest.fixture
def name_server() -> Iterator[tuple[str, int]]:
    server = DNSServer(Zone(), port=0, address="127.0.0.1", logger=DNSLogger("-request,-reply"))
    server.start_thread()
    yield server.server.server_address
    server.stop()
    server.server.server_close()


@pytest.mark.parametrize("kind", ["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA"])
def test_a_name_server_answers_every_kind_of_question(name_server: tuple[str, int], kind: str) -> None:
    check = DnsCheck(connection=to(name_server), kind=kind, name="example.org")
    assert ask(check) == [Result(ok=True, detail=f"answers {kind} of example.org")]


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("example.net", "A of example.net: NXDOMAIN"),
        ("a..b", "`a..b` cannot be asked for: A DNS label is empty."),
    ],
)
def test_a_name_that_is_none(name_server: tuple[str, int], name: str, detail: str) -> None:
    assert ask(DnsCheck(connection=to(name_server), kind="A", name=name)) == [Result(ok=False, detail=detail)]


def test_answers_to_other_questions_and_noise_are_passed_over() -> None:
    def answers(asked: bytes) -> list[bytes]:
        question = DNSRecord.parse(asked)
        other = DNSRecord.question("example.net", "A").reply()
        other.header.id = question.header.id
        foreign = question.reply()
        foreign.header.id ^= 1
        assert QTYPE[question.q.qtype] == "SOA"
        return [b"", b"noise", asked, other.pack(), foreign.pack(), question.reply().pack()]

    with datagrams(answers) as server:
        assert ask(DnsCheck(connection=to(server))) == [Result(ok=True, detail="answers SOA of .")]


def test_a_name_server_that_is_silent_or_not_there() -> None:
    with datagrams(lambda _: [b"noise"]) as server:
        assert ask(DnsCheck(connection=to(server, timeout=SECOND))) == [Result(ok=False, detail="no answer within 1 s")]
    assert ask(DnsCheck(connection=to(closed("127.0.0.1")))) == [Result(ok=False, detail="connection refused")]


# --- ping -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_this_machine_answers_an_echo(host: str) -> None:
    (result,) = ask(PingCheck(connection=Connection(address=ip_address(host), port=0, timeout=30 * SECOND)))
    if result.detail == "operation not permitted":
        pytest.skip("neither an ICMP nor a raw socket is allowed here")
    assert result == Result(ok=True, detail="answers")
