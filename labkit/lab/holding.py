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


def tell(leash: socket.socket, kind: str, words: str) -> None:
    """Tell who raises the lab how far it is (`progress`), or why it could not be raised (`error`)."""
    with contextlib.suppress(OSError):
        leash.sendall(json.dumps({kind: words}).encode() + b"\n")


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
        tell(leash, "error", "; ".join(str(error) for error in errors.exceptions))
    except LabkitError as error:
        tell(leash, "error", str(error))
    except asyncio.CancelledError:
        tell(leash, "error", "given up")
    except Exception as error:  # the last frame of a process: it says why, then ends
        tell(leash, "error", f"the supervisor broke: {error!r}")
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os._exit(status)
