"""What a lab must know of each VRRP daemon that a router may run: its script, its processes, its files, its program."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from labkit.lab.topology import Daemon, Node

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/frr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of daemon.

    `processes` are how the names of its processes begin, the one that speaks VRRP last.  `files` are templates by their
    paths in the node, for what a lab file does not give each router anyway, and `sysctls` kernel settings of the node
    that it cannot do without; `program` is empty where labkit brings it.
    """

    script: str  # by which people and scenarios start and stop it
    processes: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    program: str = ""
    package: str = ""  # Debian's


_KEEPALIVED = "/etc/init.d/keepalived"

KINDS: Final[Mapping[Daemon, Kind]] = {
    Daemon.LABKIT: Kind(script=_KEEPALIVED, processes=("keepalived",)),
    Daemon.KEEPALIVED: Kind(script=_KEEPALIVED, processes=("keepalived",), program="keepalived", package="keepalived"),
    Daemon.FRR: Kind(
        script="/etc/init.d/frr",
        processes=("zebra", "vrrpd"),
        files={
            "/etc/frr/frr.conf": "frr.conf.j2",
            "/etc/frr/vtysh.conf": "vtysh.conf.j2",
            "/etc/init.d/frr": "init.d-frr.j2",
        },
        # A virtual address is its interface's only: others do not answer for it, nor are its name and another MAC
        # address told together; what comes in there may be answered by the interface below.
        sysctls={
            "net.ipv4.conf.all.arp_ignore": "1",
            "net.ipv4.conf.all.arp_announce": "2",
            "net.ipv4.conf.all.rp_filter": "2",
        },
        program="vrrpd",
        package="frr",
    ),
}

SCRIPTS: Final = frozenset(kind.script for kind in KINDS.values())


def kind_of(node: Node) -> Kind:
    """Return the kind of daemon that a router runs."""
    return KINDS[node.daemon]


def programs() -> dict[str, str]:
    """Return, for each program that is not labkit's own, an empty string where this machine has it, else the cure."""
    return {kind.program: missing(daemon) for daemon, kind in KINDS.items() if kind.program}


def present(program: str) -> bool:
    """Return whether a program is installed on this machine, for root to run."""
    return shutil.which(program, path=_PATH) is not None


def missing(daemon: Daemon) -> str:
    """Return in words what this machine lacks for a daemon, with the cure; empty: it has it."""
    kind = KINDS[daemon]
    if not kind.program or present(kind.program):
        return ""
    return f"{daemon} is not installed on this machine; install it: sudo apt-get install {kind.package}"
