"""A supervisor that is elsewhere, in a guest or in a container: what this machine does for it, and what runs there.

    client ──> keeper (on this machine) ══ one line ══ relay ──> supervisor ── nodes

The keeper answers on the lab's socket in the supervisor's place and only carries bytes.  The relay is the first process
there: it ends when the supervisor or the line does, and all that is there with it.
"""

import asyncio
import json
import os
import pickle
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from labkit.diagnostics import LabkitError
from labkit.lab.holding import hear_owner, tell
from labkit.lab.plan import Plan
from labkit.lab.provider import World
from labkit.providers.relay import Connection, Relay

FOLDER = Path("/run/lab")
"""Where the lab's own templates lie there: a reload with other variables renders them again."""

_ENDED = b'{"ended": true}\n'
_Raised = dict[str, dict[str, int]]


def packed(plan: Plan) -> bytes:
    """Return the plan and the lab's templates, to be unpacked where the supervisor is."""
    folder = plan.folder / "templates"
    texts = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return pickle.dumps((plan, texts))


def unpacked(data: bytes, folder: Path = FOLDER) -> Plan:
    """Return the plan, with the templates in `folder`, which it then names."""
    plan, texts = pickle.loads(data)  # from the keeper, which made this place
    for name, text in texts.items():
        path = folder / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    moved: Plan = replace(plan, folder=folder)
    return moved


async def keep(
    reach: Callable[[Callable[[str], None]], Awaitable[Connection]],
    listener: socket.socket,
    leash: socket.socket,
    within_s: float,
) -> None:
    """Reach the relay of a supervisor that is elsewhere, and carry clients to it until the lab's end.

    `reach` tells how far it is.

    Raises:
        LabkitError: the supervisor did not raise the lab within the time.
    """
    began = time.monotonic_ns()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    loop.add_reader(leash, ended.set)  # nothing is sent to us before we answer: who wanted the lab is gone
    answer: asyncio.Future[_Raised] = loop.create_future()

    def hear(data: bytes) -> None:
        if data == _ENDED:
            ended.set()
        elif not answer.done():
            answer.set_result(json.loads(data))

    relay = Relay(await _unless(ended, reach(partial(tell, leash, "progress"))), hear)
    tell(leash, "progress", "raising the lab there")
    line = asyncio.ensure_future(relay.run())
    line.add_done_callback(lambda _: ended.set())
    raised = await _first(answer, ended, within_s)
    loop.remove_reader(leash)
    leash.sendall(json.dumps(_whole_times(raised, (time.monotonic_ns() - began) // 1000)).encode() + b"\n")
    loop.add_reader(leash, hear_owner, ended, leash)
    server = await asyncio.start_unix_server(relay.carry, sock=listener)
    await ended.wait()
    server.close()


async def _unless(ended: asyncio.Event, reaching: Awaitable[Connection]) -> Connection:
    """Wait for the line, unless nobody wants the lab any more.

    Raises:
        LabkitError: nobody does.
    """
    task, end = asyncio.ensure_future(reaching), asyncio.ensure_future(ended.wait())
    await asyncio.wait([task, end], return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if not task.done():
        task.cancel()
        raise LabkitError("given up")
    return task.result()


async def _first(answer: "asyncio.Future[_Raised]", ended: asyncio.Event, within_s: float) -> _Raised:
    """Wait for the word of the supervisor.

    Raises:
        LabkitError: none came.
    """
    waits: list[asyncio.Future[Any]] = [answer, asyncio.ensure_future(ended.wait())]
    await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    waits[1].cancel()
    if not answer.done():
        raise LabkitError(f"the lab was not raised within {within_s:.0f} s" if not ended.is_set() else "the lab ended")
    return answer.result()


def _whole_times(raised: _Raised, took_us: int) -> _Raised:
    """Return the supervisor's answer with times that count from when it was begun to be made."""
    times = raised.get("ok")
    if times is None:
        return raised
    return {"ok": {name: took_us - times["ready_us"] + value for name, value in times.items()}}


def supervise(plan: Plan, world: World, control: Path) -> socket.socket:
    """Fork the supervisor, which answers at `control`; return our end of its leash."""
    leash, theirs = socket.socketpair()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(control))
    listener.listen(64)
    if os.fork() == 0:
        leash.close()
        world.supervise(plan, listener, control, theirs)
    theirs.close()
    listener.close()
    return leash


async def serve(line: Connection, leash: socket.socket, control: Path) -> None:
    """Tell the keeper how raising went, then carry its clients to the supervisor until either is gone."""
    relay = Relay(line, lambda _: None, lambda: asyncio.open_unix_connection(control))
    from_supervisor, to_supervisor = await asyncio.open_connection(sock=leash)
    ends = [asyncio.ensure_future(relay.run()), asyncio.ensure_future(_tell(from_supervisor, relay))]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    relay.say(_ENDED)
    to_supervisor.close()
    await relay.flush()


async def _tell(from_supervisor: asyncio.StreamReader, relay: Relay) -> None:
    relay.say(await from_supervisor.readline() or b'{"error": "the supervisor died while it raised the lab"}\n')
    await from_supervisor.read()


async def connection(reading: int, writing: int) -> Connection:
    """Return the line that two descriptors are: pipes, or a terminal opened twice."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await loop.connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb", buffering=0))
    transport, flow = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(writing, "wb", buffering=0)
    )
    return reader, asyncio.StreamWriter(transport, flow, reader, loop)
