"""The figures that keepalived writes on SIGUSR2 and, as JSON, on SIGRTMIN+2: the text and the keys that exporters read.

Pure: a report in, text out.  Passwords are not in it (keepalived 2.2.7 tells them).
"""

import json

from labkit.conf.model import Command, Config, TrackProcess, VrrpInstance
from labkit.daemon.report import CLASSIC_ERRORS, STATES, CounterReport, Report, RouterReport
from labkit.daemon.route_words import route_words, rule_words
from labkit.daemon.written import address_words, argv
from labkit.trace import SECOND, Micros
from labkit.vrrp.config import TrackKind

MASKED = "********"


def classic(counters: CounterReport) -> dict[str, int]:
    """Return the counters by keepalived's names, in its order."""
    errors = {key: sum(counters.errors.get(kind, 0) for kind in kinds) for key, kinds in CLASSIC_ERRORS.items()}
    return {
        "advert_rcvd": counters.adverts_received,
        "advert_sent": counters.adverts_sent,
        "become_master": counters.became_master,
        "release_master": counters.released_master,
        **errors,
        "pri_zero_rcvd": counters.priority_zero_received,
        "pri_zero_sent": counters.priority_zero_sent,
    }


_STATISTICS = """\
VRRP Instance: {name}
  Advertisements:
    Received: {advert_rcvd}
    Sent: {advert_sent}
  Became master: {become_master}
  Released master: {release_master}
  Packet Errors:
    Length: {packet_len_err}
    TTL: {ip_ttl_err}
    Invalid Type: {invalid_type_rcvd}
    Advertisement Interval: {advert_interval_err}
    Address List: {addr_list_err}
  Authentication Errors:
    Invalid Type: {invalid_authtype}
    Type Mismatch: {authtype_mismatch}
    Failure: {auth_failure}
  Priority Zero:
    Received: {pri_zero_rcvd}
    Sent: {pri_zero_sent}
"""


def statistics(report: Report) -> str:
    """Return the text of the statistics file."""
    return "".join(_STATISTICS.format(name=router.name, **classic(router.counters)) for router in report.routers)


def as_json(config: Config, report: Report, version: int) -> str:
    """Return the JSON of all instances: an array, or with version 2 an object that has the tracked processes too."""
    instances = {instance.router.name: instance for instance in config.instances}
    routers = [
        {"data": _data(router, instances[router.name], config), "stats": classic(router.counters)}
        for router in report.routers
        if router.name in instances
    ]
    if version == 1:
        return json.dumps(routers, separators=(",", ":")) + "\n"
    processes = [_process(process, report) for process in config.track_processes]
    whole = {"vrrp": routers} | ({"track_process": processes} if processes else {})
    return json.dumps(whole, separators=(",", ":")) + "\n"


def _data(router: RouterReport, instance: VrrpInstance, config: Config) -> dict[str, object]:
    """Return the `data` of one instance, in keepalived's order."""
    core = instance.router
    repeat, delay = core.lower_prio_repeat, core.lower_prio_delay
    data: dict[str, object] = {
        "iname": router.name,
        "dont_track_primary": int(not core.watch_interface),
        "skip_check_adv_addr": int(core.skip_check_adv_addr),
        "strict_mode": int(core.strict),
        "vmac_ifname": router.vmac,
        "ifp_ifname": router.vmac or router.interface,
        "master_priority": router.master_priority,
        "last_transition": round(router.since, 6),
        "garp_delay": seconds(core.announce_delay),
        "garp_refresh": core.refresh_interval // SECOND,
        "garp_rep": core.announce_repeat,
        "garp_refresh_rep": core.refresh_repeat,
        "garp_lower_prio_delay": (core.announce_delay if delay is None else delay) // SECOND,
        "garp_lower_prio_rep": core.announce_repeat if repeat is None else repeat,
        "lower_prio_no_advert": int(core.lower_prio_no_advert),
        "higher_prio_send_advert": int(core.higher_prio_send_advert),
        "vrid": router.vrid,
        "base_priority": router.base_priority,
        "effective_priority": router.priority,
        "vipset": any(address.held for address in router.addresses),
        "promote_secondaries": instance.promote_secondaries,
        "adver_int": seconds(core.advert_interval),
        "master_adver_int": seconds(router.master_advert_interval_us),
        "accept": int(core.accept),
        "nopreempt": not core.preempt,
        "preempt_delay": core.preempt_delay // SECOND,
        "state": STATES[router.state],
        "wantstate": STATES["MASTER" if instance.state_master and router.state == "INIT" else router.state],
        "version": core.version,
        "smtp_alert": instance.smtp_alert,
        "notify_deleted": instance.notify_deleted,
    }
    return data | _scripts(instance) | _lists(router, instance, config) | _authentication(instance)


