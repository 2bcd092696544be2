"""The states of a virtual router, and why it is in one: the words of logs, notify scripts, status and lessons."""

from enum import StrEnum

from labkit.trace import SECOND, Micros
from labkit.values import dataclass
from labkit.vrrp.config import Address


class State(StrEnum):
    """The states of a virtual router (RFC 9568 6.4); FAULT is keepalived's and is Initialize on the wire."""

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    FAULT = "FAULT"


class Reason(StrEnum):
    """Why a virtual router is in its state."""

    STARTED = "started"  # INIT -> BACKUP at start
    WAITING = "waiting"  # INIT: a tracked script or the interface has not answered yet
    START_DELAY = "start-delay"  # INIT: vrrp_startup_delay
    ADDRESS_OWNER = "address-owner"  # priority 255 goes to MASTER at once
    NO_ADVERT = "no-advert"  # the master-down timer ran out
    RELEASED = "released"  # the master sent priority 0 and the skew time passed
    PREEMPTED = "preempted"  # we discarded a lower-priority master's adverts until the timer ran out
    HIGHER_PRIORITY = "higher-priority"  # MASTER -> BACKUP
    HIGHER_ADDRESS = "higher-address"  # MASTER -> BACKUP, equal priority
    SCRIPT_FAILED = "script-failed"
    FILE_FAILED = "file-failed"  # a tracked file without weight holds something else than 0
    FILE_VALUE = "file-value"  # a tracked file times its weight comes below -253
    PROCESS_FAILED = "process-failed"  # too few or too many of a tracked process run
    STATIC_MISSING = "static-missing"  # a static address, route or rule is gone
    NO_PEER = "no-peer"  # unicast_fault_no_peer
    INTERFACE_DOWN = "interface-down"
    INTERFACE_MISSING = "interface-missing"
    NO_PRIMARY_ADDRESS = "no-primary-address"
    NO_LINK_LOCAL = "no-link-local-address"  # over IPv6
    NO_SOURCE_ADDRESS = "no-source-address"  # track_src_ip
    RECOVERED = "recovered"  # FAULT -> BACKUP
    SYNC_GROUP = "sync-group"  # another member of the sync group decided
    STOPPED = "stopped"  # shutdown or removed by a reload


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """A reason with its particulars; `str()` gives the sentence that logs, status and lessons print."""

    reason: Reason
    peer: Address | None = None
    peer_priority: int | None = None
    elapsed: Micros | None = None  # since the last advert heard from `peer`
    name: str = ""  # script, interface or group that decided

    def __str__(self) -> str:
        return _SENTENCES[self.reason].format(
            peer=self.peer or "anyone",
            peer_priority=self.peer_priority,
            elapsed="" if self.elapsed is None else f" for {self.elapsed / SECOND:.3f} s",
            name=self.name,
        )


_SENTENCES = {
    Reason.STARTED: "just started",
    Reason.WAITING: "{name} has not answered yet",
    Reason.START_DELAY: "the startup delay is not over",
    Reason.ADDRESS_OWNER: "address owner (priority 255)",
    Reason.NO_ADVERT: "no advert from {peer}{elapsed}",
    Reason.RELEASED: "{peer} gave up mastership (priority 0)",
    Reason.PREEMPTED: "our priority is above that of {peer} ({peer_priority})",
    Reason.HIGHER_PRIORITY: "{peer} advertises a higher priority ({peer_priority})",
    Reason.HIGHER_ADDRESS: "{peer} advertises the same priority from a higher address",
    Reason.SCRIPT_FAILED: "script {name} fails",
    Reason.FILE_FAILED: "file {name} is not 0",
    Reason.FILE_VALUE: "file {name} lowers the priority below everything",
    Reason.PROCESS_FAILED: "process {name} does not run in the right number",
    Reason.STATIC_MISSING: "{name} is missing",
    Reason.NO_PEER: "no unicast peer is configured",
    Reason.INTERFACE_DOWN: "interface {name} is down",
    Reason.INTERFACE_MISSING: "interface {name} does not exist",
    Reason.NO_PRIMARY_ADDRESS: "interface {name} has no address",
    Reason.NO_LINK_LOCAL: "interface {name} has no IPv6 link-local address",
    Reason.NO_SOURCE_ADDRESS: "interface {name} does not have our source address",
    Reason.RECOVERED: "what failed works again",
    Reason.SYNC_GROUP: "sync group {name}",
    Reason.STOPPED: "stopped",
}


TRANSITIONS: dict[tuple[State, State], frozenset[Reason]] = {
    (State.INIT, State.BACKUP): frozenset({Reason.STARTED}),
    (State.INIT, State.MASTER): frozenset({Reason.ADDRESS_OWNER}),
    (State.BACKUP, State.MASTER): frozenset(
        {Reason.NO_ADVERT, Reason.RELEASED, Reason.PREEMPTED, Reason.ADDRESS_OWNER, Reason.SYNC_GROUP}
    ),
    (State.MASTER, State.BACKUP): frozenset({Reason.HIGHER_PRIORITY, Reason.HIGHER_ADDRESS, Reason.SYNC_GROUP}),
    (State.FAULT, State.BACKUP): frozenset({Reason.RECOVERED}),
    (State.FAULT, State.MASTER): frozenset({Reason.ADDRESS_OWNER}),
    **{
        (state, State.FAULT): frozenset(
            {
                Reason.SCRIPT_FAILED,
                Reason.INTERFACE_DOWN,
                Reason.INTERFACE_MISSING,
                Reason.NO_PRIMARY_ADDRESS,
                Reason.NO_LINK_LOCAL,
                Reason.NO_SOURCE_ADDRESS,
                Reason.NO_PEER,
                Reason.FILE_FAILED,
                Reason.FILE_VALUE,
                Reason.PROCESS_FAILED,
                Reason.STATIC_MISSING,
                Reason.SYNC_GROUP,
            }
        )
        for state in (State.INIT, State.BACKUP, State.MASTER)
    },
    **{(state, State.INIT): frozenset({Reason.STOPPED}) for state in (State.BACKUP, State.MASTER, State.FAULT)},
}
"""Every change of state there is, and the reasons for it; tests keep it true and the documentation is drawn from it."""
