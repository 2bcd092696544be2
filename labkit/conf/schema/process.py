"""The keywords of `global_defs`, and those that may stand at the top of a file for the whole process."""

from labkit.conf.addresses import Group
from labkit.conf.arguments import (
    Anything,
    Choice,
    Flag,
    Host,
    Integer,
    Integers,
    Interface,
    MaybeInteger,
    Path,
    Seconds,
    Switch,
    User,
    Word,
)
from labkit.conf.commands import FifoLine, UsersCommand
from labkit.conf.extra import EveryInterface
from labkit.conf.names import ETC_DIR, USR_DIR
from labkit.conf.schema import later
from labkit.conf.schema.keyword import (
    LONG,
    NAME,
    NO_TITLE,
    VERSION_NUMBER,
    Block,
    Leaf,
    Lines,
    table,
)
from labkit.conf.schema.later import Later
from labkit.conf.schema.without_effect import ALWAYS, IDLE, REFUSED
from labkit.trace import SECOND

_COMMAND = UsersCommand()

# --- mail and identity ------------------------------------------------------------------------------------------------

NOTIFICATION_EMAIL = Lines("notification_email", Word("a mail address"), "Who gets mail", each_word=True)
NOTIFICATION_EMAIL_FROM = Leaf("notification_email_from", Word("a mail address"), "The sender of mail")
SMTP_SERVER = Leaf("smtp_server", Host(), "The mail server, and its port if it is not 25")
SMTP_CONNECT_TIMEOUT = Leaf(
    "smtp_connect_timeout", Seconds(SECOND, LONG, whole=True), "How long to wait for the mail server (30)"
)
SMTP_HELO_NAME = Leaf("smtp_helo_name", NAME, "What this machine calls itself to the mail server (the host name)")
SMTP_ALERT = Leaf("smtp_alert", Switch(), "smtp_alert of all that name none (off)")
SMTP_ALERT_VRRP = Leaf("smtp_alert_vrrp", Switch(), "smtp_alert of instances and groups that name none (smtp_alert)")
SMTP_ALERT_CHECKER = Leaf("smtp_alert_checker", Switch(), "smtp_alert of servers that name none (smtp_alert)")
NO_EMAIL_FAULTS = Leaf("no_email_faults", Flag(), "Send no mail on going to FAULT")
ROUTER_ID = Leaf("router_id", NAME, "What this machine is called in mail (the host name)")
_MAIL = (
    NOTIFICATION_EMAIL,
    NOTIFICATION_EMAIL_FROM,
    SMTP_SERVER,
    SMTP_CONNECT_TIMEOUT,
    SMTP_HELO_NAME,
    SMTP_ALERT,
    SMTP_ALERT_VRRP,
    SMTP_ALERT_CHECKER,
    NO_EMAIL_FAULTS,
    ROUTER_ID,
)

# --- scripts and FIFOs ------------------------------------------------------------------------------------------------

_SCRIPT_TIMEOUT = Seconds(SECOND, 1000 * SECOND, whole=True)

