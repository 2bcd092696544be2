"""Log lines to syslog and the console, written so that neither can ever hold VRRP back.

A line is queued with `say` and written by `flush`, after the work it tells of is done.  What a place does not take at
once (a stuck or missing syslog, a full pipe, a full disk) is dropped and counted; the count is said there later.
"""

import os
import select
import socket
import time
from collections import deque
from enum import IntEnum
from pathlib import Path

DAEMON = 3  # the facility, RFC 5424 6.2.1
_QUEUE = 5000
_PARENT = "Keepalived"
SYSLOG = "/dev/log"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Level(IntEnum):
    """How much a line matters: the severities of RFC 5424 6.2.1 that the daemon uses."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


def _syslog_time(when: time.struct_time) -> str:
    return f"{_MONTHS[when.tm_mon - 1]} {when.tm_mday:2} {when.tm_hour:02}:{when.tm_min:02}:{when.tm_sec:02}"


def _console_time(when: time.struct_time) -> str:
    return f"{_DAYS[when.tm_wday]} {_syslog_time(when)} {when.tm_year}"


class _Place:
    """Somewhere lines go; counts for itself what could not be written there."""

    def __init__(self) -> None:
        self._dropped = 0

    def write(self, when: time.struct_time, level: Level, tag: str, text: str) -> None:
        if self._dropped:
            told = f"{self._dropped} log lines were dropped here"
            if not self._put(when, Level.WARNING, tag, told):
                self._dropped += 1
                return
            self._dropped = 0
        self._dropped += not self._put(when, level, tag, text)

    def _put(self, when: time.struct_time, level: Level, tag: str, text: str) -> bool:
        raise NotImplementedError

    def close(self) -> None:
        """Close what was opened here."""


class _Console(_Place):
    """A descriptor: a terminal, a pipe or a file."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def _put(self, when: time.struct_time, level: Level, tag: str, text: str) -> bool:
        # A pipe that polls writable takes PIPE_BUF (4096) bytes without waiting (pipe(7)); the descriptor is shared
        # with whoever started us, so that making it non-blocking is not ours to do.
        line = f"{_console_time(when)}: {text}\n".encode(errors="replace")[: select.PIPE_BUF]
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        try:
            return any(events & select.POLLOUT for _, events in poll.poll(0)) and os.write(self._descriptor, line) > 0
        except OSError:
            return False

    def release(self) -> None:
        """Close the descriptor, where it is ours."""
        os.close(self._descriptor)


class _Syslog(_Place):
    """A datagram socket in the file system; it may be missing, full, or made anew at any time."""

    def __init__(self, path: str, facility: int) -> None:
        super().__init__()
        self._path = path
        self._facility = facility << 3
        self._socket: socket.socket | None = None

    def _put(self, when: time.struct_time, level: Level, tag: str, text: str) -> bool:
        line = f"<{self._facility | level}>{_syslog_time(when)} {tag}[{os.getpid()}]: {text}".encode(errors="replace")
        for _ in range(2):  # once more with a new socket, because syslog may have been started anew
            try:
                if self._socket is None:
                    self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
                    self._socket.connect(self._path)
                self._socket.send(line)
            except BlockingIOError:
                return False
            except OSError:
                self.close()
            else:
                return True
        return False

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Log:
    """The log of one process, known in syslog as `tag[pid]`."""

    def __init__(
        self,
        tag: str,
        *,
        console: int | None = None,
        syslog: str | None = SYSLOG,
        facility: int = DAEMON,
        file: Path | None = None,
        detail: bool = False,
    ) -> None:
        """Write to the descriptor `console`, the datagram socket `syslog` and to `file`, where they are not None.

        With `detail`, lines of `explain` are written too (the option -D of keepalived(8)).
        """
        self._tag = tag
        self._instance = ""
        self._detail = detail
        self._path = file
        self._file: _Console | None = None
        self._places: list[_Place] = [_Console(console)] if console is not None else []
        if syslog is not None:
            self._places.append(_Syslog(syslog, facility))
        self._queue: deque[tuple[Level, str]] = deque(maxlen=_QUEUE)
        self._open_file(tag)

    def _open_file(self, tag: str) -> None:
        """Log to a file of our own: the others' with `_vrrp` or the like before its last dot (the option -g)."""
        if self._path is None:
            return
        part = tag.removeprefix(_PARENT)
        path = self._path.with_name(f"{self._path.stem}{part}{self._path.suffix}")
        try:
            file = _Console(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640))
        except OSError as error:
            self.say(f"cannot log to {path}: {error.strerror}", Level.WARNING)
            return
        if self._file is not None:
            self._places.remove(self._file)
            self._file.release()
        self._file = file
        self._places.append(file)

    @property
    def on_console(self) -> bool:
        """Whether a person may be reading along."""
        return any(isinstance(place, _Console) and place is not self._file for place in self._places)

    def rename(self, tag: str) -> None:
        """Go on under another name, in a process that was forked from the one that made the log."""
        self._tag = tag + self._instance
        self._open_file(tag)

    def set_instance(self, name: str) -> None:
        """Be known in syslog as one of several: `name` follows the tag."""
        self._instance = f"_{name}"
        self._tag += self._instance

    def say(self, text: str, level: Level = Level.INFO) -> None:
        """Queue one line."""
        self._queue.append((level, text))

    def explain(self, text: str) -> None:
        """Queue one line that only -D shows."""
        if self._detail:
            self.say(text)

    def flush(self) -> None:
        """Write what is queued, without ever waiting."""
        if not self._queue:
            return
        when = time.localtime()
        while self._queue:
            level, text = self._queue.popleft()
            for place in self._places:
                place.write(when, level, self._tag, text)

    def close(self) -> None:
        """Let go of every place."""
        for place in self._places:
            place.close()
