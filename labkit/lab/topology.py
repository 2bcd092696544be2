"""What a lab is made of: nodes, networks (one L2 segment each) and the links between them."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from labkit.trace import Value


class Role(StrEnum):
    """What a node is for."""

    ROUTER = "router"  # runs the VRRP daemon
    CLIENT = "client"
    SERVER = "server"


class Daemon(StrEnum):
    """Which VRRP daemon a router runs."""

    LABKIT = "labkit"
    KEEPALIVED = "keepalived"
    FRR = "frr"


CONFIG = "/etc/keepalived/keepalived.conf"
PYKEEPALIVED_OPTIONS = (
    "-D",
    "-p", "/run/keepalived.pid",
    "-r", "/run/keepalived_vrrp.pid",
    "-c", "/run/keepalived_checkers.pid",
    "--trace", "/run/labkit/trace",
)  # fmt: skip
"""How a node's pykeepalived is started, by the supervisor and by the node's init script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One segment: a switch that forwards at once, and the IPv4 network on it."""

    name: str
    subnet: IPv4Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A node's interface on a network; `lladdr` is stable, so that captures and ARP tables of two runs compare."""

    interface: str
    network: str
    address: IPv4Interface
    lladdr: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine; `services` are the init scripts started at deployment, besides the daemon.

    `loopback` are addresses on `lo`, each of its own (/32); `sysctls` are kernel settings of the node's network, by the
    names that sysctl(8) takes.
    """

    name: str
    role: Role
    links: tuple[Link, ...]
    daemon: Daemon = Daemon.LABKIT
    gateway: IPv4Address | None = None
    loopback: tuple[IPv4Address, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    services: tuple[str, ...] = ()
    templates: tuple[tuple[str, str], ...] = ()  # (path in the node, template), both may use variables
    variables: dict[str, Value] = field(default_factory=dict)

    def link(self, interface: str) -> Link | None:
        """Return the link on that interface."""
        return next((link for link in self.links if link.interface == interface), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """A whole lab."""

    name: str
    variant: str
    title: str
    networks: tuple[Network, ...]
    nodes: tuple[Node, ...]
    variables: dict[str, Value] = field(default_factory=dict)
    needs: tuple[str, ...] = ()  # what the kernel must be able to do, by the names of `labkit doctor`

    def node(self, name: str) -> Node:
        """Return the node of that name.

        Raises:
            KeyError: there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    @property
    def routers(self) -> tuple[Node, ...]:
        """The nodes that run a VRRP daemon, in the order of the file."""
        return tuple(node for node in self.nodes if node.role is Role.ROUTER)

    @property
    def hosts(self) -> dict[str, str]:
        """The addresses by the names that nodes know them by: each node's first one, and `vip`."""
        vip = {"vip": str(self.variables["vip"])} if "vip" in self.variables else {}
        return vip | {node.name: str(node.links[0].address.ip) for node in self.nodes if node.links}
