"""The keywords of virtual routers and sync groups."""

from labkit.conf.address_line import AddressLine
from labkit.conf.addresses import AnyAddress, Group, PeerLine
from labkit.conf.arguments import Anything, Choice, Flag, Integer, Interface, Seconds, Switch, Word
from labkit.conf.commands import MaybeCommand, UsersCommand
from labkit.conf.extra import EveryInterface
from labkit.conf.schema import later
from labkit.conf.schema.keyword import (
    BFD,
    LONG,
    NAME,
    NO_TITLE,
    VERSION_NUMBER,
    Block,
    Leaf,
    Lines,
    Refusal,
    table,
)
from labkit.conf.schema.later import Later
from labkit.conf.schema.trackers import TRACKS
from labkit.trace import SECOND
from labkit.vrrp.config import AntiReplay, HmacMode

# --- notify (in vrrp_instance and vrrp_sync_group) --------------------------------------------------------------------

_COMMAND = UsersCommand()

NOTIFY = Leaf("notify", _COMMAND, "Run at every change of state, with kind, name, state and priority")
NOTIFY_MASTER = Leaf("notify_master", _COMMAND, "Run on becoming MASTER")
NOTIFY_BACKUP = Leaf("notify_backup", _COMMAND, "Run on becoming BACKUP")
NOTIFY_FAULT = Leaf("notify_fault", _COMMAND, "Run on going to FAULT")
NOTIFY_STOP = Leaf("notify_stop", _COMMAND, "Run when keepalived stops")
NOTIFY_PRIORITY_CHANGES = Leaf(
    "notify_priority_changes",
    Switch(),
    "Tell FIFOs and `notify` of changed priorities too (vrrp_notify_priority_changes)",
)
SMTP_ALERT = Leaf("smtp_alert", Switch(), "Send mail at every change of state (smtp_alert_vrrp, smtp_alert)")
_NOTIFIES = (
    NOTIFY,
    NOTIFY_MASTER,
    NOTIFY_BACKUP,
    NOTIFY_FAULT,
    NOTIFY_STOP,
    NOTIFY_PRIORITY_CHANGES,
    SMTP_ALERT,
)

# --- vrrp_instance: the protocol --------------------------------------------------------------------------------------

AUTH_TYPE = Leaf(
    "auth_type", Choice({"PASS": "PASS", "AH": "AH"}), "PASS: a password in clear text; AH: an authentication header"
)
AUTH_PASS = Leaf("auth_pass", Word("a password of 1 to 8 bytes"), "The password; its first 8 bytes count")
AUTHENTICATION = Block(
    "authentication", NO_TITLE, "A password in every advert (version 2)", table(AUTH_TYPE, AUTH_PASS), once=True
)

KEY = Leaf("key", Later(later.key), "A key and its number; all routers know the same ones", many=True)
ACTIVE_KEY = Leaf("active_key", Integer(1, 255), "The number of the key that signs (the only one)")
ANTI_REPLAY = Leaf(
    "anti_replay",
    Choice({"time": AntiReplay.TIME, "monotonic": AntiReplay.MONOTONIC}),
    "time: an advert is new and not old, by synchronised clocks; monotonic: new only (time)",
)
TIME_WINDOW = Leaf("time_window", Seconds(SECOND, 300 * SECOND, whole=True), "How old is old (3 adverts, at least 5)")
HMAC_MODE = Leaf(
    "mode",
    Choice({mode.value: mode for mode in HmacMode}),
    "enforce: sign and demand; permissive: sign, take unsigned ones; receive-only: do not sign yet (enforce)",
)
AUTH_HMAC = Block(
    "auth_hmac",
    NO_TITLE,
    "Adverts are signed, and old ones refused (keepalived 2.4.2; both versions, both families)",
    table(KEY, ACTIVE_KEY, ANTI_REPLAY, TIME_WINDOW, HMAC_MODE),
    once=True,
)

