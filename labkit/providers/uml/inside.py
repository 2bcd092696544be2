"""What a guest runs: the supervisor of the lab, on the guest's own kernel, and this end of the line to the host.

Started as `python -m labkit.providers.uml.inside`, with the plan (pickled) in the folder that the host shares.  Two
processes: the supervisor, forked from memory, and the relay, which ends when the supervisor or the line does; with it
the guest ends.
"""

import asyncio
import os
import socket
import stat
import tty
from pathlib import Path

from labkit.providers import distant
from labkit.providers.netns.provider import NetnsProvider
from labkit.trace import Micros

SHARE = Path("/run/share")
PLAN = "plan"
_LINE, _MAJOR, _MINOR = Path("/run/line"), 4, 64  # the first serial line, /dev/ttyS0
_CONTROL = Path("/run/labkit.sock")


class GuestProvider(NetnsProvider):
    """Namespaces of the guest's kernel, which no client on the host can enter by a descriptor.

    Every fork costs 40 to 80 ms there (on a host where it costs 1 ms), and an init script makes a dozen.
    """

    slack: Micros = 1_000_000

    def pidfd(self, node: str) -> int | None:
        """Return none."""
        return None


def _line() -> tuple[int, int]:
    """Open the serial line for reading and for writing."""
    os.mknod(_LINE, 0o600 | stat.S_IFCHR, os.makedev(_MAJOR, _MINOR))
    descriptor = os.open(_LINE, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(descriptor)
    return descriptor, os.open(_LINE, os.O_WRONLY | os.O_NOCTTY)


async def _relay(leash: socket.socket) -> None:
    await distant.serve(await distant.connection(*_line()), leash, _CONTROL)


def main() -> None:
    """Raise the lab and relay until its end."""
    plan = distant.unpacked((SHARE / PLAN).read_bytes())
    asyncio.run(_relay(distant.supervise(plan, GuestProvider(), _CONTROL)))


if __name__ == "__main__":
    main()
