"""The containers of one lab: a hub that owns it, and the nodes; made and removed by the engine's API.

The engine's client waits in threads, for it knows nothing of asyncio.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from labkit.lab.export.target import IMAGE
from labkit.lab.plan import Plan
from labkit.lab.topology import Node
from labkit.providers import distant
from labkit.providers.docker import hub
from labkit.providers.docker.engine import PYTHON, Engine, EngineError, labels, refusals, remove
from labkit.providers.docker.line import Line
from labkit.providers.netns.node import MAILBOX_LENGTH
from labkit.providers.relay import Connection

if TYPE_CHECKING:
    from docker.models.containers import Container

_THREADS = 8
_T = TypeVar("_T")


class Fleet:
    """The containers of a lab that is to be raised; used by one keeper, once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._pool = ThreadPoolExecutor(_THREADS)
        self._line: Line | None = None

    async def raise_up(self, tell: Callable[[str], None]) -> Connection:
        """Start the hub, then the nodes when it listens; return the line to the hub.

        Raises:
            EngineError: the engine refused a container, or the hub ended.
        """
        tell(f"making {len(self._plan.topology.nodes) + 1} containers")
        await self._in_thread(self._clear)
        made = await self._in_thread(self._create_hub)
        nodes = asyncio.gather(*(self._in_thread(self._create_node, node, made) for node in self._plan.topology.nodes))
        self._line = await self._in_thread(Line, made)
        reader, writer = await self._line.connection()
        await self._in_thread(_start, made)
        order = distant.packed(self._plan)
        writer.write(hub.LENGTH.pack(len(order)) + order)
        if await reader.read(1) != hub.LISTENING:
            raise EngineError("the hub ended")
        made_nodes = await nodes
        tell("starting them")
        await asyncio.gather(*(self._in_thread(_start, node) for node in made_nodes))
        return reader, writer

    def last_words(self) -> str:
        """Return what the hub wrote to its standard error last, to end an error with."""
        said = self._line.errors.decode(errors="replace").strip() if self._line else ""
        return f"; the last it said: {said}" if said else ""

    async def remove(self) -> None:
        """Remove every container, those too that are being made.

        Raises:
            EngineError: the engine refused.
        """
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
        left = await asyncio.to_thread(Engine().containers, self._plan.instance)
        await asyncio.gather(*(asyncio.to_thread(remove, container) for container in left))

    async def _in_thread(self, do: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, do, *arguments)

    def _clear(self) -> None:
        """Remove what a lab of this name left when it was killed: its socket is ours now."""
        engine = Engine()
        for left in (*engine.containers(self._plan.instance), *engine.volumes(self._plan.instance)):
            remove(left)

    def _create_hub(self) -> "Container":
        from docker.types import Mount  # takes long to import

        share = Mount(str(hub.SHARE), source=None, labels=labels(self._plan.instance))
        return self._create(
            f"labkit-{self._plan.instance}",
            ("-m", "labkit.providers.docker.hub"),
            {"cap_add": ["NET_ADMIN", "NET_RAW", "SYS_ADMIN"], "stdin_open": True, "mounts": [share]},
        )

    def _create_node(self, node: Node, made: "Container") -> "Container":
        return self._create(
            f"labkit-{self._plan.instance}-{node.name}",
            ("-m", "labkit.providers.docker.first", node.name),
            {
                "cap_add": ["NET_ADMIN", "NET_RAW"],
                "hostname": node.name,
                "sysctls": dict((*node.sysctls, MAILBOX_LENGTH)),
                "volumes_from": [made.id],
            },
        )

    def _create(self, name: str, argv: tuple[str, ...], settings: dict[str, object]) -> "Container":
        with refusals(f"container {name} is not made"):
            container: Container = Engine().client.containers.create(
                IMAGE,
                argv,
                name=name,
                entrypoint=[PYTHON],
                network_mode="none",
                auto_remove=True,
                labels=labels(self._plan.instance),
                log_config={"type": "none"},
                stop_signal="SIGKILL",  # the first process of a container hears no other
                **settings,
            )
        return container


def _start(container: "Container") -> None:
    with refusals(f"container {container.name} does not start"):
        container.start()