STATE = Leaf("state", Choice({"MASTER": True, "BACKUP": False}), "What the author expects it to be; elections decide")
INTERFACE = Leaf("interface", Interface(may_be_loopback=False), "The interface that adverts go through")
VIRTUAL_ROUTER_ID = Leaf("virtual_router_id", Integer(1, 255), "The VRID, the same on all routers of the group")
PRIORITY = Leaf("priority", Integer(1, 255), "The highest is MASTER; 255 is the owner of the addresses (100)")
ADVERT_INT = Leaf("advert_int", Seconds(10_000, 255 * SECOND), "Time from advert to advert (1)")
VERSION = Leaf("version", VERSION_NUMBER, "The VRRP version (vrrp_version; IPv6 has 3 only)")
NOPREEMPT = Leaf("nopreempt", Flag(), "A MASTER of lower priority keeps its place")
PREEMPT = Leaf("preempt", Flag(), "The opposite of `nopreempt`, which is so anyway")
PREEMPT_DELAY = Leaf("preempt_delay", Seconds(0, 1000 * SECOND), "Wait so long after start before preempting (0)")
ACCEPT = Leaf("accept", Flag(), "Accept packets to the virtual addresses (so without `no_accept`)")
NO_ACCEPT = Leaf("no_accept", Flag(), "Drop packets to the virtual addresses, unless the priority is 255")
DOWN_TIMER_ADVERTS = Leaf(
    "down_timer_adverts", Integer(1, 100), "A MASTER is lost after so many adverts missed (vrrp_down_timer_adverts, 3)"
)
LOWER_PRIO_NO_ADVERT = Leaf(
    "lower_prio_no_advert", Switch(), "Do not answer an advert of lower priority (vrrp_lower_prio_no_advert, off)"
)
HIGHER_PRIO_SEND_ADVERT = Leaf(
    "higher_prio_send_advert",
    Switch(),
    "Send one more advert before giving way to a higher priority (vrrp_higher_prio_send_advert, off)",
)
SKIP_CHECK_ADV_ADDR = Leaf(
    "skip_check_adv_addr",
    Switch(),
    "Compare the addresses of an advert only when its sender changes (vrrp_skip_check_adv_addr, off)",
)
STRICT_MODE = Leaf("strict_mode", Switch(), "Refuse what the RFCs do not know (vrrp_strict, off)")
OWNER_IGNORE_ADVERTS = Leaf(
    "owner_ignore_adverts", Switch(), "With priority 255: hear no adverts (vrrp_owner_ignore_adverts, off)"
)
V3_CHECKSUM_AS_V2 = Leaf(
    "v3_checksum_as_v2",
    Switch(),
    "Version 3 over IPv4: the checksum is of the advert alone, as some vendors read RFC 5798 5.2.8 (off)",
)
_PROTOCOL = (
    STATE,
    INTERFACE,
    VIRTUAL_ROUTER_ID,
    PRIORITY,
    ADVERT_INT,
    VERSION,
    AUTHENTICATION,
    AUTH_HMAC,
    NOPREEMPT,
    PREEMPT,
    PREEMPT_DELAY,
    ACCEPT,
    DOWN_TIMER_ADVERTS,
    LOWER_PRIO_NO_ADVERT,
    HIGHER_PRIO_SEND_ADVERT,
    SKIP_CHECK_ADV_ADDR,
    STRICT_MODE,
    OWNER_IGNORE_ADVERTS,
    V3_CHECKSUM_AS_V2,
)

# --- vrrp_instance: addresses and announcements -----------------------------------------------------------------------

