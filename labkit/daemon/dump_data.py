"""The text that keepalived writes on SIGUSR1: what is configured and how it stands, key by key as its 2.2.7 does.

Pure: a report and the configuration in, text out.  Keys of what labkit does not have (nftables tables, SNMP, receive
buffers) are not there; passwords are masked.
"""

import time
from collections.abc import Iterable

from labkit.conf.model import (
    Command,
    Config,
    GlobalDefs,
    SyncGroup,
    TrackFile,
    TrackProcess,
    VrrpInstance,
    VrrpScript,
)
from labkit.daemon.dump_globals import global_lines
from labkit.daemon.dump_network import interface_lines, primary, socket_lines, static_lines
from labkit.daemon.dumps import MASKED, base_of, seconds
from labkit.daemon.messages import Common, InterfaceState
from labkit.daemon.report import Report, RouterReport, TrackerReport
from labkit.daemon.route_words import route_words, rule_words
from labkit.daemon.written import address_words, argv
from labkit.trace import SECOND, Micros
from labkit.vrrp.config import RouterConfig, Track, TrackKind

_WORD = {True: "true", False: "false", None: "unset"}
_ABLE = {True: "enabled", False: "disabled"}


def data(config: Config, report: Report, common: Common) -> str:
    """Return the whole text of the VRRP process."""
    known = {state.name: state for state in (*common.interfaces, *common.others)}
    instances = {instance.router.name: instance for instance in config.instances}
    lines = ["------< Global definitions >------", *global_lines(config.global_defs)]
    lines += static_lines(config, known)
    if config.instances:
        lines.append("------< VRRP Topology >------")
        for router in report.routers:
            if router.name in instances:
                lines += _instance(router, instances[router.name], config, known.get(router.interface))
    lines += socket_lines(config, common.sockets)
    groups = {group.name: group for group in report.groups}
    lines += _section(
        "VRRP Sync groups", [_group(g, groups[g.name].state) for g in config.sync_groups if g.name in groups]
    )
    trackers = {(tracker.kind, tracker.name): tracker for tracker in report.trackers}
    lines += _section(
        "VRRP Scripts", [_script(s, config, trackers.get(("script", s.check.name))) for s in config.scripts]
    )
    files = [_file(f, config, trackers.get(("file", f.check.name))) for f in config.track_files]
    lines += _section("VRRP Track files", files)
    processes = [_process(p, config, trackers.get(("process", p.check.name))) for p in config.track_processes]
    lines += _section("VRRP Track processes", processes)
    lines += interface_lines(config, known.values())
    return "\n".join(lines) + "\n"


def parent_data(defs: GlobalDefs) -> str:
    """Return the text of the parent process."""
    return "\n".join(["------< Global definitions >------", *global_lines(defs)]) + "\n"


def _section(title: str, blocks: list[list[str]]) -> list[str]:
    return [f"------< {title} >------", *(line for block in blocks for line in block)] if blocks else []


# --- instances --------------------------------------------------------------------------------------------------------


def _instance(
    router: RouterReport, instance: VrrpInstance, config: Config, interface: InterfaceState | None
) -> list[str]:
    core = instance.router
    lines = [f" VRRP Instance = {router.name}", f"   VRRP Version = {core.version}"]
    lines += [f"   Sync group = {router.group}"] if router.group else []
    lines += ["   Using Native IPv6"] if core.family == 6 else []
    lines.append(f"   State = {router.state}")
    if router.state == "BACKUP":
        lines.append(f"   Master router = {router.master or '(unknown)'}")
        lines.append(f"   Master priority = {router.master_priority}")
        if core.version == 3:
            lines.append(f"   Master advert int = {router.master_advert_interval_us / SECOND:.2f} sec")
    lines += _standing(router, instance) + _network(router, instance, interface)
    return lines + _timing(core, router) + _belongings(router, instance, config)


def _standing(router: RouterReport, instance: VrrpInstance) -> list[str]:
    core = instance.router
    failing = sum(1 for track in router.tracks if not track.weight and track.healthy is False)
    waiting = sum(1 for track in router.tracks if track.kind == "script" and track.healthy is None)
    return [
        "   Flags:",
        *(["     Using unicast"] if core.unicast else []),
        f"   Wantstate = {router.state}",
        "   Number of config faults = 0",
        f"   Number of interface and track script faults = {failing}",
        f"   Number of track scripts init = {waiting}",
        f"   Last transition = {router.since:.6f} ({_moment(router.since)})",
        f"   Master down timer = {router.master_down_interval_us} usecs",
        *([] if core.watch_interface else ["   VRRP interface tracking disabled"]),
    ]