SCRIPT_USER = Leaf("script_user", User(), "Who runs scripts (keepalived_script if there is such a user, else root)")
SCRIPT_SECURITY = Leaf("enable_script_security", Flag(), "Do not run as root what others can write")
STARTUP_SCRIPT = Leaf("startup_script", _COMMAND, "Run once before anything else")
STARTUP_SCRIPT_TIMEOUT = Leaf("startup_script_timeout", _SCRIPT_TIMEOUT, "It is ended after this time (10)")
SHUTDOWN_SCRIPT = Leaf("shutdown_script", _COMMAND, "Run once after everything else")
SHUTDOWN_SCRIPT_TIMEOUT = Leaf("shutdown_script_timeout", _SCRIPT_TIMEOUT, "It is ended after this time (10)")
NOTIFY_FIFO = Leaf("notify_fifo", FifoLine(), "Every change is written to this FIFO")
NOTIFY_FIFO_SCRIPT = Leaf(
    "notify_fifo_script", _COMMAND, "Started to read notify_fifo, whose path is its last argument"
)
VRRP_NOTIFY_FIFO = Leaf("vrrp_notify_fifo", FifoLine(), "Every change of an instance or group is written to this FIFO")
VRRP_NOTIFY_FIFO_SCRIPT = Leaf("vrrp_notify_fifo_script", _COMMAND, "Started to read vrrp_notify_fifo")
LVS_NOTIFY_FIFO = Leaf("lvs_notify_fifo", FifoLine(), "Every change of a server is written to this FIFO")
LVS_NOTIFY_FIFO_SCRIPT = Leaf("lvs_notify_fifo_script", _COMMAND, "Started to read lvs_notify_fifo")
VRRP_NOTIFY_PRIORITY_CHANGES = Leaf(
    "vrrp_notify_priority_changes", Switch(), "notify_priority_changes of instances and groups that name none (off)"
)
FIFO_WRITE_STATES = Leaf(
    "fifo_write_vrrp_states_on_reload", Flag(), "A reload writes all states to the FIFOs, changed or not"
)
_SCRIPTS = (
    SCRIPT_USER,
    SCRIPT_SECURITY,
    STARTUP_SCRIPT,
    STARTUP_SCRIPT_TIMEOUT,
    SHUTDOWN_SCRIPT,
    SHUTDOWN_SCRIPT_TIMEOUT,
    NOTIFY_FIFO,
    NOTIFY_FIFO_SCRIPT,
    VRRP_NOTIFY_FIFO,
    VRRP_NOTIFY_FIFO_SCRIPT,
    LVS_NOTIFY_FIFO,
    LVS_NOTIFY_FIFO_SCRIPT,
    VRRP_NOTIFY_PRIORITY_CHANGES,
    FIFO_WRITE_STATES,
)

# --- what holds for instances that say nothing else -------------------------------------------------------------------

_WHOLE = Seconds(0, LONG, whole=True)
_PACE = Seconds(0, LONG)

