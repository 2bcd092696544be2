"""What faults are made with: a running lab's provider, and what the lab is made of just now."""

import shlex
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from labkit.conf.model import Config
from labkit.diagnostics import LabkitError
from labkit.lab.plan import Plan
from labkit.lab.provider import Drop, Provider

Undo: TypeAlias = Callable[[], Awaitable[None]]


class Hands:
    """The lab as faults change it: its topology (variables), configurations, and what its switches drop."""

    def __init__(self, plan: Plan, provider: Provider) -> None:
        self.folder, self.python = plan.folder, plan.python
        self.provider = provider
        self.topology = plan.topology
        self.configs: dict[str, Config] = dict(plan.configs)
        self.drops: dict[str, list[Drop]] = {}

    async def command(self, node: str, *argv: str) -> str:
        """Run a command in a node, which must succeed; return what it wrote.

        Raises:
            LabkitError: it failed; says what it printed.
        """
        done = await self.provider.run(node, argv)
        if done.status:
            raise LabkitError(f"{node}: {shlex.join(argv)} ended with {done.status}: {done.output.strip()}")
        return done.output

    def undo(self, node: str, *argv: str) -> Undo:
        """Return what runs a command; it may fail, for what was broken may have been mended by hand."""

        async def undo() -> None:
            await self.provider.run(node, argv)

        return undo

    async def write(self, node: str, path: str, text: str) -> None:
        """Write a file in a node.

        Raises:
            LabkitError: it cannot be written.
        """
        await self.command(node, "/bin/sh", "-c", 'printf %s "$1" > "$2"', "sh", text, path)

    def switch(self, network: str, added: list[Drop]) -> Undo:
        """Have a switch drop more; return what takes these away again.

        Raises:
            LabkitError: the switch cannot.
        """
        before = self.drops.setdefault(network, [])
        self.provider.drop(network, [*before, *added])
        before.extend(added)

        async def undo() -> None:
            for each in added:
                before.remove(each)
            self.provider.drop(network, before)

        return undo
