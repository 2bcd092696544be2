"""Which providers there are."""

import os
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from labkit.diagnostics import LabkitError, did_you_mean
from labkit.lab.daemons import programs
from labkit.lab.provider import World

NAMES = ("netns", "docker", "uml", "sim")


def lacking(made: World, needs: Sequence[str]) -> str:
    """Return in words what the provider lacks of what a lab needs; empty when it has all.

    Of programs a provider need not know: where it says nothing, their start will tell.
    """
    if not needs:
        return ""
    found = made.capabilities()
    own = programs()
    told = [found[need] for need in needs if need in own and found.get(need)]
    lacks = [f"{need} ({found.get(need, 'unknown')})" for need in needs if need not in own and found.get(need) != ""]
    if lacks:
        told.append(f"the kernel lacks {', '.join(lacks)}; --provider uml has its own")
    return "; ".join(told)


def provider(name: str) -> World:
    """Return a new provider by name.

    Raises:
        LabkitError: there is no such provider, or this machine lacks what it needs.
    """
    made = world(name)
    missing = made.missing()
    if missing:
        raise LabkitError(f"provider {name} cannot work here: {'; '.join(missing)}")
    return made


def sweep(warn: Callable[[str], object]) -> list[str]:
    """Remove what labs of this user left outside this machine's kernel when they were killed; return their names.

    `warn` is told when an engine that was named cannot be asked.

    Raises:
        LabkitError: the engine of containers refused.
    """
    named = os.environ.get("DOCKER_HOST")
    if not named and not Path("/var/run/docker.sock").exists():
        return []
    from labkit.providers.docker import engine

    try:
        orphans = engine.Engine().orphans()
    except engine.EngineError as error:
        if named:
            warn(f"containers that killed labs may have left were not looked for: {error}")
        return []  # who has no engine has no containers
    for left in chain.from_iterable(orphans.values()):
        engine.remove(left)
    return sorted(orphans)


def world(name: str) -> World:
    """Return a new provider by name, whether it can work here or not; its modules are loaded only now.

    Raises:
        LabkitError: there is no such provider, or it is the simulator.
    """
    match name:
        case "netns":
            from labkit.providers.netns.provider import NetnsProvider  # not before it is wanted

            return NetnsProvider()
        case "docker":
            from labkit.providers.docker.world import DockerWorld

            return DockerWorld()
        case "uml":
            from labkit.providers.uml.world import UmlWorld

            return UmlWorld()
        case "sim":
            raise LabkitError("the simulator runs scenarios and nothing else: labkit run --provider sim")
        case _:
            raise LabkitError(f"no provider '{name}'; {did_you_mean(name, NAMES)}")
