"""What a keepalived.conf says, validated: the values that the daemon and the lab run on."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface

from labkit.diagnostics import Span
from labkit.trace import Micros
from labkit.vrrp.config import RouterConfig, ScriptConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalDefs:
    """The `global_defs` block."""

    notification_email: tuple[str, ...] = ()
    notification_email_from: str | None = None
    smtp_server: str | None = None
    smtp_port: int = 25
    smtp_connect_timeout: Micros = 30_000_000
    router_id: str | None = None
    script_user: tuple[str, str | None] | None = None
    enable_script_security: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command to run without a shell: program and arguments; `text` is the line as written."""

    argv: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VrrpScript:
    """A `vrrp_script` block: the core's part and the command."""

    check: ScriptConfig
    command: Command
    weight: int = 0
    user: tuple[str, str | None] | None = None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualAddress:
    """One line of `virtual_ipaddress`; a missing prefix is /32, a missing device the instance's interface."""

    address: IPv4Interface
    device: str
    label: str | None = None
    scope: str | None = None
    broadcast: IPv4Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VrrpInstance:
    """A `vrrp_instance` block: the core's part, the kernel's part (addresses) and whom to tell (notify)."""

    router: RouterConfig
    addresses: tuple[VirtualAddress, ...]
    state_master: bool = False
    notify: Command | None = None
    notify_master: Command | None = None
    notify_backup: Command | None = None
    notify_fault: Command | None = None
    notify_stop: Command | None = None
    smtp_alert: bool = False
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncGroup:
    """A `vrrp_sync_group` block."""

    name: str
    members: tuple[str, ...]
    notify: Command | None = None
    notify_master: Command | None = None
    notify_backup: Command | None = None
    notify_fault: Command | None = None
    notify_stop: Command | None = None
    smtp_alert: bool = False
    span: Span = field(compare=False)


class Forwarding(StrEnum):
    """How a director hands a connection to a real server (`lb_kind`)."""

    NAT = "NAT"
    DR = "DR"
    TUN = "TUN"


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpCheck:
    """A `TCP_CHECK` block."""

    connect_timeout: Micros = 5_000_000
    connect_ip: IPv4Address | None = None
    connect_port: int | None = None
    retry: int = 1
    delay_before_retry: Micros = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServer:
    """A `real_server` block."""

    address: IPv4Address
    port: int
    weight: int = 1
    check: TcpCheck | None = None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualServer:
    """A `virtual_server` block."""

    address: IPv4Address
    port: int
    protocol: str
    scheduler: str
    forwarding: Forwarding
    delay_loop: Micros = 60_000_000
    persistence_timeout: Micros | None = None
    sorry_server: tuple[IPv4Address, int] | None = None
    real_servers: tuple[RealServer, ...] = ()
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole keepalived.conf."""

    file: str
    global_defs: GlobalDefs = field(default_factory=GlobalDefs)
    scripts: tuple[VrrpScript, ...] = ()
    instances: tuple[VrrpInstance, ...] = ()
    sync_groups: tuple[SyncGroup, ...] = ()
    virtual_servers: tuple[VirtualServer, ...] = ()
