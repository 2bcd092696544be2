"""What a director's table holds: virtual services and real servers, in the terms of IPVS (ipvsadm(8)).

A table is a mapping from `ServiceKey` to `ServiceState`; data planes take parts of it as desired state and make them
so.  Times are whole seconds, as the kernel keeps them.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from labkit.lvs.traffic import Traffic
from labkit.values import dataclass

Address: TypeAlias = IPv4Address | IPv6Address


class Protocol(IntEnum):
    """The transport protocol of a virtual service, by its number."""

    TCP = 6
    UDP = 17
    SCTP = 132


class Forwarding(StrEnum):
    """How a director hands a connection to a real server (`lb_kind`)."""

    NAT = "NAT"
    DR = "DR"
    TUN = "TUN"


class Scheduler(StrEnum):
    """Which real server gets a new connection (`lb_algo`)."""

    RR = "rr"
    WRR = "wrr"
    LC = "lc"
    WLC = "wlc"
    LBLC = "lblc"
    LBLCR = "lblcr"
    DH = "dh"
    SH = "sh"
    MH = "mh"
    SED = "sed"
    NQ = "nq"
    FO = "fo"
    OVF = "ovf"
    TWOS = "twos"


class TunnelKind(StrEnum):
    """What a packet is wrapped in on its way to a TUN real server."""

    IPIP = "ipip"
    GUE = "gue"
    GRE = "gre"


class TunnelChecksum(StrEnum):
    """Whether the wrapping carries a checksum."""

    NONE = "nocsum"
    CSUM = "csum"
    REMOTE = "remcsum"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKey:
    """What tells virtual services apart: an address, port and protocol, or a firewall mark and a family (4 or 6)."""

    protocol: Protocol | None = None
    address: Address | None = None
    port: int = 0
    fwmark: int = 0
    family: int = 4

    def __post_init__(self) -> None:
        by_mark = self.fwmark > 0
        if by_mark == (self.address is not None) or by_mark == (self.protocol is not None):
            raise ValueError("a virtual service has an address and a protocol, or a firewall mark")
        if self.address is not None and self.address.version != self.family:
            raise ValueError(f"{self.address} is not of family {self.family}")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port {self.port} is not in 0..65535")

    def __str__(self) -> str:
        if self.address is None or self.protocol is None:
            return f"FWM {self.fwmark}" + (" IPv6" if self.family == 6 else "")
        return f"[{self.address}]:{self.protocol.name.lower()}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How a virtual service shares its connections out.

    `persistence_s` keeps a client (its network of `persistence_prefix` bits) at one real server for so long after its
    last connection; None: each connection is scheduled.  `fallback` and `with_port` are the flags of sh and mh.
    """

    key: ServiceKey
    scheduler: Scheduler = Scheduler.WLC
    persistence_s: int | None = None
    persistence_prefix: int | None = None
    persistence_engine: str | None = None
    one_packet: bool = False
    hashed: bool = False
    fallback: bool = False
    with_port: bool = False
    flag_3: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """How packets to a TUN real server are wrapped; `port` is GUE's."""

    kind: TunnelKind = TunnelKind.IPIP
    port: int = 0
    checksum: TunnelChecksum = TunnelChecksum.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A real server in the table; weight 0 gets no new connections.

    At `upper` connections it gets no more until there are fewer than `lower` (0: no bound; ipvsadm(8)).
    """

    address: Address
    port: int
    forwarding: Forwarding
    weight: int = 1
    upper: int = 0
    lower: int = 0
    tunnel: Tunnel = Tunnel()

    @property
    def key(self) -> tuple[Address, int]:
        """What tells real servers of one service apart."""
        return self.address, self.port


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """One virtual service with its real servers, in the order of configuration."""

    service: Service
    destinations: tuple[Destination, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One service on its way: what it was (None: not there) and what it is to be (None: not there)."""

    old: ServiceState | None
    new: ServiceState | None


Table: TypeAlias = Mapping[ServiceKey, ServiceState]


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationReading:
    """A real server as the kernel has it now."""

    destination: Destination
    active: int
    inactive: int
    persistent: int
    traffic: Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReading:
    """A virtual service as the kernel has it now."""

    service: Service
    traffic: Traffic
    destinations: tuple[DestinationReading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address and a port; of a service by firewall mark the address is the mark, as IPVS shows it."""

    address: Address
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else f"{self.address}"
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connection that is remembered, as `ipvsadm -Lnc` has it; `expires_s` without another packet.

    `state` is IPVS's word; NONE is a persistent client, whose own port is 0 (and whose address may be its network's).
    `protocol` None is a persistent client of a service by firewall mark.
    """

    protocol: Protocol | None
    expires_s: int
    state: str
    client: Endpoint
    virtual: Endpoint
    server: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long IPVS remembers a connection without packets, in seconds; 0 leaves a value as it is."""

    tcp_s: int = 0
    tcp_fin_s: int = 0
    udp_s: int = 0


class SyncRole(IntEnum):
    """What a director tells or hears of connections (ipvsadm --start-daemon)."""

    MASTER = 1
    BACKUP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDaemon:
    """A connection synchronisation daemon of the kernel; None leaves the kernel's own choice."""

    role: SyncRole
    interface: str
    sync_id: int = 0
    max_length: int | None = None
    group: Address | None = None
    port: int | None = None
    ttl: int | None = None
