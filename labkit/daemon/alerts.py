"""Hands mail to the mail process (mailer.py), and never waits for it.

The socket between the two is not read here unless it is readable and not written unless it takes a whole letter; what
waits is bounded, the newest letters are kept.  A mail process that dies is started again, with the letters it had.
"""

import contextlib
import socket
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import labkit
from labkit.conf.model import GlobalDefs
from labkit.daemon.children import Children
from labkit.daemon.letters import Answer, Letter, compose, wants_mail
from labkit.daemon.log import Level
from labkit.daemon.loop import Appointment, Loop
from labkit.daemon.report import DeliveryReport
from labkit.daemon.tidings import Tidings
from labkit.kernel.process import now
from labkit.trace import SECOND, Micros

_WAITING = 256
_LONGEST = 1 << 16
_FIRST_PAUSE: Micros = SECOND
_LONGEST_PAUSE: Micros = 60 * SECOND
_NO_LIBRARY = 3  # mailer.NO_LIBRARY; that module is not to be imported here
_HOME = str(Path(labkit.__path__[0]).parent)
_PROGRAM = f"import sys; sys.path.insert(0, {_HOME!r}); from labkit.daemon.mailer import main; sys.exit(main())"


class Alerts:
    """The letters that have not been delivered yet, and the process that delivers them."""

    def __init__(self, children: Children, loop: Loop, say: Callable[[str, Level], None]) -> None:
        self._children = children
        self._loop = loop
        self._say = say
        self._defaults = GlobalDefs()
        self._host = socket.gethostname()
        self._letters: dict[int, Letter] = {}
        self._unsent: deque[int] = deque()
        self._last_number = 0
        self._channel: socket.socket | None = None
        self._waits = False
        self._able = True
        self._closed = False
        self._pause = _FIRST_PAUSE
        self._restart: Appointment | None = None
        self.sent = 0
        """How many letters were delivered."""
        self.lost = 0
        """How many were given up, refused or left out."""

    def configure(self, defaults: GlobalDefs) -> None:
        """Take the mail server and the recipients; letters that were written go where they were to go."""
        self._defaults = defaults
        self._host = socket.gethostname()
        self._able = True

    def tell(self, news: Tidings) -> None:
        """Send a letter, if the change is to be told by mail."""
        if not self._able or self._closed or not wants_mail(news, self._defaults):
            return
        self._last_number += 1
        if len(self._letters) >= _WAITING:
            oldest = next(iter(self._letters))
            self._say(f"SMTP alert left out, too many wait: {self._letters.pop(oldest).subject}", Level.WARNING)
            self.lost += 1
        self._letters[self._last_number] = compose(news, self._defaults, self._host, self._last_number)
        self._unsent.append(self._last_number)
        if self._channel is None and self._restart is None:
            self._start()
        self._send()

    def delivery(self) -> DeliveryReport:
        """Return how many letters were delivered."""
        return DeliveryReport(kind="mail", told=self.sent, lost=self.lost, waiting=len(self._letters))

    # --- the process --------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._restart = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            argv = (sys.executable, "-P", "-c", _PROGRAM)
            self._children.start(argv, None, self._ended, source=theirs.fileno())
        except OSError as error:
            ours.close()
            self._say(f"mail cannot be sent: {error.strerror}", Level.WARNING)
            self._plan_restart()
            return
        finally:
            theirs.close()
        self._channel = ours
        self._loop.watch(ours, self._ready)
        self._waits = False
        self._unsent = deque(self._letters)
        self._send()

    def _ended(self, _: int, status: int | OSError) -> None:
        self._let_go()
        if self._closed:
            return
        if isinstance(status, OSError):
            self._say(f"mail cannot be sent: {status.strerror}", Level.WARNING)
            self._plan_restart()
            return
        if status == _NO_LIBRARY:
            self._able = False
            self.lost += len(self._letters)
            self._letters.clear()
            self._say("mail cannot be sent: aiosmtplib is not installed (pip install 'labkit[mail]')", Level.ERROR)
            return
        self._say(f"the mail process ended (status {status}), {len(self._letters)} letters wait", Level.WARNING)
        if self._letters:
            self._plan_restart()

    def _plan_restart(self) -> None:
        self._restart = self._loop.at(now() + self._pause, self._start)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _let_go(self) -> None:
        if self._channel is not None:
            self._loop.unwatch(self._channel)
            self._channel.close()
            self._channel = None

    # --- the channel --------------------------------------------------------------------------------------------------

    def _ready(self) -> None:
        """Hear what became of letters; send more if there is room."""
        while self._channel is not None:
            try:
                data = self._channel.recv(_LONGEST)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._let_go()  # its end is told by its pidfd
                return
            self._hear(Answer.from_json(data))
        self._send()

    def _hear(self, answer: Answer) -> None:
        self._say(answer.text, Level.WARNING if answer.trouble else Level.INFO)
        if answer.number and self._letters.pop(answer.number, None) is not None:
            self._pause = _FIRST_PAUSE
            self.sent += answer.sent
            self.lost += not answer.sent

    def _send(self) -> None:
        if self._channel is None:
            return
        while self._unsent:
            letter = self._letters.get(self._unsent[0])
            if letter is not None:
                try:
                    self._channel.send(letter.to_json())
                except BlockingIOError:
                    break
                except OSError:
                    self._let_go()
                    return
            self._unsent.popleft()
        if self._waits is not bool(self._unsent):
            self._waits = bool(self._unsent)
            self._loop.wait_for(self._channel, writing=self._waits)

    def close(self) -> None:
        """Write no more letters; the mail process tries to deliver what it has, until it is ended."""
        self._closed = True
        if self._restart is not None:
            self._restart.cancel()
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_WR)

    def settle(self) -> None:
        """Say what was not delivered: nothing will be any more."""
        if self._letters:
            self._say(f"{len(self._letters)} SMTP alerts were not sent", Level.WARNING)
