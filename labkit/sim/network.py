"""Simulated segments: who hears what a port sends, how much later, and what is lost on the way."""

from collections.abc import Iterable
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from random import Random

from labkit.trace import Micros
from labkit.values import dataclass
from labkit.vrrp.config import Address


class Rank(IntEnum):
    """What happens first at equal times."""

    FRAME = 0
    TIMER = 1


@dataclass(slots=True, kw_only=True, eq=False)
class Port:
    """A node's interface on a segment; `address` is the primary one, `link_local` that of IPv6."""

    node: str
    interface: str
    segment: str
    lladdr: str
    address: IPv4Address | None
    link_local: IPv6Address | None = None
    exists: bool = True
    up: bool = True

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All addresses that are the interface's own."""
        return tuple(address for address in (self.address, self.link_local) if address is not None)

    @property
    def usable(self) -> bool:
        """Whether frames go in and out."""
        return self.exists and self.up


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Frames that a segment drops: from a node to a node (empty: any), adverts only or all, and which share of them."""

    source: str = ""
    target: str = ""
    adverts: bool = False
    share: float = 1.0


class Segment:
    """One layer 2 segment; `latency` in microseconds, `loss` the share of frames lost on each path, 0..1."""

    def __init__(self, name: str, random: Random, *, latency: Micros = 100, loss: float = 0.0) -> None:
        if latency < 0 or not 0 <= loss <= 1:
            raise ValueError(f"segment {name}: latency must not be negative and loss must be 0..1")
        self.name = name
        self.latency = latency
        self.loss = loss
        self._random = random
        self._ports: list[Port] = []
        self._deaf: set[tuple[str, str]] = set()
        self._isolated: set[tuple[str, str]] = set()
        self._drops: tuple[Drop, ...] = ()

    def attach(self, port: Port) -> None:
        """Plug a port in."""
        self._ports.append(port)

    def hearers(self, sender: Port, *, advert: bool = False) -> list[Port]:
        """Return the ports that one broadcast frame of `sender` reaches, in the order of attachment."""
        reached = [port for port in self._ports if port is not sender and self.connects(sender, port)]
        if self._drops:
            reached = [port for port in reached if not self._is_dropped(sender.node, port.node, advert)]
        return [port for port in reached if not self.loss or self._random.random() >= self.loss]

    def connects(self, sender: Port, receiver: Port) -> bool:
        """Whether frames of `sender` get to `receiver` at all."""
        if self._isolated and any((port.node, port.interface) in self._isolated for port in (sender, receiver)):
            return False
        return sender.usable and receiver.usable and (sender.node, receiver.node) not in self._deaf

    def _is_dropped(self, source: str, target: str, advert: bool) -> bool:
        return any(
            (drop.source in ("", source) and drop.target in ("", target) and (advert or not drop.adverts))
            and (drop.share >= 1 or self._random.random() < drop.share)
            for drop in self._drops
        )

    def ports(self) -> tuple[Port, ...]:
        """Return all ports in the order of attachment."""
        return tuple(self._ports)

    def partition(self, *sides: Iterable[str]) -> None:
        """Cut the segment into sides, given as node names; nodes that are not named hear everyone."""
        named = [set(side) for side in sides]
        for here in named:
            for there in named:
                if here is not there:
                    self._deaf |= {(sender, receiver) for sender in here for receiver in there}

    def cut(self, sender: str, receiver: str) -> None:
        """Lose everything from one node to another, in this direction only."""
        self._deaf.add((sender, receiver))

    def isolate(self, node: str, interface: str, *, isolated: bool) -> None:
        """Pull the cable of a node's interface where the node cannot see it, or put it back."""
        (self._isolated.add if isolated else self._isolated.discard)((node, interface))

    def drop(self, drops: Iterable[Drop]) -> None:
        """Drop these frames, instead of those that were dropped before."""
        self._drops = tuple(drops)

    def heal(self) -> None:
        """Undo all partitions and cuts."""
        self._deaf.clear()
