"""lab.yml: text to `Topology`, with every complaint placed at its line and column.

A variant is a mapping laid over the rest of the file, key by key.  The shape is checked by pydantic against the
dataclasses below; what goes across (an address outside its network, two nodes with one address) is checked here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError, ValidationInfo, WithJsonSchema
from pydantic.dataclasses import dataclass as checked

from labkit.diagnostics import Diagnostic, RefusedError, did_you_mean
from labkit.lab.document import Document, Key, read_yaml, variants_of
from labkit.lab.topology import Daemon, Link, Network, Node, Role, Topology
from labkit.trace import Value

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
_INTERFACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
_SYSCTL = re.compile(r"net(\.[A-Za-z0-9_-]+)+")
_STRICT = ConfigDict(extra="forbid")
_NOWHERE: Final = IPv4Address(0)


def _named(word: object, info: ValidationInfo) -> object:
    """Return the value of the variable of that name, where there is one."""
    return info.context.get(word, word) if isinstance(word, str) and info.context else word


_Address: TypeAlias = Annotated[IPv4Address, BeforeValidator(_named), WithJsonSchema({"type": "string"})]
"""An address, or the variable of the lab that holds it."""

_Gateway: TypeAlias = Annotated[_Address, BeforeValidator(lambda word: _NOWHERE if word == "none" else word)]
"""An address; `none` is how a variant takes away what its role or the rest of the file says."""

_Owners: TypeAlias = dict[tuple[str, IPv4Address], tuple[str, str]]
"""Who has an address on a network: node and interface."""

NEEDS: Final = ("ipvs", "netem", "macvlan")
"""What a lab may need of the kernel that not every machine has."""

SERVICES: Final = ("web",)
"""What may be started besides the daemon."""


@checked(config=_STRICT)
class NetworkFile:
    """`networks: {NAME: ...}`."""

    subnet: IPv4Network


@checked(config=_STRICT)
class LinkFile:
    """`links: {INTERFACE: ...}` of a node."""

    network: str
    address: IPv4Address


@checked(config=_STRICT)
class NodeFile:
    """`nodes: {NAME: ...}`; what a role says is taken where the node itself says nothing."""

    links: dict[str, LinkFile]
    role: Role
    daemon: Daemon = Daemon.LABKIT
    gateway: _Gateway | None = None
    loopback: list[_Address] | None = None
    sysctls: dict[str, str] = field(default_factory=dict)
    vars: dict[str, str] = field(default_factory=dict)


@checked(config=_STRICT)
class RoleFile:
    """`roles: {router: ...}`: what every node of a role gets where it says nothing itself.

    `files` are path: template, `services` what is started.
    """

    files: dict[str, str] = field(default_factory=dict)
    services: list[str] = field(default_factory=list)
    gateway: _Gateway | None = None
    loopback: list[_Address] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=dict)


@checked(config=_STRICT)
class LabFile:
    """A whole lab.yml after a variant was laid over it."""

    title: str
    networks: dict[str, NetworkFile]
    nodes: dict[str, NodeFile]
    roles: dict[Role, RoleFile] = field(default_factory=dict)
    vars: dict[str, str] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)

    def gateway(self, node: NodeFile) -> IPv4Address | None:
        """The default route's next hop: the node's own word, or its role's."""
        chosen = node.gateway or self.roles.get(node.role, RoleFile()).gateway
        return None if chosen == _NOWHERE else chosen


def _lay_over(base: object, over: object) -> object:
    if isinstance(base, dict) and isinstance(over, dict):
        merged = dict(base)
        for key, value in over.items():
            merged[key] = _lay_over(base[key], value) if key in base else value
        return merged
    return over