VRRP_VERSION = Leaf("vrrp_version", VERSION_NUMBER, "The VRRP version of instances that name none (2)")
VRRP_GARP_DELAY = Leaf("vrrp_garp_master_delay", _WHOLE, "garp_master_delay of instances that name none (5)")
VRRP_GARP_REPEAT = Leaf(
    "vrrp_garp_master_repeat", Integer(1, 255), "garp_master_repeat of instances that name none (5)"
)
VRRP_GARP_REFRESH = Leaf("vrrp_garp_master_refresh", _WHOLE, "garp_master_refresh of instances that name none (0)")
VRRP_GARP_REFRESH_REPEAT = Leaf(
    "vrrp_garp_master_refresh_repeat", Integer(1, 255), "garp_master_refresh_repeat of instances that name none (1)"
)
VRRP_GARP_LOWER_PRIO_DELAY = Leaf(
    "vrrp_garp_lower_prio_delay", _WHOLE, "garp_lower_prio_delay of instances that name none (garp_master_delay)"
)
VRRP_GARP_LOWER_PRIO_REPEAT = Leaf(
    "vrrp_garp_lower_prio_repeat",
    Integer(0, 255),
    "garp_lower_prio_repeat of instances that name none (garp_master_repeat)",
)
VRRP_MIN_GARP = Leaf(
    "vrrp_min_garp", Switch(), "One gratuitous ARP for an address instead of five, and no second round"
)
VRRP_GARP_INTERVAL = Leaf("vrrp_garp_interval", _PACE, "Between two gratuitous ARPs on one interface (0)")
VRRP_GNA_INTERVAL = Leaf("vrrp_gna_interval", _PACE, "Between two neighbour advertisements on one interface (0)")
VRRP_GARP_EXTRA_IF = Leaf(
    "vrrp_garp_extra_if",
    EveryInterface(),
    "garp_extra_if of instances that name none (never)",
    ("vrrp_vmac_garp_intvl",),
)
VRRP_DOWN_TIMER_ADVERTS = Leaf(
    "vrrp_down_timer_adverts", Integer(1, 100), "down_timer_adverts of instances that name none (3)"
)
VRRP_LOWER_PRIO_NO_ADVERT = Leaf(
    "vrrp_lower_prio_no_advert", Switch(), "lower_prio_no_advert of instances that name none (off)"
)
VRRP_HIGHER_PRIO_SEND_ADVERT = Leaf(
    "vrrp_higher_prio_send_advert", Switch(), "higher_prio_send_advert of instances that name none (off)"
)
VRRP_SKIP_CHECK_ADV_ADDR = Leaf(
    "vrrp_skip_check_adv_addr", Switch(), "skip_check_adv_addr of instances that name none (off)"
)
VRRP_CHECK_UNICAST_SRC = Leaf("vrrp_check_unicast_src", Flag(), "check_unicast_src for all instances")
VRRP_MCAST_GROUP4 = Leaf("vrrp_mcast_group4", Group(4), "The group of IPv4 adverts (224.0.0.18)")
VRRP_MCAST_GROUP6 = Leaf("vrrp_mcast_group6", Group(6), "The group of IPv6 adverts (ff02::12)")
VRRP_STRICT = Leaf("vrrp_strict", Switch(), "strict_mode of instances that say nothing (off)")
VRRP_OWNER_IGNORE_ADVERTS = Leaf(
    "vrrp_owner_ignore_adverts", Switch(), "owner_ignore_adverts of instances that say nothing (off)"
)
V3_CHECKSUM_AS_V2 = Leaf("v3_checksum_as_v2", Switch(), "v3_checksum_as_v2 of instances that say nothing (off)")
VRRP_DELAY_AFTER_BOOT = Leaf(
    "vrrp_delay_after_boot", Seconds(1, LONG), "Instances start so long after the machine, at the earliest (0)"
)
VRRP_STARTUP_DELAY = Leaf("vrrp_startup_delay", Seconds(1, LONG), "Instances start so long after the daemon (0)")
VMAC_PREFIX = Leaf(
    "vmac_prefix", Interface("the beginning of a name of an interface"), "Names of macvlans begin so (vrrp)"
)
VMAC_ADDR_PREFIX = Leaf(
    "vmac_addr_prefix",
    Interface("the beginning of a name of an interface"),
    "Names of macvlans on other interfaces than the instance's begin so (vmac_prefix)",
)
DEFAULT_INTERFACE = Leaf("default_interface", Interface(), "The interface of static addresses that name none (eth0)")
DISABLE_LOCAL_IGMP = Leaf("disable_local_igmp", Flag(), "With use_vmac: the kernel reports no link-local groups")
LOG_UNKNOWN_VRIDS = Leaf("log_unknown_vrids", Flag(), "Log adverts of a VRID that is nobody's here")
_DEFAULTS = (
    VRRP_VERSION,
    VRRP_GARP_DELAY,
    VRRP_GARP_REPEAT,
    VRRP_GARP_REFRESH,
    VRRP_GARP_REFRESH_REPEAT,
    VRRP_GARP_LOWER_PRIO_DELAY,
    VRRP_GARP_LOWER_PRIO_REPEAT,
    VRRP_MIN_GARP,
    VRRP_GARP_INTERVAL,
    VRRP_GNA_INTERVAL,
    VRRP_GARP_EXTRA_IF,
    VRRP_DOWN_TIMER_ADVERTS,
    VRRP_LOWER_PRIO_NO_ADVERT,
    VRRP_HIGHER_PRIO_SEND_ADVERT,
    VRRP_SKIP_CHECK_ADV_ADDR,
    VRRP_CHECK_UNICAST_SRC,
    VRRP_MCAST_GROUP4,
    VRRP_MCAST_GROUP6,
    VRRP_STRICT,
    VRRP_OWNER_IGNORE_ADVERTS,
    V3_CHECKSUM_AS_V2,
    VRRP_DELAY_AFTER_BOOT,
    VRRP_STARTUP_DELAY,
    VMAC_PREFIX,
    VMAC_ADDR_PREFIX,
    DEFAULT_INTERFACE,
    DISABLE_LOCAL_IGMP,
    LOG_UNKNOWN_VRIDS,
)

# --- the processes ----------------------------------------------------------------------------------------------------

_NICE = Integer(-20, 19)
_REALTIME = Integer(1, 99)
_CPUS = Integers(Integer(0, 4095), "the numbers of processors")
_RUNTIME = Integer(2, 2**31 - 1)

