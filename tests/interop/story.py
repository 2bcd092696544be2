"""What happened to each host, without times: the part of a run that must be the same with either program."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from tests.interop.network import Host, Network
from tests.interop.program import Program

Facets: TypeAlias = dict[str, dict[str, object]]  # facet -> subject -> what it did
Story: TypeAlias = dict[int, Facets]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs:
    """Where ours does something else on purpose: a subject of a facet on one host, what ours does, and why."""

    host: int
    facet: str
    subject: str
    ours: object
    why: str


def advertised(host: int, vrid: int = 21, interface: str = "eth0", version: int = 3) -> str:
    """The subject of the facet `priorities` for multicast over IPv4."""
    return f"{interface} v{version} vrid {vrid} 192.168.{int(interface[3:]) + 1}.{20 + host} > 224.0.0.18"


def tell(programs: Mapping[int, Program], network: Network) -> Story:
    """Return the story of every host with a program."""
    return {
        number: {
            "states": _sequences(program.entered()),
            "groups": _sequences(program.synced()),
            "held": _held(network.hosts[number]),
            "priorities": _priorities(number, network),
            "announced": _announced(number, network),
            "notified": {"script": tuple(sorted(program.notifications)), "fifo": tuple(program.fifo.splitlines())},
            "noted": dict(program.noted),
        }
        for number, program in programs.items()
    }


def _sequences(pairs: list[tuple[str, str]]) -> dict[str, object]:
    names = dict.fromkeys(name for name, _ in pairs)
    return {name: " ".join(state for other, state in pairs if other == name) for name in names}


def _held(host: Host) -> dict[str, object]:
    """How each address came (+) and went (-)."""
    events = [(str(event.address), "+" if event.present else "-") for event in host.history]
    signs: dict[str, list[str]] = {}
    for address, sign in events:
        signs.setdefault(address, []).append(sign)
    return {address: "".join(sign for sign, _ in groupby(found)) for address, found in signs.items()}


def _priorities(number: int, network: Network) -> dict[str, object]:
    """The priorities that a host advertised, each run of the same one once."""
    found: dict[str, list[int]] = {}
    for frame in network.frames:
        if frame.host == number and (advert := frame.advert):
            subject = f"{frame.interface} v{advert.version} vrid {advert.vrid} {advert.source} > {advert.destination}"
            found.setdefault(subject, []).append(advert.priority)
    return {subject: tuple(priority for priority, _ in groupby(every)) for subject, every in found.items()}


def _announced(number: int, network: Network) -> dict[str, object]:
    """How many gratuitous ARPs or neighbour advertisements a host sent for each address, and from which address."""
    own = {str(interface.ip) for eth in range(4) for interface in _own(network.hosts[number], f"eth{eth}")}
    found = Counter(
        f"{frame.interface} {frame.lladdr} {frame.announced}"
        for frame in network.frames
        if frame.host == number and frame.announced and frame.announced not in own
    )
    return dict(found)


def _own(host: Host, interface: str) -> tuple[object, ...]:
    return host.address(interface), host.address6(interface)


def compare(
    reference: Story, story: Story, casting: tuple[str, ...], loose: frozenset[str], differs: tuple[Differs, ...]
) -> str:
    """Return in words where a story is not the reference, or nothing."""
    complaints = []
    for number, program in enumerate(casting, 1):
        for facet, expected in reference[number].items():
            if facet in loose or f"{facet} {number}" in loose:
                continue
            wanted = dict(expected)
            if program == "ours":
                wanted |= {d.subject: d.ours for d in differs if (d.host, d.facet) == (number, facet)}
            wanted = {subject: value for subject, value in wanted.items() if value is not None}
            if (found := story[number][facet]) != wanted:
                complaints.append(f"host {number} ({program}) {facet}: {found}, not {wanted}")
    return "\n".join(complaints)
