"""The docker provider: containers on the engine of this machine, or on one that DOCKER_HOST names.

    client ──> keeper (on this machine) ══ attached to ══ hub ── supervisor, networks, cables
                                                           └──  nodes: containers with NET_ADMIN and NET_RAW

Every container is made without a network of the engine's, so that interfaces have the names and addresses of the lab
file, and two labs may have the same ones.  The hub's standard input is the lab's leash: it ends with the keeper,
however that ended, and so do the hub, the nodes, and, as they are to be removed then, the containers.
"""

import json
import socket
from functools import partial
from pathlib import Path
from typing import NoReturn

from labkit.diagnostics import LabkitError
from labkit.lab.holding import hold
from labkit.lab.plan import Plan
from labkit.providers import distant
from labkit.providers.docker import image
from labkit.providers.docker.engine import PYTHON, Engine, EngineError
from labkit.providers.docker.fleet import Fleet

_READY_WITHIN_S = 120.0
_NO_FRR = "frr needs CAP_SYS_ADMIN, which containers of nodes do not have; --provider netns runs it"
_PROBE = "import json; from labkit.kernel import capabilities; print(json.dumps(capabilities.probe()))"


class DockerWorld:
    """Implements `labkit.lab.provider.World` with a Docker engine."""

    python = PYTHON

    def missing(self) -> list[str]:
        """Return what keeps containers from being nodes, in words: no engine, or no image."""
        try:
            return [*filter(None, [image.missing(Engine())])]
        except EngineError as error:
            return [str(error)]

    def capabilities(self) -> dict[str, str]:
        """Return what the engine's kernel can do, tried in a container, and which daemon no container may run."""
        found: dict[str, str] = json.loads(Engine().say(["-c", _PROBE]))
        return found | {"vrrpd": _NO_FRR}

    def supervise(self, plan: Plan, listener: socket.socket, path: Path, leash: socket.socket) -> NoReturn:
        """Turn this forked process into the keeper of the lab's containers."""
        hold(path, leash, lambda: None, partial(_keep, plan, listener, leash))


async def _keep(plan: Plan, listener: socket.socket, leash: socket.socket) -> None:
    fleet = Fleet(plan)
    try:
        await distant.keep(fleet.raise_up, listener, leash, _READY_WITHIN_S)
    except LabkitError as error:
        raise EngineError(f"{error}{fleet.last_words()}") from error
    finally:
        await fleet.remove()
