"""The Docker engine that DOCKER_HOST names, or this machine's own; podman's socket speaks the same.

Everything that labkit makes there carries two labels: the lab, and the runtime folder that the lab's socket lies in.
So what a lab left behind is found even when all its processes on this machine were killed.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from labkit.diagnostics import LabkitError
from labkit.lab import client
from labkit.lab.export.target import IMAGE

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.volumes import Volume

PYTHON = "/opt/labkit/bin/python"
"""The interpreter in the image."""

LAB, OWNER = "labkit.lab", "labkit.owner"
_TIMEOUT_S = 60


class EngineError(LabkitError):
    """The engine cannot be reached, or refused something."""


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Translate what the engine says.

    Raises:
        EngineError: `what` did not work; says why.
    """
    from docker.errors import DockerException  # takes long to import
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise EngineError(f"{what}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Return what the engine said, or what the kernel said of the way to it."""
    if explanation := getattr(error, "explanation", None):
        return str(explanation)
    deepest: BaseException | None = error
    while deepest is not None:
        if isinstance(deepest, OSError) and deepest.strerror:
            return deepest.strerror
        deepest = deepest.__cause__ or deepest.__context__
    return str(error)


class Engine:
    """A connection to the engine."""

    def __init__(self) -> None:
        """Connect.

        Raises:
            EngineError: no engine answers.
        """
        import docker  # see above

        where = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        cure = "sudo apt-get install docker.io, or name one by DOCKER_HOST"
        with refusals(f"no Docker engine answers at {where} ({cure})"):
            self.client: Any = docker.from_env(timeout=_TIMEOUT_S)

    def image_label(self, name: str) -> str | None:
        """Return a label of the image of nodes, empty when it has none of that name; none when there is no image."""
        from docker.errors import ImageNotFound

        with refusals("the engine does not tell of its images"), suppress(ImageNotFound):
            return str(self.client.images.get(IMAGE).labels.get(name, ""))
        return None

    def say(self, argv: list[str]) -> str:
        """Run the image's Python in a container that may change its own network; return what it wrote.

        Raises:
            EngineError: it did not end well.
        """
        with refusals(f"a container of {IMAGE} does not run"):
            output: bytes = self.client.containers.run(
                IMAGE, argv, entrypoint=[PYTHON], network_mode="none", cap_add=["NET_ADMIN"], remove=True
            )
        return output.decode()

    def containers(self, lab: str | None = None) -> "list[Container]":
        """Return the containers of a lab of this user's, or of all of them, those that do not run too."""
        with refusals("the engine does not tell of its containers"):
            found: list[Container] = self.client.containers.list(all=True, ignore_removed=True, filters=_of(lab))
        return found

    def volumes(self, lab: str | None = None) -> "list[Volume]":
        """Return the volumes of a lab of this user's, or of all; an engine that dies forgets to remove them."""
        with refusals("the engine does not tell of its volumes"):
            found: list[Volume] = self.client.volumes.list(filters=_of(lab))
        return found

    def orphans(self) -> dict[str, "list[Container | Volume]"]:
        """Return what labs left that do not run any more, by the lab's name, in the order in which it can go."""
        found: dict[str, list[Container | Volume]] = {}
        for container in self.containers():
            found.setdefault(container.labels[LAB], []).append(container)
        for volume in self.volumes():
            found.setdefault(volume.attrs["Labels"][LAB], []).append(volume)
        alive = client.running()  # asked last: a lab has its socket before it has containers
        return {lab: left for lab, left in found.items() if lab not in alive}


def _of(lab: str | None) -> dict[str, list[str]]:
    """Return what selects the things of a lab of this user's, or of all of them."""
    return {"label": [f"{OWNER}={owner()}", *([f"{LAB}={lab}"] if lab else [])]}


def labels(lab: str) -> dict[str, str]:
    """Return the labels of everything that is made for a lab."""
    return {LAB: lab, OWNER: owner()}


def remove(left: "Container | Volume") -> None:
    """Remove a volume; or a container, running or not, with its volume, and wait until it is gone.

    Raises:
        EngineError: the engine refused.
    """
    from docker.errors import APIError, NotFound
    from docker.models.volumes import Volume

    with refusals(f"{left.name} is not removed"), suppress(NotFound):
        if isinstance(left, Volume):
            left.remove(force=True)
            return
        try:
            left.remove(force=True, v=True)
        except APIError as error:
            if error.status_code != _BEING_REMOVED:
                raise
            left.wait(condition="removed")


_BEING_REMOVED = 409


def owner() -> str:
    """Return who owns the labs of this runtime folder, on an engine that others use too."""
    return f"{socket.gethostname()}:{client.runtime_folder()}"