def load(path: Path, *, name: str, variant: str | None = None, settings: Mapping[str, str] | None = None) -> Topology:
    """Load a lab file with one of its variants; `settings` replace variables of the file.

    Raises:
        RefusedError: the file, the variant or a setting is wrong; holds everything found.
    """
    document = read_yaml(path)
    if not isinstance(document.value, dict):
        raise RefusedError([document.complain((), "a lab file is a mapping", "start with `title:` and `networks:`")])
    value = dict(document.value)
    variants = variants_of(document)
    chosen = variant or next(iter(variants))
    if chosen not in variants:
        hint = did_you_mean(chosen, variants)
        raise RefusedError([document.complain(("variants",), f"lab {name} has no variant '{chosen}'", hint)])
    laid = value.pop("variants", {})
    if not isinstance(laid, dict):
        raise RefusedError([document.complain(("variants",), "`variants` is a mapping", "`variants: {NAME: {...}}`")])
    over = laid.get(chosen) or {}  # a variant that changes nothing may be left empty
    if not isinstance(over, dict):
        hint = "what is laid over the rest, such as `vars: {...}`"
        raise RefusedError([document.complain(("variants", chosen), f"variant '{chosen}' is a mapping", hint)])
    base: Key = ("variants", chosen)
    lab = _validate(document, _lay_over(value, over), base, settings or {})
    unknown = [key for key in settings or {} if key not in lab.vars]
    if unknown:
        hint = did_you_mean(unknown[0], lab.vars)
        raise RefusedError([document.complain(("vars",), f"lab {name} has no variable '{unknown[0]}'", hint)])
    complaints = list(_cross_check(document, lab, base))
    if complaints:
        raise RefusedError(complaints)
    return _topology(lab, name, chosen, settings or {})


def _where(document: Document, base: Key, path: Key) -> Key:
    """A thing may stand in the variant or in the main part of the file; prefer the place where it really is."""
    in_variant = (*base, *path)
    return in_variant if in_variant in document.marks else path


def _validate(document: Document, value: object, base: Key, settings: Mapping[str, str]) -> LabFile:
    variables = value.get("vars") if isinstance(value, dict) else None
    variables = {**variables, **settings} if isinstance(variables, dict) else {}
    try:
        return TypeAdapter(LabFile).validate_python(value, context=variables)
    except ValidationError as error:
        complaints = []
        for problem in error.errors():
            path = tuple(step for step in problem["loc"] if step != "[key]")
            complaints.append(
                document.complain(_where(document, base, path), *_sentence(problem["type"], path, problem))
            )
        raise RefusedError(sorted(complaints, key=lambda complaint: complaint.span)) from error


_KEYS = {
    0: (*LabFile.__dataclass_fields__, "variants"),
    "networks": tuple(NetworkFile.__dataclass_fields__),
    "nodes": tuple(NodeFile.__dataclass_fields__),
    "links": tuple(LinkFile.__dataclass_fields__),
    "roles": tuple(RoleFile.__dataclass_fields__),
}


def _sentence(kind: str, path: Key, problem: Mapping[str, object]) -> tuple[str, str]:
    last = next((step for step in reversed(path) if isinstance(step, str)), "")
    block = next((str(step) for step in reversed(path[:-2]) if step in _KEYS), 0) if len(path) > 2 else 0
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"unknown key '{last}'", did_you_mean(last, _KEYS[block])
    if kind in ("missing", "missing_argument"):
        return f"'{last}' is missing", f"add `{last}: ...` here"
    given = problem.get("input")
    shown = f" ('{given}')" if isinstance(given, str) else ""
    return f"{last}{shown}: {str(problem['msg'])[0].lower()}{str(problem['msg'])[1:]}", _EXPECTED.get(
        last, "see docs/labs.md"
    )


_EXPECTED = {
    "subnet": "an IPv4 network such as 192.168.1.0/24",
    "address": "an IPv4 address such as 192.168.1.21, without a prefix",
    "gateway": "an IPv4 address such as 192.168.1.1, a variable that holds one, or none",
    "loopback": "IPv4 addresses such as 192.168.1.20, or variables that hold one",
    "role": "one of: router, client, server",
    "daemon": "one of: labkit, keepalived, frr",
}


def _cross_check(document: Document, lab: LabFile, base: Key) -> Iterator[Diagnostic]:
    owners: _Owners = {}
    if not lab.nodes:
        yield document.complain(("nodes",), "a lab has at least one node", "add one under `nodes:`")
    for role, shared in lab.roles.items():
        yield from _check_sysctls(document, base, ("roles", role.value, "sysctls"), shared.sysctls)
        for number, service in enumerate(shared.services):
            if service not in SERVICES:
                path = _where(document, base, ("roles", role.value, "services", number))
                yield document.complain(path, f"a node has no service '{service}'", did_you_mean(service, SERVICES))
    for number, need in enumerate(lab.needs):
        if need not in NEEDS:
            path = _where(document, base, ("needs", number))
            yield document.complain(path, f"a lab cannot need '{need}'", did_you_mean(need, NEEDS))
    for name, node in lab.nodes.items():
        if not _HOST.fullmatch(name):
            path = _where(document, base, ("nodes", name))
            hint = "letters, digits and hyphens between them, at most 32"
            yield document.complain(path, f"'{name}' is no host name", hint)
        if not node.links:
            path = _where(document, base, ("nodes", name, "links"))
            yield document.complain(path, f"{name} is on no network", "add `eth0: {network: ..., address: ...}`")
        yield from _check_gateway(document, lab, base, name, node)
        yield from _check_sysctls(document, base, ("nodes", name, "sysctls"), node.sysctls)
        yield from _check_links(document, lab, base, name, owners)


