"""What instances and sync groups watch: `track_script`, `track_interface`, `track_file` and `track_process`."""

from collections.abc import Mapping, Sequence

from labkit.conf.complaints import Complaints
from labkit.conf.schema import Block, Leaf, Lines, trackers, vrrp
from labkit.conf.section import Entry, Section
from labkit.conf.weights import Tracking, Weighing
from labkit.diagnostics import did_you_mean
from labkit.hints import TypeAlias
from labkit.values import dataclass
from labkit.vrrp.config import Track, TrackKind


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind of tracker is written: the list that names it, its own block, and the weight it has there."""

    lines: Lines[Tracking]
    block: Block[str] | None = None
    weight: Leaf[Weighing] | None = None
    default: int = 0


_KINDS: dict[TrackKind, _Kind] = {
    TrackKind.SCRIPT: _Kind(trackers.TRACK_SCRIPT, trackers.VRRP_SCRIPT, trackers.SCRIPT_WEIGHT),
    TrackKind.INTERFACE: _Kind(trackers.TRACK_INTERFACE),
    TrackKind.FILE: _Kind(trackers.TRACK_FILE, trackers.TRACK_FILE_BLOCK, trackers.FILE_WEIGHT, 1),
    TrackKind.PROCESS: _Kind(trackers.TRACK_PROCESS, trackers.VRRP_TRACK_PROCESS, trackers.PROCESS_WEIGHT, 1),
}

Known: TypeAlias = Mapping[TrackKind, Mapping[str, Weighing]]
"""The trackers of a file by their kind and name, with the weights they have where none is written."""


def known_trackers(top: Section) -> Known:
    """Return the trackers that the file defines."""
    known: dict[TrackKind, dict[str, Weighing]] = {}
    for kind, written in _KINDS.items():
        sections = top.sections(written.block) if written.block else []
        known[kind] = {
            str(section.title): (section.get(written.weight) if written.weight else None) or Weighing(written.default)
            for section in sections
            if section.title is not None
        }
    return known


def entries_of(section: Section) -> list[tuple[TrackKind, Entry[Tracking]]]:
    """Return every line that tracks something, with what kind of thing it is."""
    return [(kind, entry) for kind, written in _KINDS.items() for entry in section.lines(written.lines)]


def track(kind: TrackKind, entry: Entry[Tracking], known: Known) -> Track:
    """Return what one line says; without a weight in it, that of the tracker."""
    name, weighing = entry.value
    weight, reverse = weighing or known[kind].get(name) or Weighing(0)
    return Track(kind=kind, name=name, weight=weight, reverse=reverse)


def tracks_of(section: Section, known: Known, complaints: Complaints) -> tuple[Track, ...]:
    """Return what an instance or a group tracks, after complaining about what does not exist, or is there twice."""
    tracks: dict[tuple[TrackKind, str], Track] = {}
    for kind, entry in entries_of(section):
        name = entry.value.name
        span = section.entry_span(entry)
        block = _KINDS[kind].block
        if block is not None and name not in known[kind]:
            complaints.error(span, f"no {block.name} is called `{name}`", did_you_mean(name, known[kind]))
        elif (kind, name) in tracks:
            complaints.error(span, f"`{name}` is tracked already", "track it once")
        else:
            tracks[kind, name] = track(kind, entry, known)
    return tuple(tracks.values())


def check_tracks_in_groups(
    groups: Sequence[Section],
    instances: Sequence[Section],
    known: Known,
    complaints: Complaints,
) -> None:
    """Refuse trackers of members that the group has too, or whose weights keepalived would not count."""
    by_member = {member.value: group for group in groups for member in group.lines(vrrp.GROUP)}
    for instance in instances:
        group = by_member.get(str(instance.title))
        if group is None:
            continue
        of_group = {(kind, entry.value.name) for kind, entry in entries_of(group)}
        for kind, entry in entries_of(instance):
            name, place = entry.value.name, instance.entry_span(entry)
            if (kind, name) in of_group:
                complaints.error(place, f"`{name}` is tracked by the group `{group.title}`", "track it once")
            elif track(kind, entry, known).weight and not group.says(vrrp.TRACKING_WEIGHT):
                message = f"the weight of `{name}` has no effect in a sync group"
                hint = "write `weight 0`: its failure is FAULT; or add `sync_group_tracking_weight` to the group"
                complaints.error(place, message, hint)
