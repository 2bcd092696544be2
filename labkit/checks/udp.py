"""UDP_CHECK: a datagram is not answered by an ICMP error, or is answered as it should be."""

import os

from labkit.checks.datagrams import connected, receive
from labkit.checks.target import Target
from labkit.checks.trouble import CheckFailedError, late
from labkit.checks.waiting import now
from labkit.conf.model_balancing import UdpCheck
from labkit.lvs.check import Result


async def check(spec: UdpCheck, target: Target) -> Result:
    """Send a datagram and wait for an answer, an error, or (the server is well) the end of the timeout.

    Raises:
        CheckFailedError, OSError: what `run` says in words.
    """
    deadline = now() + spec.connection.timeout
    with connected(spec.connection) as opened:
        opened.send(os.urandom(1) if spec.payload is None else spec.payload)
        reply = await receive(opened, 65535, deadline)
    if not spec.require_reply:
        return Result(ok=True, detail="not refused")
    if reply is None:
        raise late("no answer", spec.connection.timeout)
    if not spec.least <= len(reply) <= spec.most:
        raise CheckFailedError(f"an answer of {len(reply)} bytes, not {spec.least} to {spec.most}")
    for byte, wanted, mask in zip(reply, spec.reply, spec.reply_mask, strict=False):
        if (byte ^ wanted) & mask:
            raise CheckFailedError(f"the answer begins {reply[: len(spec.reply)].hex(' ')}, not {_pattern(spec)}")
    return Result(ok=True, detail=f"an answer of {len(reply)} bytes")


def _pattern(spec: UdpCheck) -> str:
    """Return what must come as the file writes it: X where any digit may be."""
    pairs = zip(spec.reply.hex(), spec.reply_mask.hex(), strict=True)
    digits = "".join(digit if mask == "f" else "X" for digit, mask in pairs)
    return " ".join(digits[number : number + 2] for number in range(0, len(digits), 2))
