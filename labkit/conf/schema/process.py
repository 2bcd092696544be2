"""The keywords of `global_defs`."""

from labkit.conf.arguments import Flag, Host, Integer, Seconds, User, Word
from labkit.conf.schema.keyword import LONG, NAME, NO_TITLE, VERSION_NUMBER, Block, Leaf, Lines, table, words
from labkit.trace import SECOND

NOTIFICATION_EMAIL = Lines("notification_email", Word("a mail address"), "Who gets mail", each_word=True)
NOTIFICATION_EMAIL_FROM = Leaf("notification_email_from", Word("a mail address"), "The sender of mail")
SMTP_SERVER = Leaf("smtp_server", Host(), "The mail server, and its port if it is not 25")
SMTP_CONNECT_TIMEOUT = Leaf(
    "smtp_connect_timeout", Seconds(SECOND, LONG, whole=True), "How long to wait for the mail server (30)"
)
ROUTER_ID = Leaf("router_id", NAME, "What this machine is called in mail; the host name if absent")
SCRIPT_USER = Leaf("script_user", User(), "Who runs scripts")
SCRIPT_SECURITY = Leaf("enable_script_security", Flag(), "Do not run as root what others can write")
VRRP_VERSION = Leaf("vrrp_version", VERSION_NUMBER, "The VRRP version of instances that name none (2)")
VRRP_GARP_DELAY = Leaf(
    "vrrp_garp_master_delay", Seconds(0, LONG, whole=True), "garp_master_delay of instances that name none (5)"
)
VRRP_GARP_REPEAT = Leaf(
    "vrrp_garp_master_repeat", Integer(1, 255), "garp_master_repeat of instances that name none (5)"
)

GLOBAL_DEFS = Block(
    "global_defs",
    NO_TITLE,
    "What holds for the whole process",
    table(
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
    words(
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
