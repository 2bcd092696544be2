"""Keywords of `global_defs` that mean what is always so here, that do nothing here, and that are refused."""

from labkit.conf.arguments import Anything, Choice, Flag, Switch
from labkit.conf.schema.keyword import Leaf, Refusal

ALWAYS = (
    Leaf(
        "dynamic_interfaces",
        Choice({"allow_if_changes": True}, absent=True),
        "Interfaces may be absent, come, go and change, which is always so here",
    ),
    Leaf("no_checker_emails", Flag(), "Mail tells of servers, not of each of their checks, which is always so here"),
    Leaf("use_symlink_paths", Switch(), "Scripts are run by the path that is written, which is always so here"),
    Leaf("set_supplementary_groups", Flag(), "Scripts have all groups of their user, which is always so here"),
    Leaf(
        "process_names", Flag(), "Processes are called keepalived, keepalived_vrrp and so on, which is always so here"
    ),
    Leaf("reload_check_config", Anything(), "A wrong file is not loaded, which is always so here"),
)
_BUFFERS = "what did not fit into a buffer is read again"
_FIREWALL = "labkit filters with nftables, in a table of its own"
_ONE_READING = "the configuration is read once, and not copied"
IDLE = tuple(
    Leaf(name, Anything(), description, idle=why)
    for names, description, why in (
        (
            "vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs "
            "vrrp_netlink_monitor_rcv_bufs_force lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force "
            "lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs "
            "process_monitor_rcv_bufs_force",
            "The size of a netlink buffer",
            _BUFFERS,
        ),
        (
            "vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier",
            "The size of buffers of adverts",
            "the kernel's default is used",
        ),
        ("vrrp_iptables vrrp_ipsets", "Filter with iptables", _FIREWALL),
        ("nftables nftables_priority nftables_counters nftables_ifindex", "How to filter with nftables", _FIREWALL),
        (
            "nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark",
            "Mark the packets of a virtual_server_group by nftables",
            "each address and port of a group is a service of its own",
        ),
        (
            "bfd_process_name bfd_priority bfd_rt_priority bfd_no_swap "
            "bfd_rlimit_rttime bfd_rlimit_rtime bfd_cpu_affinity",
            "How the BFD process runs",
            "labkit has no BFD",
        ),
        ("tmp_config_directory config_save_dir", "Where copies of the configuration go", _ONE_READING),
    )
    for name in names.split()
)
_SNMP = Refusal("labkit has no SNMP agent", "remove it; `pykeepalived metrics` tells Prometheus the same")
_TRAPS = Refusal("labkit sends no SNMP traps", "remove it; a `notify` script or `smtp_alert` tells of changes")
_DBUS = Refusal("labkit is not on D-Bus", "remove it; `pykeepalived status`, `events` and `reload` do the same")
REFUSED = {
    **dict.fromkeys(
        (
            "snmp_socket",
            "enable_snmp_keepalived",
            "enable_snmp_vrrp",
            "enable_snmp_checker",
            "enable_snmp_rfc",
            "enable_snmp_rfcv2",
            "enable_snmp_rfcv3",
            "snmp_vs_stats_update_interval",
            "snmp_rs_stats_update_interval",
        ),
        _SNMP,
    ),
    "enable_traps": _TRAPS,
    **dict.fromkeys(("enable_dbus", "dbus_service_name", "dbus_no_interface_name"), _DBUS),
}
