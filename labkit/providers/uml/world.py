"""The uml provider: a lab in a guest kernel of its own, where the host's lacks what the lab needs (IPVS, netem).

    client ──> this process (on the host) ══ serial line ══ relay ──> supervisor ── nodes   (in the guest)

The guest sees the host's files, read-only, and runs the same labkit from them.  Its supervisor makes the lab of
namespaces of the guest's kernel and answers its clients as on the host; this process only carries their bytes.  It is
the first of a PID namespace and owns the mounts of the guest's files, so that nothing outlives it.
"""

import asyncio
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from labkit.lab.holding import hear_owner, hold
from labkit.lab.plan import Plan
from labkit.providers.netns import linux
from labkit.providers.netns.provider import why_no_namespaces
from labkit.providers.uml import guest
from labkit.providers.uml.guest import GuestError
from labkit.providers.uml.inside import ENDED, PLAN
from labkit.providers.uml.relay import Relay

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

    def missing(self) -> list[str]:
        """Return what keeps a guest from booting here, in words."""
        return [*filter(None, [guest.missing()]), *why_no_namespaces()]

    def capabilities(self) -> dict[str, str]:
        """Return what the guest's kernel can do, by the modules that came with it."""
        modules = guest.modules()
        return {
            name: "" if module in modules else f"no module {module} beside the guest's kernel"
            for name, module in _CAPABILITIES.items()
        }

    def supervise(self, plan: Plan, listener: socket.socket, path: Path, leash: socket.socket) -> NoReturn:
        """Turn this forked process into the guest's keeper."""
        hold(path, leash, linux.become_first_process, partial(_keep, plan, listener, leash))


async def _keep(plan: Plan, listener: socket.socket, leash: socket.socket) -> None:
    """Boot the guest, and carry clients to it until the lab's end."""
    began = time.monotonic_ns()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    loop.add_reader(leash, ended.set)  # nothing is sent to us before we answer: who wanted the lab is gone
    answer: asyncio.Future[dict[str, dict[str, int]]] = loop.create_future()

    def hear(data: bytes) -> None:
        if data == ENDED:
            ended.set()
        elif not answer.done():
            answer.set_result(json.loads(data))

    relay = Relay(await asyncio.open_connection(sock=_boot(plan)), hear)
    line = asyncio.ensure_future(relay.run())
    line.add_done_callback(lambda _: ended.set())
    raised = await _first(answer, ended)
    loop.remove_reader(leash)
    leash.sendall(json.dumps(_whole_times(raised, (time.monotonic_ns() - began) // 1000)).encode() + b"\n")
    loop.add_reader(leash, hear_owner, ended, leash)
    server = await asyncio.start_unix_server(relay.carry, sock=listener)
    await ended.wait()
    server.close()


async def _first(
    answer: "asyncio.Future[dict[str, dict[str, int]]]", ended: asyncio.Event
) -> dict[str, dict[str, int]]:
    """Wait for the word of the guest's supervisor.

    Raises:
        GuestError: none came; says what the guest said last.
    """
    waits: list[asyncio.Future[Any]] = [answer, asyncio.ensure_future(ended.wait())]
    await asyncio.wait(waits, timeout=_READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        raise GuestError(f"the guest did not raise the lab{guest.last_words(_HOME)}")
    return answer.result()


def _whole_times(raised: dict[str, dict[str, int]], took_us: int) -> dict[str, dict[str, int]]:
    """Return the guest's answer with times that count from when the boot began."""
    times = raised.get("ok")
    if times is None:
        return raised
    return {"ok": {name: took_us - times["ready_us"] + value for name, value in times.items()}}


def _boot(plan: Plan) -> socket.socket:
    """Start the guest; return the host's end of its serial line."""
    linux.mount("tmpfs", _HOME, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, f"mode=700,size={MEMORY_MB + 64}m")
    (_HOME / PLAN).write_bytes(pickle.dumps(replace(plan, configs={})))  # the guest judges nothing
    settings = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"}
    guest.write_job(_HOME, [sys.executable, "-m", "labkit.providers.uml.inside"], settings)
    line, theirs = socket.socketpair()
    command = guest.command(_HOME, (*guest.IPVS_MODULES, *guest.NETWORK_MODULES), MEMORY_MB, serial=theirs.fileno())
    with (_HOME / "console").open("wb") as console, theirs:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOME": str(_HOME), "TMPDIR": str(_HOME)},
            pass_fds=[theirs.fileno()],
        )
    return line
