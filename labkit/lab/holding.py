"""A forked process that owns a lab: from its first moment to its last, and how it hears of who raised the lab."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import NoReturn

from labkit.diagnostics import LabkitError


def hear_owner(ended: asyncio.Event, leash: socket.socket) -> None:
    """A word says that the lab is to stay up by itself; none says that who raised it is gone, and the lab ends."""
    asyncio.get_running_loop().remove_reader(leash)
    if leash.recv(16):
        leash.close()
    else:
        ended.set()


def tell(leash: socket.socket, progress: str) -> None:
    """Tell who raises the lab how far it is."""
    with contextlib.suppress(OSError):
        leash.sendall(json.dumps({"progress": progress}).encode() + b"\n")


def hold(
    path: Path, leash: socket.socket, enclose: Callable[[], object], live: Callable[[], Coroutine[None, None, None]]
) -> NoReturn:
    """Own a lab in this forked process from `enclose` to the end of `live`; `leash` is told why it could not."""
    status = 1
    try:
        os.setsid()
        os.chdir("/")
        enclose()
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        asyncio.run(live())
        status = 0
    except BaseExceptionGroup as errors:
        _say(leash, "; ".join(str(error) for error in errors.exceptions))
    except LabkitError as error:
        _say(leash, str(error))
    except asyncio.CancelledError:
        _say(leash, "given up")
    except Exception as error:  # the last frame of a process: it says why, then ends
        _say(leash, f"the supervisor broke: {error!r}")
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os._exit(status)


def _say(leash: socket.socket, error: str) -> None:
    with contextlib.suppress(OSError):
        leash.sendall(json.dumps({"error": error}).encode() + b"\n")
