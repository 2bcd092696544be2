"""What is seen of a lab at each moment: conditions are looked up here, record by record, and nowhere else."""

from collections import Counter
from dataclasses import dataclass, field

from labkit.lab.status import Watch
from labkit.lab.story import BEST, Condition
from labkit.lab.topology import Topology
from labkit.lab.verdict import Measured
from labkit.trace import Kind, Micros, Record

_WAITING: Micros = 500_000  # more cannot be explained by processes that took turns


@dataclass(slots=True)
class Tries:
    """What became of a probe's tries since the step began."""

    failed: int = 0
    answered: int = 0
    outage: Micros | None = None
    by: Counter[str] = field(default_factory=Counter)
    silent_since: Micros | None = None
    began: Micros = 0  # tries begun earlier belong to the step before

    def take(self, record: Record) -> None:
        """Learn from one record of the probe."""
        data = record.data
        each = "took_us" in data
        if each and record.at - int(str(data["took_us"])) < self.began:
            return
        if not data["ok"]:
            self.silent_since = self.silent_since or record.at
            self.failed += each
            return
        if not each:  # it tells of losses when they are over
            self.failed += int(str(data.get("lost", 0)))
        else:
            self.answered += 1
            self.by[str(data.get("by") or "unknown")] += 1
        self.silent_since = None
        if gap := int(str(data["gap_us"])):
            self.outage = max(self.outage or 0, gap)


class Sight:
    """What the trace has told so far."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.watch = Watch(topology)
        self.heard: dict[str, Micros] = {}  # last advert of each source, unless of priority 0
        self.stalled: Micros = 0
        self.waited: Micros = 0  # in all, some process or other for a CPU
        self.tries: dict[str, Tries] = {}
        self.step_began: Micros = 0
        self.seen: list[Record] = []

    def take(self, record: Record) -> None:
        """Learn from one record."""
        self.seen.append(record)
        self.watch.take(record)
        match record.kind:
            case Kind.ADVERT if record.data["priority"] != 0:
                self.heard[str(record.data["source"])] = record.at
            case Kind.STALL:
                self.stalled = max(self.stalled, int(str(record.data["stalled_us"])))
            case Kind.PRESSURE:
                self.waited += int(str(record.data["waited_us"]))
            case Kind.PROBE:
                self.tries.setdefault(str(record.data["probe"]), Tries(began=self.step_began)).take(record)

    def begin_step(self, at: Micros) -> None:
        """Forget what was counted for the step before."""
        self.stalled = self.waited = 0
        self.step_began = at
        for name, tries in self.tries.items():
            self.tries[name] = Tries(began=at, silent_since=tries.silent_since)

    @property
    def excuse(self) -> Micros:
        """How late a thing may be by no fault of its own: the longest stall, or what waiting for a CPU adds up to."""
        return max(self.stalled, min(self.waited, _WAITING))

    @property
    def silent(self) -> bool:
        """Whether a probe gets no answers just now."""
        return any(tries.silent_since for tries in self.tries.values())

    def measured(self, now: Micros) -> tuple[Measured, ...]:
        """Return what the probes measured in this step; who is without an answer has been so until `now`."""
        found = []
        for name, tries in self.tries.items():
            outage = tries.outage
            if tries.silent_since is not None:
                outage = max(outage or 0, now - tries.silent_since)
            found.append(
                Measured(
                    probe=name,
                    failed=tries.failed,
                    answered=tries.answered,
                    outage=outage,
                    by=dict(sorted(tries.by.items())),
                )
            )
        return tuple(found)

    def holds(self, condition: Condition, best: str, mark: Micros) -> bool:
        """Return whether the condition is true now; adverts count when they came since `mark`."""
        node = best if condition.node == BEST else condition.node
        value = best if condition.value == BEST else condition.value
        match condition.what:
            case "vip":
                return node in self.watch.owners(condition.address)
            case "only":
                return self.watch.owners(condition.address) == [node]
            case "master":
                address = str(self.topology.node(node).links[0].address.ip)
                return self.heard.get(address, -1) >= mark
            case "arp":
                address = condition.address or self.watch.vip
                return self.watch.behind.get(self.watch.nodes[node].neighbours.get(address, "")) == value
            case "state":
                return self.watch.nodes[node].state == value
            case "dropped" | "serves":
                addresses = {str(link.address.ip) for link in self.topology.node(node).links}
                return bool(addresses & self.watch.nodes[value].dropped) == (condition.what == "dropped")
        return len(self.watch.owners()) >= int(value)
