"""Why an expectation was not met: the nearest thing seen, the timeline around it, and a hint at the cause."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from labkit.lab.sight import Sight
from labkit.lab.story import BEST, Condition
from labkit.lab.verdict import Finding, Verdict
from labkit.trace import SECOND, Kind, Micros, Record

_BEFORE: Micros = SECOND  # of the timeline, before the step's mark
_AFTER: Micros = SECOND // 20  # a daemon says why after what it did
_FIRST, _LAST = 6, 10  # records of a long timeline that are shown
_FIRST_TO_GO = (Kind.STALL, Kind.ANNOUNCE, Kind.ADVERT, Kind.PROBE)
_SHOWN = frozenset(Kind) - {Kind.LOG, Kind.STEP, Kind.NEIGHBOUR, Kind.PRESSURE}


def explained(finding: Finding, conditions: Iterable[Condition], sight: Sight, best: str, since: Micros) -> Finding:
    """Return a finding that says why; times of its timeline count from `since`."""
    wanted = [replace(each, node=_put(each.node, best), value=_put(each.value, best)) for each in conditions]
    until = since + finding.took if finding.took is not None else sight.seen[-1].at if sight.seen else since
    return replace(
        finding,
        since=since,
        seen="; ".join(dict.fromkeys(nearest(each, sight) for each in wanted)),
        hint="; ".join(dict.fromkeys(_hints(finding, wanted, sight))),
        timeline=timeline(sight.seen, min(since, sight.step_began), until + _AFTER),
    )


def _put(name: str, best: str) -> str:
    return best if name == BEST else name


def nearest(condition: Condition, sight: Sight) -> str:
    """Return in words what is there in place of what a condition wants."""
    watch, node = sight.watch, condition.node
    match condition.what:
        case "vip" | "only" | "owners":
            owners = watch.owners(condition.address)
            return f"{condition.address or 'VIP'} on {' and '.join(owners) or 'no node'}"
        case "master":
            return f"adverts from {', '.join(_heard(sight)) or 'nobody'}"
        case "arp":
            lladdr = watch.nodes[node].neighbours.get(condition.address or watch.vip, "")
            return f"ARP of {node} points to {watch.behind.get(lladdr) or lladdr or 'nobody'}"
        case "state":
            known = watch.nodes[node]
            return f"{node} is {known.state or 'silent'}" + (f": {known.why}" if known.why else "")
    dropped = watch.nodes[condition.value].dropped
    return f"{condition.value} has taken out {', '.join(sorted(dropped)) or 'nobody'}"


def _heard(sight: Sight) -> list[str]:
    names = {str(link.address.ip): node.name for node in sight.topology.nodes for link in node.links}
    newest = sorted(sight.heard, key=lambda source: sight.heard[source])
    return [names.get(source, source) for source in newest[-1:]]


def _hints(finding: Finding, conditions: Iterable[Condition], sight: Sight) -> Iterator[str]:
    """Yield what the nodes that a condition is about say of themselves, and whether it was the machine."""
    for condition in conditions:
        routers = [name for name in (condition.node, condition.value) if name in sight.watch.nodes]
        routers += sight.watch.owners(condition.address) if condition.what in ("vip", "only", "owners") else []
        for name in dict.fromkeys(routers):
            known = sight.watch.nodes[name]
            if known.state:
                yield f"{name} is {known.state}: {known.why}"
    if finding.verdict is Verdict.LATE:
        yield f"the host stalled for at most {sight.stalled / 1e3:.0f} ms, so it was not the machine"


def timeline(seen: Iterable[Record], since: Micros, until: Micros) -> tuple[Record, ...]:
    """Return what happened from a second before to the end; of adverts, the first and last of each source and priority.

    Of a long time what tells least goes first; then the beginning and the end are left.
    """
    near = [record for record in seen if since - _BEFORE <= record.at <= until and record.kind in _SHOWN]
    ends: dict[object, list[int]] = {}
    for number, record in enumerate(near):
        if record.kind in (Kind.ADVERT, Kind.ANNOUNCE, Kind.PROBE):
            same = (record.kind, record.node, *(record.data.get(key) for key in ("source", "priority", "lladdr", "ok")))
            ends.setdefault(same, []).append(number)
    inner = {number for numbers in ends.values() for number in numbers[1:-1]}
    left = sorted((record for number, record in enumerate(near) if number not in inner), key=lambda record: record.at)
    for kind in _FIRST_TO_GO:
        if len(left) > _FIRST + _LAST:
            left = [record for record in left if record.kind is not kind]
    return tuple(left if len(left) <= _FIRST + _LAST else [*left[:_FIRST], *left[-_LAST:]])
