"""Whether a ping gets its answer in the simulator: ARP, who has the address, and what lies between."""

from ipaddress import IPv4Address

from labkit.lab.provider import LackingError
from labkit.lab.topology import Topology
from labkit.sim.network import Port
from labkit.sim.world import World


def reaches(world: World, topology: Topology, node: str, target: IPv4Address) -> bool:
    """Return whether `target` answers a ping of `node`; an address that is not in its ARP table is asked for.

    Raises:
        LackingError: the target is on no network of the node, and routing is not modelled.
    """
    link = next((link for link in topology.node(node).links if target in link.address.network), None)
    if link is None:
        raise LackingError(f"the simulator does not model routing, which a ping of {target} from {node} needs")
    asking = world.nodes[node]
    port = asking.ports[link.interface]
    known = asking.neighbours.get(str(target))
    if known is None:
        owner = next((other for other in _reached(world, port) if _has(world, other, target)), None)
        if owner is None:
            return False
        asking.hear_announcement(port, str(target), owner.lladdr)
        return True
    return any(other.lladdr == known and _has(world, other, target) for other in _reached(world, port))


def _reached(world: World, port: Port) -> list[Port]:
    """Return the ports that hear this one and are heard by it."""
    segment = world.segments[port.segment]
    return [other for other in segment.hearers(port) if port in segment.hearers(other)]


def _has(world: World, port: Port, address: IPv4Address) -> bool:
    return port.address == address or str(address) in world.nodes[port.node].held
