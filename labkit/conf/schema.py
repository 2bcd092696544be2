"""The keyword table of keepalived.conf, as data: where a keyword stands, what follows it, what it is for.

Loading, suggestions and the reference documentation are made from this table.  `Leaf` is a line with a value, `Lines` a
block of lines that are values, `Block` a block of keywords.  The `unsupported` words of a block are those which
keepalived knows there (keepalived.conf(5)) and labkit does not yet; they are refused by name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from labkit.conf.arguments import (
    PORT,
    WEIGHT,
    Address,
    AddressLine,
    Argument,
    Choice,
    Endpoint,
    Flag,
    Host,
    Integer,
    Interface,
    Seconds,
    Tracked,
    User,
    Word,
)
from labkit.conf.commands import CommandLine
from labkit.conf.model import Forwarding
from labkit.trace import SECOND, Micros

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leaf(Generic[T]):
    """A keyword with a value, once in its block; `spellings` are the other names of the same thing."""

    name: str
    argument: Argument[T]
    description: str
    spellings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lines(Generic[T]):
    """A keyword whose block holds one value a line, or (`each_word`) one value a word; blocks of one name add up."""

    name: str
    entry: Argument[T]
    description: str
    each_word: bool = False


@dataclass(frozen=True, slots=True)
class Block(Generic[T]):
    """A keyword whose block holds keywords; `title` is what stands between its name and the brace."""

    name: str
    title: Argument[T]
    description: str
    children: Mapping[str, "Keyword"] = field(hash=False)
    unsupported: frozenset[str] = frozenset()
    once: bool = False


Keyword: TypeAlias = Leaf[Any] | Lines[Any] | Block[Any]


def _table(*keywords: Keyword) -> dict[str, Keyword]:
    table: dict[str, Keyword] = {}
    for keyword in keywords:
        table[keyword.name] = keyword
        if isinstance(keyword, Leaf):
            table.update(dict.fromkeys(keyword.spellings, keyword))
    return table


def _words(*texts: str) -> frozenset[str]:
    return frozenset(word for text in texts for word in text.split())


_NO_TITLE = Flag(wanted="a `{`")
_NAME = Word("a name")
_VERSION = Choice({"2": 2, "3": 3})
_DAY: Micros = 86_400 * SECOND
_LONG: Micros = 4294 * SECOND  # keepalived keeps these in 32 bits of microseconds

# --- global_defs ------------------------------------------------------------------------------------------------------

NOTIFICATION_EMAIL = Lines("notification_email", Word("a mail address"), "Who gets mail", each_word=True)
NOTIFICATION_EMAIL_FROM = Leaf("notification_email_from", Word("a mail address"), "The sender of mail")
SMTP_SERVER = Leaf("smtp_server", Host(), "The mail server, and its port if it is not 25")
SMTP_CONNECT_TIMEOUT = Leaf(
    "smtp_connect_timeout", Seconds(SECOND, _LONG, whole=True), "How long to wait for the mail server (30)"
)
ROUTER_ID = Leaf("router_id", _NAME, "What this machine is called in mail; the host name if absent")
SCRIPT_USER = Leaf("script_user", User(), "Who runs scripts")
SCRIPT_SECURITY = Leaf("enable_script_security", Flag(), "Do not run as root what others can write")
VRRP_VERSION = Leaf("vrrp_version", _VERSION, "The VRRP version of instances that name none (2)")
VRRP_GARP_DELAY = Leaf(
    "vrrp_garp_master_delay", Seconds(0, _LONG, whole=True), "garp_master_delay of instances that name none (5)"
)
VRRP_GARP_REPEAT = Leaf(
    "vrrp_garp_master_repeat", Integer(1, 255), "garp_master_repeat of instances that name none (5)"
)

GLOBAL_DEFS = Block(
    "global_defs",
    _NO_TITLE,
    "What holds for the whole process",
    _table(
        NOTIFICATION_EMAIL,
        NOTIFICATION_EMAIL_FROM,
        SMTP_SERVER,
        SMTP_CONNECT_TIMEOUT,
        ROUTER_ID,
        SCRIPT_USER,
        SCRIPT_SECURITY,
        VRRP_VERSION,
        VRRP_GARP_DELAY,
        VRRP_GARP_REPEAT,
    ),
    _words(
        "smtp_helo_name smtp_alert smtp_alert_vrrp smtp_alert_checker no_email_faults no_checker_emails process_names",
        "process_name vrrp_process_name checker_process_name bfd_process_name lvs_process_name umask random_seed",
        "startup_script startup_script_timeout shutdown_script shutdown_script_timeout",
        "use_symlink_paths set_supplementary_groups vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat",
        "vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_garp_interval vrrp_gna_interval vrrp_min_garp",
        "vrrp_skip_check_adv_addr vrrp_strict vrrp_mcast_group4 vrrp_mcast_group6 default_interface",
        "vrrp_startup_delay vrrp_delay_after_boot vrrp_garp_extra_if vrrp_vmac_garp_intvl vrrp_lower_prio_no_advert",
        "vrrp_higher_prio_send_advert vrrp_down_timer_adverts vrrp_check_unicast_src log_unknown_vrids",
        "vrrp_owner_ignore_adverts v3_checksum_as_v2 vmac_prefix vmac_addr_prefix disable_local_igmp",
        "vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force",
        "vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force lvs_netlink_cmd_rcv_bufs",
        "lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force",
        "process_monitor_rcv_bufs process_monitor_rcv_bufs_force dynamic_interfaces linkbeat_use_polling",
        "iproute_usr_dir iproute_etc_dir vrrp_iptables vrrp_ipsets",
        "nftables nftables_priority nftables_counters nftables_ifindex nftables_ipvs nftables_ipvs_priority",
        "nftables_ipvs_start_fwmark lvs_sync_daemon lvs_flush lvs_flush_on_stop lvs_flush_onstop lvs_timeouts",
        "checker_log_all_failures rs_init_notifies net_namespace net_namespace_ipvs namespace_with_ipsets instance",
        "use_pid_dir data_use_instance vrrp_priority checker_priority bfd_priority vrrp_rt_priority",
        "checker_rt_priority bfd_rt_priority vrrp_no_swap checker_no_swap bfd_no_swap vrrp_rlimit_rttime",
        "checker_rlimit_rttime bfd_rlimit_rttime vrrp_rlimit_rtime checker_rlimit_rtime bfd_rlimit_rtime",
        "vrrp_cpu_affinity checker_cpu_affinity bfd_cpu_affinity max_auto_priority min_auto_priority_delay notify_fifo",
        "notify_fifo_script vrrp_notify_fifo vrrp_notify_fifo_script lvs_notify_fifo lvs_notify_fifo_script",
        "vrrp_notify_priority_changes fifo_write_vrrp_states_on_reload reload_check_config reload_time_file",
        "reload_repeat reload_file tmp_config_directory config_save_dir state_dump_file stats_dump_file",
        "json_dump_file json_version snmp_socket enable_traps enable_snmp_keepalived enable_snmp_vrrp",
        "enable_snmp_checker enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 snmp_vs_stats_update_interval",
        "snmp_rs_stats_update_interval enable_dbus dbus_service_name dbus_no_interface_name",
    ),
    once=True,
)

# --- notify (in vrrp_instance and vrrp_sync_group) --------------------------------------------------------------------

NOTIFY = Leaf("notify", CommandLine(many=False), "Run at every change of state, with kind, name, state and priority")
NOTIFY_MASTER = Leaf("notify_master", CommandLine(many=False), "Run on becoming MASTER")
NOTIFY_BACKUP = Leaf("notify_backup", CommandLine(many=False), "Run on becoming BACKUP")
NOTIFY_FAULT = Leaf("notify_fault", CommandLine(many=False), "Run on going to FAULT")
NOTIFY_STOP = Leaf("notify_stop", CommandLine(many=False), "Run when keepalived stops")
SMTP_ALERT = Leaf("smtp_alert", Flag(), "Send mail at every change of state")
_NOTIFIES = (NOTIFY, NOTIFY_MASTER, NOTIFY_BACKUP, NOTIFY_FAULT, NOTIFY_STOP, SMTP_ALERT)

# --- vrrp_script ------------------------------------------------------------------------------------------------------

SCRIPT = Leaf("script", CommandLine(many=True), "The command; exit status 0 means healthy")
INTERVAL = Leaf("interval", Seconds(1_000, _LONG), "From the start of one run to the start of the next (1)")
TIMEOUT = Leaf("timeout", Seconds(1_000, _LONG), "A run that takes longer counts as failed (the interval)")
SCRIPT_WEIGHT = Leaf("weight", WEIGHT, "Added to the priority; 0: a failure is FAULT (0)")
RISE = Leaf("rise", Integer(1, 2**31 - 1), "So many successes in a row count as healthy (1)")
FALL = Leaf("fall", Integer(1, 2**31 - 1), "So many failures in a row count as failed (1)")
SCRIPT_RUN_BY = Leaf("user", User(), "Who runs this script")
INIT_FAIL = Leaf("init_fail", Flag(), "Counts as failed until it has succeeded")

VRRP_SCRIPT = Block(
    "vrrp_script",
    _NAME,
    "A command that tells whether this machine is healthy",
    _table(SCRIPT, INTERVAL, TIMEOUT, SCRIPT_WEIGHT, RISE, FALL, SCRIPT_RUN_BY, INIT_FAIL),
)

# --- vrrp_instance ----------------------------------------------------------------------------------------------------

AUTH_TYPE = Leaf("auth_type", Choice({"PASS": "PASS"}, _words("AH")), "PASS: a password in clear text")
AUTH_PASS = Leaf("auth_pass", Word("a password of 1 to 8 bytes"), "The password; its first 8 bytes count")
AUTHENTICATION = Block(
    "authentication", _NO_TITLE, "A password in every advert (version 2)", _table(AUTH_TYPE, AUTH_PASS), once=True
)

STATE = Leaf("state", Choice({"MASTER": True, "BACKUP": False}), "What the author expects it to be; elections decide")
INTERFACE = Leaf("interface", Interface(may_be_loopback=False), "The interface that adverts go through")
VIRTUAL_ROUTER_ID = Leaf("virtual_router_id", Integer(1, 255), "The VRID, the same on all routers of the group")
PRIORITY = Leaf("priority", Integer(1, 255), "The highest is MASTER; 255 is the owner of the addresses (100)")
ADVERT_INT = Leaf("advert_int", Seconds(10_000, 255 * SECOND), "Time from advert to advert (1)")
VERSION = Leaf("version", _VERSION, "The VRRP version (2)")
NOPREEMPT = Leaf("nopreempt", Flag(), "A MASTER of lower priority keeps its place")
PREEMPT_DELAY = Leaf("preempt_delay", Seconds(0, 1000 * SECOND), "Wait so long after start before preempting (0)")
ACCEPT = Leaf("accept", Flag(), "Accept packets to the virtual addresses (as always here)")
GARP_MASTER_DELAY = Leaf(
    "garp_master_delay", Seconds(0, _LONG, whole=True), "The second round of gratuitous ARP comes so late (5)"
)
GARP_MASTER_REPEAT = Leaf("garp_master_repeat", Integer(1, 255), "Gratuitous ARPs for an address in one round (5)")
VIRTUAL_IPADDRESS = Lines("virtual_ipaddress", AddressLine(), "The addresses that the MASTER holds and advertises")
EXCLUDED = Lines("virtual_ipaddress_excluded", AddressLine(), "Addresses that the MASTER holds but does not advertise")
TRACK_SCRIPT = Lines("track_script", Tracked(Word("the name of a vrrp_script")), "Scripts to watch")
TRACK_INTERFACE = Lines("track_interface", Tracked(Interface()), "Interfaces to watch")

VRRP_INSTANCE = Block(
    "vrrp_instance",
    _NAME,
    "A virtual router",
    _table(
        STATE,
        INTERFACE,
        VIRTUAL_ROUTER_ID,
        PRIORITY,
        ADVERT_INT,
        VERSION,
        AUTHENTICATION,
        VIRTUAL_IPADDRESS,
        EXCLUDED,
        NOPREEMPT,
        PREEMPT_DELAY,
        ACCEPT,
        GARP_MASTER_DELAY,
        GARP_MASTER_REPEAT,
        TRACK_SCRIPT,
        TRACK_INTERFACE,
        *_NOTIFIES,
    ),
    _words(
        "use_vmac use_vmac_addr use_ipvlan vmac_xmit_base native_ipv6 vrf dont_track_primary track_bfd track_file",
        "track_process track_src_ip mcast_src_ip mcast_dst_ip unicast_src_ip unicast_peer unicast_ttl",
        "unicast_fault_no_peer old_unicast_checksum check_unicast_src lvs_sync_daemon_interface garp_extra_if",
        "garp_master_refresh garp_master_refresh_repeat garp_lower_prio_delay garp_lower_prio_repeat vmac_garp_intvl",
        "lower_prio_no_advert higher_prio_send_advert down_timer_adverts virtual_routes virtual_rules no_accept",
        "preempt debug notify_master_rx_lower_pri notify_deleted notify_priority_changes promote_secondaries",
        "strict_mode skip_check_adv_addr linkbeat_use_polling kernel_rx_buf_size thread_timer_expired",
        "timer_expired_backup owner_ignore_adverts no_virtual_ipaddress v3_checksum_as_v2 auth_hmac",
    ),
)

# --- vrrp_sync_group --------------------------------------------------------------------------------------------------

GROUP = Lines("group", Word("the name of a vrrp_instance"), "The instances that change state together", each_word=True)

VRRP_SYNC_GROUP = Block(
    "vrrp_sync_group",
    _NAME,
    "Instances that change state together",
    _table(GROUP, *_NOTIFIES),
    _words(
        "track_interface track_script track_file track_process track_bfd sync_group_tracking_weight global_tracking",
        "notify_priority_changes",
    ),
)

# --- virtual_server ---------------------------------------------------------------------------------------------------

CONNECT_TIMEOUT = Leaf("connect_timeout", Seconds(1_000, _LONG), "How long to wait for the connection (5)")
CONNECT_IP = Leaf("connect_ip", Address(), "Connect to this address; the real server's if absent")
CONNECT_PORT = Leaf("connect_port", PORT, "Connect to this port; the real server's if absent")
RETRY = Leaf("retry", Integer(0, 2**31 - 1), "Tries after the first failed one, before it counts as failed (1)")
DELAY_BEFORE_RETRY = Leaf("delay_before_retry", Seconds(0, _DAY), "Wait so long before trying again (1)")

TCP_CHECK = Block(
    "TCP_CHECK",
    _NO_TITLE,
    "Healthy if a TCP connection can be made",
    _table(CONNECT_TIMEOUT, CONNECT_IP, CONNECT_PORT, RETRY, DELAY_BEFORE_RETRY),
    _words("bindto bind_if bind_port fwmark alpha warmup delay_loop log_all_failures"),
    once=True,
)

REAL_WEIGHT = Leaf("weight", Integer(0, 2**31 - 1), "Its share of the connections; 0: no new ones (1)")

REAL_SERVER = Block(
    "real_server",
    Endpoint(),
    "A server behind the virtual one",
    _table(REAL_WEIGHT, TCP_CHECK),
    _words(
        "lvs_method inhibit_on_failure notify_up notify_down uthreshold lthreshold alpha delay_loop retry",
        "connect_timeout delay_before_retry warmup virtualhost smtp_alert snmp_name HTTP_GET SSL_GET MISC_CHECK",
        "SMTP_CHECK DNS_CHECK PING_CHECK UDP_CHECK FILE_CHECK BFD_CHECK",
    ),
)

_SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh", "dh", "sed", "nq", "fo", "ovf", "twos")

DELAY_LOOP = Leaf("delay_loop", Seconds(1_000, _DAY), "Time from check to check (60)")
LB_ALGO = Leaf("lb_algo", Choice({name: name for name in _SCHEDULERS}), "The scheduler", ("lvs_sched",))
LB_KIND = Leaf("lb_kind", Choice({kind.value: kind for kind in Forwarding}), "The forwarding method", ("lvs_method",))
PROTOCOL = Leaf(
    "protocol", Choice({name: name for name in ("TCP", "UDP", "SCTP")}, any_case=True), "The transport protocol"
)
PERSISTENCE_TIMEOUT = Leaf(
    "persistence_timeout",
    Seconds(SECOND, 31 * _DAY, whole=True, absent=360 * SECOND),
    "One client goes to one real server for so long; 360 if no number follows",
)
SORRY_SERVER = Leaf("sorry_server", Endpoint(), "Serves when no real server is left")

VIRTUAL_SERVER = Block(
    "virtual_server",
    Endpoint(),
    "An address and port whose connections are shared out",
    _table(DELAY_LOOP, LB_ALGO, LB_KIND, PROTOCOL, PERSISTENCE_TIMEOUT, SORRY_SERVER, REAL_SERVER),
    _words(
        "ip_family hashed ops sh-port sh-fallback mh-port mh-fallback flag-1 flag-2 flag-3 persistence_engine",
        "persistence_granularity virtualhost ha_suspend alpha omega quorum hysteresis quorum_up quorum_down",
        "sorry_server_inhibit sorry_server_lvs_method smtp_alert inhibit_on_failure retry delay_before_retry",
        "connect_timeout warmup weight snmp_name",
    ),
)

# --- the file ---------------------------------------------------------------------------------------------------------

DIRECTIVES = _words("include includer includem includew includeb includea include_check")
"""These may stand in any block; labkit supports none of them yet."""

ROOT = Block(
    "",
    _NO_TITLE,
    "A whole file",
    _table(GLOBAL_DEFS, VRRP_SCRIPT, VRRP_INSTANCE, VRRP_SYNC_GROUP, VIRTUAL_SERVER),
    _words(
        "static_ipaddress static_routes",
        "static_rules track_group vrrp_track_file track_file vrrp_track_process bfd_instance",
        "garp_group virtual_server_group SSL linkbeat_use_polling net_namespace net_namespace_ipvs",
        "namespace_with_ipsets instance use_pid_dir child_wait_time interface_up_down_delays linkbeat_interfaces",
    ),
)


def homes(name: str) -> Iterable[str]:
    """Return the names of the blocks in which a keyword may stand; the top of the file has an empty name."""
    return _HOMES.get(name, ())


def _homes(block: Block[Any], into: dict[str, list[str]]) -> dict[str, list[str]]:
    for name, keyword in block.children.items():
        into.setdefault(name, []).append(block.name)
        if isinstance(keyword, Block):
            _homes(keyword, into)
    return into


_HOMES = _homes(ROOT, {})