def _network(router: RouterReport, instance: VrrpInstance, interface: InterfaceState | None) -> list[str]:
    """Return what it speaks over; `interface` is what the VRRP process knows of the one that the file names."""
    core, lines = instance.router, []
    on_base = instance.vmac is not None and instance.vmac.on_base
    if router.vmac:
        is_up = _WORD[bool(interface and interface.up)]
        lines.append(f"   Use VMAC, i/f name {router.vmac}, is_up = {is_up}, xmit_base = {_WORD[on_base]}")
        lines.append(f"   Interface = {router.vmac}, vmac on {router.interface}{', xmit base i/f' if on_base else ''}")
    else:
        lines.append(f"   Interface = {router.interface}")
    if core.source:
        lines.append(f"   Using src_ip = {core.source} (from configuration)")
    elif own := primary(interface, core.family):
        lines.append(f"   Using src_ip = {own}")
    if not core.unicast:
        default = "ff02::12" if core.family == 6 else "224.0.0.18"
        lines.append(f"   Multicast address {core.destination or default}")
    return lines


def _timing(core: RouterConfig, router: RouterReport) -> list[str]:
    delay, repeat = core.lower_prio_delay, core.lower_prio_repeat
    lines = [
        f"   Gratuitous ARP delay = {seconds(core.announce_delay)}",
        f"   Gratuitous ARP repeat = {core.announce_repeat}",
        f"   Gratuitous ARP refresh = {seconds(core.refresh_interval)}",
        f"   Gratuitous ARP refresh repeat = {core.refresh_repeat}",
        f"   Gratuitous ARP lower priority delay = {seconds(core.announce_delay if delay is None else delay)}",
        f"   Gratuitous ARP lower priority repeat = {core.announce_repeat if repeat is None else repeat}",
        f"   Down timer adverts = {core.down_timer_adverts}",
        f"   Send advert after receive lower priority advert = {_WORD[not core.lower_prio_no_advert]}",
        f"   Send advert after receive higher priority advert = {_WORD[core.higher_prio_send_advert]}",
        f"   Virtual Router ID = {core.vrid}",
        f"   Priority = {router.base_priority}",
        f"   Effective priority = {router.priority}",
        f"   Total priority = {router.priority}",
        f"   Advert interval = {_interval(core.version, core.advert_interval)}",
    ]
    if core.version == 3 and router.state == "BACKUP":
        lines.append(f"   Master advert interval = {_interval(3, router.master_advert_interval_us)}")
    lines += [f"   Accept = {_ABLE[core.accept]}", f"   Preempt = {_ABLE[core.preempt]}"]
    lines += [f"   Preempt delay = {seconds(core.preempt_delay)} secs"] if core.preempt_delay else []
    return lines


def _interval(version: int, interval: Micros) -> str:
    return f"{interval // SECOND} sec" if version == 2 else f"{interval // 1000} milli-sec"


def _belongings(router: RouterReport, instance: VrrpInstance, config: Config) -> list[str]:
    core = instance.router
    lines = [f"   Promote_secondaries = {_ABLE[instance.promote_secondaries]}"]
    if core.auth is not None or core.ah is not None:
        lines.append(f"   Authentication type = {'SIMPLE_PASSWORD' if core.auth is not None else 'IPSEC_AH'}")
        lines.append(f"   Password = {MASKED}")
    elif core.version == 2:
        lines.append("   Authentication type = none")
    lines += _addresses(router, instance)
    if core.unicast:
        lines += [f"   Unicast TTL = {core.ttl}"]
        lines += [f"   Check unicast src : {'yes' if core.check_unicast_source else 'no'}", "   Unicast Peer :"]
        lines += [f"     {peer.address} min_ttl {peer.min_ttl} max_ttl {peer.max_ttl}" for peer in core.peers]
    lines += ["   Unicast checksum compatibility = no"] if core.unicast else []
    lines += _listed("   Virtual Routes :", map(route_words, instance.routes))
    lines += _listed("   Virtual Rules :", map(rule_words, instance.rules))
    lines += _tracks(core.tracks)
    lines.append(f"   Using smtp notification = {'yes' if instance.smtp_alert else 'no'}")
    lines.append(f"   Notify deleted = {'Deleted' if instance.notify_deleted else 'Fault'}")
    commands: dict[str, Command | None] = {
        "Backup state transition": instance.notify_backup,
        "Master state transition": instance.notify_master,
        "Fault state transition": instance.notify_fault,
        "Stop state transition": instance.notify_stop,
        "Generic state transition": instance.notify,
        "Master rx lower priority": instance.notify_master_rx_lower_pri,
    }
    lines += [f"   {what} script = {argv(command)}" for what, command in commands.items() if command is not None]
    changes = instance.notify_priority_changes or config.global_defs.vrrp_notify_priority_changes
    return [*lines, f"   Notify priority changes = {_WORD[changes]}"]