VIRTUAL_IPADDRESS = Lines("virtual_ipaddress", AddressLine(), "The addresses that the MASTER holds and advertises")
EXCLUDED = Lines("virtual_ipaddress_excluded", AddressLine(), "Addresses that the MASTER holds but does not advertise")
VIRTUAL_ROUTES = Lines("virtual_routes", later.route(), "Routes that are there while the instance is MASTER")
VIRTUAL_RULES = Lines("virtual_rules", later.rule(), "Rules that are there while the instance is MASTER")
NO_VIRTUAL_IPADDRESS = Leaf("no_virtual_ipaddress", Flag(), "There are no virtual addresses on purpose")
NATIVE_IPV6 = Leaf("native_ipv6", Flag(), "The addresses are IPv6, as can be seen from them")
GARP_MASTER_DELAY = Leaf(
    "garp_master_delay",
    Seconds(0, LONG, whole=True),
    "The second round of gratuitous ARP comes so late, 0: never (vrrp_garp_master_delay, 5)",
)
GARP_MASTER_REPEAT = Leaf(
    "garp_master_repeat", Integer(1, 255), "Gratuitous ARPs for an address in one round (vrrp_garp_master_repeat, 5)"
)
GARP_MASTER_REFRESH = Leaf(
    "garp_master_refresh",
    Seconds(0, LONG, whole=True),
    "A MASTER announces itself again so often, 0: never (vrrp_garp_master_refresh, 0)",
)
GARP_MASTER_REFRESH_REPEAT = Leaf(
    "garp_master_refresh_repeat",
    Integer(1, 255),
    "Gratuitous ARPs for an address then (vrrp_garp_master_refresh_repeat, 1)",
)
GARP_LOWER_PRIO_DELAY = Leaf(
    "garp_lower_prio_delay",
    Seconds(0, LONG, whole=True),
    "The second round after an advert of lower priority (vrrp_garp_lower_prio_delay, vrrp_garp_master_delay)",
)
GARP_LOWER_PRIO_REPEAT = Leaf(
    "garp_lower_prio_repeat",
    Integer(0, 255),
    "Gratuitous ARPs after an advert of lower priority (vrrp_garp_lower_prio_repeat, vrrp_garp_master_repeat)",
)
GARP_EXTRA_IF = Leaf(
    "garp_extra_if",
    EveryInterface(),
    "Announce addresses that are not on the instance's interface so often (vrrp_garp_extra_if, never)",
    ("vmac_garp_intvl",),
)
_ADDRESSES = (
    VIRTUAL_IPADDRESS,
    EXCLUDED,
    VIRTUAL_ROUTES,
    VIRTUAL_RULES,
    NO_VIRTUAL_IPADDRESS,
    NATIVE_IPV6,
    GARP_MASTER_DELAY,
    GARP_MASTER_REPEAT,
    GARP_MASTER_REFRESH,
    GARP_MASTER_REFRESH_REPEAT,
    GARP_LOWER_PRIO_DELAY,
    GARP_LOWER_PRIO_REPEAT,
    GARP_EXTRA_IF,
)

# --- vrrp_instance: how adverts travel --------------------------------------------------------------------------------

MCAST_SRC_IP = Leaf("mcast_src_ip", AnyAddress(), "Where adverts come from (the primary address of the interface)")
UNICAST_SRC_IP = Leaf("unicast_src_ip", AnyAddress(), "Where unicast adverts come from (the primary address)")
TRACK_SRC_IP = Leaf("track_src_ip", Flag(), "FAULT while the machine does not have the address that adverts come from")
MCAST_DST_IP = Leaf("mcast_dst_ip", Group(), "The multicast group (vrrp_mcast_group4, vrrp_mcast_group6)")
UNICAST_PEER = Lines("unicast_peer", PeerLine(), "Send adverts to these addresses, not to a multicast group")
UNICAST_FAULT_NO_PEER = Leaf("unicast_fault_no_peer", Flag(), "Unicast with no peers is FAULT, instead of refused")
UNICAST_TTL = Leaf("unicast_ttl", Integer(0, 255), "TTL or hop limit of unicast adverts (255)")
CHECK_UNICAST_SRC = Leaf(
    "check_unicast_src", Flag(), "Take unicast adverts from `unicast_peer` only (vrrp_check_unicast_src, off)"
)
USE_VMAC = Leaf(
    "use_vmac", Later(later.vmac), "Adverts and addresses have the virtual MAC address, on a macvlan made for them"
)
VMAC_XMIT_BASE = Leaf("vmac_xmit_base", Flag(), "With use_vmac: adverts go through the interface below the macvlan")
USE_VMAC_ADDR = Leaf("use_vmac_addr", Flag(), "Addresses on other interfaces have the virtual MAC address, too")
PROMOTE_SECONDARIES = Leaf(
    "promote_secondaries",
    Flag(),
    "Removing an address does not remove others of its network (net.ipv4…promote_secondaries)",
)
DONT_TRACK_PRIMARY = Leaf("dont_track_primary", Flag(), "The instance's own interface may fail")
_TRANSPORT = (
    MCAST_SRC_IP,
    UNICAST_SRC_IP,
    TRACK_SRC_IP,
    MCAST_DST_IP,
    UNICAST_PEER,
    UNICAST_FAULT_NO_PEER,
    UNICAST_TTL,
    CHECK_UNICAST_SRC,
    USE_VMAC,
    VMAC_XMIT_BASE,
    USE_VMAC_ADDR,
    PROMOTE_SECONDARIES,
    DONT_TRACK_PRIMARY,
)

