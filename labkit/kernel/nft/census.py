"""Who has how many connections: counted from connection tracking (NAT) and from the sets of the rules (DR).

With NAT the kernel's connection tracking knows each connection and its state; with DR replies do not come by here, so
that a connection is known by the client's packets alone: active until the first FIN or RST, then inactive for the time
that IPVS gives it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

from labkit.kernel.nft.memory import ACTIVE_STATES, Element, Memory
from labkit.kernel.nft.rules import Entry, Load, Place
from labkit.kernel.nft.tables import TAG, TAG_MASK
from labkit.lvs.model import Address, Connection, Destination, Endpoint, Protocol, ServiceKey


class Census:
    """Counts what `memory` remembers."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def loads(self, places: Sequence[Place], before: Mapping[int, Load]) -> dict[int, Load]:
        """Return the connections of every real server of some services; `before` says who was full."""
        tracked: dict[str, tuple[Counter[int], Counter[int]]] = {}
        found = {}
        for place in places:
            if place.nat and place.family not in tracked:
                tracked[place.family] = self._tracked(place.family)
            for entry in place.entries:
                if place.nat:
                    active, inactive = (counted[entry.mark] for counted in tracked[place.family])
                else:
                    active, inactive = self._remembered(place, entry)
                was_full = before.get(entry.mark, Load()).full
                full = is_full(entry.destination, active + inactive, was_full=was_full)
                found[entry.mark] = Load(active, inactive, full)
        return found

    def _tracked(self, family: str) -> tuple[Counter[int], Counter[int]]:
        active: Counter[int] = Counter()
        inactive: Counter[int] = Counter()
        for one in self._memory.tracked(family, TAG, TAG_MASK):
            (active if one.state in ACTIVE_STATES else inactive)[one.mark] += 1
        return active, inactive

    def _remembered(self, place: Place, entry: Entry) -> tuple[int, int]:
        going_on, ending = (len(self._memory.elements(place.table, f"{name}{entry.mark}")) for name in "az")
        is_tcp = place.service.key.protocol is Protocol.TCP
        return (going_on, ending) if is_tcp else (0, going_on + ending)

    def persistent(self, place: Place) -> Counter[int]:
        """Return how many clients are bound to each real server of a service."""
        return Counter(one.value for one in self._clients(place))

    def _clients(self, place: Place) -> list[Element]:
        if place.service.persistence_s is None:
            return []
        return self._memory.elements(place.table, place.clients)

    # --- every one of them --------------------------------------------------------------------------------------------

    def connections(self, places: Iterable[Place]) -> Iterator[Connection]:
        """Yield the connections and the persistent clients of some services."""
        nat_families = set()
        for place in places:
            yield from self._persistent_clients(place)
            if place.nat:
                nat_families.add(place.family)
            else:
                for entry in place.entries:
                    yield from self._handed_on(place, entry)
        for family in sorted(nat_families):
            yield from self._translated(family)

    def _translated(self, family: str) -> Iterator[Connection]:
        for one in self._memory.tracked(family, TAG, TAG_MASK):
            protocol, client, virtual, server = one.ends
            yield Connection(
                protocol=protocol,
                expires_s=one.expires_s,
                state=one.state,
                client=client,
                virtual=virtual,
                server=server,
            )

    def _handed_on(self, place: Place, entry: Entry) -> Iterator[Connection]:
        key, destination = place.service.key, entry.destination
        for name, state in (("a", "ESTABLISHED"), ("z", "FIN_WAIT")):
            for one in self._memory.elements(place.table, f"{name}{entry.mark}"):
                address, ports = _split(one.key, key.family)
                yield Connection(
                    protocol=key.protocol,
                    expires_s=int(one.expires_s),
                    state=state if key.protocol is Protocol.TCP else "UDP",
                    client=Endpoint(address=address, port=ports[0]),
                    virtual=Endpoint(address=_shown(key), port=key.port or ports[-1]),
                    server=Endpoint(address=destination.address, port=destination.port or key.port or ports[-1]),
                )

    def _persistent_clients(self, place: Place) -> Iterator[Connection]:
        key = place.service.key
        servers = {entry.mark: entry.destination for entry in place.entries}
        for one in self._clients(place):
            if one.value in servers:
                server = servers[one.value]
                yield Connection(
                    protocol=key.protocol,
                    expires_s=int(one.expires_s),
                    state="NONE",
                    client=Endpoint(address=_split(one.key, key.family)[0], port=0),
                    virtual=Endpoint(address=_shown(key), port=key.port),
                    server=Endpoint(address=server.address, port=server.port),
                )

    def close(self) -> None:
        """Let go of the kernel."""
        self._memory.close()


def is_full(destination: Destination, connections: int, *, was_full: bool) -> bool:
    """Return whether a real server is to get no more connections, as IPVS decides it.

    At `upper` it is full, until there are fewer than `lower`, or without that fewer than three quarters of `upper`.
    """
    if not destination.upper:
        return False
    if connections >= destination.upper:
        return True
    if not was_full:
        return False
    if destination.lower:
        return connections >= destination.lower
    return connections * 4 >= destination.upper * 3


def _split(key: bytes, family: int) -> tuple[Address, list[int]]:
    """Return the address and the ports of an element's key; each has a register of four bytes or some."""
    size = 4 if family == 4 else 16
    address = IPv4Address(key[:4]) if family == 4 else IPv6Address(key[:16])
    return address, [int.from_bytes(key[place : place + 2]) for place in range(size, len(key), 4)]


def _shown(key: ServiceKey) -> Address:
    """Return a service's address, or its firewall mark in the shape of one, as IPVS shows it."""
    if key.address is not None:
        return key.address
    return IPv4Address(key.fwmark) if key.family == 4 else IPv6Address(key.fwmark)
