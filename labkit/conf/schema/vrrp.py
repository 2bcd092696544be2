"""The keywords of the VRRP part of a file: scripts, virtual routers and sync groups."""

from labkit.conf.address_line import AddressLine
from labkit.conf.arguments import WEIGHT, Choice, Flag, Integer, Interface, Seconds, Tracked, User, Word
from labkit.conf.commands import CommandLine
from labkit.conf.routes import RouteLine
from labkit.conf.rules import RuleLine
from labkit.conf.schema.keyword import LONG, NAME, NO_TITLE, VERSION_NUMBER, Block, Leaf, Lines, table, words
from labkit.trace import SECOND

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
INTERVAL = Leaf("interval", Seconds(1_000, LONG), "From the start of one run to the start of the next (1)")
TIMEOUT = Leaf("timeout", Seconds(1_000, LONG), "A run that takes longer counts as failed (the interval)")
SCRIPT_WEIGHT = Leaf("weight", WEIGHT, "Added to the priority; 0: a failure is FAULT (0)")
RISE = Leaf("rise", Integer(1, 2**31 - 1), "So many successes in a row count as healthy (1)")
FALL = Leaf("fall", Integer(1, 2**31 - 1), "So many failures in a row count as failed (1)")
SCRIPT_RUN_BY = Leaf("user", User(), "Who runs this script")
INIT_FAIL = Leaf("init_fail", Flag(), "Counts as failed until it has succeeded")

VRRP_SCRIPT = Block(
    "vrrp_script",
    NAME,
    "A command that tells whether this machine is healthy",
    table(SCRIPT, INTERVAL, TIMEOUT, SCRIPT_WEIGHT, RISE, FALL, SCRIPT_RUN_BY, INIT_FAIL),
)

# --- vrrp_instance ----------------------------------------------------------------------------------------------------

AUTH_TYPE = Leaf("auth_type", Choice({"PASS": "PASS"}, words("AH")), "PASS: a password in clear text")
AUTH_PASS = Leaf("auth_pass", Word("a password of 1 to 8 bytes"), "The password; its first 8 bytes count")
AUTHENTICATION = Block(
    "authentication", NO_TITLE, "A password in every advert (version 2)", table(AUTH_TYPE, AUTH_PASS), once=True
)

STATE = Leaf("state", Choice({"MASTER": True, "BACKUP": False}), "What the author expects it to be; elections decide")
INTERFACE = Leaf("interface", Interface(may_be_loopback=False), "The interface that adverts go through")
VIRTUAL_ROUTER_ID = Leaf("virtual_router_id", Integer(1, 255), "The VRID, the same on all routers of the group")
PRIORITY = Leaf("priority", Integer(1, 255), "The highest is MASTER; 255 is the owner of the addresses (100)")
ADVERT_INT = Leaf("advert_int", Seconds(10_000, 255 * SECOND), "Time from advert to advert (1)")
VERSION = Leaf("version", VERSION_NUMBER, "The VRRP version (2)")
NOPREEMPT = Leaf("nopreempt", Flag(), "A MASTER of lower priority keeps its place")
PREEMPT_DELAY = Leaf("preempt_delay", Seconds(0, 1000 * SECOND), "Wait so long after start before preempting (0)")
ACCEPT = Leaf("accept", Flag(), "Accept packets to the virtual addresses (as always here)")
GARP_MASTER_DELAY = Leaf(
    "garp_master_delay", Seconds(0, LONG, whole=True), "The second round of gratuitous ARP comes so late (5)"
)
GARP_MASTER_REPEAT = Leaf("garp_master_repeat", Integer(1, 255), "Gratuitous ARPs for an address in one round (5)")
VIRTUAL_IPADDRESS = Lines("virtual_ipaddress", AddressLine(), "The addresses that the MASTER holds and advertises")
EXCLUDED = Lines("virtual_ipaddress_excluded", AddressLine(), "Addresses that the MASTER holds but does not advertise")
VIRTUAL_ROUTES = Lines("virtual_routes", RouteLine(), "Routes that are there while the instance is MASTER")
VIRTUAL_RULES = Lines("virtual_rules", RuleLine(), "Rules that are there while the instance is MASTER")
TRACK_SCRIPT = Lines("track_script", Tracked(Word("the name of a vrrp_script")), "Scripts to watch")
TRACK_INTERFACE = Lines("track_interface", Tracked(Interface()), "Interfaces to watch")

VRRP_INSTANCE = Block(
    "vrrp_instance",
    NAME,
    "A virtual router",
    table(
        STATE,
        INTERFACE,
        VIRTUAL_ROUTER_ID,
        PRIORITY,
        ADVERT_INT,
        VERSION,
        AUTHENTICATION,
        VIRTUAL_IPADDRESS,
        EXCLUDED,
        VIRTUAL_ROUTES,
        VIRTUAL_RULES,
        NOPREEMPT,
        PREEMPT_DELAY,
        ACCEPT,
        GARP_MASTER_DELAY,
        GARP_MASTER_REPEAT,
        TRACK_SCRIPT,
        TRACK_INTERFACE,
        *_NOTIFIES,
    ),
    words(
        "use_vmac use_vmac_addr use_ipvlan vmac_xmit_base native_ipv6 vrf dont_track_primary track_bfd track_file",
        "track_process track_src_ip mcast_src_ip mcast_dst_ip unicast_src_ip unicast_peer unicast_ttl",
        "unicast_fault_no_peer old_unicast_checksum check_unicast_src lvs_sync_daemon_interface garp_extra_if",
        "garp_master_refresh garp_master_refresh_repeat garp_lower_prio_delay garp_lower_prio_repeat vmac_garp_intvl",
        "lower_prio_no_advert higher_prio_send_advert down_timer_adverts no_accept",
        "preempt debug notify_master_rx_lower_pri notify_deleted notify_priority_changes promote_secondaries",
        "strict_mode skip_check_adv_addr linkbeat_use_polling kernel_rx_buf_size thread_timer_expired",
        "timer_expired_backup owner_ignore_adverts no_virtual_ipaddress v3_checksum_as_v2 auth_hmac",
    ),
)

# --- vrrp_sync_group --------------------------------------------------------------------------------------------------

GROUP = Lines("group", Word("the name of a vrrp_instance"), "The instances that change state together", each_word=True)

VRRP_SYNC_GROUP = Block(
    "vrrp_sync_group",
    NAME,
    "Instances that change state together",
    table(GROUP, *_NOTIFIES),
    words(
        "track_interface track_script track_file track_process track_bfd sync_group_tracking_weight global_tracking",
        "notify_priority_changes",
    ),
)