def _check_links(document: Document, lab: LabFile, base: Key, name: str, owners: _Owners) -> Iterator[Diagnostic]:
    for interface, link in lab.nodes[name].links.items():
        path = _where(document, base, ("nodes", name, "links", interface))
        if not _INTERFACE.fullmatch(interface) or interface == "lo":
            yield document.complain(path, f"'{interface}' is no interface name", "at most 15 letters such as eth0")
        network = lab.networks.get(link.network)
        if network is None:
            yield document.complain(
                (*path, "network"), f"no network '{link.network}'", did_you_mean(link.network, lab.networks)
            )
        elif wrong := _wrong_address(link.address, link.network, network.subnet):
            yield document.complain((*path, "address"), *wrong)
        owner = owners.setdefault((link.network, link.address), (name, interface))
        if owner != (name, interface):
            message = f"{link.address} belongs to {owner[0]} already"
            yield document.complain((*path, "address"), message, f"another address for {name}")


def _wrong_address(address: IPv4Address, network: str, subnet: IPv4Network) -> tuple[str, str] | None:
    if address not in subnet:
        return f"{address} is not in network {network} ({subnet})", f"an address of {subnet}"
    if subnet.prefixlen < 31 and address in (subnet.network_address, subnet.broadcast_address):
        return f"{address} stands for all of network {network} ({subnet})", "an address between its first and its last"
    return None


def _check_gateway(document: Document, lab: LabFile, base: Key, name: str, node: NodeFile) -> Iterator[Diagnostic]:
    subnets = [lab.networks[link.network].subnet for link in node.links.values() if link.network in lab.networks]
    gateway = lab.gateway(node)
    if gateway and not any(gateway in subnet for subnet in subnets):
        whose: Key = ("nodes", name) if node.gateway else ("roles", node.role.value)
        hint = f"an address of {' or '.join(map(str, subnets))}"
        path = _where(document, base, (*whose, "gateway"))
        yield document.complain(path, f"{gateway} is on no network of {name}", hint)


def _check_sysctls(document: Document, base: Key, path: Key, sysctls: Mapping[str, str]) -> Iterator[Diagnostic]:
    for name in sysctls:
        if not _SYSCTL.fullmatch(name):
            hint = "one of its network, by its name with dots, such as net.ipv4.ip_forward"
            yield document.complain(_where(document, base, (*path, name)), f"'{name}' is no setting of a node", hint)


def _topology(lab: LabFile, name: str, variant: str, settings: Mapping[str, str]) -> Topology:
    variables: dict[str, Value] = {**lab.vars, **settings}
    nodes = []
    for number, (node_name, node) in enumerate(lab.nodes.items(), 1):
        role = lab.roles.get(node.role, RoleFile())
        links = tuple(
            Link(
                interface=interface,
                network=link.network,
                address=IPv4Interface((link.address, lab.networks[link.network].subnet.prefixlen)),
                lladdr=b"\x02\0" + position.to_bytes(2, "big") + number.to_bytes(2, "big"),
            )
            for position, (interface, link) in enumerate(node.links.items())
        )
        nodes.append(
            Node(
                name=node_name,
                role=node.role,
                links=links,
                daemon=node.daemon,
                gateway=lab.gateway(node),
                loopback=tuple(dict.fromkeys(role.loopback if node.loopback is None else node.loopback)),
                sysctls=tuple({**role.sysctls, **node.sysctls}.items()),
                services=tuple(role.services),
                templates=tuple(role.files.items()),
                variables=dict(node.vars),
            )
        )
    networks = tuple(Network(name=each, subnet=network.subnet) for each, network in lab.networks.items())
    return Topology(
        name=name,
        variant=variant,
        title=lab.title,
        networks=networks,
        nodes=tuple(nodes),
        variables=variables,
        needs=tuple(lab.needs),
    )
