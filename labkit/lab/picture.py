"""Where nodes, networks and links stand in a drawing of a lab: clients above, routers between, servers below."""

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.lab.topology import Network, Node, Role, Topology

_TIERS = (Role.CLIENT, Role.ROUTER, Role.SERVER)
_BOX, _GAP, _HEIGHT = 150, 30, 46  # of a node
_BUS, _BETWEEN = 30, 34  # one network takes so much between two tiers, besides the space around all


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node; `x` and `y` are its upper left corner."""

    node: Node
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """A network: a line from `left` to `right`."""

    network: Network
    left: float
    right: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cable:
    """A link, from the node's edge at `top` or `bottom` to its network."""

    x: float
    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawing, in pixels."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    buses: tuple[Bus, ...]
    cables: tuple[Cable, ...]
    box_width: int = _BOX
    box_height: int = _HEIGHT


def picture(topology: Topology) -> Picture:
    """Return the drawing of a lab."""
    tiers = [tier for tier in ([node for node in topology.nodes if node.role is role] for role in _TIERS) if tier]
    width = max(len(tier) for tier in tiers) * (_BOX + _GAP) + _GAP
    below = _networks_below(topology, tiers)
    boxes: list[Box] = []
    heights: dict[str, float] = {}
    y = float(_GAP)
    for tier, networks in zip(tiers, below, strict=True):
        left = (width - len(tier) * (_BOX + _GAP) + _GAP) / 2
        boxes += [Box(node=node, x=left + n * (_BOX + _GAP), y=y) for n, node in enumerate(tier)]
        y += _HEIGHT + _BETWEEN
        for network in networks:
            heights[network.name] = y
            y += _BUS
        y += _BETWEEN if networks else 0
    cables = {
        (box.node.name, link.interface): _cable(box, n, heights)
        for box in boxes
        for n, link in enumerate(box.node.links)
    }
    return Picture(
        width=width,
        height=y,
        boxes=tuple(boxes),
        buses=tuple(_bus(network, topology, cables, heights) for network in topology.networks),
        cables=tuple(cables.values()),
    )


def _networks_below(topology: Topology, tiers: Sequence[Sequence[Node]]) -> list[list[Network]]:
    """Return for each tier the networks that are drawn below it: those whose highest node is in it."""
    below: list[list[Network]] = [[] for _ in tiers]
    for network in topology.networks:
        users = [n for n, tier in enumerate(tiers) if any(_on(node, network) for node in tier)]
        below[min(users, default=0)].append(network)
    return below


def _on(node: Node, network: Network) -> bool:
    return any(link.network == network.name for link in node.links)


def _cable(box: Box, number: int, heights: dict[str, float]) -> Cable:
    link = box.node.links[number]
    end = heights[link.network]
    return Cable(
        x=box.x + _BOX * (number + 1) / (len(box.node.links) + 1),
        start=box.y if end < box.y else box.y + _HEIGHT,
        end=end,
        text=f"{link.interface} .{str(link.address.ip).rpartition('.')[2]}",
    )


def _bus(network: Network, topology: Topology, cables: dict[tuple[str, str], Cable], heights: dict[str, float]) -> Bus:
    places = [
        cables[node.name, link.interface].x
        for node in topology.nodes
        for link in node.links
        if link.network == network.name
    ]
    return Bus(
        network=network, left=min(places, default=0) - 20, right=max(places, default=0) + 20, y=heights[network.name]
    )
