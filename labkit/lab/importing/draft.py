"""A topology as it was read from another tool, and what is written of it: a lab.yml and its templates.

What a lab needs and the other tool does not say is chosen: the address of an interface, the network of a segment.  Each
choice is told, as is what was left out.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from labkit.conf import loader as conf
from labkit.diagnostics import Diagnostic, RefusedError, Span
from labkit.lab.provider import File

_PLAIN = re.compile(r"[A-Za-z][\w .,;()/-]*")
_ROLE = """\

roles:
  router:
    files:
      /etc/keepalived/keepalived.conf: keepalived.conf.j2
      /etc/init.d/keepalived: init.d-keepalived.j2
      /usr/local/bin/pykeepalived: pykeepalived.j2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An interface and the segment that it is on; `address` as the machine's own commands give it."""

    interface: str
    segment: str
    span: Span
    address: IPv4Interface | None = None
    address_span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A machine; `config` is its keepalived.conf and the name of that file."""

    name: str
    span: Span
    ports: tuple[Port, ...]
    gateway: IPv4Address | None = None
    loopback: tuple[IPv4Address, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    config: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """All that was read."""

    title: str
    source: str
    devices: tuple[Device, ...]
    left_out: tuple[str, ...] = ()


@dataclass(slots=True)
class _Addressing:
    """The networks of the segments, and who has which address there."""

    networks: dict[str, IPv4Network] = field(default_factory=dict)
    addresses: dict[tuple[str, str], IPv4Address] = field(default_factory=dict)
    chosen: list[str] = field(default_factory=list)
    complaints: list[Diagnostic] = field(default_factory=list)


def host_name(name: str) -> str:
    """Return the name that a node of a lab may have: letters, digits and hyphens, at most 32."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:32] or "node"


def natural(name: str) -> tuple[tuple[str, int], ...]:
    """Return what sorts eth2 before eth10."""
    return tuple((word, int(number or 0)) for word, number in re.findall(r"(\D+|^)(\d*)", name))


def write(draft: Draft) -> tuple[tuple[File, ...], list[str]]:
    """Return the files of the lab, and what was chosen, in words.

    Raises:
        RefusedError: the topology is none that a lab can have, or a keepalived.conf is wrong; holds everything found.
    """
    addressing = _address(draft)
    vip, wrong = _virtual_address(draft)
    complaints = [*_names(draft), *addressing.complaints, *wrong]
    if complaints:
        raise RefusedError(complaints)
    files = [File(path="lab.yml", text=_lab(draft, addressing, vip))]
    configs = {device.name: device.config[0] for device in draft.devices if device.config}
    if configs:
        files.append(File(path="templates/keepalived.conf.j2", text="{% include node.name ~ '.conf' %}\n"))
        files += [File(path=f"templates/{name}.conf", text=_verbatim(text)) for name, text in configs.items()]
    return tuple(files), addressing.chosen


def _verbatim(text: str) -> str:
    """Return a template that renders to `text`."""
    text = text.removesuffix("\n")
    return f"{{% raw %}}{text}\n{{% endraw %}}\n" if re.search(r"\{[{%#]", text) else f"{text}\n"


def _names(draft: Draft) -> Iterator[Diagnostic]:
    seen: dict[str, Span] = {}
    for device in draft.devices:
        first = seen.setdefault(device.name, device.span)
        if first is not device.span:
            message = f"'{device.name}' is the name of two machines, once its signs are those of a host name"
            yield Diagnostic(span=device.span, message=message, hint=f"rename one; the other is at line {first.line}")
        if not device.ports:
            message = f"{device.name} is on no network"
            yield Diagnostic(span=device.span, message=message, hint="connect it, or take it out")


def _address(draft: Draft) -> _Addressing:
    found = _Addressing()
    ports = [(device, port) for device in draft.devices for port in device.ports]
    for device, port in ports:
        if port.address is not None:
            span = port.address_span or port.span
            network = found.networks.setdefault(port.segment, port.address.network)
            if network != port.address.network:
                message = f"{port.address} is of another network than others on segment {port.segment} ({network})"
                hint = f"an address of {network}: a segment of a lab has one IPv4 network"
                found.complaints.append(Diagnostic(span=span, message=message, hint=hint))
            found.addresses[device.name, port.interface] = port.address.ip
    taken = list(found.networks.values())
    for device, port in ports:
        if port.segment not in found.networks:
            network = _free_network(taken)
            taken.append(network)
            found.networks[port.segment] = network
            found.chosen.append(
                f"{port.span}: nothing is said of addresses on segment {port.segment}; {network} is taken"
            )
        if (device.name, port.interface) not in found.addresses:
            _choose(found, draft, device, port)
    return found


def _choose(found: _Addressing, draft: Draft, device: Device, port: Port) -> None:
    network = found.networks[port.segment]
    used = {
        found.addresses.get((other.name, each.interface))
        for other in draft.devices
        for each in other.ports
        if each.segment == port.segment
    } | {other.gateway for other in draft.devices}
    free = next((address for address in network.hosts() if address not in used), None)
    if free is None:
        message = f"no address is left for {device.name} on segment {port.segment} ({network})"
        found.complaints.append(Diagnostic(span=port.span, message=message, hint="a network with more addresses"))
        return
    found.addresses[device.name, port.interface] = free
    found.chosen.append(f"{port.span}: {device.name} has no address on {port.interface}; {free} is taken")


def _free_network(taken: list[IPv4Network]) -> IPv4Network:
    candidates = (IPv4Network((10 << 24 | number << 8, 24)) for number in range(1 << 16))
    return next(network for network in candidates if not any(network.overlaps(other) for other in taken))


def _virtual_address(draft: Draft) -> tuple[IPv4Address | None, list[Diagnostic]]:
    """Return the first virtual address of all files, and what is wrong in them."""
    vip: IPv4Address | None = None
    wrong: list[Diagnostic] = []
    for device in draft.devices:
        if device.config is not None:
            loaded = conf.loads(device.config[0], file=device.config[1], config_id=device.name)
            if loaded.config is None:
                wrong += loaded.diagnostics
                continue
            addresses = [each for instance in loaded.config.instances for each in instance.router.addresses]
            vip = vip or next((address for address in addresses if isinstance(address, IPv4Address)), None)
    return vip, wrong


def _lab(draft: Draft, addressing: _Addressing, vip: IPv4Address | None) -> str:
    title = draft.title if _PLAIN.fullmatch(draft.title) else json.dumps(draft.title, ensure_ascii=False)
    lines = [f"# from {draft.source}", f"title: {title}", "", "networks:"]
    lines += [f"  {name}: {{subnet: {network}}}" for name, network in addressing.networks.items()]
    lines += ["", "nodes:"]
    for device in draft.devices:
        lines += [f"  {device.name}:", f"    role: {'router' if device.config else 'client'}", "    links:"]
        lines += [
            f"      {port.interface}: {{network: {port.segment}, "
            f"address: {addressing.addresses[device.name, port.interface]}}}"
            for port in device.ports
        ]
        lines += [f"    gateway: {device.gateway}"] if device.gateway else []
        lines += [f"    loopback: [{', '.join(map(str, device.loopback))}]"] if device.loopback else []
        lines += ["    sysctls:"] if device.sysctls else []
        lines += [f"      {name}: {json.dumps(value)}" for name, value in device.sysctls]
    text = "\n".join(lines) + "\n"
    if any(device.config for device in draft.devices):
        text += _ROLE
    return text + (f"\nvars:\n  vip: {vip}\n" if vip else "")