# --- vrrp_instance: whom to tell --------------------------------------------------------------------------------------

NOTIFY_MASTER_RX_LOWER_PRI = Leaf(
    "notify_master_rx_lower_pri", _COMMAND, "Run when a MASTER hears an advert of lower priority"
)
NOTIFY_DELETED = Leaf(
    "notify_deleted",
    MaybeCommand(),
    "An instance that a reload removes is DELETED to `notify` and FIFOs, not FAULT; the command is run then",
)

_IDLE = (
    Leaf("debug", Anything(), "A level of debugging", idle="keepalived does nothing with it either"),
    Leaf("kernel_rx_buf_size", Anything(), "The size of the buffer of adverts", idle="the kernel's default is used"),
    Leaf(
        "linkbeat_use_polling",
        Anything(),
        "Ask the driver for the state of the link",
        idle="the kernel tells of links by itself",
    ),
)
_REFUSED = {
    "track_bfd": BFD,
    "lvs_sync_daemon_interface": Refusal(
        "it is the old form of a line in global_defs", "write `lvs_sync_daemon INTERFACE INSTANCE` in global_defs"
    ),
    "use_ipvlan": Refusal(
        "an ipvlan has the MAC address of the interface below it, and gains nothing", "remove it, or write `use_vmac`"
    ),
    "vrf": Refusal("an instance needs an interface", "write `interface` and an interface of that VRF"),
    "old_unicast_checksum": Refusal(
        "the checksum is that of RFC 9568 5.2.8", "remove it; the peers must be newer than keepalived 1.3.6"
    ),
    **dict.fromkeys(
        ("timer_expired_backup", "thread_timer_expired"),
        Refusal(
            "a MASTER that was held up hears what waits in its sockets before it goes on",
            "remove it; write `vrrp_rt_priority` in global_defs where a machine is that busy",
        ),
    ),
}

VRRP_INSTANCE = Block(
    "vrrp_instance",
    NAME,
    "A virtual router",
    table(
        *_PROTOCOL,
        NO_ACCEPT,
        *_ADDRESSES,
        *_TRANSPORT,
        *TRACKS,
        *_NOTIFIES,
        NOTIFY_MASTER_RX_LOWER_PRI,
        NOTIFY_DELETED,
        *_IDLE,
    ),
    refused=_REFUSED,
)

# --- vrrp_sync_group --------------------------------------------------------------------------------------------------

GROUP = Lines("group", Word("the name of a vrrp_instance"), "The instances that change state together", each_word=True)
TRACKING_WEIGHT = Leaf(
    "sync_group_tracking_weight",
    Flag(),
    "Weights of the members' own trackers count; they must be such that members win or lose together",
    ("global_tracking",),
)

VRRP_SYNC_GROUP = Block(
    "vrrp_sync_group",
    NAME,
    "Instances that change state together",
    table(GROUP, *TRACKS, TRACKING_WEIGHT, *_NOTIFIES),
    refused={"track_bfd": BFD},
)
