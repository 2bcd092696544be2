"""containerlab: a topology file as a draft.

A link has two ends, a segment of a lab many: nodes that switch (kind `bridge` or `ovs-bridge`, or a Linux node whose
commands make a bridge) become segments, with all that is connected to them; any other link is a segment for itself.

Source: containerlab's manual, pages "Topology definition", "Nodes" and "Links".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

from labkit.diagnostics import Diagnostic, LabkitError, RefusedError, Span, did_you_mean
from labkit.lab.document import Document, Key, read_yaml
from labkit.lab.export.target import DAEMON_SCRIPT
from labkit.lab.importing.commands import Startup
from labkit.lab.importing.draft import Device, Draft, Port, natural

_SWITCHES = ("bridge", "ovs-bridge")
_OUTSIDE = ("host", "macvlan", "mgmt-net", "vxlan", "vxlan-stitch", "dummy")  # the other end is outside the lab
_CONFIG = Path("/etc/keepalived/keepalived.conf")


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """One end of a link."""

    node: str
    interface: str
    span: Span
    address: str = ""


@dataclass(slots=True)
class _Reading:
    """What was read so far."""

    document: Document
    startups: dict[str, Startup] = field(default_factory=dict)
    switches: set[str] = field(default_factory=set)
    configs: dict[str, tuple[str, str]] = field(default_factory=dict)
    links: list[tuple[_End, _End]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    complaints: list[Diagnostic] = field(default_factory=list)

    def complain(self, path: Key, message: str, hint: str) -> None:
        self.complaints.append(self.document.complain(path, message, hint))

    def items(self, path: Key, value: object) -> list[Any]:
        """Return what must be a list, or may be missing."""
        if isinstance(value, list):
            return value
        if value:
            self.complain(path, f"'{path[-1]}' is a list", f"`{path[-1]}: [...]`")
        return []


def read(path: Path) -> Draft:
    """Read a topology file.

    Raises:
        RefusedError: it is none, or says what no lab can be; holds everything found.
    """
    document = read_yaml(path)
    reading = _Reading(document=document)
    value = _mapping(document.value)
    topology = _mapping(value.get("topology"))
    nodes = _mapping(topology.get("nodes"))
    if not nodes:
        hint = "`topology: {nodes: {NAME: {kind: linux}}, links: [...]}`"
        raise RefusedError([document.complain(("topology",), "a containerlab topology has nodes", hint)])
    for name in nodes:
        _read_node(reading, name, _sections(topology, name))
    for number, link in enumerate(reading.items(("topology", "links"), topology.get("links"))):
        _read_link(reading, number, _mapping(link), nodes)
    devices = tuple(_devices(reading)) if not reading.complaints else ()
    complaints = [*reading.complaints, *(each for startup in reading.startups.values() for each in startup.complaints)]
    if complaints:
        raise RefusedError(dict.fromkeys(complaints))
    left_out = [*reading.left_out, *(each for startup in reading.startups.values() for each in startup.left_out)]
    title = str(value.get("name", path.name))
    return Draft(title=title, source=f"containerlab's {path}", devices=devices, left_out=tuple(dict.fromkeys(left_out)))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _sections(topology: Mapping[str, Any], name: str) -> dict[Key, Mapping[str, Any]]:
    """Return what is said of a node, by its place: of all nodes, of its kind, of its group, and of itself."""
    defaults, node = (_mapping(topology.get(key)) for key in ("defaults", "nodes"))
    node = _mapping(node.get(name))
    group = str(node.get("group", defaults.get("group", "")))
    of_group = _mapping(_mapping(topology.get("groups")).get(group))
    kind = str(node.get("kind", of_group.get("kind", defaults.get("kind", ""))))
    of_kind = _mapping(_mapping(topology.get("kinds")).get(kind))
    return {
        ("topology", "defaults"): defaults,
        ("topology", "kinds", kind): of_kind,
        ("topology", "groups", group): of_group,
        ("topology", "nodes", name): {**node, "kind": kind},
    }


def _read_node(reading: _Reading, name: str, sections: Mapping[Key, Mapping[str, Any]]) -> None:
    startup = reading.startups[name] = Startup()
    for base, section in sections.items():
        startup.sysctls |= {key: str(value) for key, value in _mapping(section.get("sysctls")).items()}
        for number, command in enumerate(reading.items((*base, "exec"), section.get("exec"))):
            startup.read(str(command), reading.document.span((*base, "exec", number)))
        for number, bind in enumerate(reading.items((*base, "binds"), section.get("binds"))):
            _read_bind(reading, name, (*base, "binds", number), str(bind))
        if startup.bridges or section.get("kind") in _SWITCHES:
            reading.switches.add(name)


def _read_bind(reading: _Reading, name: str, at: Key, bind: str) -> None:
    source, target, *_ = [*bind.split(":"), ""]
    path = Path(reading.document.file).parent / source
    folder = Path(target) == _CONFIG.parent and (path / _CONFIG.name).is_file()
    path = path / _CONFIG.name if folder else path
    if folder or Path(target) == _CONFIG:
        try:
            reading.configs[name] = (path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError):
            hint = "the path of a keepalived.conf beside the topology"
            reading.complain(at, f"{path} cannot be read", hint)
    elif target != DAEMON_SCRIPT:  # a router of a lab has its own
        reading.left_out.append(f"{reading.document.span(at)}: {bind}")


def _read_link(reading: _Reading, number: int, link: Mapping[str, Any], nodes: Mapping[str, Any]) -> None:
    path: Key = ("topology", "links", number)
    ends = reading.items((*path, "endpoints"), link.get("endpoints")) or [link.get("endpoint")]
    outside = link.get("type") in _OUTSIDE or any(
        _node_of(end) in _OUTSIDE for end in ends if _node_of(end) not in nodes
    )
    if outside:
        reading.left_out.append(f"{reading.document.span(path)}: a link that leaves the lab")
        return
    if len(ends) != 2:
        hint = '`endpoints: ["server1:eth1", "lan:eth1"]`'
        reading.complain(path, "a link has two endpoints", hint)
        return
    addresses = [*reading.items((*path, "ipv4"), link.get("ipv4")), "", ""]
    found = []
    for position, end in enumerate(ends):
        at: Key = (*path, "endpoints", position)
        node, interface = _node_of(end), _interface_of(end)
        if node not in nodes:
            reading.complain(at, f"no node '{node}'", did_you_mean(node, nodes))
        elif not interface:
            reading.complain(at, f"an endpoint of {node} without an interface", f"`{node}:eth1`")
        else:
            address = str(_mapping(end).get("ipv4", addresses[position]))
            span = reading.document.span(at)
            found.append(_End(node=node, interface=interface, span=span, address=address))
    if len(found) == 2:
        reading.links.append((found[0], found[1]))


def _node_of(end: object) -> str:
    return str(_mapping(end).get("node", "")) if isinstance(end, dict) else str(end).partition(":")[0]


def _interface_of(end: object) -> str:
    return str(_mapping(end).get("interface", "")) if isinstance(end, dict) else str(end).partition(":")[2]


def _segments(reading: _Reading) -> list[str]:
    """Return the segment of each link: of switches that are connected it is the one whose first switch is named."""
    leader = {switch: switch for switch in reading.startups if switch in reading.switches}
    for one, other in reading.links:
        if one.node in leader and other.node in leader:
            old, new = leader[other.node], leader[one.node]
            leader = {switch: new if led == old else led for switch, led in leader.items()}
    names: list[str] = []
    for one, other in reading.links:
        switch = leader.get(one.node) or leader.get(other.node)
        name = switch or f"{one.node}-{other.node}"
        while not switch and name in (*names, *leader):
            name += "x"
        names.append(name)
    return names


def _devices(reading: _Reading) -> Iterator[Device]:
    ports: dict[str, list[Port]] = {name: [] for name in reading.startups}
    for (one, other), segment in zip(reading.links, _segments(reading), strict=True):
        for end in (one, other):
            ports[end.node].append(_port(reading, end, segment))
    for name, startup in reading.startups.items():
        if name not in reading.switches:
            yield Device(
                source_name=name,
                span=reading.document.span(("topology", "nodes", name)),
                ports=tuple(sorted(ports[name], key=lambda port: natural(port.interface))),
                gateway=startup.gateway,
                loopback=tuple(startup.loopback),
                sysctls=tuple(startup.sysctls.items()),
                config=reading.configs.get(name),
            )


def _port(reading: _Reading, end: _End, segment: str) -> Port:
    address, span = reading.startups[end.node].addresses.get(end.interface, (None, None))
    if address is None and end.address:
        try:
            address, span = IPv4Interface(end.address), end.span
        except ValueError:
            message = f"'{end.address}' is no IPv4 address"
            hint = "one with its prefix, such as 192.168.1.21/24"
            reading.complaints.append(Diagnostic(span=end.span, message=message, hint=hint))
    return Port(interface=end.interface, segment=segment, span=end.span, address=address, address_span=span)


def topology_file(folder: Path) -> Path:
    """Return the one topology file of a folder.

    Raises:
        LabkitError: there is none, or there are several.
    """
    found = sorted([*folder.glob("*.clab.yml"), *folder.glob("*.clab.yaml")])
    if len(found) == 1:
        return found[0]
    several = f"; it has {', '.join(path.name for path in found)}: name one" if found else ""
    raise LabkitError(f"{folder} holds neither a lab.conf (Kathará) nor one *.clab.yml (containerlab){several}")
