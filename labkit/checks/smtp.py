"""SMTP_CHECK: a mail server greets, and takes a HELO and a QUIT (RFC 5321)."""

from labkit.checks.connecting import connect
from labkit.checks.streams import Stream
from labkit.checks.target import Target
from labkit.checks.trouble import CheckFailedError, late
from labkit.checks.waiting import now
from labkit.conf.model_balancing import Connection, SmtpCheck
from labkit.lvs.check import Result
from labkit.trace import Micros

_HELO = "smtpchecker.keepalived.org"  # what C keepalived calls itself, so that servers' rules for it hold
_LONGEST_REPLY = 8192


async def check(spec: SmtpCheck, target: Target) -> Result:
    """Talk to every host of the check; connecting and each reply may take the timeout.

    Raises:
        CheckFailedError, OSError: what `run` says in words.
    """
    for connection in spec.connections:
        await _ask(connection, spec.helo_name or _HELO)
    return Result(ok=True, detail="takes HELO and QUIT")


async def _ask(connection: Connection, name: str) -> None:
    talk = _Talk(Stream(await connect(connection)), connection.timeout)
    try:
        await talk.expect("greeting", "220")
        await talk.say(f"HELO {name}\r\n")
        await talk.expect("HELO", "250")
        await talk.say("QUIT\r\n")
        await talk.expect("QUIT", "")  # keepalived: whatever it is
    finally:
        talk.close()


class _Talk:
    """What was said so far."""

    def __init__(self, stream: Stream, patience: Micros) -> None:
        self._stream = stream
        self._patience = patience
        self._heard = b""

    async def say(self, text: str) -> None:
        if not await self._stream.send(text.encode(), now() + self._patience):
            raise late(f"{text.split()[0]} was not taken", self._patience)

    async def expect(self, to: str, code: str) -> None:
        """Read a reply, all its lines, which must have a code."""
        deadline = now() + self._patience
        length = 0
        while True:
            line = await self._line(to, deadline)
            length += len(line)
            if length > _LONGEST_REPLY:
                raise CheckFailedError(f"the reply to {to} is longer than {_LONGEST_REPLY} bytes")
            text = line.decode("ascii", "backslashreplace").rstrip()
            if not text.startswith(code):
                raise CheckFailedError(f"{to}: {text[:80]!r}, not {code}")
            if text[3:4] != "-":  # RFC 5321 4.2.1: a hyphen after the code of every line but the last
                return

    async def _line(self, to: str, deadline: Micros) -> bytes:
        while b"\n" not in self._heard:
            chunk = await self._stream.receive(deadline)
            if chunk is None:
                raise late(f"no {to}" if to == "greeting" else f"no reply to {to}", self._patience)
            if not chunk:
                raise CheckFailedError(f"closed before the {to if to == 'greeting' else f'reply to {to}'}")
            self._heard += chunk
            if len(self._heard) > 2 * _LONGEST_REPLY:
                raise CheckFailedError(f"{to}: a line without an end")
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def close(self) -> None:
        self._stream.close()
