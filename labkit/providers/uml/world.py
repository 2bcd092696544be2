"""The uml provider: a lab in a guest kernel of its own, where the host's lacks what the lab needs (IPVS, netem).

    client ──> this process (on the host) ══ serial line ══ relay ──> supervisor ── nodes   (in the guest)

The guest sees the host's files, read-only, and runs the same labkit from them.  Its supervisor makes the lab of
namespaces of the guest's kernel and answers its clients as on the host; this process only carries their bytes.  It is
the first of a PID namespace and owns the mounts of the guest's files, so that nothing outlives it.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import labkit
from labkit.diagnostics import LabkitError
from labkit.lab.daemons import programs
from labkit.lab.holding import hold
from labkit.lab.plan import Plan
from labkit.providers import distant
from labkit.providers.netns import linux
from labkit.providers.netns.provider import why_no_namespaces
from labkit.providers.relay import Connection
from labkit.providers.uml import guest
from labkit.providers.uml.guest import GuestError
from labkit.providers.uml.inside import PLAN

MEMORY_MB = 512
"""What the guest may use; the host gives it as it is touched.  The guest has one processor."""

_HOME = Path("/sys")  # covered, in a mount namespace that only this process and the guest see: both have no use for it
_READY_WITHIN_S = 60.0
_CAPABILITIES = {
    "bridge": "bridge",
    "veth": "veth",
    "dummy": "dummy",
    "macvlan": "macvlan",
    "netem": "sch_netem",
    "ipvs": "ip_vs",
}


class UmlWorld:
    """Implements `labkit.lab.provider.World` with user-mode Linux."""

    python = sys.executable

    def missing(self) -> list[str]:
        """Return what keeps a guest from booting here, in words."""
        ours = (sys.prefix, str(Path(labkit.__file__).parent))
        return [*filter(None, [guest.missing(), guest.hidden(ours)]), *why_no_namespaces()]

    def capabilities(self) -> dict[str, str]:
        """Return what the guest's kernel can do, by the modules that came with it, and which daemons are here."""
        modules = guest.modules()
        return programs() | {
            name: "" if module in modules else f"no module {module} beside the guest's kernel"
            for name, module in _CAPABILITIES.items()
        }

    def supervise(self, plan: Plan, listener: socket.socket, path: Path, leash: socket.socket) -> NoReturn:
        """Turn this forked process into the guest's keeper."""
        hold(path, leash, linux.become_first_process, partial(_keep, plan, listener, leash))


async def _keep(plan: Plan, listener: socket.socket, leash: socket.socket) -> None:
    """Boot the guest, and carry clients to it until the lab's end.

    Raises:
        GuestError: the lab was not raised; says what the guest said last.
    """

    async def boot(tell: Callable[[str], None]) -> Connection:
        tell("booting a guest kernel")
        ended, line = _boot(plan)
        reader, writer = await asyncio.open_connection(sock=line)
        asyncio.get_running_loop().add_reader(ended, _hang_up, ended, writer)
        return reader, writer

    try:
        await distant.keep(boot, listener, leash, _READY_WITHIN_S)
    except LabkitError as error:
        raise GuestError(f"{error}{guest.last_words(_HOME)}") from error


def _hang_up(ended: int, line: asyncio.StreamWriter) -> None:
    """End the line to a guest whose kernel ended: processes that it left behind hold the other end open."""
    asyncio.get_running_loop().remove_reader(ended)
    line.transport.abort()


def _boot(plan: Plan) -> tuple[int, socket.socket]:
    """Start the guest; return a descriptor of its process (pidfd), and the host's end of its serial line."""
    linux.mount("tmpfs", _HOME, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, f"mode=700,size={MEMORY_MB + 64}m")
    (_HOME / PLAN).write_bytes(distant.packed(plan))
    settings = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"}
    guest.write_job(_HOME, [sys.executable, "-m", "labkit.providers.uml.inside"], settings)
    line, theirs = socket.socketpair()
    command = guest.command(_HOME, MEMORY_MB, serial=theirs.fileno())
    with (_HOME / "console").open("wb") as console, theirs:
        kernel = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOME": str(_HOME), "TMPDIR": str(_HOME)},
            pass_fds=[theirs.fileno()],
        )
    return os.pidfd_open(kernel.pid), line
