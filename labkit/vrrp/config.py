"""What a virtual router is configured to do: the values that the pure core runs on."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from labkit.trace import SECOND, Micros

OWNER = 255
"""The priority of the address owner (RFC 9568 5.2.4)."""


class TrackKind(StrEnum):
    """What a tracker watches."""

    SCRIPT = "script"
    INTERFACE = "interface"


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A router watches `name`; weight 0: its failure is FAULT; else it adds to the priority (keepalived.conf(5))."""

    kind: TrackKind
    name: str
    weight: int = 0

    def __post_init__(self) -> None:
        if not -253 <= self.weight <= 253:
            raise ValueError(f"weight {self.weight} is not in -253..253")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptConfig:
    """A check script (vrrp_script): when it runs and when its result counts; the command is the daemon's."""

    name: str
    interval: Micros = SECOND
    timeout: Micros = SECOND
    rise: int = 1
    fall: int = 1
    init_fail: bool = False

    def __post_init__(self) -> None:
        if self.interval <= 0 or self.timeout <= 0 or self.rise < 1 or self.fall < 1:
            raise ValueError(f"script {self.name}: interval, timeout, rise and fall must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterConfig:
    """One virtual router (vrrp_instance).

    `addresses` are the advertised VIPs in configuration order.  `auth` is the simple-text password of VRRPv2, at most 8
    bytes (RFC 2338 5.3.6.1), or None.  `announce_repeat` gratuitous ARPs per address are sent on becoming MASTER and
    again `announce_delay` later, 0: not again (keepalived's garp_master_repeat and garp_master_delay).
    """

    name: str
    interface: str
    vrid: int
    addresses: tuple[IPv4Address, ...]
    version: int = 2
    priority: int = 100
    advert_interval: Micros = SECOND
    auth: bytes | None = None
    preempt: bool = True
    preempt_delay: Micros = 0
    accept: bool = True
    tracks: tuple[Track, ...] = ()
    announce_repeat: int = 5
    announce_delay: Micros = 5 * SECOND

    def __post_init__(self) -> None:
        if not 1 <= self.vrid <= 255:
            raise ValueError(f"VRID {self.vrid} is not in 1..255")
        if not 1 <= self.priority <= OWNER:
            raise ValueError(f"priority {self.priority} is not in 1..255")
        if self.version not in (2, 3):
            raise ValueError(f"VRRP version {self.version} is not 2 or 3")
        if self.version == 2 and (self.advert_interval % SECOND or not SECOND <= self.advert_interval <= 255 * SECOND):
            raise ValueError("a VRRPv2 advertisement interval is 1..255 whole seconds")
        if self.version == 3 and (self.advert_interval % 10_000 or not 10_000 <= self.advert_interval <= 40_950_000):
            raise ValueError("a VRRPv3 advertisement interval is 1..4095 whole centiseconds")
        if self.auth is not None and (self.version == 3 or not 1 <= len(self.auth) <= 8):
            raise ValueError("a password is 1..8 bytes, and VRRPv2 only")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupConfig:
    """Virtual routers that change state together (vrrp_sync_group); weighted tracks of members do not count."""

    name: str
    members: tuple[str, ...]
