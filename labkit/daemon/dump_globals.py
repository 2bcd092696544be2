"""The "Global definitions" of keepalived's dumps, key by key as its 2.2.7 writes them.

Keys of what labkit does not have (nftables tables, SNMP, D-Bus, BFD, receive buffers) are not there.
"""

from labkit.conf.model import GlobalDefs, InstanceDefaults, Scheduling
from labkit.daemon.dumps import seconds
from labkit.daemon.written import argv
from labkit.trace import SECOND
from labkit.vrrp.packet import group

_WORD = {True: "true", False: "false", None: "unset"}
_ABLE = {True: "enabled", False: "disabled"}


def global_lines(defs: GlobalDefs) -> list[str]:
    """Return the section without its title."""
    lines = [f" Network namespace = {defs.net_namespace or '(default)'}"]
    lines += [f" Instance = {defs.instance}"] if defs.instance else []
    lines += [f" Router ID = {defs.router_id}"] if defs.router_id else []
    if defs.smtp_server:
        lines += [f" Smtp server = {defs.smtp_server}", f" Smtp server port = {defs.smtp_port}"]
    lines += [f" Smtp HELO name = {defs.smtp_helo_name}"] if defs.smtp_helo_name else []
    if defs.notification_email:
        lines.append(f" Smtp server connection timeout = {seconds(defs.smtp_connect_timeout)}")
        lines.append(f" Email notification from = {defs.notification_email_from}")
        lines += [" Email notification to:", *(f"   {address}" for address in defs.notification_email)]
    return [
        *lines,
        f" Default smtp_alert = {_WORD[defs.smtp_alert]}",
        f" Default smtp_alert_vrrp = {_WORD[defs.smtp_alert_vrrp]}",
        f" Default smtp_alert_checker = {_WORD[defs.smtp_alert_checker]}",
        f" Checkers log all failures = {_WORD[defs.checker_log_all_failures]}",
        f" Default interface = {defs.default_interface or 'eth0'}",
        f" Disable local IGMP = {'yes' if defs.disable_local_igmp else 'no'}",
        f" LVS flush = {_WORD[defs.lvs_flush]}",
        f" LVS flush on stop = {_ABLE[defs.lvs_flush_on_stop]}",
        *_fifos(defs),
        f" FIFO write vrrp states on reload = {_WORD[defs.fifo_write_states_on_reload]}",
        f" VRRP notify priority changes = {_WORD[defs.vrrp_notify_priority_changes]}",
        *_groups_and_pace(defs.instances),
        f" Gratuitous ARP interval = {defs.garp_interval / SECOND:.6f}",
        f" Gratuitous NA interval = {defs.gna_interval / SECOND:.6f}",
        *_conduct(defs),
        *_scheduling("VRRP", defs.vrrp_scheduling),
        *_scheduling("Checker", defs.checker_scheduling),
        f" Script security {_ABLE[defs.enable_script_security]}",
        f" rs_init_notifies = {int(defs.rs_init_notifies)}",
        f" no_checker_emails = {int(defs.no_checker_emails)}",
        *([f" umask = {defs.umask:04o}"] if defs.umask is not None else []),
    ]


def _groups_and_pace(given: InstanceDefaults) -> list[str]:
    delay, repeat = given.lower_prio_delay, given.lower_prio_repeat
    return [
        f" VRRP IPv4 mcast group = {given.group4 or group(4)}",
        f" VRRP IPv6 mcast group = {given.group6 or group(6)}",
        f" Gratuitous ARP delay = {seconds(given.announce_delay)}",
        f" Gratuitous ARP repeat = {given.announce_repeat}",
        f" Gratuitous ARP refresh timer = {seconds(given.refresh_interval)}",
        f" Gratuitous ARP refresh repeat = {given.refresh_repeat}",
        f" Gratuitous ARP lower priority delay = {seconds(given.announce_delay if delay is None else delay)}",
        f" Gratuitous ARP lower priority repeat = {given.announce_repeat if repeat is None else repeat}",
        f" Num adverts before down = {given.down_timer_adverts}",
        f" Gratuitous ARP for each secondary VMAC = {seconds(given.extra_interval)}s",
        f" Send advert after receive lower priority advert = {_WORD[not given.lower_prio_no_advert]}",
        f" Send advert after receive higher priority advert = {_WORD[given.higher_prio_send_advert]}",
    ]


def _conduct(defs: GlobalDefs) -> list[str]:
    given = defs.instances
    return [
        f" VRRP default protocol version = {given.version}",
        f" VRRP check unicast_src = {_WORD[given.check_unicast_source]}",
        f" VRRP skip check advert addresses = {_WORD[given.skip_check_adv_addr]}",
        f" VRRP strict mode = {_WORD[given.strict]}",
        f" Max auto priority = {defs.max_auto_priority}",
        f" Min auto priority delay = {defs.min_auto_priority_delay} usecs",
    ]


def _fifos(defs: GlobalDefs) -> list[str]:
    fifos = {"Global": defs.notify_fifo, "VRRP": defs.vrrp_notify_fifo, "LVS": defs.lvs_notify_fifo}
    lines: list[str] = []
    for kind, fifo in fifos.items():
        if fifo is not None:
            lines.append(f" {kind} notify fifo = {fifo.path}")
            lines += [f" {kind} notify fifo script = {argv(fifo.script)}"] if fifo.script else []
    return lines


def _scheduling(kind: str, scheduling: Scheduling) -> list[str]:
    return [
        f" {kind} process priority = {scheduling.nice or 0}",
        f" {kind} don't swap = {_WORD[scheduling.no_swap]}",
        f" {kind} realtime priority = {scheduling.realtime or 0}",
        f" {kind} realtime limit = {scheduling.realtime_limit}",
    ]
