"""What a virtual router is configured to do: the values that the pure core runs on."""

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from labkit.hints import TypeAlias
from labkit.trace import SECOND, Micros
from labkit.values import dataclass, field

Address: TypeAlias = IPv4Address | IPv6Address

OWNER = 255
"""The priority of the address owner (RFC 9568 5.2.4)."""


class TrackKind(StrEnum):
    """What a tracker watches."""

    SCRIPT = "script"
    INTERFACE = "interface"
    FILE = "file"  # vrrp_track_file: the number in the file times the weight
    PROCESS = "process"  # vrrp_track_process
    STATIC = "static"  # a static address, route or rule with a track_group


WEIGHT_BOUNDS = {
    TrackKind.SCRIPT: 253,
    TrackKind.INTERFACE: 253,
    TrackKind.FILE: 2**31 - 1,  # multiplied by the number in the file; below -253 the result is FAULT
    TrackKind.PROCESS: 254,
    TrackKind.STATIC: 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A router watches `name`; weight 0: its failure is FAULT; else it adds to the priority (keepalived.conf(5)).

    `reverse` swaps what counts as healthy and as failed.
    """

    kind: TrackKind
    name: str
    weight: int = 0
    reverse: bool = False

    def __post_init__(self) -> None:
        bound = WEIGHT_BOUNDS[self.kind]
        if not -bound <= self.weight <= bound:
            raise ValueError(f"weight {self.weight} is not in -{bound}..{bound}")


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
class FileConfig:
    """A file whose number routers track (vrrp_track_file); how it is watched is the daemon's business."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessConfig:
    """Processes that routers track (vrrp_track_process): healthy while `quorum`..`quorum_max` of them run.

    A gained quorum counts `fork_delay` later and a lost one `terminate_delay` later, if it is so still.
    """

    name: str
    quorum: int = 1
    quorum_max: int | None = None
    fork_delay: Micros = 0
    terminate_delay: Micros = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceDelay:
    """How long a change of an interface must last before it counts (interface_up_down_delays)."""

    interface: str
    down: Micros = 0
    up: Micros = 0


class AntiReplay(StrEnum):
    """How auth_hmac tells an old advert from a new one (draft-cassen-vrrp-auth-hmac)."""

    NONE = "none"
    TIME = "time"
    MONOTONIC = "monotonic"


class HmacMode(StrEnum):
    """What auth_hmac does with adverts: enforce signs and demands, permissive signs, receive-only verifies."""

    ENFORCE = "enforce"
    PERMISSIVE = "permissive"
    RECEIVE_ONLY = "receive-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacConfig:
    """An auth_hmac block: keys (32..64 bytes) by their id (1..255), and the one that signs; `window` 1..300 s."""

    keys: Mapping[int, bytes] = field(repr=False)
    active: int
    anti_replay: AntiReplay = AntiReplay.TIME
    window: Micros = 5 * SECOND
    mode: HmacMode = HmacMode.ENFORCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One unicast_peer; adverts from it must come with a TTL (hop limit) within the bounds."""

    address: Address
    min_ttl: int = 0
    max_ttl: int = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterConfig:
    """One virtual router (vrrp_instance).

    `addresses` are the advertised VIPs in configuration order, all of the family `family` (4 or 6).  `auth` is the
    simple-text password of VRRPv2, at most 8 bytes (RFC 2338 5.3.6.1), or None; `ah` is the key of auth_type AH.
    `announce_repeat` gratuitous ARPs per address are sent on becoming MASTER and again `announce_delay` later, 0: not
    again (keepalived's garp_master_repeat and garp_master_delay); the `refresh` and `lower_prio` figures are
    garp_master_refresh(_repeat) and garp_lower_prio_delay/_repeat, None: as after becoming MASTER.

    `source` is mcast_src_ip or unicast_src_ip; None: the interface's primary address.  With `peers` adverts go to
    these and to nobody else; `destination` is mcast_dst_ip or the global group, None: the protocol's own.
    `start_delay` holds back the first start (vrrp_startup_delay).  `watch_interface` is false with
    dont_track_primary, `watch_source` is true with track_src_ip.  Addresses on other interfaces are announced every
    `extra_interval`, those on interfaces with a virtual MAC address every `vmac_interval` (garp_extra_if,
    vmac_garp_intvl); 0: not.
    """

    name: str
    interface: str
    vrid: int
    addresses: tuple[Address, ...]
    family: int = 4
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
    refresh_interval: Micros = 0
    refresh_repeat: int = 1
    lower_prio_delay: Micros | None = None
    lower_prio_repeat: int | None = None
    lower_prio_no_advert: bool = False
    higher_prio_send_advert: bool = False
    down_timer_adverts: int = 3
    skip_check_adv_addr: bool = False
    owner_ignore_adverts: bool = False
    strict: bool = False
    ah: bytes | None = field(default=None, repr=False)
    hmac: HmacConfig | None = None
    checksum_as_v2: bool = False
    source: Address | None = None
    destination: Address | None = None
    peers: tuple[Peer, ...] = ()
    unicast: bool = False  # unicast_peer is written, even if it is empty (unicast_fault_no_peer)
    check_unicast_source: bool = False
    ttl: int = 255
    start_delay: Micros = 0
    watch_interface: bool = True
    watch_source: bool = False
    extra_interval: Micros = 0
    vmac_interval: Micros = 0

    @property
    def is_unicast(self) -> bool:
        """Whether adverts go to peers by their addresses and not to a group."""
        return self.unicast or bool(self.peers)

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes it the same virtual router on the wire; when it changes, one stops and another starts."""
        return self.interface, self.vrid, self.version, self.family, self.is_unicast, self.destination

    @property
    def on_the_wire(self) -> tuple[object, ...]:
        """What peers must hear of at once when it changes."""
        signing = (self.auth, self.ah, self.hmac, self.checksum_as_v2)
        return self.addresses, self.advert_interval, self.source, self.peers, *signing

    @property
    def patience(self) -> tuple[Micros, int]:
        """What a backup's wait for its master is made of."""
        return self.advert_interval, self.down_timer_adverts

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
    """Virtual routers that change state together (vrrp_sync_group).

    Weighted tracks of members count only with `weighted` (sync_group_tracking_weight); `tracks` are the group's own.
    """

    name: str
    members: tuple[str, ...]
    tracks: tuple[Track, ...] = ()
    weighted: bool = False
