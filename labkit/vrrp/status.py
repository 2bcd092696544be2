"""What can be asked of a running speaker: counters and read-only snapshots."""

from collections import Counter

from labkit.trace import Micros
from labkit.values import dataclass, field, replace
from labkit.vrrp.config import Address, TrackKind
from labkit.vrrp.judging import Adjustment
from labkit.vrrp.packet import ErrorKind
from labkit.vrrp.reasons import State, Why


@dataclass(slots=True, kw_only=True)
class Counters:
    """What a virtual router counts since its start; the figures of keepalived's statistics file."""

    adverts_received: int = 0
    adverts_sent: int = 0
    became_master: int = 0
    released_master: int = 0
    priority_zero_received: int = 0
    priority_zero_sent: int = 0
    hmac_good: int = 0  # adverts whose auth_hmac trailer verified
    errors: Counter[ErrorKind] = field(default_factory=Counter)

    def copy(self) -> "Counters":
        """Return what does not count any more."""
        return replace(self, errors=self.errors.copy())


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatus:
    """A sender of adverts that were taken: how many, its last priority, and when it was last heard."""

    address: Address
    adverts: int
    priority: int
    heard: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sender of adverts with our VRID that were refused: why the last one was, how many were, and when."""

    address: Address
    vrid: int | None
    kind: ErrorKind
    detail: str
    count: int
    since: Micros
    heard: Micros

    @property
    def why(self) -> str:
        """Why its adverts are refused, in words."""
        return _CLAIMS.get(self.kind, self.detail)

    def __str__(self) -> str:
        return f"{self.address} also claims VRID {self.vrid}: {self.why}"


_CLAIMS = {
    ErrorKind.PASSWORD: "its password differs",
    ErrorKind.HMAC_BAD: "its auth_hmac key differs",
    ErrorKind.HMAC_MISSING: "it does not sign with auth_hmac",
    ErrorKind.HMAC_UNEXPECTED: "it signs with auth_hmac, we do not",
    ErrorKind.AH: "its password for the authentication header differs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterStatus:
    """One virtual router at one moment; `since` is the time of its last transition.

    `base_priority` is the configured one or, where it is set, the operator's `override`; `adjustments` are what
    trackers make of it.  `peers` and `claims` are who was heard and who was refused, the last one heard first.
    `master` is the peer whose adverts a BACKUP follows; None while it follows nobody and while it is MASTER itself.
    `master_advert_interval` and `master_down_interval` are those in use, in microseconds (RFC 9568 6.1).
    """

    name: str
    interface: str
    vrid: int
    family: int
    version: int
    state: State
    why: Why
    since: Micros
    base_priority: int
    override: int | None
    adjustments: tuple[Adjustment, ...]
    priority: int
    source: Address | None
    master: Address | None
    master_advert_interval: Micros
    master_down_interval: Micros
    counters: Counters
    peers: tuple[PeerStatus, ...] = ()
    claims: tuple[Claim, ...] = ()

    def suspicions(self, now: Micros) -> tuple[Claim, ...]:
        """Return who may be a second MASTER beside this one: claims heard within twice the master-down interval."""
        if self.state is not State.MASTER:
            return ()
        return tuple(claim for claim in self.claims if now - claim.heard <= 2 * self.master_down_interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerStatus:
    """A tracked file, process or static entry at one moment; `healthy` is None before the first answer."""

    kind: TrackKind
    name: str
    healthy: bool | None
    value: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptStatus:
    """One check script at one moment; `healthy` and `status` are None before the first answer.

    With `timed_out` the last answer is that the run took too long.
    """

    name: str
    healthy: bool | None
    status: int | None
    running: bool
    timed_out: bool = False