def _addresses(router: RouterReport, instance: VrrpInstance) -> list[str]:
    both: dict[bool, list[str]] = {False: [], True: []}
    for virtual, told in zip(instance.addresses, router.addresses, strict=True):
        both[told.excluded].append(
            "     " + address_words(virtual, base=base_of(router, virtual.device), held=told.held)
        )
    lines = [f"   Virtual IP ({len(both[False])}):", *both[False]] if both[False] else []
    return lines + (["   Virtual IP Excluded :", *both[True]] if both[True] else [])


def _listed(title: str, words: Iterable[str]) -> list[str]:
    lines = [f"     {word}" for word in words]
    return [title, *lines] if lines else []


def _tracks(tracks: Iterable[Track]) -> list[str]:
    titles = {
        TrackKind.INTERFACE: ("   Tracked interfaces :", " weight"),
        TrackKind.SCRIPT: ("   Tracked scripts :", " weight"),
        TrackKind.FILE: ("   Tracked files :", ", weight"),
        TrackKind.PROCESS: ("   Tracked processes :", ", weight"),
    }
    lines: list[str] = []
    for kind, (title, word) in titles.items():
        chosen = [track for track in tracks if track.kind is kind]
        lines += _listed(title, (f"{t.name}{word} {t.weight}{' reverse' if t.reverse else ''}" for t in chosen))
    return lines


# --- what is beside the instances -------------------------------------------------------------------------------------


def _group(group: SyncGroup, state: str) -> list[str]:
    lines = [f" VRRP Sync Group = {group.name}, {state}", "   VRRP member instances :"]
    lines += [f"     {member}" for member in group.members]
    lines.append(f"   Using smtp notification = {'yes' if group.smtp_alert else 'no'}")
    commands: dict[str, Command | None] = {
        "Backup": group.notify_backup,
        "Master": group.notify_master,
        "Fault": group.notify_fault,
        "Stop": group.notify_stop,
        "Generic": group.notify,
    }
    return lines + [f"   {what} state transition script = {argv(c)}" for what, c in commands.items() if c is not None]


def _followers(kind: TrackKind, name: str, config: Config) -> list[str]:
    weights = [
        f"{instance.router.name}, weight {track.weight}"
        for instance in config.instances
        for track in instance.router.tracks
        if track.kind is kind and track.name == name
    ]
    return _listed("   Tracking instances :", weights)


def _script(script: VrrpScript, config: Config, now: TrackerReport | None) -> list[str]:
    check = script.check
    status = {True: "GOOD", False: "BAD", None: "INIT"}[now.healthy if now else None]
    return [
        f" VRRP Script = {check.name}",
        f"   Command = {argv(script.command)}",
        f"   Interval = {seconds(check.interval)} sec",
        f"   Timeout = {seconds(check.timeout)} sec",
        f"   Weight = {script.weight}{' reverse' if script.reverse else ''}",
        f"   Rise = {check.rise}",
        f"   Fall = {check.fall}",
        f"   Result = {check.rise + check.fall - 1 if now and now.healthy else 0}",
        "   Insecure = no",
        f"   Init state = {'failed' if check.init_fail else 'unknown'}",
        f"   Status = {status}",
        *_followers(TrackKind.SCRIPT, check.name, config),
        f"   State = {'running' if now and now.running else 'idle'}",
    ]


def _file(tracked: TrackFile, config: Config, now: TrackerReport | None) -> list[str]:
    return [
        f" Track file = {tracked.check.name}",
        f"   File = {tracked.path}",
        f"   Status = {now.status if now and now.status is not None else 0}",
        f"   Weight = {tracked.weight}{' reverse' if tracked.reverse else ''}",
        *_followers(TrackKind.FILE, tracked.check.name, config),
    ]


def _process(tracked: TrackProcess, config: Config, now: TrackerReport | None) -> list[str]:
    check = tracked.check
    parameters = [f"   Parameters = {' '.join(tracked.parameters)}"] if tracked.parameters else []
    maximum = [] if check.quorum_max is None else [f"   Max processes = {check.quorum_max}"]
    return [
        f" VRRP Track process = {check.name}",
        f"   Process = {tracked.program}",
        *parameters,
        f"   Min processes = {check.quorum}",
        *maximum,
        f"   Current processes = {now.status if now and now.status is not None else 0}",
        f"   Have quorum = {_WORD[bool(now and now.healthy)]}",
        f"   Weight = {tracked.weight}{' reverse' if tracked.reverse else ''}",
        f"   Terminate delay = {check.terminate_delay / SECOND:.6f}s",
        f"   Fork delay = {check.fork_delay / SECOND:.6f}s",
        f"   Full command = {_WORD[tracked.full_command]}",
        *_followers(TrackKind.PROCESS, check.name, config),
    ]


def _moment(at: float) -> str:
    moment = time.localtime(at)
    fraction = f"{at % 1:.6f}"[1:]
    return time.strftime("%a %b %e %H:%M:%S", moment) + fraction + time.strftime(" %Y", moment)