VRRP_PRIORITY = Leaf("vrrp_priority", _NICE, "The nice value of the VRRP process")
VRRP_RT_PRIORITY = Leaf("vrrp_rt_priority", _REALTIME, "The real-time priority of the VRRP process")
VRRP_RLIMIT_RTTIME = Leaf(
    "vrrp_rlimit_rttime",
    _RUNTIME,
    "So many microseconds without a pause at real-time priority (10000)",
    ("vrrp_rlimit_rtime",),
)
MAX_AUTO_PRIORITY = Leaf(
    "max_auto_priority",
    MaybeInteger(Integer(-1, 99), 99),
    "A process that runs late gets real-time priority, up to this; 0 and -1: it does not (0)",
)
MIN_AUTO_PRIORITY_DELAY = Leaf(
    "min_auto_priority_delay", Integer(1, 10_000_000), "So many microseconds is late (1000000)"
)
VRRP_NO_SWAP = Leaf("vrrp_no_swap", Flag(), "The VRRP process stays in memory")
VRRP_CPU_AFFINITY = Leaf("vrrp_cpu_affinity", _CPUS, "The VRRP process runs on these processors only")
CHECKER_PRIORITY = Leaf("checker_priority", _NICE, "The nice value of the process of checks")
CHECKER_RT_PRIORITY = Leaf("checker_rt_priority", _REALTIME, "The real-time priority of the process of checks")
CHECKER_RLIMIT_RTTIME = Leaf(
    "checker_rlimit_rttime", _RUNTIME, "vrrp_rlimit_rttime for the process of checks (10000)", ("checker_rlimit_rtime",)
)
CHECKER_NO_SWAP = Leaf("checker_no_swap", Flag(), "The process of checks stays in memory")
CHECKER_CPU_AFFINITY = Leaf("checker_cpu_affinity", _CPUS, "The process of checks runs on these processors only")
PROCESS_NAME = Leaf("process_name", NAME, "What the parent process is called")
VRRP_PROCESS_NAME = Leaf("vrrp_process_name", NAME, "What the VRRP process is called")
CHECKER_PROCESS_NAME = Leaf("checker_process_name", NAME, "What the process of checks is called", ("lvs_process_name",))
UMASK = Leaf("umask", Later(later.mode), "Files are made without these permissions (IWGRP|IWOTH)")
_PROCESSES = (
    VRRP_PRIORITY,
    VRRP_RT_PRIORITY,
    VRRP_RLIMIT_RTTIME,
    MAX_AUTO_PRIORITY,
    MIN_AUTO_PRIORITY_DELAY,
    VRRP_NO_SWAP,
    VRRP_CPU_AFFINITY,
    CHECKER_PRIORITY,
    CHECKER_RT_PRIORITY,
    CHECKER_RLIMIT_RTTIME,
    CHECKER_NO_SWAP,
    CHECKER_CPU_AFFINITY,
    PROCESS_NAME,
    VRRP_PROCESS_NAME,
    CHECKER_PROCESS_NAME,
    UMASK,
)

# --- balancing --------------------------------------------------------------------------------------------------------

LVS_SYNC_DAEMON = Leaf(
    "lvs_sync_daemon",
    Later(later.sync_daemon),
    "IPVS tells the other director its connections; the role follows the instance",
)
LVS_TIMEOUTS = Leaf("lvs_timeouts", Later(later.timeouts), "How long IPVS remembers connections without packets")
LVS_FLUSH = Leaf("lvs_flush", Flag(), "At the start the kernel's table is emptied, whoever filled it")
LVS_FLUSH_ON_STOP = Leaf(
    "lvs_flush_on_stop",
    Choice({"VS": False}, absent=True),
    "At the end the kernel's table is emptied, whoever filled it; VS: of our services only, as without the line",
    ("lvs_flush_onstop",),
)
CHECKER_LOG_ALL_FAILURES = Leaf(
    "checker_log_all_failures", Switch(), "log_all_failures of all checks that do not name it (off)"
)
RS_INIT_NOTIFIES = Leaf("rs_init_notifies", Switch(), "At the start every real server that is up is told, too (off)")
_BALANCING = (
    LVS_SYNC_DAEMON,
    LVS_TIMEOUTS,
    LVS_FLUSH,
    LVS_FLUSH_ON_STOP,
    CHECKER_LOG_ALL_FAILURES,
    RS_INIT_NOTIFIES,
)

