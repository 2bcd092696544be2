"""A command in a node whose input and output are a client's: over a terminal of its own, or over three pipes.

    client ── input, resize ──>  Session ── descriptors ──>  provider.attach ── the command
           <── {"session", "stream", "data"} ──┘

What the command writes goes to the client as it comes, in base64; a client that reads slowly holds the command up.
"""

import asyncio
import base64
import contextlib
import fcntl
import json
import os
import struct
import termios
from collections.abc import Collection, Mapping, Sequence

from labkit.diagnostics import LabkitError
from labkit.lab.provider import Provider

_PIECE = 1 << 15  # bytes
_LAST_WORDS_S = 0.5  # a daemon that the command left behind may hold its output open for ever


class Session:
    """One command and its descriptors; `run` brings it to its end."""

    def __init__(self, name: str, writer: asyncio.StreamWriter, *, rows: int = 0, columns: int = 0) -> None:
        """Make a terminal of that size, or pipes where there are no rows."""
        self.name = name
        self.writer = writer
        self.terminal = rows > 0
        if self.terminal:
            master, theirs = os.openpty()
            self.stdio = (theirs, os.dup(theirs), os.dup(theirs))
            self._input, self._outputs = master, {1: os.dup(master)}
            self.resize(rows, columns)
        else:
            (stdin, self._input), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
            self.stdio = (stdin, stdout, stderr)
            self._outputs = {1: out, 2: err}
        self._feed: asyncio.WriteTransport | None = None
        self._early: list[str] = []  # input that came with the order to begin, before there was anything to feed
        self._passing = 0  # pieces of output that the client has no room for yet
        self._passed = 0  # bytes

    def resize(self, rows: int, columns: int) -> None:
        """Tell the terminal its size; the command gets SIGWINCH.

        Raises:
            LabkitError: the session has no terminal.
        """
        if not self.terminal:
            raise LabkitError("a session without a terminal has no size")
        fcntl.ioctl(self._input, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def run(self, provider: Provider, node: str, argv: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run the command to its end, or to the client's; return its exit status (negative: the signal)."""
        loop = asyncio.get_running_loop()
        self._feed, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(self._input, "wb", buffering=0))
        for data in self._early:
            self.feed(data)
        tasks = [asyncio.ensure_future(self._pass_on(stream, fd)) for stream, fd in self._outputs.items()]
        try:
            status = await provider.attach(node, argv, self.stdio, environment)
            await self._hear_out(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not self._feed.is_closing():
                self._feed.abort()
        return status

    async def _hear_out(self, tasks: Collection[asyncio.Task[None]]) -> None:
        """Wait until the outputs end, or nothing has come from them for a while."""
        before = -1
        while before != self._passed or self._passing:
            before = self._passed
            _, pending = await asyncio.wait(tasks, timeout=_LAST_WORDS_S)
            if not pending:
                return

    async def _pass_on(self, stream: int, descriptor: int) -> None:
        """Send what comes from the command to the client until there is no more."""
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
        )
        try:
            with contextlib.suppress(OSError):  # EIO: nobody has the terminal open any more; or the client is gone
                while data := await reader.read(_PIECE):
                    self._passing += 1
                    text = base64.b64encode(data).decode()
                    message = {"session": self.name, "stream": stream, "data": text}
                    self.writer.write(json.dumps(message).encode() + b"\n")
                    await self.writer.drain()
                    self._passing -= 1
                    self._passed += len(data)
        finally:
            transport.close()

    def feed(self, data: str) -> None:
        """Give the command input (base64); none is the end of input."""
        if self._feed is None:
            self._early.append(data)
        elif self._feed.is_closing():
            return
        elif data:
            self._feed.write(base64.b64decode(data))
        elif self.terminal:
            self._feed.write(b"\x04")  # what Ctrl-D sends
        else:
            self._feed.close()
