"""The blocks `garp_group` and `interface_up_down_delays`: what holds for interfaces, whoever uses them."""

from collections.abc import Iterable, Sequence

from labkit.conf.complaints import Complaints
from labkit.conf.model import GarpGroup, VrrpInstance
from labkit.conf.schema import trackers
from labkit.conf.section import Section
from labkit.conf.source import line_from
from labkit.diagnostics import Span
from labkit.trace import SECOND, Micros
from labkit.vrrp.config import InterfaceDelay, TrackKind


def build_garp_groups(sections: Sequence[Section], complaints: Complaints) -> tuple[GarpGroup, ...]:
    """Return the `garp_group` blocks, after complaining about interfaces in two of them."""
    groups = []
    taken: dict[str, Span] = {}
    for section in sections:
        alone = section.get(trackers.GARP_INTERFACE)
        entries = section.lines(trackers.GARP_INTERFACES)
        places = {entry.value: section.entry_span(entry) for entry in entries}
        if alone is not None:
            places |= {alone: section.span(trackers.GARP_INTERFACE)}
        if alone is not None and entries:
            message = "`interface` and `interfaces` in one garp_group"
            complaints.error(section.span(trackers.GARP_INTERFACE), message, "move it into `interfaces`")
        if not places:
            message = "this garp_group has no interface"
            complaints.error(section.span(), message, "add `interface` and a name, or a block `interfaces`")
        for name, place in places.items():
            if name in taken:
                message = f"`{name}` is in a garp_group already, in {line_from(taken[name], place)}"
                complaints.error(place, message, "name it in one of them")
            taken.setdefault(name, place)
        if section.lacks(trackers.GARP_INTERVAL) and section.lacks(trackers.GNA_INTERVAL):
            message = "this garp_group says no interval"
            complaints.error(section.span(), message, "add `garp_interval` or `gna_interval` and a number of seconds")
        groups.append(
            GarpGroup(
                interfaces=tuple(places),
                garp_interval=section.get(trackers.GARP_INTERVAL),
                gna_interval=section.get(trackers.GNA_INTERVAL),
            )
        )
    return tuple(groups)


def build_delays(top: Section, complaints: Complaints) -> tuple[InterfaceDelay, ...]:
    """Return `interface_up_down_delays`, after complaining about an interface that is there twice."""
    delays: dict[str, InterfaceDelay] = {}
    for entry in top.lines(trackers.INTERFACE_DELAYS):
        delay = entry.value
        if delay.interface in delays:
            message = f"`{delay.interface}` stands here again"
            complaints.error(top.entry_span(entry), message, "keep one of them")
        delays.setdefault(delay.interface, delay)
    return tuple(delays.values())


def check_delays(top: Section, instances: Iterable[VrrpInstance], complaints: Complaints) -> None:
    """Warn of a delay so long that a backup takes over before the MASTER knows that its interface is down."""
    entries = top.lines(trackers.INTERFACE_DELAYS)
    if not entries:
        return
    shortest: dict[str, tuple[Micros, str]] = {}
    for router in (instance.router for instance in instances):
        patience = (router.down_timer_adverts - 1) * router.advert_interval
        tracked = {track.name for track in router.tracks if track.kind is TrackKind.INTERFACE}
        for name in {router.interface, *tracked}:
            shortest[name] = min((patience, router.name), shortest.get(name, (patience, router.name)))
    for entry in entries:
        patience, router_name = shortest.get(entry.value.interface, (0, ""))
        if router_name and max(entry.value.down, entry.value.up) >= patience:
            message = f"a backup of `{router_name}` takes over before this delay is over"
            hint = f"write less than {patience / SECOND:.15g} s, or a longer `advert_int`"
            complaints.warning(top.entry_span(entry), message, hint)
