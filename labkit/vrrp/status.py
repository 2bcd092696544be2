"""What can be asked of a running speaker: counters and read-only snapshots."""

from collections import Counter
from dataclasses import dataclass, field

from labkit.trace import Micros
from labkit.vrrp.config import Address
from labkit.vrrp.events import State, Why
from labkit.vrrp.packet import ErrorKind


@dataclass(slots=True, kw_only=True)
class Counters:
    """What a virtual router counts since its start; the figures of keepalived's statistics file."""

    adverts_received: int = 0
    adverts_sent: int = 0
    became_master: int = 0
    released_master: int = 0
    priority_zero_received: int = 0
    priority_zero_sent: int = 0
    errors: Counter[ErrorKind] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterStatus:
    """One virtual router at one moment; `since` is the time of its last transition.

    `master` is the peer whose adverts a BACKUP follows; None while it follows nobody and while it is MASTER itself.
    `master_advert_interval` and `master_down_interval` are those in use, in microseconds (RFC 9568 6.1).
    """

    name: str
    interface: str
    vrid: int
    version: int
    state: State
    why: Why
    since: Micros
    base_priority: int
    priority: int
    master: Address | None
    master_advert_interval: Micros
    master_down_interval: Micros
    counters: Counters


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptStatus:
    """One check script at one moment; `healthy` and `status` are None before the first answer."""

    name: str
    healthy: bool | None
    status: int | None
    running: bool
