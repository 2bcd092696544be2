"""The verdict on a virtual router from everything it depends on: may it run, must it wait, and with what priority.

A track without weight that fails is FAULT.  One with a weight adds to the priority: a positive weight while it works,
a negative one while it does not, and `reverse` turns the sign, or without weight what counts as failed.  The number in
a file is multiplied by the weight; a product below -253 is FAULT (keepalived.conf(5)).
"""

from collections.abc import Iterable, Mapping

from labkit.values import dataclass, field
from labkit.vrrp.config import OWNER, Address, RouterConfig, Track, TrackKind
from labkit.vrrp.events import InterfaceChanged
from labkit.vrrp.reasons import Reason, Why

LARGEST_ADJUSTMENT = 253
"""More than this no tracker changes a priority by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of what routers track; what is not in these mappings, or None, has not answered yet."""

    interfaces: Mapping[str, InterfaceChanged] = field(default_factory=dict)
    scripts: Mapping[str, bool | None] = field(default_factory=dict)
    files: Mapping[str, int | None] = field(default_factory=dict)  # None: known to hold no number, which counts as 0
    processes: Mapping[str, bool | None] = field(default_factory=dict)
    statics: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """By how much a tracker changes a priority now."""

    kind: TrackKind
    name: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The verdict: `fault` forbids to run, `waiting` forbids to start; what its trackers add to the priority."""

    fault: Why | None
    waiting: Why | None
    adjustments: tuple[Adjustment, ...] = ()


def effective_priority(base: int, adjustments: Iterable[Adjustment]) -> int:
    """Return the priority to advertise; the address owner's is not changed by trackers."""
    if base == OWNER:
        return base
    return min(max(base + sum(adjustment.amount for adjustment in adjustments), 1), OWNER - 1)


def own_address(config: RouterConfig, interface: InterfaceChanged | None) -> Address | None:
    """Return the address that a router's adverts come from."""
    if config.source is not None or interface is None:
        return config.source
    return interface.primary if config.family == 4 else interface.link_local


def judge(config: RouterConfig, known: Known, tracks: Iterable[Track] = (), *, weighted: bool = True) -> Standing:
    """Look at everything `config` depends on, and at `tracks` besides; weights count only if `weighted`."""
    faults: list[Why] = []
    waits: list[Why] = []
    adjustments: list[Adjustment] = []
    for track in (*config.tracks, *tracks):
        if track.weight and not weighted:
            continue
        works, why, amount = _look(track, known)
        if amount:
            adjustments.append(Adjustment(kind=track.kind, name=track.name, amount=amount))
        if works is None:
            waits.append(why)
        elif not works:
            faults.append(why)
    waits, faults = _look_at_own(config, known, waits, faults)
    return Standing(
        fault=faults[0] if faults else None,
        waiting=waits[0] if waits else None,
        adjustments=tuple(adjustments),
    )


def _look_at_own(
    config: RouterConfig, known: Known, waits: list[Why], faults: list[Why]
) -> tuple[list[Why], list[Why]]:
    """Look at the router's own interface and addresses; these come first, being what the others hang on."""
    name = config.interface
    interface = known.interfaces.get(name)
    if config.unicast and not config.peers:
        return waits, [Why(reason=Reason.NO_PEER), *faults]
    if interface is None:
        return [Why(reason=Reason.WAITING, name=name), *waits], faults
    if not interface.exists:
        return waits, [Why(reason=Reason.INTERFACE_MISSING, name=name), *faults]
    if not interface.up and config.watch_interface:
        return waits, [Why(reason=Reason.INTERFACE_DOWN, name=name), *faults]
    if config.watch_source and config.source not in interface.addresses:
        return waits, [*faults, Why(reason=Reason.NO_SOURCE_ADDRESS, name=name)]
    if own_address(config, interface) is None:
        lacks = Reason.NO_PRIMARY_ADDRESS if config.family == 4 else Reason.NO_LINK_LOCAL
        return waits, [*faults, Why(reason=lacks, name=name)]
    return waits, faults


def _look(track: Track, known: Known) -> tuple[bool | None, Why, int]:
    """Return whether a track lets the router run (None: not known yet), what to say if not, and what it adds."""
    if track.kind is TrackKind.FILE:
        return _look_at_file(track, known)
    works, why = _works(track, known)
    if not track.weight:
        return (works is not track.reverse if works is not None else None), why, 0
    counts = works is (track.weight > 0)
    return True, why, (-track.weight if track.reverse else track.weight) if counts else 0


def _works(track: Track, known: Known) -> tuple[bool | None, Why]:
    """Return whether what is watched works, and what to say when it does not."""
    name = track.name
    works: bool | None
    match track.kind:
        case TrackKind.SCRIPT:
            works, reason = known.scripts[name], Reason.SCRIPT_FAILED
        case TrackKind.PROCESS:
            works, reason = known.processes.get(name), Reason.PROCESS_FAILED
        case TrackKind.INTERFACE:
            interface = known.interfaces.get(name)
            exists = interface is None or interface.exists
            works = None if interface is None else interface.exists and interface.up
            reason = Reason.INTERFACE_DOWN if exists else Reason.INTERFACE_MISSING
        case _:
            works, reason = known.statics.get(name), Reason.STATIC_MISSING
    return works, Why(reason=Reason.WAITING if works is None else reason, name=name)


def _look_at_file(track: Track, known: Known) -> tuple[bool | None, Why, int]:
    name = track.name
    if name not in known.files:
        return (None if not track.weight else True), Why(reason=Reason.WAITING, name=name), 0
    value = known.files[name] or 0
    if not track.weight:
        return (value == 0) is not track.reverse, Why(reason=Reason.FILE_FAILED, name=name), 0
    amount = value * (-track.weight if track.reverse else track.weight)
    if amount < -LARGEST_ADJUSTMENT:
        return False, Why(reason=Reason.FILE_VALUE, name=name), 0
    return True, Why(reason=Reason.FILE_VALUE, name=name), min(amount, LARGEST_ADJUSTMENT)
