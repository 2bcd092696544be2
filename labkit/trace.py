"""The trace: one `Record` for each thing that happened, one JSON object a line.

The daemon, the simulator, the lab engine, the user interfaces and the tests all speak it.  Every record carries the
monotonic time of the machine in integer microseconds, so that records of all nodes of a lab lie on one clock.
"""

from collections.abc import Mapping
from enum import StrEnum

from labkit.hints import TypeAlias
from labkit.values import dataclass, field

Micros: TypeAlias = int
"""A point in time or a duration in integer microseconds (CLOCK_MONOTONIC, or the simulator's clock)."""

Value: TypeAlias = str | int | float | bool | None

SECOND: Micros = 1_000_000


class Kind(StrEnum):
    """What a record tells; the fields of `Record.data` are listed with each kind."""

    ADVERT = "advert"  # source, vrid, version, priority, interval_us, addresses, lladdr; seen on a segment
    ANNOUNCE = "announce"  # address, lladdr; a gratuitous ARP or unsolicited NA seen on a segment
    ADDRESS = "address"  # interface, address, present; an address came to or left a node's interface
    LINK = "link"  # interface, up
    NEIGHBOUR = "neighbour"  # interface, address, lladdr, state; a node's ARP table changed
    STATE = "state"  # instance, state, old, reason, why, priority; told by a daemon
    PRIORITY = "priority"  # instance, priority, old
    SCRIPT = "script"  # script, healthy, status
    CHECK = "check"  # service, server, check, healthy, detail; a check of a real server said something new
    SERVER = "server"  # service, server, up; a real server counts as up or down
    QUORUM = "quorum"  # service, up, weight, quorum, hysteresis
    REJECTED = "rejected"  # instance, source, error, count
    DUPLICATE = "duplicate"  # instance, address, lladdr, here; somebody else claims a virtual address
    LOG = "log"  # line; a line of a node's syslog
    PROCESS = "process"  # name, pid, event (start | exit), status
    PROBE = "probe"  # probe, target, ok, gap_us, lost (since the last answer), by, error, took_us
    FAULT = "fault"  # fault, target, what
    HEAL = "heal"  # fault, target, what
    STEP = "step"  # scenario, event (scenario, begin, config, mark, check, last, end): what a replay judges by
    STALL = "stall"  # stalled_us; the host did not run us for so long
    PRESSURE = "pressure"  # waited_us; since the last such record some process of the host waited for a CPU so long


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that happened on `node` at `at` (microseconds); what, in `kind` and `data`."""

    at: Micros
    kind: Kind
    node: str = ""
    data: Mapping[str, Value] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the record as one line of JSON, keys in a stable order, without the newline."""
        import json  # of the daemon's processes only one tells anything

        return json.dumps({"at": self.at, "kind": self.kind, "node": self.node, **self.data}, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str | bytes) -> "Record":
        """Parse one line.

        Raises:
            ValueError: the line is not a record.
        """
        import json

        try:
            fields = json.loads(line)
            at, kind, node = int(fields.pop("at")), Kind(fields.pop("kind")), str(fields.pop("node"))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a trace record: {error!r}") from error
        return cls(at=at, kind=kind, node=node, data=fields)
