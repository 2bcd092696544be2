"""Keeps virtual services in nftables: from what a service was to what it is to be, one transaction a call."""

import time
import zlib
from collections.abc import Iterable

from labkit.kernel.nft import rules, tables
from labkit.kernel.nft.census import Census
from labkit.kernel.nft.helper import Nft, NftError
from labkit.kernel.nft.hops import Surroundings
from labkit.kernel.nft.memory import Memory
from labkit.kernel.nft.refusals import refusal
from labkit.kernel.nft.rules import Entry, Load, Place
from labkit.kernel.nft.slots import COUNTING
from labkit.kernel.nft.tables import TABLES, TAG
from labkit.lvs.model import (
    Change,
    Connection,
    Destination,
    DestinationReading,
    Forwarding,
    ServiceKey,
    ServiceReading,
    ServiceState,
)
from labkit.lvs.traffic import Traffic
from labkit.values import replace

_ATTENTIVE_S, _IDLE_S = 0.1, 1.0
_SHARE = 10  # of the time, one part at most is spent on counting connections


class NftPlane:
    """The nftables data plane of the network namespace in which this object is made."""

    def __init__(self) -> None:
        self._nft = Nft()
        self._surroundings = Surroundings()
        self._memory = Memory()
        self._census = Census(self._memory)
        self._devices: dict[str, int] = {}  # with their number in the kernel, as they were hooked last
        self._numbers: dict[str, int] = {}  # of the chains of interfaces; a name keeps its number
        self._places: dict[ServiceKey, Place] = {}
        self._bases: set[tuple[int, bool]] = set()
        self._loads: dict[int, Load] = {}

    def probe(self) -> None:
        """Try out everything that the rules need; what an earlier plane left serves on meanwhile.

        Raises:
            NftError: nftables is not there, or this kernel or user lacks something of it.
        """
        hooks = [
            line for device in self._surroundings.devices() for line in tables.hook(4, self._number(device), device)
        ]
        left = [line for nat in (True, False) for line in _replaced(TABLES[4, nat])]
        self._nft.check("\n".join((*left, tables.nat_base(4), tables.dr_base(4), *hooks)) + "\n")

    # --- services -----------------------------------------------------------------------------------------------------

    def refusal(self, state: ServiceState) -> str:
        """Return why this plane cannot do a service, in words; empty where it can."""
        return refusal(state)

    def apply(self, changes: Iterable[Change]) -> None:
        """Make changes, all of them or none.

        Raises:
            NftError: nftables refused them, or cannot do one of the services (`refusal`), or somebody else has deleted
                a table: what was in it is to be made again.
        """
        places = dict(self._places)
        bases = set(self._bases)
        commands: list[str] = []
        for change in changes:
            if change.new is None:
                if change.old is not None and (gone := places.pop(change.old.service.key, None)) is not None:
                    commands += _removal(gone)
                continue
            if reason := refusal(change.new):
                raise NftError(f"{change.new.service.key}: {reason}")
            key = change.new.service.key
            old = places.get(key)
            nat = _is_nat(change.new, old)
            if (key.family, nat) not in bases:
                bases.add((key.family, nat))
                commands += self._base(key.family, nat=nat)
            places[key], wanted = self._move(old, change.new, places, nat=nat)
            commands += wanted
        if commands:
            left = () if self._bases else TABLES.keys() - bases
            self._forget_deleted()
            self._nft.run("\n".join((*self._without(left), *commands)) + "\n")
        self._places, self._bases = places, bases

    def _without(self, bases: Iterable[tuple[int, bool]]) -> list[str]:
        """Return the commands that delete tables which an earlier plane left."""
        return [line for base in bases if self._memory.holds(TABLES[base]) for line in _replaced(TABLES[base])]

    def _forget_deleted(self) -> None:
        """Forget tables that are not there any more, and what was in them.

        Raises:
            NftError: there are such.
        """
        gone = {base: TABLES[base] for base in self._bases if not self._memory.holds(TABLES[base])}
        if not gone:
            return
        self._bases -= gone.keys()
        self._places = {key: place for key, place in self._places.items() if (key.family, place.nat) not in gone}
        raise NftError(f"somebody else deleted {' and '.join(sorted(gone.values()))} (nft list tables)")

    def _base(self, family: int, *, nat: bool) -> list[str]:
        """Return how a table is made, in place of what an earlier plane left: with NAT its connections go on."""
        replaced = _replaced(TABLES[family, nat])
        if nat:
            return [*replaced, tables.nat_base(family)]
        if not any(not nat for _, nat in self._bases):
            self._devices = self._surroundings.devices()
        hooks = [line for device in self._devices for line in tables.hook(family, self._number(device), device)]
        return [*replaced, tables.dr_base(family), *hooks]

    def _number(self, device: str) -> int:
        return self._numbers.setdefault(device, len(self._numbers))

    def _move(
        self, old: Place | None, new: ServiceState, places: dict[ServiceKey, Place], *, nat: bool
    ) -> tuple[Place, list[str]]:
        """Return a service's new place and how it gets there; connections of a real server that stays go on.

        The chains are rewritten where they are: a packet that is under way when the kernel changes over finds the old
        rules or the new ones, but would find nothing in a chain that is new.
        """
        if old is not None and old.nat != nat:
            others = {key: place for key, place in places.items() if place is not old}
            place, commands = self._move(None, new, others, nat=nat)
            return place, [*_removal(old), *commands]
        stay = old is not None and old.service.one_packet == new.service.one_packet
        had = {entry.destination.key: entry for entry in old.entries} if old is not None and stay else {}
        number = _free(f"{new.service.key}", {place.number for place in places.values()}) if old is None else old.number
        place = Place(number, new.service, nat)
        marks = {entry.mark for one in places.values() for entry in one.entries}
        entries, commands = [], []
        for destination in new.destinations:
            entry = had.get(destination.key)
            if entry is None:
                entry = self._entry(new.service.key, destination, marks)
                marks.add(entry.mark)
                commands += rules.add_entry(place, entry)
            entries.append(replace(entry, destination=destination))
        place = replace(place, entries=tuple(entries))
        remembers = old is not None and old.clients == place.clients
        if not remembers:
            commands += rules.remember_clients(place)
        commands += rules.schedule(place, self._loads)
        if old is None:
            return place, [*commands, *rules.add_service(place)]
        kept = {entry.mark for entry in entries}
        commands += [line for entry in old.entries if entry.mark not in kept for line in rules.remove_entry(old, entry)]
        return place, commands if remembers else [*commands, *rules.forget_clients(old)]

    def _entry(self, key: ServiceKey, destination: Destination, marks: set[int]) -> Entry:
        entry = Entry(TAG | _free(f"{key} {destination.address} {destination.port}", marks, TAG), destination)
        return self._routed(entry)

    def _routed(self, entry: Entry) -> Entry:
        """Return an entry with how its real server is reached now."""
        address = entry.destination.address
        hop = self._surroundings.hop(address) if entry.destination.forwarding is Forwarding.DR else None
        if hop is None or hop.to.version != address.version:
            return replace(entry, exit="", to=None)
        if hop.local:
            return replace(entry, exit="accept", to=hop.to)
        if hop.device not in self._devices:
            return replace(entry, exit="", to=None)
        return replace(entry, exit=f"goto out_{self._number(hop.device)}", to=hop.to)

    # --- looked after -------------------------------------------------------------------------------------------------

    def tend(self) -> float:
        """Look after what rules cannot do by themselves; return after how many seconds to call this again.

        Interfaces and routes that came or went are followed (DR), the slots of schedulers that count connections are
        filled anew, and real servers at their threshold are left out.

        Raises:
            NftError: nftables refused it, and nothing has changed; or somebody else has deleted a table.
        """
        self._forget_deleted()
        commands: list[str] = []
        if any(not nat for _, nat in self._bases) and self._surroundings.stirred():
            commands += self._follow()
        began = time.monotonic()
        attended = [place for place in self._places.values() if _needs_attention(place)]
        if attended:
            loads = self._census.loads(attended, self._loads)
            commands += [
                line
                for place in attended
                if any(loads.get(entry.mark) != self._loads.get(entry.mark) for entry in place.entries)
                for line in rules.schedule(place, loads)
            ]
            self._loads = loads
        if commands:
            self._nft.run("\n".join(commands) + "\n")
        if not attended:
            return _IDLE_S
        return max(_ATTENTIVE_S, _SHARE * (time.monotonic() - began))

    def _follow(self) -> list[str]:
        """Return the commands that follow the interfaces and routes as they are now."""
        before, self._devices = self._devices, self._surroundings.devices()
        commands: list[str] = []
        for family in (family for family, nat in self._bases if not nat):
            for device in before.keys() - self._devices.keys():
                commands += tables.unhook(family, self._number(device))
            for device, index in self._devices.items():
                if before.get(device) != index:
                    number = self._number(device)
                    commands += [*tables.unhook(family, number), *tables.hook(family, number, device)]
        for key, place in self._places.items():
            entries = tuple(self._routed(entry) for entry in place.entries)
            for old, new in zip(place.entries, entries, strict=True):
                if old != new:
                    commands += [*rules.reach(place, old, "delete"), *rules.reach(place, new)]
            self._places[key] = replace(place, entries=entries)
        return commands

    # --- asked --------------------------------------------------------------------------------------------------------

    def read(self) -> tuple[ServiceReading, ...]:
        """Return the whole table with its counters."""
        readings = []
        for family, nat in sorted(self._bases):
            places = [p for p in self._places.values() if p.nat == nat and p.service.key.family == family]
            if places:
                figures = self._counters(places[0].table)
                loads = self._census.loads(places, {})
                readings += [self._reading(place, figures, loads) for place in places]
        return tuple(readings)

    def connections(self) -> tuple[Connection, ...]:
        """Return the connections, and the persistent clients, that are remembered."""
        return tuple(self._census.connections(self._places.values()))

    def _counters(self, table: str) -> dict[str, tuple[int, int]]:
        """Return packets and bytes of every counter of a table by its name."""
        found = {}
        for item in self._nft.read(f"list counters table {table}"):
            if "counter" in item:
                counter = item["counter"]
                found[str(counter["name"])] = int(str(counter["packets"])), int(str(counter["bytes"]))
        return found

    def _reading(self, place: Place, figures: dict[str, tuple[int, int]], loads: dict[int, Load]) -> ServiceReading:
        destinations = []
        persistent = self._census.persistent(place)
        for entry in place.entries:
            new, (packets_in, bytes_in) = figures[f"n{entry.mark}"][0], figures[f"i{entry.mark}"]
            packets_out, bytes_out = figures[f"o{entry.mark}"] if place.nat else (0, 0)
            traffic = Traffic(
                connections=new,
                packets_in=packets_in,
                packets_out=packets_out,
                bytes_in=bytes_in,
                bytes_out=bytes_out,
            )
            load = loads.get(entry.mark, Load())
            destinations.append(
                DestinationReading(
                    destination=entry.destination,
                    active=load.active,
                    inactive=load.inactive,
                    persistent=persistent[entry.mark],
                    traffic=traffic,
                )
            )
        totals = (sum(getattr(d.traffic, name) for d in destinations) for name in _SUMMED)
        traffic = Traffic(**dict(zip(_SUMMED, totals, strict=True)))
        return ServiceReading(service=place.service, traffic=traffic, destinations=tuple(destinations))

    def close(self) -> None:
        """Let go of the tables; they stay as they are."""
        self._nft.close()
        self._surroundings.close()
        self._census.close()

    def flush(self) -> None:
        """Delete the tables, whoever made them."""
        self._nft.run("\n".join(line for table in TABLES.values() for line in _replaced(table)) + "\n")
        self._places, self._bases = {}, set()


_SUMMED = ("connections", "packets_in", "packets_out", "bytes_in", "bytes_out")


def _replaced(table: str) -> list[str]:
    """Return the commands after which a table is not there, whether it was or not."""
    return [f"{verb} table {table}" for verb in ("add", "delete")]


def _is_nat(state: ServiceState, old: Place | None) -> bool:
    if not state.destinations:
        return old is None or old.nat
    return state.destinations[0].forwarding is Forwarding.NAT


def _removal(place: Place) -> list[str]:
    forgotten = [line for entry in place.entries for line in rules.remove_entry(place, entry)]
    return rules.remove_service(place) + forgotten


def _needs_attention(place: Place) -> bool:
    return place.service.scheduler in COUNTING or any(entry.destination.upper for entry in place.entries)


def _free(name: str, taken: set[int], tag: int = 0) -> int:
    """Return a number from 1 to 2**24 - 1 that a name leads to, so that it is the same after a restart."""
    number = zlib.crc32(name.encode()) & 0xFFFFFF
    while not number or number | tag in taken:
        number = number + 1 & 0xFFFFFF
    return number
