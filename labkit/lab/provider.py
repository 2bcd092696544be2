"""What a lab needs of the thing that makes its nodes; each provider implements `Provider`."""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeAlias

from labkit.diagnostics import LabkitError
from labkit.lab.topology import Topology
from labkit.trace import Micros, Record

if TYPE_CHECKING:  # what a plan holds takes long to import
    from labkit.lab.plan import Plan

SLACK: Micros = 100_000
"""Where nodes are processes of this kernel."""

Emit: TypeAlias = Callable[[Record], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A rendered file of a node."""

    path: str
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A command that ended: its exit status (negative: the signal) and what it wrote, both streams together."""

    status: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame that entered a network by `port` (`server1.eth0`); `at_ns` is UTC, `data` may be less than `length`."""

    number: int  # counts up on each network
    at_ns: int
    port: str
    length: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Frames that a switch drops: from a node to a node (empty: any), adverts only or all, and which share of them."""

    source: str = ""
    target: str = ""
    adverts: bool = False
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What netem(8) does to frames in both directions: shares of 1, and times in microseconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: Micros = 0
    jitter: Micros = 0


class LackingError(LabkitError):
    """Something that a provider cannot do at all; a scenario that needs it is skipped, with this as the reason."""


class DeployError(LabkitError):
    """The nodes of a lab could not be made."""


class World(Protocol):
    """A kind of place that labs can be raised in."""

    @property
    def python(self) -> str:
        """How scripts in its nodes start the interpreter."""

    def missing(self) -> list[str]:
        """Return what this machine lacks for the provider, each in words with what to do; empty: ready."""

    def capabilities(self) -> dict[str, str]:
        """Return what nodes can do: an empty string where it works, else what is missing.

        By the names of `labkit doctor`: what the kernel can do, and programs where the provider knows.
        """

    def supervise(self, plan: "Plan", listener: socket.socket, path: Path, leash: socket.socket) -> NoReturn:
        """Turn this forked process into the owner of a running lab, which answers on `listener`; never returns.

        `leash` gets one JSON line, of how long it took or of what went wrong; see `labkit.lab.supervisor.become`, which
        does all of it where the nodes are this kernel's.
        """


class Provider(Protocol):
    """Makes nodes and networks, runs commands in nodes, breaks links, and tells what it sees."""

    @property
    def slack(self) -> Micros:
        """What a verdict allows beyond every bound: a daemon is started, a script runs, the host has other work."""

    def enclose(self) -> None:
        """Called once in the supervisor's process before anything else: take hold of it, so that all dies with it."""

    async def deploy(self, topology: Topology, files: Mapping[str, Sequence[File]], emit: Emit) -> None:
        """Make every network and node (files by node name), and from then on tell `emit` what happens.

        Raises:
            DeployError: a node or network could not be made; what was made is left to `enclose`.
        """

    async def run(self, node: str, argv: Sequence[str]) -> Completed:
        """Run a command in a node to its end."""

    async def start(self, node: str, program: str, argv: Sequence[str]) -> Completed:
        """Run one of labkit's own programs (`keepalived`, `web`) in a node, from memory where that is faster."""

    async def attach(
        self, node: str, argv: Sequence[str], stdio: tuple[int, int, int], environment: Mapping[str, str]
    ) -> int:
        """Run a command in a node with these descriptors, which are closed here, to its end; return its exit status.

        A terminal becomes the command's controlling terminal.  When this is cancelled, the command gets SIGHUP.
        """

    async def signal(self, node: str, name: str, number: int) -> int:
        """Send a signal to every process of the node whose name starts with `name`, all at once; return how many."""

    def set_link(self, node: str, interface: str, *, up: bool) -> None:
        """Set a node's interface down or up, as `ip link set` in the node does."""

    def cut(self, node: str, interface: str, *, cut: bool) -> None:
        """Stop all frames between the interface and its network while the carrier stays, or let them pass again."""

    def set_port(self, node: str, interface: str, *, up: bool) -> None:
        """Set the switch port of a node's interface down or up: the node sees its carrier go."""

    def drop(self, network: str, drops: Sequence[Drop]) -> None:
        """Have a network's switch drop these frames, instead of those that it dropped before.

        Raises:
            LabkitError: it cannot; says what is missing.
        """

    def impair(self, node: str, interface: str, impairment: Impairment | None) -> str:
        """Impair all frames of an interface, or no more; return what is missing for it, empty when it is done."""

    def socket(self, node: str, family: int, kind: int, protocol: int) -> socket.socket:
        """Return a new socket that does not block, opened in the node as socket(2) would there.

        Raises:
            OSError: the node's kernel refused.
        """

    def pidfd(self, node: str) -> int | None:
        """Return a descriptor of the node's first process, by which a client enters the node's namespaces; or none."""

    def tap(self, network: str) -> None:
        """Keep the network's frames from now on, the latest ones when there are too many; again: nothing changes.

        Raises:
            OSError: the kernel refused.
        """

    def frames(self, network: str, after: int) -> Sequence[Frame]:
        """Return the kept frames with a number above `after`; none where nothing is tapped."""
