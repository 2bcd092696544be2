"""What a keepalived.conf says, validated: the values that the daemon and the lab run on."""

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface

from labkit.conf.model_commands import Command as Command
from labkit.conf.model_commands import User as User
from labkit.diagnostics import Span
from labkit.hints import TYPE_CHECKING, TypeAlias
from labkit.trace import Micros
from labkit.values import dataclass, field
from labkit.vrrp.config import Address, FileConfig, InterfaceDelay, ProcessConfig, RouterConfig, ScriptConfig, Track

if TYPE_CHECKING:  # most files have neither of these
    from labkit.conf.model_balancing import TlsMaterial, VirtualServer
    from labkit.conf.model_routes import Route, Rule

Interface: TypeAlias = IPv4Interface | IPv6Interface


@dataclass(frozen=True, slots=True, kw_only=True)
class Fifo:
    """A FIFO that is told of changes (notify_fifo and its kin), and the script that keepalived starts to read it."""

    path: str
    user: User | None = None
    script: Command | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduling:
    """How one of the processes is scheduled (vrrp_priority, vrrp_rt_priority, vrrp_no_swap and their kin)."""

    nice: int | None = None
    realtime: int | None = None
    realtime_limit: Micros = 10_000
    no_swap: bool = False
    affinity: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceDefaults:
    """What `global_defs` says for instances that say nothing else; the fields are those of `RouterConfig`.

    It is in the instances already, and here for those who ask what is taken by default.  `group4` and `group6` are None
    where it is the protocol's own.
    """

    version: int = 2
    group4: Address | None = None
    group6: Address | None = None
    announce_delay: Micros = 5_000_000
    announce_repeat: int = 5
    refresh_interval: Micros = 0
    refresh_repeat: int = 1
    lower_prio_delay: Micros | None = None
    lower_prio_repeat: int | None = None
    lower_prio_no_advert: bool = False
    higher_prio_send_advert: bool = False
    down_timer_adverts: int = 3
    check_unicast_source: bool = False
    skip_check_adv_addr: bool = False
    strict: bool = False
    extra_interval: Micros = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalDefs:
    """The `global_defs` block, and what keepalived also takes at the top of a file."""

    notification_email: tuple[str, ...] = ()
    notification_email_from: str | None = None
    smtp_server: str | None = None
    smtp_port: int = 25
    smtp_connect_timeout: Micros = 30_000_000
    smtp_helo_name: str | None = None
    smtp_alert: bool | None = None
    smtp_alert_vrrp: bool | None = None
    smtp_alert_checker: bool | None = None
    no_email_faults: bool = False
    no_checker_emails: bool = False
    router_id: str | None = None
    script_user: User | None = None
    enable_script_security: bool = False
    startup_script: Command | None = None
    startup_script_timeout: Micros = 10_000_000
    shutdown_script: Command | None = None
    shutdown_script_timeout: Micros = 10_000_000
    umask: int | None = None
    process_name: str | None = None
    vrrp_process_name: str | None = None
    checker_process_name: str | None = None
    child_wait_time: Micros = 5_000_000
    notify_fifo: Fifo | None = None
    vrrp_notify_fifo: Fifo | None = None
    lvs_notify_fifo: Fifo | None = None
    vrrp_notify_priority_changes: bool = False
    fifo_write_states_on_reload: bool = False
    vrrp_scheduling: Scheduling = field(default_factory=Scheduling)
    checker_scheduling: Scheduling = field(default_factory=Scheduling)
    max_auto_priority: int = 0  # below 1: processes that run late stay as they are
    min_auto_priority_delay: Micros = 1_000_000
    vrrp_delay_after_boot: Micros = 0
    garp_interval: Micros = 0  # between two gratuitous ARPs on one interface, microseconds
    gna_interval: Micros = 0
    garp_groups: tuple["GarpGroup", ...] = ()
    instances: InstanceDefaults = field(default_factory=InstanceDefaults)
    default_interface: str | None = None
    vmac_prefix: str = "vrrp"
    vmac_addr_prefix: str | None = None
    disable_local_igmp: bool = False
    log_unknown_vrids: bool = False
    interface_delays: tuple[InterfaceDelay, ...] = ()
    lvs_sync_daemon: "SyncDaemon | None" = None
    lvs_flush: bool = False
    lvs_flush_on_stop: bool = False
    lvs_timeouts: tuple[Micros | None, Micros | None, Micros | None] = (None, None, None)  # tcp, tcpfin, udp
    checker_log_all_failures: bool = False
    rs_init_notifies: bool = False
    reload_time_file: str | None = None
    reload_repeat: bool = False
    reload_file: str | None = None  # empty: keepalived.reload beside the pid files
    state_dump_file: str = "/tmp/keepalived.data"
    stats_dump_file: str = "/tmp/keepalived.stats"
    json_dump_file: str = "/tmp/keepalived.json"
    json_version: int = 1
    instance: str | None = None
    net_namespace: str | None = None
    use_pid_dir: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GarpGroup:
    """A `garp_group`: times between announcements on all its interfaces together, microseconds; None: as elsewhere."""

    interfaces: tuple[str, ...]
    garp_interval: Micros | None = None
    gna_interval: Micros | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDaemon:
    """`lvs_sync_daemon`: connections of IPVS are told to the other director; the role follows a VRRP instance."""

    interface: str
    instance: str | None = None
    sync_id: int | None = None
    max_length: int | None = None
    port: int | None = None
    ttl: int | None = None
    group: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VrrpScript:
    """A `vrrp_script` block: the core's part and the command."""

    check: ScriptConfig
    command: Command
    weight: int = 0
    reverse: bool = False
    user: User | None = None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFile:
    """A `vrrp_track_file` (or `track_file`) block; `init` is written to the file at start."""

    check: FileConfig
    path: str
    weight: int = 1
    reverse: bool = False
    init: int | None = None
    overwrite: bool = False
    span: Span = field(compare=False)


