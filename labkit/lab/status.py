"""Who is MASTER, and why: the state of a lab as its trace tells it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from labkit.lab.daemons import kind_of
from labkit.lab.topology import Daemon, Link, Node, Role, Topology
from labkit.trace import Kind, Micros, Record, Value

_ENTERING = {  # of those that tell no trace
    Daemon.KEEPALIVED: re.compile(r"Keepalived_vrrp\[\d+\]: \(.+\) Entering (\w+) STATE"),
    Daemon.FRR: re.compile(r"vrrpd\[\d+\]: .*\[VRID \d+\] \[IPv4\] \w+ -> (\w+)$"),
}
_VIRTUAL = "00:00:5e:00:01:"  # the MAC addresses of IPv4 virtual routers, RFC 9568 7.3
_OF_FRR = {"Initialize": "INIT", "Backup": "BACKUP", "Master": "MASTER"}
_POOL = re.compile(  # the words of C keepalived, which ours uses as well
    r"Keepalived_healthcheckers\[\d+\]: (Removing|Adding|Activating healthchecker for) service \[([0-9.]+)\]"
)


@dataclass(slots=True)
class NodeState:
    """What is known of one node."""

    node: Node
    addresses: dict[str, set[str]] = field(default_factory=dict)  # beyond those of the lab file, by interface
    links: dict[str, bool] = field(default_factory=dict)
    neighbours: dict[str, str] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)  # real servers that a director took out, by address
    state: str = ""
    why: str = ""
    since: Micros = 0
    priority: int | None = None

    def holds(self, address: str) -> bool:
        """Whether the node has an address where others can reach it: on an interface that is up, and not on `lo`.

        FRR keeps a virtual address on an interface that it holds down until it is MASTER.
        """
        return any(
            address in held and self.links.get(interface, True)
            for interface, held in self.addresses.items()
            if interface != "lo"
        )


class Watch:
    """Keeps, record by record, the present state of every node."""

    def __init__(self, topology: Topology) -> None:
        self.vip = str(topology.variables.get("vip", ""))
        self.nodes = {node.name: NodeState(node) for node in topology.nodes}
        links = [(node.name, link) for node in topology.nodes for link in node.links]
        self.behind = {link.lladdr.hex(":"): name for name, link in links}  # whose frames come from a MAC address
        self._names = {str(link.address.ip): name for name, link in links}

    def take(self, record: Record) -> None:
        """Learn from one record."""
        if record.kind is Kind.ADVERT:
            self._hear(record.data)
        known = self.nodes.get(record.node)
        if known is None:
            return
        data = record.data
        match record.kind:
            case Kind.ADDRESS:
                held = known.addresses.setdefault(str(data["interface"]), set())
                (held.add if data["present"] else held.discard)(str(data["address"]))
            case Kind.LINK:
                known.links[str(data["interface"])] = bool(data["up"])
            case Kind.NEIGHBOUR:
                known.neighbours[str(data["address"])] = str(data["lladdr"])
            case Kind.STATE:
                known.state, known.why, known.since = str(data["state"]), str(data["why"]), record.at
                known.priority = int(str(data["priority"]))
            case Kind.LOG:
                self._read(known, str(data["line"]), record.at)
            case Kind.PROCESS if data["event"] == "exit" and known.node.role is Role.ROUTER:
                speaks = str(data["name"]).lower().startswith(kind_of(known.node).processes[-1])
                if speaks and known.state not in ("", "STOPPED"):
                    ended = f"the daemon ended with status {data['status']}"
                    known.state, known.why, known.since = "STOPPED", ended, record.at

    def _hear(self, advert: Mapping[str, Value]) -> None:
        """Learn where a virtual router's MAC address is, as a switch does: all routers have the same one."""
        source, lladdr = str(advert["source"]), str(advert.get("lladdr", ""))
        if lladdr.startswith(_VIRTUAL) and source in self._names and advert["priority"] != 0:
            self.behind[lladdr] = self._names[source]

    def _read(self, known: NodeState, line: str, at: Micros) -> None:
        """Learn from a line of a daemon's log."""
        pool = _POOL.search(line)
        if pool:
            (known.dropped.add if pool[1] == "Removing" else known.dropped.discard)(pool[2])
        elif (pattern := _ENTERING.get(known.node.daemon)) and (entered := pattern.search(line)):
            state = _OF_FRR.get(entered[1], entered[1])
            known.state, known.why, known.since = state, "as its log says", at

    def owners(self, address: str = "") -> list[str]:
        """Return the nodes that hold the virtual address, or another one."""
        return [name for name, node in self.nodes.items() if node.holds(address or self.vip)]

    def snapshot(self, now: Micros) -> dict[str, object]:
        """Return the state of every node as plain values; times in seconds before `now`."""
        return {
            "vip": self.vip,
            "owners": self.owners(),
            "nodes": [self._describe(node, now) for node in self.nodes.values()],
        }

    def _describe(self, known: NodeState, now: Micros) -> dict[str, object]:
        node = known.node
        router = node.role is Role.ROUTER
        own = ("lo", *(link.interface for link in node.links))
        holds = node.name in self.owners()
        state, why = known.state, known.why
        if router and not state:  # a daemon that tells no trace is judged by what it does
            state, why = ("MASTER" if holds else "BACKUP", "seen from outside")
        return {
            "name": node.name,
            "role": node.role.value,
            "daemon": node.daemon.value if router else None,
            "state": state if router else None,
            "why": why if router else None,
            "for_s": round((now - known.since) / 1e6, 3) if known.since else None,
            "priority": known.priority,
            "vip": holds,
            "arp": known.neighbours.get(self.vip) or None,
            "interfaces": [
                *(_interface(known, link.interface, link) for link in node.links),
                *(
                    _interface(known, name)
                    for name in sorted(known.addresses)
                    if name not in own and known.addresses[name]
                ),
            ],
        }


def _interface(known: NodeState, name: str, link: Link | None = None) -> dict[str, object]:
    """Return what is known of an interface, of the lab's or made by a daemon."""
    own = {str(link.address.ip)} if link else set()
    return {
        "name": name,
        "network": link.network if link else None,
        "address": str(link.address) if link else None,
        "lladdr": link.lladdr.hex(":") if link else None,
        "up": known.links.get(name, True),
        "virtual": sorted(known.addresses.get(name, set()) - own),
    }