# --- reloads and dumps ------------------------------------------------------------------------------------------------

RELOAD_TIME_FILE = Leaf("reload_time_file", Path(), "A file with the time of the next reload")
RELOAD_REPEAT = Leaf("reload_repeat", Flag(), "The reload of reload_time_file comes every day, and the file stays")
RELOAD_FILE = Leaf("reload_file", Path(absent=""), "Made before the configuration is read, removed after that")
STATE_DUMP_FILE = Leaf(
    "state_dump_file",
    Path(),
    "Where SIGUSR1 writes (/tmp/keepalived.data); `/` at its end: a directory",
    ("state_file_location",),
)
STATS_DUMP_FILE = Leaf(
    "stats_dump_file", Path(), "Where SIGUSR2 writes (/tmp/keepalived.stats)", ("stats_file_location",)
)
JSON_DUMP_FILE = Leaf(
    "json_dump_file", Path(), "Where SIGRTMIN+2 writes (/tmp/keepalived.json)", ("json_file_location",)
)
JSON_VERSION = Leaf("json_version", Choice({"1": 1, "2": 2}), "The shape of that file (1)")
DATA_USE_INSTANCE = Leaf("data_use_instance", Switch(), "The names of these files hold `instance` and `net_namespace`")
_FILES = (
    RELOAD_TIME_FILE,
    RELOAD_REPEAT,
    RELOAD_FILE,
    STATE_DUMP_FILE,
    STATS_DUMP_FILE,
    JSON_DUMP_FILE,
    JSON_VERSION,
    DATA_USE_INSTANCE,
)

RANDOM_SEED = Leaf("random_seed", Integer(0, 2**32 - 1), "`${_RANDOM}` in later lines is the same at each reading")
IPROUTE_USR_DIR = Leaf(
    "iproute_usr_dir", Path(), f"Where names of routing tables and the like are read first ({USR_DIR})"
)
IPROUTE_ETC_DIR = Leaf("iproute_etc_dir", Path(), f"Where they are read then, and count ({ETC_DIR})")
_READING = (RANDOM_SEED, IPROUTE_USR_DIR, IPROUTE_ETC_DIR)

# --- at the top of the file -------------------------------------------------------------------------------------------

NET_NAMESPACE = Leaf("net_namespace", NAME, "Run in this network namespace")
INSTANCE = Leaf("instance", NAME, "The name of this keepalived among several: in the names of pid files")
USE_PID_DIR = Leaf("use_pid_dir", Flag(), "The pid files are in /run/keepalived")
CHILD_WAIT_TIME = Leaf(
    "child_wait_time", Seconds(0, LONG, whole=True), "How long the parent waits for its processes to end (5)"
)
LINKBEAT_USE_POLLING = Leaf(
    "linkbeat_use_polling", Anything(), "Ask drivers for the state of links", idle="the kernel tells of links by itself"
)
LINKBEAT_INTERFACES = Lines(
    "linkbeat_interfaces", Anything(), "Ask drivers for the state of links", idle="the kernel tells of links by itself"
)
NAMESPACE_WITH_IPSETS = Leaf(
    "namespace_with_ipsets", Anything(), "For kernels before 3.13", idle="labkit uses no ipsets"
)
TOP = (
    NET_NAMESPACE,
    INSTANCE,
    USE_PID_DIR,
    CHILD_WAIT_TIME,
    LINKBEAT_USE_POLLING,
    LINKBEAT_INTERFACES,
    NAMESPACE_WITH_IPSETS,
)

GLOBAL_DEFS = Block(
    "global_defs",
    NO_TITLE,
    "What holds for the whole process",
    table(
        *_MAIL,
        *_SCRIPTS,
        *_DEFAULTS,
        *_BALANCING,
        *_PROCESSES,
        *_FILES,
        *_READING,
        LINKBEAT_USE_POLLING,
        *ALWAYS,
        *IDLE,
    ),
    refused=REFUSED,
    once=True,
)
