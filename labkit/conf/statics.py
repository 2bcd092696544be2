"""Static addresses, routes and rules; the groups of instances that track them; and the preferences of rules."""

from collections.abc import Iterable, Mapping, Sequence

from labkit.conf.complaints import Complaints
from labkit.conf.model import VirtualAddress, VrrpInstance
from labkit.conf.schema import Block, Lines
from labkit.conf.schema.statics import (
    STATIC_IPADDRESS,
    STATIC_ROUTES,
    STATIC_RULES,
    TRACK_GROUP,
    TRACK_GROUP_MEMBERS,
)
from labkit.conf.schema.vrrp import VIRTUAL_ROUTES, VIRTUAL_RULES, VRRP_INSTANCE
from labkit.conf.section import Entry, Section
from labkit.conf.shared import line_of, require, unique_titles
from labkit.diagnostics import did_you_mean
from labkit.hints import TYPE_CHECKING, Any
from labkit.values import dataclass, replace
from labkit.vrrp.config import Track, TrackKind

if TYPE_CHECKING:
    from labkit.conf.model_routes import Route, Rule

FIRST_PREFERENCE = 16384
"""keepalived: rules without a preference get this one, the next 16383, and so on through the file."""

DEFAULT_INTERFACE = "eth0"
"""keepalived: where a static address is whose line names no interface, unless default_interface says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statics:
    """The static part of a file."""

    addresses: tuple[VirtualAddress, ...]
    routes: tuple["Route", ...]
    rules: tuple["Rule", ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]


def build_statics(
    top: Section, names: Sequence[str], preferences: Mapping[int, int], interface: str | None, complaints: Complaints
) -> Statics:
    """Return the static part; `names` are those of the instances, `interface` is default_interface."""
    sections = top.sections(TRACK_GROUP)
    unique_titles(sections, complaints)
    groups = {str(section.title): section for section in sections if section.title is not None}
    for section in sections:
        require(section, complaints, TRACK_GROUP_MEMBERS)
        _check_members(section, names, complaints)
    for keyword in (STATIC_IPADDRESS, STATIC_ROUTES, STATIC_RULES):
        _check_entries(top, top.lines(keyword), groups, complaints)
    addresses = (entry.value for entry in top.lines(STATIC_IPADDRESS))
    return Statics(
        addresses=tuple(a if a.device else replace(a, device=interface or DEFAULT_INTERFACE) for a in addresses),
        routes=tuple(entry.value for entry in top.lines(STATIC_ROUTES)),
        rules=rules_of(top, STATIC_RULES, preferences),
        groups=tuple(
            (name, tuple(entry.value for entry in group.lines(TRACK_GROUP_MEMBERS))) for name, group in groups.items()
        ),
    )


def _check_members(section: Section, names: Sequence[str], complaints: Complaints) -> None:
    seen: set[str] = set()
    for entry in section.lines(TRACK_GROUP_MEMBERS):
        place = section.entry_span(entry)
        if entry.value not in names:
            complaints.error(place, f"no vrrp_instance is called `{entry.value}`", did_you_mean(entry.value, names))
        if entry.value in seen:
            complaints.error(place, f"`{entry.value}` stands here twice", "name it once")
        seen.add(entry.value)


def _check_entries(
    top: Section, entries: Iterable[Entry[Any]], groups: Mapping[str, Section], complaints: Complaints
) -> None:
    """Complain about groups that do not exist, and about lines that stand there twice."""
    seen: dict[Any, Entry[Any]] = {}
    for entry in entries:
        value = entry.value
        if value.track_group is not None and value.track_group not in groups:
            place = top.entry_span(entry, entry.statement.words.index("track_group") + 1)
            hint = did_you_mean(value.track_group, groups)
            complaints.error(place, f"no track_group is called `{value.track_group}`", hint)
        if value.track_group is not None and not value.tracked:
            place = top.entry_span(entry, entry.statement.words.index("no_track"))
            complaints.error(place, "`no_track` contradicts `track_group`", "remove one of them")
        first = seen.setdefault(value, entry)
        if first is not entry and not _has_no_preference(value):
            place = top.entry_span(entry)
            message = f"this stands here again, after {line_of(top, first.statement, place)}"
            complaints.error(place, message, "keep one of them")


def _has_no_preference(value: object) -> bool:
    from labkit.conf.model_routes import Rule

    return isinstance(value, Rule) and value.preference is None


# --- what instances have of it ----------------------------------------------------------------------------------------


def track_statics(instances: Iterable[VrrpInstance], statics: Statics) -> tuple[VrrpInstance, ...]:
    """Return the instances with a track for each group that names them, where anything static is in the group."""
    everything: list[VirtualAddress | Route | Rule] = [*statics.addresses, *statics.routes, *statics.rules]
    used = {value.track_group for value in everything}
    tracks: dict[str, tuple[Track, ...]] = {}
    for group, members in statics.groups:
        if group in used:
            for member in members:
                tracks[member] = (*tracks.get(member, ()), Track(kind=TrackKind.STATIC, name=group))
    return tuple(
        replace(instance, router=replace(instance.router, tracks=instance.router.tracks + tracks[instance.router.name]))
        if instance.router.name in tracks
        else instance
        for instance in instances
    )


def check_routes(instance: Section, complaints: Complaints) -> None:
    """Complain about routes and rules that an instance has twice."""
    for keyword in (VIRTUAL_ROUTES, VIRTUAL_RULES):
        _check_entries(instance, instance.lines(keyword), {}, complaints)


# --- preferences ------------------------------------------------------------------------------------------------------


def assign_preferences(top: Section, complaints: Complaints) -> Mapping[int, int]:
    """Return the preference of each rule without one, by the identity of its entry, and warn of each.

    Each family counts for itself, downwards.
    """
    found: list[tuple[Section, Entry[Rule]]] = []
    for section, keyword in _rule_blocks(top):
        found += [(section, entry) for entry in section.lines(keyword) if entry.value.preference is None]
    found.sort(key=lambda pair: pair[1].statement.line)
    following = {4: FIRST_PREFERENCE, 6: FIRST_PREFERENCE}
    preferences: dict[int, int] = {}
    for section, entry in found:
        version = entry.value.version
        preferences[id(entry)] = following[version]
        message = f"the rule has no preference: it gets {following[version]}, as with keepalived"
        complaints.warning(section.entry_span(entry), message, "add `preference` and a number")
        following[version] -= 1
    return preferences


def _rule_blocks(top: Section) -> Iterable[tuple[Section, "Lines[Rule]"]]:
    yield top, STATIC_RULES
    instances: Block[str] = VRRP_INSTANCE
    for instance in top.sections(instances):
        yield instance, VIRTUAL_RULES


def rules_of(section: Section, keyword: "Lines[Rule]", preferences: Mapping[int, int]) -> tuple["Rule", ...]:
    """Return the rules of a block, each with a preference."""
    return tuple(
        replace(entry.value, preference=preferences[id(entry)]) if id(entry) in preferences else entry.value
        for entry in section.lines(keyword)
    )
