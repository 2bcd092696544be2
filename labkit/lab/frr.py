"""FRR in the place of keepalived: what of a keepalived.conf its vrrpd can do.

FRR's own file is rendered from the values of the node's keepalived.conf, so bounds are computed from what it runs on.
What it cannot do of that file is of two kinds: what the lab must have otherwise for FRR to understand the others, which
is refused, and what FRR has nothing like, so that a scenario with it would say nothing.

Source: FRR's manual, chapter "VRRP".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from labkit.conf.model import Config, VrrpInstance
from labkit.diagnostics import Diagnostic, RefusedError, Span
from labkit.lab.provider import LackingError
from labkit.lab.story import Scenario
from labkit.lab.topology import CONFIG, Daemon, Node, Topology
from labkit.vrrp.config import OWNER, TrackKind

_TRACKS: Final[Mapping[TrackKind, str]] = {
    TrackKind.SCRIPT: "track_script",
    TrackKind.INTERFACE: "track_interface",
    TrackKind.FILE: "track_file",
    TrackKind.PROCESS: "track_process",
    TrackKind.STATIC: "track_group",
}

_OF_INSTANCE: Final[Mapping[str, Callable[[VrrpInstance], object]]] = {
    "preempt_delay": lambda instance: instance.router.preempt_delay,
    "vrrp_startup_delay": lambda instance: instance.router.start_delay,
    "down_timer_adverts": lambda instance: instance.router.down_timer_adverts != 3,
    "mcast_src_ip": lambda instance: instance.router.source and not instance.router.is_unicast,
    "mcast_dst_ip": lambda instance: instance.router.destination,
    "virtual_ipaddress_excluded": lambda instance: len(instance.addresses) > len(instance.router.addresses),
    "dev of a virtual address": lambda instance: any(
        virtual.device != instance.router.interface for virtual in instance.addresses
    ),
    "virtual_routes": lambda instance: instance.routes,
    "virtual_rules": lambda instance: instance.rules,
    "notify": lambda instance: any(
        (
            instance.notify,
            instance.notify_master,
            instance.notify_backup,
            instance.notify_fault,
            instance.notify_stop,
        )
    ),
    "smtp_alert": lambda instance: instance.smtp_alert,
}

_OF_FILE: Final[Mapping[str, Callable[[Config], object]]] = {
    "vrrp_sync_group": lambda config: config.sync_groups,
    "notify_fifo": lambda config: config.global_defs.notify_fifo or config.global_defs.vrrp_notify_fifo,
    "static_ipaddress": lambda config: config.static_addresses,
    "static_routes": lambda config: config.static_routes,
    "static_rules": lambda config: config.static_rules,
    "virtual_server": lambda config: config.virtual_servers,
}


def refuse(topology: Topology, configs: Mapping[str, Config]) -> None:
    """Refuse what the lab must have otherwise for its FRR nodes to be part of an election.

    Where FRR lacks something, nothing is refused: to mend this would help nobody.

    Raises:
        RefusedError: there is something; holds all of it.
    """
    if lacking(topology, configs):
        return
    complaints = [
        Diagnostic(span=span, message=f"{node.name} runs frr, {message}", hint=hint)
        for node in topology.routers
        if node.daemon is Daemon.FRR
        for span, message, hint in _complaints(node.name, configs.get(node.name))
    ]
    if complaints:
        raise RefusedError(complaints)


def _complaints(node: str, config: Config | None) -> Iterator[tuple[Span, str, str]]:
    if config is None or not config.instances:
        hint = "give its role one under `files:` in lab.yml"
        span = Span(file=f"{node}:{CONFIG}", line=1, column=1)
        yield span, "which is configured by the vrrp_instances of its keepalived.conf; it has none", hint
        return
    for instance in config.instances:
        for message, hint in _wrong(instance):
            yield instance.span, message, hint


def _wrong(instance: VrrpInstance) -> Iterator[tuple[str, str]]:
    router = instance.router
    if any(key is not None for key in (router.auth, router.ah, router.hmac)):
        hint = "leave it out on every router, as `--set version=3` does in the shipped labs"
        yield "which knows no authentication", hint
    if router.is_unicast:
        yield "which sends adverts by multicast only", "leave out unicast_peer (`--set unicast=yes` writes it)"
    if router.family != 4:
        yield "for which labkit writes IPv4 only", "give this vrrp_instance IPv4 addresses"
    if router.priority == OWNER:
        yield "whose priorities end at 254", "give it a priority of 1..254, and another router 255"


def lacking_for(scenario: Scenario, topology: Topology) -> str:
    """Return in words what a scenario expects of FRR nodes that FRR cannot be; empty: there is no such thing."""
    expected = [
        condition
        for step in scenario.steps
        for condition in (*(each.condition for each in step.expect), *step.order, *step.always, *step.hold)
    ]
    faulty = {each.node for each in expected if each.what == "state" and each.value == "FAULT"}
    names = [node.name for node in topology.routers if node.daemon is Daemon.FRR and node.name in faulty]
    return f"{_run_frr(names)}, which has no state FAULT" if names else ""


def lacking(topology: Topology, configs: Mapping[str, Config]) -> str:
    """Return in words what the files of FRR nodes want that FRR has nothing like; empty: it can do all of it."""
    wanting: dict[str, list[str]] = {}
    for node in topology.routers:
        if node.daemon is Daemon.FRR and node.name in configs:
            wanting.setdefault(", ".join(_lacking(configs[node.name])), []).append(node.name)
    return "; ".join(f"{_run_frr(names)}, which has no {words}" for words, names in wanting.items() if words)


def _run_frr(names: Sequence[str]) -> str:
    return f"{names[0]} runs frr" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} run frr"


def _lacking(config: Config) -> list[str]:
    """Return the keywords of a file that FRR has nothing like."""
    found = [keyword for keyword, has in _OF_FILE.items() if has(config)]
    for instance in config.instances:
        found += [_TRACKS[track.kind] for track in instance.router.tracks]
        found += [keyword for keyword, has in _OF_INSTANCE.items() if has(instance)]
    return list(dict.fromkeys(found))


def refuse_reload(node: Node, before: Config, after: Config) -> None:
    """Refuse a reload that FRR would do by halves: it takes over what is changed, and keeps what is no more there.

    Raises:
        LackingError: the node runs FRR, and more than a priority, an interval or preemption is other than before.
    """
    if node.daemon is Daemon.FRR and _fixed(before) != _fixed(after):
        cure = "for the rest change lab.yml, and raise the lab anew"
        raise LackingError(f"{node.name} runs frr, which reloads priority, advert_int and nopreempt only; {cure}")


def _fixed(config: Config) -> list[object]:
    """Return what must stay as it is through a reload."""
    return [
        (instance.router.identity, instance.router.addresses, instance.addresses, _lacking(config))
        for instance in config.instances
    ]
