"""A command in a node over a client's connection: what goes in and what comes out."""

import asyncio
import base64
import json
import os
import socket
from collections.abc import Mapping, Sequence

from labkit.lab.session import Session


class Here:
    """A provider whose only node is this machine."""

    async def attach(
        self, node: str, argv: Sequence[str], stdio: tuple[int, int, int], environment: Mapping[str, str]
    ) -> int:
        stdin, stdout, stderr = stdio
        process = await asyncio.create_subprocess_exec(*argv, stdin=stdin, stdout=stdout, stderr=stderr)
        for descriptor in stdio:
            os.close(descriptor)
        return await process.wait()


async def said(argv: Sequence[str], *pieces: bytes) -> str:
    """Give a command its input in the same breath as the order to begin, as a client does; return its output."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    _, to_client = await asyncio.open_unix_connection(sock=theirs)
    session = Session("exec", to_client)
    run = asyncio.ensure_future(session.run(Here(), "here", argv, {}))  # type: ignore[arg-type]
    for piece in (*pieces, b""):
        session.feed(base64.b64encode(piece).decode())
    assert await asyncio.wait_for(run, 10) == 0
    to_client.close()
    lines = (await reader.read()).splitlines()
    writer.close()
    return b"".join(base64.b64decode(json.loads(line)["data"]) for line in lines).decode()


def test_input_that_comes_before_the_command_has_begun_is_not_lost() -> None:
    assert asyncio.run(said(["cat"], b"one ", b"two")) == "one two"
