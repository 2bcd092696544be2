"""What a trace looks like over time: who was what and held the address when, and what else happened meanwhile.

The trace is read again record by record as `status.Watch` does, so a picture shows what the verdicts were given by.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from labkit.lab.status import Watch
from labkit.lab.topology import Topology
from labkit.lab.verdict import Result
from labkit.trace import Kind, Micros, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that lasted; times in microseconds of the trace's clock."""

    began: Micros
    ended: Micros
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened at once."""

    at: Micros
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A router: its states, when it held the virtual address, its adverts and its gratuitous ARP."""

    node: str
    states: tuple[Span, ...]
    held: tuple[Span, ...]
    adverts: tuple[Moment, ...]
    announcements: tuple[Moment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A whole run; `probes` are times without an answer, by the probe's name, `faults` what the scenario did."""

    began: Micros
    ended: Micros
    lanes: tuple[Lane, ...]
    probes: dict[str, tuple[Span, ...]]
    faults: tuple[Moment, ...]
    stalls: tuple[Span, ...]


@dataclass(slots=True)
class _Line:
    """Spans being drawn: the one that lasts now, and those that are over."""

    over: list[Span] = field(default_factory=list)
    what: str = ""
    why: str = ""
    since: Micros = 0

    def change(self, what: str, why: str, at: Micros) -> None:
        if what == self.what:
            return
        self.end(at)
        self.what, self.why, self.since = what, why, at

    def end(self, at: Micros) -> tuple[Span, ...]:
        if self.what:
            self.over.append(Span(began=self.since, ended=at, what=self.what, why=self.why))
            self.what = ""
        return tuple(self.over)


def timeline(topology: Topology, result: Result) -> Timeline:
    """Return the timeline of a run; its ends are those of its trace."""
    trace = result.trace
    began = min((record.at for record in trace), default=0)
    ended = max((record.at for record in trace), default=0)
    states = {node.name: _Line() for node in topology.routers}
    held = {node.name: _Line() for node in topology.routers}
    announced: dict[str, list[Moment]] = {node.name: [] for node in topology.nodes}
    watch = Watch(topology)
    for record in trace:
        watch.take(record)
        if record.kind is Kind.ANNOUNCE and (name := watch.behind.get(str(record.data["lladdr"]))):
            what = f"gratuitous ARP for {record.data['address']} on {record.node}"
            announced[name].append(Moment(at=record.at, what=what))
        owners = watch.owners()
        for name, line in states.items():
            known = watch.nodes[name]
            line.change(known.state, known.why, record.at)
            held[name].change(watch.vip if name in owners else "", "", record.at)
    lanes = tuple(
        Lane(
            node=name,
            states=line.end(ended),
            held=held[name].end(ended),
            adverts=_adverts(topology, name, trace),
            announcements=tuple(announced[name]),
        )
        for name, line in states.items()
    )
    stalls = (record for record in trace if record.kind is Kind.STALL)
    return Timeline(
        began=began,
        ended=ended,
        lanes=lanes,
        probes=_probes(trace, ended),
        faults=_faults(result),
        stalls=tuple(_before(record, "stalled_us", "the host stalled") for record in stalls),
    )


def _adverts(topology: Topology, node: str, trace: Iterable[Record]) -> tuple[Moment, ...]:
    own = {str(link.address.ip) for link in topology.node(node).links}
    return tuple(
        Moment(at=record.at, what=f"advert on {record.node}, priority {record.data['priority']}")
        for record in trace
        if record.kind is Kind.ADVERT and record.data["source"] in own
    )


def _probes(trace: Sequence[Record], ended: Micros) -> dict[str, tuple[Span, ...]]:
    """Return when each probe had no answer; it tells how long that was when the next answer comes."""
    found: dict[str, list[Span]] = {}
    silent: dict[str, Micros] = {}
    for record in trace:
        if record.kind is Kind.PROBE:
            name = str(record.data["probe"])
            spans = found.setdefault(name, [])
            if not record.data["ok"]:
                silent.setdefault(name, record.at)
                continue
            silent.pop(name, None)
            if record.data["gap_us"]:
                spans.append(_before(record, "gap_us", "no answer"))
    for name, since in silent.items():
        found[name].append(Span(began=since, ended=ended, what="no answer to the end"))
    return {name: tuple(spans) for name, spans in found.items()}


def _before(record: Record, key: str, what: str) -> Span:
    lasted = int(str(record.data[key]))
    return Span(began=record.at - lasted, ended=record.at, what=f"{what} for {lasted / 1e6:.3f} s")


def _faults(result: Result) -> tuple[Moment, ...]:
    return tuple(Moment(at=step.began, what=", ".join(step.did)) for step in result.steps if step.did and step.began)
