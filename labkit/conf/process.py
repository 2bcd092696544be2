"""The `global_defs` block, and what may stand at the top of a file, as one value."""

import os
from collections.abc import Mapping

from labkit.conf.complaints import Complaints
from labkit.conf.model import Fifo, GlobalDefs, InstanceDefaults, Scheduling, SyncDaemon
from labkit.conf.pacing import build_delays, build_garp_groups
from labkit.conf.schema import Leaf, process, trackers, vrrp
from labkit.conf.section import Section
from labkit.diagnostics import did_you_mean
from labkit.hints import Any
from labkit.values import fields, replace

_PLAIN: dict[str, Leaf[Any]] = {
    "notification_email_from": process.NOTIFICATION_EMAIL_FROM,
    "smtp_connect_timeout": process.SMTP_CONNECT_TIMEOUT,
    "smtp_helo_name": process.SMTP_HELO_NAME,
    "smtp_alert": process.SMTP_ALERT,
    "smtp_alert_vrrp": process.SMTP_ALERT_VRRP,
    "smtp_alert_checker": process.SMTP_ALERT_CHECKER,
    "no_email_faults": process.NO_EMAIL_FAULTS,
    "router_id": process.ROUTER_ID,
    "script_user": process.SCRIPT_USER,
    "enable_script_security": process.SCRIPT_SECURITY,
    "startup_script": process.STARTUP_SCRIPT,
    "startup_script_timeout": process.STARTUP_SCRIPT_TIMEOUT,
    "shutdown_script": process.SHUTDOWN_SCRIPT,
    "shutdown_script_timeout": process.SHUTDOWN_SCRIPT_TIMEOUT,
    "vrrp_notify_priority_changes": process.VRRP_NOTIFY_PRIORITY_CHANGES,
    "fifo_write_states_on_reload": process.FIFO_WRITE_STATES,
    "garp_interval": process.VRRP_GARP_INTERVAL,
    "gna_interval": process.VRRP_GNA_INTERVAL,
    "default_interface": process.DEFAULT_INTERFACE,
    "vmac_prefix": process.VMAC_PREFIX,
    "vmac_addr_prefix": process.VMAC_ADDR_PREFIX,
    "disable_local_igmp": process.DISABLE_LOCAL_IGMP,
    "log_unknown_vrids": process.LOG_UNKNOWN_VRIDS,
    "process_name": process.PROCESS_NAME,
    "vrrp_process_name": process.VRRP_PROCESS_NAME,
    "checker_process_name": process.CHECKER_PROCESS_NAME,
    "umask": process.UMASK,
    "reload_time_file": process.RELOAD_TIME_FILE,
    "reload_repeat": process.RELOAD_REPEAT,
    "reload_file": process.RELOAD_FILE,
    "max_auto_priority": process.MAX_AUTO_PRIORITY,
    "min_auto_priority_delay": process.MIN_AUTO_PRIORITY_DELAY,
    "vrrp_delay_after_boot": process.VRRP_DELAY_AFTER_BOOT,
    "json_version": process.JSON_VERSION,
    "lvs_timeouts": process.LVS_TIMEOUTS,
    "lvs_flush": process.LVS_FLUSH,
    "lvs_flush_on_stop": process.LVS_FLUSH_ON_STOP,
    "checker_log_all_failures": process.CHECKER_LOG_ALL_FAILURES,
    "rs_init_notifies": process.RS_INIT_NOTIFIES,
}
_TOP: dict[str, Leaf[Any]] = {
    "net_namespace": process.NET_NAMESPACE,
    "instance": process.INSTANCE,
    "use_pid_dir": process.USE_PID_DIR,
    "child_wait_time": process.CHILD_WAIT_TIME,
}
_INSTANCES: dict[str, Leaf[Any]] = {
    "version": process.VRRP_VERSION,
    "group4": process.VRRP_MCAST_GROUP4,
    "group6": process.VRRP_MCAST_GROUP6,
    "check_unicast_source": process.VRRP_CHECK_UNICAST_SRC,
    "strict": process.VRRP_STRICT,
}
_VRRP: dict[str, Leaf[Any]] = {
    "nice": process.VRRP_PRIORITY,
    "realtime": process.VRRP_RT_PRIORITY,
    "realtime_limit": process.VRRP_RLIMIT_RTTIME,
    "no_swap": process.VRRP_NO_SWAP,
    "affinity": process.VRRP_CPU_AFFINITY,
}
_CHECKER: dict[str, Leaf[Any]] = {
    "nice": process.CHECKER_PRIORITY,
    "realtime": process.CHECKER_RT_PRIORITY,
    "realtime_limit": process.CHECKER_RLIMIT_RTTIME,
    "no_swap": process.CHECKER_NO_SWAP,
    "affinity": process.CHECKER_CPU_AFFINITY,
}
_DUMPS = {
    "state_dump_file": (process.STATE_DUMP_FILE, "keepalived.data"),
    "stats_dump_file": (process.STATS_DUMP_FILE, "keepalived.stats"),
    "json_dump_file": (process.JSON_DUMP_FILE, "keepalived.json"),
}
_FIFOS = {
    "notify_fifo": (process.NOTIFY_FIFO, process.NOTIFY_FIFO_SCRIPT),
    "vrrp_notify_fifo": (process.VRRP_NOTIFY_FIFO, process.VRRP_NOTIFY_FIFO_SCRIPT),
    "lvs_notify_fifo": (process.LVS_NOTIFY_FIFO, process.LVS_NOTIFY_FIFO_SCRIPT),
}


