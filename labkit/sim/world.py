"""A world of nodes under a fake clock: the same machines as the daemon's, and no Linux.

    world = World(seed=1)
    world.add_segment("lan")
    node = world.add_node("server1")
    node.attach("eth0", "lan", IPv4Address("192.168.1.21"))
    node.start(Configure(routers=(...,)))
    world.run_for(10 * SECOND)
    world.trace        # the records of all that happened

Everything that waits lies in one heap of (time, rank, serial): at equal times frames come before timers, because a
speaker must hear what is queued before its overdue timer may make it MASTER.  Nothing is random but the loss of
frames, and that comes from the seed: equal histories have equal traces.
"""

import heapq
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from random import Random
from types import MappingProxyType

from labkit.sim.network import Port, Rank, Segment
from labkit.sim.node import Node
from labkit.sim.packets import heard, recipient
from labkit.trace import Kind, Micros, Record, Value
from labkit.vrrp.packet import Advert


class World:
    """Segments, nodes, the clock and the trace."""

    def __init__(self, *, seed: int = 0, tell: Callable[[Record], None] | None = None) -> None:
        """Make an empty world; `tell` gets the records instead of `trace`."""
        self.now: Micros = 0
        self.trace: list[Record] = []
        self._tell = tell or self.trace.append
        self._segments: dict[str, Segment] = {}
        self._nodes: dict[str, Node] = {}
        self._random = Random(seed)
        self._heap: list[tuple[Micros, Rank, int, Callable[[], None]]] = []
        self._serial = count()
        self._ports = count(1)

    @property
    def segments(self) -> Mapping[str, Segment]:
        """All segments by name."""
        return MappingProxyType(self._segments)

    @property
    def nodes(self) -> Mapping[str, Node]:
        """All nodes by name."""
        return MappingProxyType(self._nodes)

    # --- building -----------------------------------------------------------------------------------------------------

    def add_segment(self, name: str, *, latency: Micros = 100, loss: float = 0.0) -> Segment:
        """Add a segment.

        Raises:
            ValueError: the name is taken, or a figure is out of range.
        """
        if name in self._segments:
            raise ValueError(f"there is a segment {name} already")
        self._segments[name] = Segment(name, self._random, latency=latency, loss=loss)
        return self._segments[name]

    def add_node(self, name: str) -> Node:
        """Add a node without interfaces, its daemon not running.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._nodes:
            raise ValueError(f"there is a node {name} already")
        self._nodes[name] = Node(name, self)
        return self._nodes[name]

    def plug(self, port: Port) -> None:
        """Attach a node's port to its segment."""
        self._segments[port.segment].attach(port)

    def next_lladdr(self) -> str:
        """Return a locally administered MAC address that no other port has."""
        number = next(self._ports)
        return f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"

    # --- time ---------------------------------------------------------------------------------------------------------

    def call_at(self, at: Micros, rank: Rank, call: Callable[[], None]) -> None:
        """Do something at a time that is not past."""
        heapq.heappush(self._heap, (at, rank, next(self._serial), call))

    def run_until(self, end: Micros) -> None:
        """Let everything happen up to and including `end`, then stand there."""
        while self._heap and self._heap[0][0] <= end:
            self.now, _, _, call = heapq.heappop(self._heap)
            call()
        self.now = end

    def step(self, end: Micros) -> bool:
        """Let the next thing happen if it is not later than `end`; False when there is none, and it is `end` now."""
        if not self._heap or self._heap[0][0] > end:
            self.now = max(self.now, end)
            return False
        self.now, _, _, call = heapq.heappop(self._heap)
        call()
        return True

    def run_for(self, duration: Micros) -> None:
        """Let everything happen for so long."""
        self.run_until(self.now + duration)

    # --- the wire -----------------------------------------------------------------------------------------------------

    def send_packet(self, sender: Port, packet: bytes) -> None:
        """Put an IP packet with an advert, or with anything else, on the sender's segment."""
        if not sender.usable:
            return
        segment = self._segments[sender.segment]
        event = heard(sender.interface, packet)
        advert, to = event.packet, recipient(event)
        if isinstance(advert, Advert):
            self.record(
                Kind.ADVERT,
                segment.name,
                source=str(event.source),
                vrid=advert.vrid,
                version=advert.version,
                priority=advert.priority,
                interval_us=advert.interval,
                addresses=" ".join(map(str, advert.addresses)),
                lladdr=sender.lladdr,
            )
        for port in segment.hearers(sender, advert=True):
            if to is None or to in port.addresses:
                self._deliver(segment, port, partial(self._nodes[port.node].hear_packet, port, packet))

    def send_announcement(self, sender: Port, address: str) -> None:
        """Put a gratuitous ARP on the sender's segment."""
        if not sender.usable:
            return
        segment = self._segments[sender.segment]
        self.record(Kind.ANNOUNCE, segment.name, address=address, lladdr=sender.lladdr)
        for port in segment.hearers(sender):
            hear = partial(self._nodes[port.node].hear_announcement, port, address, sender.lladdr)
            self._deliver(segment, port, hear)

    def _deliver(self, segment: Segment, port: Port, hear: Callable[[], None]) -> None:
        def arrive() -> None:
            if port.usable:
                hear()

        self.call_at(self.now + segment.latency, Rank.FRAME, arrive)

    def record(self, kind: Kind, node: str, **data: Value) -> None:
        """Add a record to the trace."""
        self._tell(Record(at=self.now, kind=kind, node=node, data=data))