class ParamMatch(StrEnum):
    """How the parameters of a tracked process are compared (`param_match`)."""

    EXACT = "exact"
    PARTIAL = "partial"
    INITIAL = "initial"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackProcess:
    """A `vrrp_track_process` block: the core's part, and which processes count.

    Without `parameters` (None) the name alone counts; an empty tuple means a command without parameters.
    """

    check: ProcessConfig
    program: str
    parameters: tuple[str, ...] | None = None
    match: ParamMatch = ParamMatch.EXACT
    full_command: bool = False
    weight: int = 1
    reverse: bool = False
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualAddress:
    """One line of `virtual_ipaddress` or `static_ipaddress`.

    A missing prefix is /32 (/128), a missing device the instance's interface.  `preferred_lft` is in seconds, None:
    for ever.  `detect_duplicates` is `-nodad`: neighbours are asked for an IPv6 address before it is used.  `tracked`
    is false with no_track: its loss is neither repaired nor a reason to leave MASTER.
    """

    address: Interface
    device: str
    label: str | None = None
    scope: str | None = None
    broadcast: IPv4Address | None = None
    peer: Interface | None = None
    home: bool = False
    detect_duplicates: bool = False
    manage_temporary: bool = False  # mngtmpaddr
    no_prefix_route: bool = False
    auto_join: bool = False
    preferred_lft: int | None = None
    tracked: bool = True
    use_vmac: bool = False
    track_group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vmac:
    """`use_vmac`: the router's packets and addresses belong to a macvlan with the virtual router MAC address.

    `name` is empty where it is to be made up from the prefix and the VRID.  With `on_base` adverts leave by the
    underlying interface (vmac_xmit_base).  `address` is set by `use_vmac MAC`; `other_devices` is use_vmac_addr.
    """

    name: str = ""
    address: bytes | None = None
    on_base: bool = False
    other_devices: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VrrpInstance:
    """A `vrrp_instance` block: the core's part, the kernel's part (addresses) and whom to tell (notify).

    Addresses on other interfaces are announced each `garp_extra_interval` (garp_extra_if; None: never), on VMACs only
    or on all of them (`garp_extra_all`).

    `addresses` are those of `virtual_ipaddress`, then those of `virtual_ipaddress_excluded`.
    """

    router: RouterConfig
    addresses: tuple[VirtualAddress, ...]
    routes: tuple["Route", ...] = ()
    rules: tuple["Rule", ...] = ()
    state_master: bool = False
    vmac: Vmac | None = None
    promote_secondaries: bool = False
    garp_extra_interval: Micros | None = None
    garp_extra_all: bool = False
    notify: Command | None = None
    notify_master: Command | None = None
    notify_backup: Command | None = None
    notify_fault: Command | None = None
    notify_stop: Command | None = None
    notify_master_rx_lower_pri: Command | None = None
    notify_deleted: bool = False
    notify_deleted_script: Command | None = None
    notify_priority_changes: bool = False
    smtp_alert: bool = False
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncGroup:
    """A `vrrp_sync_group` block."""

    name: str
    members: tuple[str, ...]
    tracks: tuple[Track, ...] = ()
    tracking_weight: bool = False
    notify: Command | None = None
    notify_master: Command | None = None
    notify_backup: Command | None = None
    notify_fault: Command | None = None
    notify_stop: Command | None = None
    notify_priority_changes: bool = False
    smtp_alert: bool = False
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole keepalived.conf."""

    file: str
    global_defs: GlobalDefs = field(default_factory=GlobalDefs)
    scripts: tuple[VrrpScript, ...] = ()
    track_files: tuple[TrackFile, ...] = ()
    track_processes: tuple[TrackProcess, ...] = ()
    track_groups: tuple[tuple[str, tuple[str, ...]], ...] = ()  # name, instances
    static_addresses: tuple[VirtualAddress, ...] = ()
    static_routes: tuple["Route", ...] = ()
    static_rules: tuple["Rule", ...] = ()
    instances: tuple[VrrpInstance, ...] = ()
    sync_groups: tuple[SyncGroup, ...] = ()
    virtual_servers: tuple["VirtualServer", ...] = ()
    tls: "TlsMaterial | None" = None  # what stands in the `SSL` block, where there are virtual servers
