"""A topology as it was read from another tool, and what is written of it: a lab.yml and its templates.

What a lab needs and the other tool does not say is chosen: the address of an interface, the network of a segment.  Each
choice is told, as is what was left out.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

from labkit.conf import loader as conf
from labkit.diagnostics import Diagnostic, LabkitError, RefusedError, Span
from labkit.lab import loader
from labkit.lab.provider import File

_PLAIN = re.compile(r"[A-Za-z0-9]([\w ./()-]*[\w.)])?")
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
    """A machine by the name that it has there; `config` is its keepalived.conf and the name of that file."""

    source_name: str
    span: Span
    ports: tuple[Port, ...]
    gateway: IPv4Address | None = None
    loopback: tuple[IPv4Address, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    config: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """The name of its node."""
        return host_name(self.source_name)


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
    """Return the name that a node of a lab may have: letters, digits and hyphens between them, at most 32."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).lstrip("-")[:32].rstrip("-") or "node"


def natural(name: str) -> tuple[tuple[str, int], ...]:
    """Return what sorts eth2 before eth10."""
    return tuple((word, int(number or 0)) for word, number in re.findall(r"(\D+|^)(\d*)", name))


def write(draft: Draft) -> tuple[tuple[File, ...], list[str]]:
    """Return the files of the lab, and what was chosen, in words.

    Raises:
        RefusedError: the topology is none that a lab can have, or a keepalived.conf is wrong; holds everything found.
        LabkitError: it has no machine.
    """
    if not draft.devices:
        raise LabkitError(f"{draft.source} has no machine, and a lab has at least one")
    addressing = _address(draft)
    vip, wrong = _virtual_address(draft)
    complaints = [*_names(draft), *addressing.complaints, *wrong]
    if complaints:
        raise RefusedError(complaints)
    lines = list(_lines(draft, addressing, vip))
    text = "".join(f"{line}\n" for line, _ in lines)
    _check(text, {number: span for number, (_, span) in enumerate(lines, 1) if span})
    files = [File(path="lab.yml", text=text)]
    configs = {device.name: device.config[0] for device in draft.devices if device.config}
    if configs:
        files.append(File(path="templates/keepalived.conf.j2", text="{% include node.name ~ '.conf' %}\n"))
        files += [File(path=f"templates/{name}.conf", text=_verbatim(text)) for name, text in configs.items()]
    renamed = [
        f"{one.span}: {one.source_name} cannot be the name of a host; {one.name} is taken"
        for one in draft.devices
        if one.name != one.source_name
    ]
    return tuple(files), [*renamed, *addressing.chosen]


def _check(text: str, spans: Mapping[int, Span]) -> None:
    """See that `text` is a lab; `spans` says of its lines what they were made of, the first what all of it was.

    Raises:
        RefusedError: it is none; each complaint has the place in the source.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lab.yml")
        path.write_text(text, encoding="utf-8")
        try:
            loader.load(path, name="imported")
        except RefusedError as error:
            first = next(iter(spans.values()))
            complaints = [replace(each, span=spans.get(each.span.line, first)) for each in error.diagnostics]
            raise RefusedError(complaints) from error


def _verbatim(text: str) -> str:
    """Return a template that renders to `text`."""
    return re.sub(r"\{[{%#]", r"{{ '\g<0>' }}", text.removesuffix("\n")) + "\n"


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
        interfaces: dict[str, Span] = {}
        for port in device.ports:
            if interfaces.setdefault(port.interface, port.span) is not port.span:
                message = f"{port.interface} of {device.name} is connected twice"
                hint = f"another interface; the first is at line {interfaces[port.interface].line}"
                yield Diagnostic(span=port.span, message=message, hint=hint)


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


def _lines(draft: Draft, addressing: _Addressing, vip: IPv4Address | None) -> Iterator[tuple[str, Span | None]]:
    """Yield the lines of lab.yml, those that may be wrong with the place of what they were made of."""
    yield f"# from {' '.join(draft.source.split())}", None
    yield from ((line, None) for line in (f"title: {_word(draft.title)}", "", "networks:"))
    spans = {port.segment: port.span for device in draft.devices for port in device.ports}
    for name, network in addressing.networks.items():
        yield f"  {_word(name)}: {{subnet: {network}}}", spans[name]
    yield from (("", None), ("nodes:", None))
    for device in draft.devices:
        yield from _device(device, addressing)
    if any(device.config for device in draft.devices):
        yield from ((line, None) for line in _ROLE.splitlines())
    if vip:
        yield from ((line, None) for line in ("", "vars:", f"  vip: {vip}"))


def _device(device: Device, addressing: _Addressing) -> Iterator[tuple[str, Span]]:
    yield f"  {device.name}:", device.span
    yield f"    role: {'router' if device.config else 'client'}", device.span
    yield "    links:", device.span
    for port in device.ports:
        address = addressing.addresses[device.name, port.interface]
        text = f"      {_word(port.interface)}: {{network: {_word(port.segment)}, address: {address}}}"
        yield text, port.address_span or port.span
    if device.gateway:
        yield f"    gateway: {device.gateway}", device.span
    if device.loopback:
        yield f"    loopback: [{', '.join(map(str, device.loopback))}]", device.span
    if device.sysctls:
        yield "    sysctls:", device.span
    for name, value in device.sysctls:
        yield f"      {_word(name)}: {json.dumps(value)}", device.span


def _word(text: str) -> str:
    """Return what YAML reads as `text`."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
