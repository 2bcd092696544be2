"""The mail process: takes letters from the VRRP process and delivers them one after the other, whatever time it takes.

    VRRP process ── Letter ──> reader ──> queue ──> deliverer ── SMTP ──> server
                 <── Answer ───────────────────────────┘

Started as a program of its own, with the socket to the VRRP process as standard input, so that neither asyncio nor a
name that does not resolve can ever stand between two adverts.  A server that does not answer is tried again, ever
later, until a letter is `_LIFETIME_S` old.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections import deque
from email.utils import formatdate

from labkit.daemon.letters import Answer, Letter, message

NO_LIBRARY = 3
"""The exit status that says that aiosmtplib is not installed."""

_QUEUED = 256
_LONGEST = 1 << 18
_LIFETIME_S = 600.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_STEPS = 4  # of a delivery: so many times a timeout is what all of it may take, should the server drip

try:
    import aiosmtplib
except ModuleNotFoundError:
    sys.exit(NO_LIBRARY)


class Mailer:
    """Delivers letters until the VRRP process ends."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._queue: deque[tuple[float, Letter]] = deque()
        self._arrived = asyncio.Event()
        self._closing = asyncio.Event()
        self._trouble = ""

    async def run(self) -> None:
        """Read and deliver."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            tasks.create_task(self._deliver_all())

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self._channel, _LONGEST):
            if len(self._queue) >= _QUEUED:
                _, oldest = self._queue.popleft()
                self._say(f"SMTP alert left out, too many wait: {oldest.subject}", trouble=True, number=oldest.number)
            self._queue.append((time.monotonic(), Letter.from_json(data)))
            self._arrived.set()
        self._closing.set()
        self._arrived.set()

    async def _deliver_all(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            while not self._queue:
                if self._closing.is_set():
                    return
                self._arrived.clear()
                await self._arrived.wait()
            written, letter = self._queue.popleft()
            problem = await self._deliver(letter)
            if not problem:
                pause = _FIRST_PAUSE_S
                continue
            self._queue.appendleft((written, letter))
            self._complain(letter, problem)
            if self._closing.is_set():
                return
            if time.monotonic() - written + pause > _LIFETIME_S:
                self._queue.popleft()
                text = f"SMTP alert given up: {letter.subject}: {problem}"
                self._say(text, trouble=True, number=letter.number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._closing.wait()
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _deliver(self, letter: Letter) -> str:
        """Try to deliver a letter; return what is in the way for now, or nothing when it is done with."""
        client = aiosmtplib.SMTP(
            hostname=letter.server,
            port=letter.port,
            timeout=letter.timeout_s,
            local_hostname=letter.helo,
            use_tls=False,
            start_tls=False,
        )
        try:
            async with asyncio.timeout(_STEPS * letter.timeout_s):
                await client.connect()
                refused, _ = await client.sendmail(
                    letter.sender, list(letter.recipients), message(letter, lambda: formatdate(localtime=True))
                )
            self._say_sent(letter, list(refused))
            with contextlib.suppress(aiosmtplib.SMTPException, TimeoutError, OSError):
                async with asyncio.timeout(letter.timeout_s):
                    await client.quit()
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refusal.code for refusal in error.recipients]
            return self._refused(letter, min(codes, default=0), str(error.recipients[0].message))
        except aiosmtplib.SMTPResponseException as error:
            return self._refused(letter, error.code, error.message)
        except aiosmtplib.SMTPException as error:
            return str(error) or type(error).__name__
        except TimeoutError:
            return f"no answer within {_STEPS * letter.timeout_s:g} s"
        except OSError as error:
            return error.strerror or str(error)
        finally:
            client.close()
        return ""

    def _refused(self, letter: Letter, code: int, text: str) -> str:
        """Take a refusal: one for good (5xx) ends the letter, one for now is returned."""
        if not 500 <= code < 600:
            return f"{code} {text}"
        self._say(f"SMTP alert refused: {letter.subject}: {code} {text}", trouble=True, number=letter.number)
        return ""

    def _say_sent(self, letter: Letter, refused: list[str]) -> None:
        if self._trouble:
            self._trouble = ""
            self._say(f"Remote SMTP server [{letter.server}]:{letter.port} answers again")
        for recipient in refused:
            self._say(f"SMTP alert refused for {recipient}: {letter.subject}", trouble=True)
        self._say("SMTP alert successfully sent.", number=letter.number, sent=True)

    def _complain(self, letter: Letter, problem: str) -> None:
        """Say a problem when it begins, and not again while it lasts."""
        if problem != self._trouble:
            waiting = f"{len(self._queue)} alert{'s wait' if len(self._queue) > 1 else ' waits'}"
            self._say(f"Remote SMTP server [{letter.server}]:{letter.port}: {problem}; {waiting}", trouble=True)
        self._trouble = problem

    def _say(self, text: str, *, trouble: bool = False, number: int = 0, sent: bool = False) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more
            self._channel.send(Answer(text=text, trouble=trouble, number=number, sent=sent).to_json())


def main() -> int:
    """Be the mail process: standard input is the socket to the VRRP process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=os.dup(0)) as channel:
        asyncio.run(Mailer(channel).run())
    return 0
