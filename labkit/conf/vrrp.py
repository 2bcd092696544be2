"""The `vrrp_sync_group` blocks, and what is wrong between blocks of the VRRP part of a file."""

from collections.abc import Sequence

from labkit.conf.complaints import Complaints
from labkit.conf.instance import Surroundings
from labkit.conf.model import SyncGroup, VirtualAddress
from labkit.conf.schema import vrrp
from labkit.conf.section import Entry, Section
from labkit.conf.shared import line_of, notifies, require
from labkit.conf.source import line_from
from labkit.conf.tracking import tracks_of
from labkit.conf.virtual_addresses import family_of
from labkit.diagnostics import did_you_mean
from labkit.hints import NamedTuple
from labkit.vrrp.config import Address


def build_groups(
    sections: Sequence[Section], instances: Sequence[Section], around: Surroundings, complaints: Complaints
) -> tuple[SyncGroup, ...]:
    """Return the `vrrp_sync_group` blocks, after complaining about members that cannot be."""
    names = [str(instance.title) for instance in instances if instance.title is not None]
    taken: dict[str, Entry[str]] = {}
    for section in sections:
        require(section, complaints, vrrp.GROUP)
        members = section.lines(vrrp.GROUP)
        for member in members:
            _check_member(section, member, names, taken, complaints)
        if len(members) == 1:
            message = f"the group `{section.title}` has one member only"
            complaints.warning(section.span(), message, "name at least two instances in `group`")
    return tuple(
        SyncGroup(
            name=str(section.title),
            members=tuple(member.value for member in section.lines(vrrp.GROUP)),
            tracks=tracks_of(section, around.known, complaints),
            tracking_weight=section.says(vrrp.TRACKING_WEIGHT),
            span=section.span(),
            **notifies(section, around.global_defs),
        )
        for section in sections
    )


def _check_member(
    section: Section, member: Entry[str], names: Sequence[str], taken: dict[str, Entry[str]], complaints: Complaints
) -> None:
    place = section.entry_span(member)
    if member.value not in names:
        complaints.error(place, f"no vrrp_instance is called `{member.value}`", did_you_mean(member.value, names))
    elif member.value in taken:
        line = line_of(section, taken[member.value].statement, place)
        complaints.error(place, f"`{member.value}` is in a group already, in {line}", "name it in one group, once")
    taken.setdefault(member.value, member)


class _Use(NamedTuple):
    """A VRID on an interface in one family, by multicast to a group or by unicast."""

    interface: str
    vrid: int
    family: int
    group: Address | None
    unicast: bool


def check_vrids(instances: Sequence[Section], complaints: Complaints) -> None:
    """Refuse two instances whose adverts cannot be told apart: one VRID, interface, family and destination.

    keepalived: unicast instances may share a VRID as long as no peer is in two of them.
    """
    seen: dict[_Use, list[Section]] = {}
    for section in instances:
        use = _use(section)
        if use is None:
            continue
        others = seen.setdefault(use, [])
        for first in others:
            if not use.unicast or _peers(first) & _peers(section):
                place = section.span(vrrp.VIRTUAL_ROUTER_ID)
                line = line_from(first.span(vrrp.VIRTUAL_ROUTER_ID), place)
                message = f"VRID {use.vrid} on {use.interface} belongs to `{first.title}` already, in {line}"
                complaints.error(place, message, "write another number from 1 to 255")
                break
        others.append(section)


def _use(section: Section) -> _Use | None:
    interface, vrid = section.get(vrrp.INTERFACE), section.get(vrrp.VIRTUAL_ROUTER_ID)
    if interface is None or vrid is None:
        return None
    return _Use(interface, vrid, family_of(section), section.get(vrrp.MCAST_DST_IP), bool(_peers(section)))


def _peers(section: Section) -> set[Address]:
    return {entry.value.address for entry in section.lines(vrrp.UNICAST_PEER)}


def check_shared_addresses(instances: Sequence[Section], complaints: Complaints) -> None:
    """Refuse an address that two instances put on one interface; on two interfaces it is only odd."""
    seen: dict[Address, tuple[Section, str, Entry[VirtualAddress]]] = {}
    for section in instances:
        for entry in section.lines(vrrp.VIRTUAL_IPADDRESS) + section.lines(vrrp.EXCLUDED):
            address = entry.value.address.ip
            device = entry.value.device or section.get(vrrp.INTERFACE) or ""
            first, first_device, first_entry = seen.setdefault(address, (section, device, entry))
            if first is section:
                continue  # the instance itself looks after these
            place = section.entry_span(entry)
            line = line_of(first, first_entry.statement, place)
            message = f"{address} is an address of `{first.title}` too, in {line}"
            complain = complaints.error if device == first_device else complaints.warning
            complain(place, message, "give each address to one instance")
