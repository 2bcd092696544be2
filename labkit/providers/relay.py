"""Many connections over one line, between this machine and a supervisor that is elsewhere.

Both ends speak frames, and both may be in the middle of any number of channels:

    kind (1 byte) · channel (2) · length (2) · that many bytes

OPEN begins a channel (the end on this machine only), DATA carries bytes, CLOSE ends it.  Channel 0 is always open: it
carries what the two ends have to say to each other.

A terminal of the guest holds 4096 bytes (n_tty) and then stops its line; the driver of user-mode Linux does not start
it again.  So the host never has more than `WINDOW` bytes under way: the guest tells by TAKEN how many it has read.
"""

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable, Iterator
from enum import IntEnum
from typing import TypeAlias

WINDOW = 3072  # bytes

_HEADER = struct.Struct("!BHH")
_PIECE = 16384  # bytes
_BACKLOG = 16 << 20  # bytes that the other side of a channel may be behind
_CHANNELS = 0xFFFF  # numbers come again after so many, when the first are long ended

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Kind(IntEnum):
    OPEN = 1
    DATA = 2
    CLOSE = 3
    TAKEN = 4  # the number of bytes stands in the channel's place


class Relay:
    """One end of the line: the guest's has `connect`, which makes the connection of a channel that the host opens."""

    def __init__(
        self,
        line: Connection,
        hear: Callable[[bytes], None],
        connect: Callable[[], Awaitable[Connection]] | None = None,
    ) -> None:
        """`hear` is called with what comes on channel 0."""
        self._reader, self._writer = line
        self._hear = hear
        self._connect = connect
        self._channels: dict[int, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last = 0
        self._buffer = bytearray()
        self._waiting = bytearray()  # to be sent when the guest has taken more
        self._under_way = 0
        self._room = asyncio.Event()
        self._room.set()

    def say(self, data: bytes) -> None:
        """Send on channel 0."""
        self._send(_Kind.DATA, 0, data)

    async def flush(self) -> None:
        """Wait until little of what was sent still waits for the line."""
        with contextlib.suppress(ConnectionError):
            await self._room.wait()
            await self._writer.drain()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Open a channel for a connection and carry it to its end."""
        self._last = self._last % _CHANNELS + 1
        self._send(_Kind.OPEN, self._last)
        await self._carry(self._last, reader, writer)

    async def run(self) -> None:
        """Obey the other end until the line ends."""
        with contextlib.suppress(OSError):
            while data := await self._reader.read(_PIECE):
                if self._connect is not None:
                    self._writer.write(_HEADER.pack(_Kind.TAKEN, len(data), 0))
                self._buffer += data
                for kind, channel, content in self._frames():
                    await self._take(kind, channel, content)
        for writer in self._channels.values():
            writer.close()

    def _frames(self) -> Iterator[tuple[_Kind, int, bytes]]:
        """Take the whole frames read so far."""
        while len(self._buffer) >= _HEADER.size:
            kind, channel, length = _HEADER.unpack_from(self._buffer)
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            content = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield _Kind(kind), channel, content

    async def _take(self, kind: _Kind, channel: int, data: bytes) -> None:
        if kind is _Kind.TAKEN:
            self._under_way -= channel
            self._push()
        elif channel == 0:
            self._hear(data)
        elif kind is _Kind.OPEN and self._connect is not None:
            reader, writer = await self._connect()
            task = asyncio.ensure_future(self._carry(channel, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._channels[channel] = writer
        elif (known := self._channels.get(channel)) is not None:
            if kind is _Kind.CLOSE or known.transport.get_write_buffer_size() > _BACKLOG:
                known.close()
            else:
                known.write(data)

    async def _carry(self, channel: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._channels[channel] = writer
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_PIECE):
                self._send(_Kind.DATA, channel, data)
                await self.flush()
        del self._channels[channel]
        self._send(_Kind.CLOSE, channel)
        writer.close()

    def _send(self, kind: _Kind, channel: int, data: bytes = b"") -> None:
        frame = _HEADER.pack(kind, channel, len(data)) + data
        if self._connect is not None:
            self._writer.write(frame)
        else:
            self._waiting += frame
            self._push()

    def _push(self) -> None:
        """Send to the guest as much as it has room for."""
        piece = bytes(self._waiting[: WINDOW - self._under_way])
        del self._waiting[: len(piece)]
        self._under_way += len(piece)
        if piece:
            self._writer.write(piece)
        if len(self._waiting) < _PIECE:
            self._room.set()
        else:
            self._room.clear()
