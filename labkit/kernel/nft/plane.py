"""Keeps virtual services in nftables: from what a service was to what it is to be, one transaction a call."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count

from labkit.kernel.links import addresses, links
from labkit.kernel.netlink import Netlink
from labkit.kernel.nft import rules
from labkit.kernel.nft.helper import Nft, NftError
from labkit.kernel.nft.rules import Entry, Place
from labkit.lvs.model import (
    Change,
    Destination,
    DestinationReading,
    Forwarding,
    ServiceKey,
    ServiceReading,
    ServiceState,
    Traffic,
)


class NftPlane:
    """The nftables data plane of the network namespace in which this object is made."""

    def __init__(self) -> None:
        self._nft = Nft()
        self._netlink = Netlink()
        self._devices = [link.name for link in links(self._netlink) if link.name != "lo"]
        self._places: dict[ServiceKey, Place] = {}
        self._bases: set[tuple[int, bool]] = set()
        self._numbers = count()
        self._marks = count(1)

    def probe(self) -> None:
        """Try out everything that the rules need, in tables that are gone again at once.

        Raises:
            NftError: nftables is not there, or this kernel or user lacks something of it.
        """
        trial = [rules.nat_base(4), rules.dr_base(4, self._devices)]
        self._nft.run("\n".join((*trial, *_deletions((4,)))) + "\n")

    def apply(self, changes: Iterable[Change]) -> None:
        """Make changes, all of them or none.

        Raises:
            NftError: nftables refused them.
        """
        places = dict(self._places)
        bases = set(self._bases)
        commands: list[str] = []
        for change in changes:
            if change.new is None:
                if change.old is not None:
                    commands += self._removal(places.pop(change.old.service.key))
                continue
            key = change.new.service.key
            nat = all(destination.forwarding is Forwarding.NAT for destination in change.new.destinations)
            if (key.family, nat) not in bases:
                bases.add((key.family, nat))
                base = rules.nat_base(key.family) if nat else rules.dr_base(key.family, self._devices)
                commands.append(base)
            place, wanted = self._move(places.get(key), change.new, nat=nat)
            places[key] = place
            commands += wanted
        if commands:
            self._nft.run("\n".join(commands) + "\n")
        self._places, self._bases = places, bases

    def _move(self, old: Place | None, new: ServiceState, *, nat: bool) -> tuple[Place, list[str]]:
        """Return a service's new place and how it gets there; connections of a real server that stays go on."""
        commands: list[str] = []
        had = {entry.destination.key: entry for entry in old.entries} if old is not None else {}
        if old is not None and (old.nat != nat or old.service != new.service):
            commands += rules.remove_service(old)
            if old.nat != nat or old.service.one_packet != new.service.one_packet:
                commands += [line for entry in old.entries for line in self._forget(old, entry)]
                had = {}
        stays = old is not None and not commands
        place = Place(old.number if stays and old is not None else next(self._numbers), new.service, nat)
        entries, added = [], []
        for destination in new.destinations:
            known = had.pop(destination.key, None)
            entry = Entry(known.mark if known else next(self._marks), destination)
            entries.append(entry)
            if known is None:
                added += rules.add_entry(place, entry, self._device(destination))
        place = replace(place, entries=tuple(entries))
        if not stays:
            added += rules.prepare_service(place)
        commands += [*added, *rules.schedule(place)]
        if not stays:
            commands += rules.add_service(place)
        if old is not None:
            commands += [line for entry in had.values() for line in self._forget(old, entry)]
        return place, commands

    def _removal(self, place: Place) -> list[str]:
        forgotten = [line for entry in place.entries for line in self._forget(place, entry)]
        return rules.remove_service(place) + forgotten

    def _forget(self, place: Place, entry: Entry) -> list[str]:
        return rules.remove_entry(place, entry, self._device(entry.destination))

    def _device(self, destination: Destination) -> int:
        """Return the number of the interface that leads to a DR real server."""
        if destination.forwarding is not Forwarding.DR:
            return 0
        names = {link.index: link.name for link in links(self._netlink)}
        for event in addresses(self._netlink):
            if event.address.version == destination.address.version and destination.address in event.address.network:
                return self._devices.index(names[event.index])
        raise NftError(f"no interface here is in one network with {destination.address}; DR needs one")

    # --- asked --------------------------------------------------------------------------------------------------------

    def read(self) -> tuple[ServiceReading, ...]:
        """Return the whole table with its counters."""
        readings = []
        for family, nat in sorted(self._bases):
            places = [p for p in self._places.values() if p.nat == nat and p.service.key.family == family]
            if places:
                figures = self._counters(places[0].table)
                readings += [self._reading(place, figures) for place in places]
        return tuple(readings)

    def _counters(self, table: str) -> dict[str, tuple[int, int]]:
        """Return packets and bytes of every counter of a table by its name."""
        found = {}
        for item in self._nft.read(f"list counters table {table}"):
            if "counter" in item:
                counter = item["counter"]
                found[str(counter["name"])] = int(str(counter["packets"])), int(str(counter["bytes"]))
        return found

    def _reading(self, place: Place, figures: dict[str, tuple[int, int]]) -> ServiceReading:
        destinations = []
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
            active = 0 if place.nat else self._size(place.table, f"a{entry.mark}")
            inactive = 0 if place.nat else self._size(place.table, f"z{entry.mark}")
            destinations.append(
                DestinationReading(
                    destination=entry.destination, active=active, inactive=inactive, persistent=0, traffic=traffic
                )
            )
        totals = (sum(getattr(d.traffic, name) for d in destinations) for name in _SUMMED)
        traffic = Traffic(**dict(zip(_SUMMED, totals, strict=True)))
        return ServiceReading(service=place.service, traffic=traffic, destinations=tuple(destinations))

    def _size(self, table: str, name: str) -> int:
        """Return how many elements a set holds now."""
        for item in self._nft.read(f"list set {table} {name}"):
            elements = item.get("set", {}).get("elem", [])
            if elements and isinstance(elements, list):
                return len(elements)
        return 0

    def close(self) -> None:
        """Let go of the tables; they stay as they are."""
        self._nft.close()
        self._netlink.close()

    def flush(self) -> None:
        """Delete the tables, whoever made them."""
        self._nft.run("\n".join(_deletions((4, 6))) + "\n")
        self._places, self._bases = {}, set()


_SUMMED = ("connections", "packets_in", "packets_out", "bytes_in", "bytes_out")


def _deletions(families: Iterable[int]) -> list[str]:
    """Return the commands that delete the tables of families, there or not."""
    tables = [table for family in families for table in (rules.nat_table(family), f"netdev {rules.dr_table(family)}")]
    return [f"{verb} table {table}" for table in tables for verb in ("add", "delete")]
