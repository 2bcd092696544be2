"""What a guest runs: the supervisor of the lab, on the guest's own kernel, and this end of the line to the host.

Started as `python -m labkit.providers.uml.inside`, with the plan (pickled) in the folder that the host shares.  Two
processes: the supervisor, forked from memory, and the relay, which ends when the supervisor or the line does; with it
the guest ends.
"""

import asyncio
import os
import pickle
import socket
import stat
import tty
from collections.abc import Sequence
from pathlib import Path

from labkit.lab.plan import Plan
from labkit.lab.provider import Completed
from labkit.providers.netns.provider import NetnsProvider
from labkit.providers.uml.relay import Connection, Relay
from labkit.trace import Micros

SHARE = Path("/run/share")
PLAN = "plan"
ENDED = b'{"ended": true}\n'
_LINE, _MAJOR, _MINOR = Path("/run/line"), 4, 64  # the first serial line, /dev/ttyS0
_CONTROL = Path("/run/labkit.sock")


class GuestProvider(NetnsProvider):
    """Namespaces of the guest's kernel, which no client on the host can enter by a descriptor.

    Every fork costs 40 ms there (on a host where it costs 1 ms), and an init script makes a dozen.
    """

    slack: Micros = 1_000_000

    def __init__(self) -> None:
        super().__init__()
        self._turn = asyncio.Lock()

    async def start(self, node: str, program: str, argv: Sequence[str]) -> Completed:
        """Start one after another: on one processor it takes no longer, and who is named first is not the last."""
        async with self._turn:
            return await super().start(node, program, argv)

    def pidfd(self, node: str) -> int | None:
        """Return none."""
        return None


def _supervise(plan: Plan) -> socket.socket:
    """Fork the supervisor; return our end of its leash."""
    leash, theirs = socket.socketpair()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(_CONTROL))
    listener.listen(64)
    if os.fork() == 0:
        leash.close()
        GuestProvider().supervise(plan, listener, _CONTROL, theirs)
    theirs.close()
    listener.close()
    return leash


async def _line() -> Connection:
    os.mknod(_LINE, 0o600 | stat.S_IFCHR, os.makedev(_MAJOR, _MINOR))
    descriptor = os.open(_LINE, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(descriptor)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await loop.connect_read_pipe(lambda: protocol, os.fdopen(descriptor, "rb", buffering=0))
    out = os.fdopen(os.open(_LINE, os.O_WRONLY | os.O_NOCTTY), "wb", buffering=0)
    transport, writing = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, out)
    return reader, asyncio.StreamWriter(transport, writing, reader, loop)


async def _relay(leash: socket.socket) -> None:
    """Tell the host how raising went, then carry its clients to the supervisor until either is gone."""
    relay = Relay(await _line(), lambda _: None, lambda: asyncio.open_unix_connection(_CONTROL))
    from_supervisor, to_supervisor = await asyncio.open_connection(sock=leash)
    relay.say(await from_supervisor.readline() or b'{"error": "the supervisor died while it raised the lab"}\n')
    ends = [asyncio.ensure_future(relay.run()), asyncio.ensure_future(from_supervisor.read())]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    relay.say(ENDED)
    to_supervisor.close()
    await relay.flush()


def main() -> None:
    """Raise the lab and relay until its end."""
    plan = pickle.loads((SHARE / PLAN).read_bytes())  # the host's own, in a folder that only it sees
    asyncio.run(_relay(_supervise(plan)))


if __name__ == "__main__":
    main()
