"""What probes read from answers."""

import dns.message
import dns.rcode
import pytest

from labkit.lab.probes.connecting import naming
from labkit.lab.probes.dns import question, wrong
from labkit.lab.probes.http import read_answer

NAMES = naming(["server1", "server10"])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n<h3>Servidor SERVER1</h3>", ("server1", ""), id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Served-By: server10\r\n\r\n", ("server10", ""), id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nmy-server1", ("", ""), id="part-of-a-name"),
        pytest.param(b"HTTP/1.1 304 \r\n\r\n", ("", ""), id="nobody-known"),
        pytest.param(b"HTTP/1.1 503 Unavailable\r\n\r\nserver1", ("", "status 503"), id="error"),
        pytest.param(b"SSH-2.0\r\n", ("", "no HTTP"), id="something-else"),
        pytest.param(b"", ("", "closed without an answer"), id="nothing"),
    ],
)
def test_an_answer_tells_who_gave_it(answer: bytes, expected: tuple[str, str]) -> None:
    assert read_answer(answer, NAMES) == expected


def test_a_dns_question_is_what_dnspython_reads() -> None:
    asked = dns.message.from_wire(question(7, "www.example.org."))
    assert (asked.id, str(asked.question[0])) == (7, "www.example.org. IN A")
    answer = dns.message.make_response(asked)
    assert wrong(7, answer.to_wire()) == ""
    assert wrong(8, answer.to_wire()) == "no answer to the question"
    answer.set_rcode(dns.rcode.NXDOMAIN)
    assert wrong(7, answer.to_wire()) == "no such name"
    assert wrong(7, asked.to_wire()) == "no answer to the question"
    assert wrong(7, b"x") == "no DNS"