def build_global_defs(section: Section, top: Section, shared: Mapping[str, Any], complaints: Complaints) -> GlobalDefs:
    """Return what `global_defs` and the top of the file say together; `shared` is what instances take from it."""
    server, port = section.get(process.SMTP_SERVER) or (None, 25)
    return GlobalDefs(
        notification_email=tuple(entry.value for entry in section.lines(process.NOTIFICATION_EMAIL)),
        smtp_server=server,
        smtp_port=port,
        vrrp_scheduling=Scheduling(**section.given(_VRRP)),
        checker_scheduling=Scheduling(**section.given(_CHECKER)),
        **section.given(_PLAIN),
        garp_groups=build_garp_groups(top.sections(trackers.GARP_GROUP), complaints),
        interface_delays=build_delays(top, complaints),
        **top.given(_TOP),
        **_dumps(section, top),
        **_fifos(section, complaints),
        instances=_instances(section, shared),
        lvs_sync_daemon=_sync_daemon(section, top, complaints),
    )


def _instances(section: Section, shared: Mapping[str, Any]) -> InstanceDefaults:
    names = {field.name for field in fields(InstanceDefaults)}
    taken = {name: value for name, value in shared.items() if name in names}
    extra = section.get(process.VRRP_GARP_EXTRA_IF)
    return InstanceDefaults(
        **taken, **section.given(_INSTANCES), extra_interval=extra.interval or 0 if extra is not None else 0
    )


def _sync_daemon(section: Section, top: Section, complaints: Complaints) -> SyncDaemon | None:
    """Return the synchronisation daemon; its number is the VRID of its instance where none is written."""
    daemon: SyncDaemon | None = section.get(process.LVS_SYNC_DAEMON)
    if daemon is None or daemon.instance is None:
        return daemon
    instances = {str(one.title): one for one in top.sections(vrrp.VRRP_INSTANCE) if one.title is not None}
    if daemon.instance not in instances:
        message = f"no vrrp_instance is called `{daemon.instance}`"
        complaints.error(section.span(process.LVS_SYNC_DAEMON), message, did_you_mean(daemon.instance, instances))
        return None
    vrid: int | None = instances[daemon.instance].get(vrrp.VIRTUAL_ROUTER_ID)
    return daemon if daemon.sync_id is not None else replace(daemon, sync_id=vrid)


def _dumps(section: Section, top: Section) -> dict[str, Any]:
    """Return where dumps go; what ends in `/` is a directory for a file of the usual name.

    With data_use_instance the name of the network namespace and of the instance stand before its last part.
    """
    names = (top.get(process.NET_NAMESPACE), top.get(process.INSTANCE))
    mark = "_".join(name for name in names if name) if section.get(process.DATA_USE_INSTANCE) else ""
    dumps: dict[str, Any] = {}
    for field, (leaf, name) in _DUMPS.items():
        written = section.get(leaf) or "/tmp/"
        path = written + name if written.endswith("/") else written
        stem, ending = os.path.splitext(path)  # noqa: PTH122 - see labkit.conf.include
        dumps[field] = f"{stem}.{mark}{ending}" if mark else path
    return dumps


def _fifos(section: Section, complaints: Complaints) -> dict[str, Any]:
    fifos: dict[str, Any] = {}
    paths: dict[str, str] = {}
    for name, (leaf, script) in _FIFOS.items():
        fifo: Fifo | None = section.get(leaf)
        if fifo is None:
            if section.get(script) is not None:
                message = f"`{script.name}` has nothing to read"
                complaints.error(section.span(script), message, f"add `{leaf.name}` and {leaf.argument.wanted}")
            continue
        if fifo.path in paths:
            message = f"{fifo.path} is the FIFO of `{paths[fifo.path]}` already"
            complaints.error(section.span(leaf), message, "write another path")
        paths[fifo.path] = name
        fifos[name] = replace(fifo, script=section.get(script))
    return fifos