def _scripts(instance: VrrpInstance) -> dict[str, object]:
    commands: dict[str, Command | None] = {
        "script_backup": instance.notify_backup,
        "script_master": instance.notify_master,
        "script_fault": instance.notify_fault,
        "script_stop": instance.notify_stop,
        "script": instance.notify,
        "script_master_rx_lower_pri": instance.notify_master_rx_lower_pri,
    }
    return {key: argv(command) for key, command in commands.items() if command is not None}


def _lists(router: RouterReport, instance: VrrpInstance, config: Config) -> dict[str, object]:
    vips: list[str] = []
    excluded: list[str] = []
    for virtual, told in zip(instance.addresses, router.addresses, strict=True):
        chosen = excluded if told.excluded else vips
        chosen.append(address_words(virtual, base=base_of(router, virtual.device), held=told.held))
    scripts = {script.check.name: argv(script.command) for script in config.scripts}
    programs = {process.check.name: process.program for process in config.track_processes}
    names = {kind: [t.name for t in instance.router.tracks if t.kind is kind] for kind in TrackKind}
    lists: dict[str, list[str]] = {
        "vips": vips,
        "evips": excluded,
        "vroutes": [route_words(route) for route in instance.routes],
        "vrules": [rule_words(rule) for rule in instance.rules],
        "track_ifp": names[TrackKind.INTERFACE],
        "track_script": [scripts.get(name, name) for name in names[TrackKind.SCRIPT]],
        "track_process": [programs.get(name, name) for name in names[TrackKind.PROCESS]],
    }
    return {key: values for key, values in lists.items() if values}


def base_of(router: RouterReport, device: str) -> str:
    """Return what a device lies on that is the VMAC of the router; nothing where it is another."""
    return router.interface if router.vmac and device == router.vmac else ""


def _authentication(instance: VrrpInstance) -> dict[str, object]:
    core = instance.router
    if core.ah is not None:
        return {"auth_type": 2, "auth_data": MASKED}
    return {"auth_type": 0} if core.auth is None else {"auth_type": 1, "auth_data": MASKED}


def _process(process: TrackProcess, report: Report) -> dict[str, object]:
    """Return a tracked process as json_version 2 has it."""
    check = process.check
    now = next((t for t in report.trackers if t.kind == "process" and t.name == check.name), None)
    parameters = {"parameters": " ".join(process.parameters)} if process.parameters else {}
    return {
        "process": process.program,
        **parameters,
        "param_match": "none" if process.parameters is None else str(process.match),
        "min_processes": check.quorum,
        **({} if check.quorum_max is None else {"max_processes": check.quorum_max}),
        "current_processes": (now.status or 0) if now else 0,
        "have_quorum": bool(now and now.healthy),
        "weight": -process.weight if process.reverse else process.weight,
        "terminate_delay": seconds(check.terminate_delay),
        "fork_delay": seconds(check.fork_delay),
        "fork_delay_timer_running": False,
        "terminate_delay_timer_running": False,
        "full_command": process.full_command,
    }


def seconds(duration: Micros) -> int | float:
    """Return seconds as keepalived's JSON has them: whole ones without a point."""
    return duration // SECOND if duration % SECOND == 0 else duration / SECOND
