"""DNS_CHECK: a question over UDP is answered without an error (RFC 1035)."""

import socket

from labkit.checks.datagrams import connected, receive
from labkit.checks.target import Target
from labkit.checks.trouble import CheckFailedError, late
from labkit.checks.waiting import now
from labkit.conf.model_balancing import DnsCheck
from labkit.lvs.check import Result

try:
    import dns.exception
    import dns.message
    import dns.rcode
except ImportError:  # pragma: no cover - the tests have it
    _MISSING = True
else:
    _MISSING = False


async def check(spec: DnsCheck, target: Target) -> Result:
    """Ask; what comes and is no answer to this question is passed over.

    Raises:
        CheckFailedError, OSError: what `run` says in words.
    """
    if _MISSING:
        raise CheckFailedError("DNS_CHECK needs dnspython: pip install 'labkit[balance]'")
    try:
        question = dns.message.make_query(spec.name, spec.kind)
        wire = question.to_wire()
    except dns.exception.DNSException as error:
        raise CheckFailedError(f"`{spec.name}` cannot be asked for: {error}") from error
    deadline = now() + spec.connection.timeout
    with connected(spec.connection) as opened:
        opened.send(wire)
        answer = await _answer(question, opened, deadline)
    if answer is None:
        raise late("no answer", spec.connection.timeout)
    if answer.rcode() != dns.rcode.NOERROR:
        raise CheckFailedError(f"{spec.kind} of {spec.name}: {dns.rcode.to_text(answer.rcode())}")
    return Result(ok=True, detail=f"answers {spec.kind} of {spec.name}")


async def _answer(
    question: "dns.message.Message", opened: socket.socket, deadline: int
) -> "dns.message.Message | None":
    while (heard := await receive(opened, 65535, deadline)) is not None:
        try:
            answer = dns.message.from_wire(heard, question_only=True)
        except dns.exception.DNSException:
            continue
        if question.is_response(answer):
            return answer
    return None
