"""Who is MASTER, and why: the state of a lab as its trace tells it."""

import re
from dataclasses import dataclass, field

from labkit.lab.topology import Daemon, Node, Role, Topology
from labkit.trace import Kind, Micros, Record

_ENTERING = re.compile(r"Keepalived_vrrp\[\d+\]: \(.+\) Entering (\w+) STATE")  # C keepalived tells no trace
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


class Watch:
    """Keeps, record by record, the present state of every node."""

    def __init__(self, topology: Topology) -> None:
        self.vip = str(topology.variables.get("vip", ""))
        self.nodes = {node.name: NodeState(node) for node in topology.nodes}

    def take(self, record: Record) -> None:
        """Learn from one record."""
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
            case Kind.PROCESS if data["event"] == "exit" and str(data["name"]).lower().startswith("keepalived"):
                if known.state not in ("", "STOPPED"):
                    ended = f"the daemon ended with status {data['status']}"
                    known.state, known.why, known.since = "STOPPED", ended, record.at

    def _read(self, known: NodeState, line: str, at: Micros) -> None:
        """Learn from a line of a daemon's log."""
        pool = _POOL.search(line)
        if pool:
            (known.dropped.add if pool[1] == "Removing" else known.dropped.discard)(pool[2])
        elif known.node.daemon is Daemon.KEEPALIVED and (entered := _ENTERING.search(line)):
            known.state, known.why, known.since = entered[1], "as its log says", at

    def owners(self, address: str = "") -> list[str]:
        """Return the nodes that hold the virtual address, or another one; on `lo` it is for nobody else to see."""
        return [
            name
            for name, node in self.nodes.items()
            if any((address or self.vip) in held for interface, held in node.addresses.items() if interface != "lo")
        ]

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
                {
                    "name": link.interface,
                    "network": link.network,
                    "address": str(link.address),
                    "lladdr": link.lladdr.hex(":"),
                    "up": known.links.get(link.interface, True),
                    "virtual": sorted(known.addresses.get(link.interface, set()) - {str(link.address.ip)}),
                }
                for link in node.links
            ],
        }
