"""What the targets share: which files a node takes along, what it runs at its start, and what names they can take."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from labkit.diagnostics import LabkitError
from labkit.lab.provider import File
from labkit.lab.topology import Daemon, Node, Role, Topology

PYTHON = "/usr/bin/env -S python3"
"""How scripts start the interpreter where nothing is known of the machine but its PATH."""

IMAGE = "labkit-node"
"""The image of all nodes: labkit and what a lab's templates call."""

DAEMON_SCRIPT = "/etc/init.d/keepalived"
_OURS = "/usr/local/bin/pykeepalived"  # an image and a host have their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A topology and the rendered files of its nodes, by their names."""

    topology: Topology
    files: Mapping[str, Sequence[File]]
    image: str = IMAGE

    def __post_init__(self) -> None:
        """Check.

        Raises:
            LabkitError: no image has such a name, or a file one that shells and binds take apart.
        """
        if not re.fullmatch(r"[a-zA-Z0-9][\w./:@-]*", self.image, re.ASCII):
            raise LabkitError(f"'{self.image}' is no name of an image; one such as registry.example.org/labkit-node:1")
        paths = {file.path: "file" for files in self.files.values() for file in files}
        require(paths, r"[\w/.+@-]+", "Other tools take paths of letters, digits and '/._+@-'")

    @property
    def name(self) -> str:
        """The lab's name as a word of small letters, digits, '-' and '_': other tools make container names of it."""
        return re.sub(r"[^a-z0-9_]+", "-", self.topology.name.lower()).strip("-_") or "lab"

    @property
    def title(self) -> str:
        """What the lab is, in a line."""
        return f"{self.topology.name}, variant {self.topology.variant}: {self.topology.title}"

    def taken(self, node: Node) -> list[File]:
        """The files that the node takes along."""
        return [file for file in self.files[node.name] if file.path != _OURS]

    def services(self, node: Node) -> list[str]:
        """The commands that start the node's services and then its daemon; a tool may have lost the scripts' modes."""
        scripts = [file.path for file in self.files[node.name] if file.path.startswith("/etc/init.d/")]
        services = [script for script in scripts if script != DAEMON_SCRIPT] if node.services else []
        return [f"sh {script} start" for script in (*services, *([DAEMON_SCRIPT] if node.role is Role.ROUTER else []))]


Export: TypeAlias = Callable[[Lab], tuple[File, ...]]


def placed(node: Node, file: File) -> File:
    """Return the file where an export keeps it: in a folder of its node."""
    return File(path=f"{node.name}{file.path}", text=file.text, mode=file.mode)


def health(node: Node) -> list[str] | None:
    """Return the test, in Docker's words, that tells whether a router's daemon runs; None for other nodes."""
    # Docker knows 0 and 1 only; the script answers 3, as the Linux Standard Base has it.
    return ["CMD-SHELL", f"sh {DAEMON_SCRIPT} status || exit 1"] if node.role is Role.ROUTER else None


def require(names: Mapping[str, str], pattern: str, words: str) -> None:
    """See that a target can take the lab's names; `names` maps each to what it is.

    Raises:
        LabkitError: it cannot take some of them; `words` say which it takes.
    """
    wrong = [f"{what} '{name}'" for name, what in names.items() if not re.fullmatch(pattern, name)]
    if wrong:
        raise LabkitError(f"{words}; rename {', '.join(wrong)} in lab.yml")


def require_keepalived(topology: Topology) -> None:
    """See that routers run what an export can start from a keepalived.conf.

    Raises:
        LabkitError: some run FRR, whose interfaces must be made and set up on the machine before it starts.
    """
    if names := [node.name for node in topology.routers if node.daemon is Daemon.FRR]:
        cure = "let them run labkit or keepalived, which speak VRRP with it"
        raise LabkitError(f"a lab is exported without frr, which {' and '.join(names)} would run; {cure}")


def require_files(lab: Lab, paths: Sequence[str]) -> None:
    """See that each router has the files that an export counts on.

    Raises:
        LabkitError: one has not; `labkit up` starts daemons without them.
    """
    for node in lab.topology.routers:
        if lacking := [path for path in paths if path not in {file.path for file in lab.files[node.name]}]:
            raise LabkitError(f"router {node.name} has no {lacking[0]}; add it to the files of its role in lab.yml")


def require_one_link(topology: Topology, tool: str) -> None:
    """See that no node has two interfaces on one network.

    Raises:
        LabkitError: one has, and the tool cannot make that.
    """
    for node in topology.nodes:
        if len({link.network for link in node.links}) < len(node.links):
            raise LabkitError(f"{tool} gives a node one interface on a network; {node.name} has two on one")


def document(comment: str, value: object) -> str:
    """Return YAML with a comment above it."""
    lines = "".join(f"# {line}\n" for line in comment.splitlines())
    return lines + yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)
