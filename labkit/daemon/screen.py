"""What `pykeepalived status` and `events` show a person.  Pure: a report in, text out."""

import json
import time
from collections.abc import Mapping

from labkit.daemon.report import DeliveryReport, Report, RouterReport, ServiceRow, SuspectReport, TrackerReport
from labkit.daemon.table_text import place, service_name
from labkit.hints import Any

_BOLD, _DIM, _OFF = "\033[1m", "\033[2m", "\033[0m"
_RED, _GREEN, _YELLOW, _CYAN = "\033[31m", "\033[32m", "\033[33m", "\033[36m"
_STATE_COLOUR = {"MASTER": _GREEN, "BACKUP": _CYAN, "FAULT": _RED, "INIT": _YELLOW}
_DAY_S, _HOUR_S, _MINUTE_S = 86400, 3600, 60
_US = 1_000_000
_WAYS = {"script": "notify scripts", "fifo": "FIFO", "mail": "mail"}


class _Pen:
    """Colours text, or does not."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, *codes: str) -> str:
        return "".join(codes) + text + _OFF if self._colour and text else text


def render(report: Report, *, colour: bool = False) -> str:
    """Return the whole screen."""
    pen = _Pen(colour=colour)
    lines = [_heading(report, pen)]
    for router in report.routers:
        lines += ["", *_router(router, report, pen)]
    if report.table is not None:
        lines += ["", f"{pen('balancing', _BOLD)}  {pen(report.table.problem, _RED)}"] if report.table.problem else []
        for service in report.table.services:
            lines += ["", *_service(service, report.table.by, pen)]
    lines += _below(report, pen)
    return "\n".join(lines) + "\n"


def _heading(report: Report, pen: _Pen) -> str:
    up = span(report.at - report.started)
    vrrp = f"VRRP process {report.vrrp_pid}" if report.vrrp_pid else pen("no VRRP process", _RED)
    program = f"keepalived (labkit {report.version}), pid {report.pid}, {vrrp}, up {up}, {report.file}"
    return f"{pen(report.node, _BOLD)}  {program}"


def _router(router: RouterReport, report: Report, pen: _Pen) -> list[str]:
    state = pen(router.state, _BOLD, _STATE_COLOUR.get(router.state, ""))
    since = f"since {clock(router.since, report.at)}"
    lines = [f"{pen(router.name, _BOLD)}  {state} {since}: {router.why}"]

    def row(label: str, text: str) -> None:
        if text:
            lines.append(f"  {pen(f'{label:<10}', _DIM)}{text}")

    row("router", _identity(router))
    row("priority", _priority(router))
    row("master", _master(router))
    row("holds" if router.state == "MASTER" else "addresses", _addresses(router, pen))
    row("adverts", _adverts(router))
    for peer in router.peers:
        heard = f"heard {ago(report.at - peer.heard)}"
        row("peer", f"{peer.address}  priority {peer.priority}, {count(peer.received, 'advert')}, {heard}")
    mark = pen("!", _BOLD, _YELLOW)
    return lines + [f"  {mark}         {pen(warning, _YELLOW)}" for warning in warnings(router, report)]


def _identity(router: RouterReport) -> str:
    every = f"{router.advert_interval_us / _US:g} s"
    words = [f"VRID {router.vrid} on {router.interface}", f"VRRPv{router.version}"]
    words += ["IPv6"] if router.family == 6 else []
    words += [f"an advert every {every}"]
    words += [] if router.preempt else ["nopreempt"]
    words += [f"sync group {router.group}"] if router.group else []
    return ", ".join(words)


def _priority(router: RouterReport) -> str:
    if router.priority == router.base_priority and router.operator_priority is None:
        return f"{router.priority}"
    reasons = [f"configured {router.base_priority}"]
    reasons += [] if router.operator_priority is None else [f"set to {router.operator_priority} by `prio`"]
    reasons += [f"{change.kind} {change.name} {change.amount:+}" for change in router.adjustments if change.amount]
    return f"{router.priority} ({', '.join(reasons)})"


def _master(router: RouterReport) -> str:
    if router.state != "BACKUP":
        return ""
    silence = f"taken over after {router.master_down_interval_us / _US:.3f} s of silence"
    return f"{router.master}, {silence}" if router.master else f"none heard yet, {silence}"


def _addresses(router: RouterReport, pen: _Pen) -> str:
    texts = []
    for address in router.addresses:
        where = "" if address.interface == router.interface else f" on {address.interface}"
        texts.append(address.address + where + (" (excluded)" if address.excluded else ""))
    return ", ".join(texts) or pen("none", _DIM)


def _adverts(router: RouterReport) -> str:
    counters = router.counters
    refused = sum(counters.errors.values())
    words = [f"{counters.adverts_sent} sent", f"{counters.adverts_received} received"]
    words += [f"{refused} refused ({_kinds(counters.errors)})"] if refused else []
    return ", ".join(words) + f"; MASTER {count(counters.became_master, 'time')}"


def _kinds(errors: dict[str, int]) -> str:
    return ", ".join(f"{kind} {number}" for kind, number in sorted(errors.items()) if number)


def warnings(router: RouterReport, report: Report) -> list[str]:
    """Return what a person should look at, in words."""
    told = [suspicion(router, suspect, report.at) for suspect in router.suspects if _is_recent(suspect, report.at)]
    for found in router.duplicates:
        where = "is on this machine though it should not be" if found.here else f"is claimed by {found.lladdr} too"
        told.append(f"{found.address} {where} (seen {ago(report.at - found.seen)})")
    if router.state == "MASTER":
        lost = [address.address for address in router.addresses if not address.held]
        told += [f"{', '.join(lost)} should be here and is not"] if lost else []
    told += [f"the kernel refuses: {router.problem}"] if router.problem else []
    return told


def _is_recent(suspect: SuspectReport, at: float) -> bool:
    return suspect.suspected or at - suspect.heard < _HOUR_S


def suspicion(router: RouterReport, suspect: SuspectReport, at: float) -> str:
    """Say who else claims a VRID, and why it is not listened to."""
    often = f"{count(suspect.count, 'advert')}, the last {ago(at - suspect.heard)}"
    lead = "two masters? " if suspect.suspected else ""
    return f"{lead}{suspect.address} also claims VRID {router.vrid}: {suspect.why} ({often})"


def _service(service: ServiceRow, by: str, pen: _Pen) -> list[str]:
    """Say how a virtual server stands, and each of its real servers and why."""
    if service.refused:
        state = f"{pen('REFUSED', _BOLD, _RED)}: {service.refused}"
    elif service.quorum_up is None:
        state = f"not ours, {by}"
    else:
        state = f"{pen('UP', _BOLD, _GREEN) if service.quorum_up else pen('NO QUORUM', _BOLD, _RED)}, {by}"
    lines = [f"{pen(service_name(service), _BOLD)} {service.scheduler}  {state}"]
    for server in service.servers:
        up = pen("up  ", _GREEN) if server.up else pen("down", _RED) if server.up is False else "    "
        busy = f"weight {server.weight}, {count(server.traffic.connections, 'connection')}, {server.active} open"
        out = "" if server.listed else ", out of the table"
        lines.append(f"  {place(server):<24} {up}  {busy}{out}" + (f": {server.why}" if server.why else ""))
    return lines


def _below(report: Report, pen: _Pen) -> list[str]:
    lines: list[str] = []
    for group in report.groups:
        state = pen(group.state, _BOLD, _STATE_COLOUR.get(group.state, ""))
        lines.append(f"{pen('group', _DIM)} {pen(group.name, _BOLD)}  {state}: {', '.join(group.members)}")
    for tracker in report.trackers:
        lines += _tracker(tracker, pen)
    for interface in report.interfaces:
        if not interface.exists or not interface.up:
            what = "is down" if interface.exists else "does not exist"
            lines.append(f"{pen('interface', _DIM)} {pen(interface.name, _BOLD)}  {pen(what, _RED)}")
    lines += [_delivery(way, pen) for way in report.deliveries]
    if report.errors:
        lines.append(f"{pen('for no router of ours', _DIM)}  {_kinds(report.errors)}")
    return ["", *lines] if lines else []


def _delivery(way: DeliveryReport, pen: _Pen) -> str:
    name = f" {pen(way.name, _BOLD)}" if way.name else ""
    lost = f", {pen(f'{way.lost} lost', _RED)}" if way.lost else ""
    waiting = f", {pen(f'{way.waiting} waiting', _YELLOW)}" if way.waiting else ""
    return f"{pen(_WAYS[way.kind], _DIM)}{name}  {way.told} told{lost}{waiting}"


def _tracker(tracker: TrackerReport, pen: _Pen) -> list[str]:
    if tracker.healthy is None:
        state = pen("has not answered yet", _YELLOW)
    else:
        state = pen("works", _GREEN) if tracker.healthy else pen("fails", _RED)
    status = "" if tracker.status is None else f" ({_figure(tracker)})"
    lines = [f"{pen(tracker.kind, _DIM)} {pen(tracker.name, _BOLD)}  {state}{status}"]
    return lines + [f"    {pen('|', _DIM)} {line}" for line in tracker.output.splitlines()[-5:]]


def _figure(tracker: TrackerReport) -> str:
    status = tracker.status or 0
    if tracker.timed_out:
        return "timed out"
    if tracker.kind == "script":
        return f"exit status {status}" if status >= 0 else f"ended by signal {-status}"
    return f"it says {status}" if tracker.kind == "file" else f"{status} running"


def event_line(record: str, offset: float) -> str:
    """Return a record of the trace as a line for a person; `offset` is seconds of the epoch minus the trace's clock."""
    fields = json.loads(record)
    moment = fields.pop("at") / _US + offset
    kind, node = fields.pop("kind"), fields.pop("node")
    stamp = time.strftime("%H:%M:%S", time.localtime(moment)) + f".{int(moment * 1000) % 1000:03}"
    match kind:
        case "state":
            text = f"({fields['instance']}) {fields['old']} -> {fields['state']}: {fields['why']}"
        case "priority":
            text = f"({fields['instance']}) priority {fields['old']} -> {fields['priority']}"
        case "script":
            text = f"script {fields['script']} {'works' if fields['healthy'] else 'fails'} (status {fields['status']})"
        case "rejected":
            name = fields["instance"] or "no router of ours"
            text = f"({name}) refused {count(fields['count'], 'advert')} from {fields['source']}: {fields['error']}"
        case "duplicate" if fields["here"]:
            text = f"({fields['instance']}) {fields['address']} is on this machine though we are BACKUP"
        case "duplicate":
            text = f"({fields['instance']}) {fields['lladdr']} claims our address {fields['address']} too"
        case "check" | "server" | "quorum":
            text = _balancing_event(kind, fields)
        case "stall":
            text = f"this host did not run us for {fields['stalled_us'] / _US:.3f} s"
        case _:
            text = f"{kind} " + " ".join(f"{key}={value}" for key, value in fields.items())
    return f"{stamp} {node} {text}"


def _balancing_event(kind: str, fields: Mapping[str, Any]) -> str:
    match kind:
        case "check":
            detail = f": {fields['detail']}" if fields["detail"] else ""
            return f"{fields['check']} of {fields['server']} {'succeeds' if fields['healthy'] else 'fails'}{detail}"
        case "server":
            return f"{fields['server']} of VS {fields['service']} is {'up' if fields['up'] else 'down'}"
        case _:
            what = "has" if fields["up"] else "has lost"
            return f"VS {fields['service']} {what} its quorum of {fields['quorum']}: all weigh {fields['weight']}"


# --- words ------------------------------------------------------------------------------------------------------------


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def span(seconds: float) -> str:
    """Return a duration in its two largest units."""
    whole = max(int(seconds), 0)
    if whole >= _DAY_S:
        return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S} h"
    if whole >= _HOUR_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s" if whole >= _MINUTE_S else f"{whole} s"


def ago(seconds: float) -> str:
    """Return how long ago something was."""
    return f"{max(seconds, 0):.1f} s ago" if seconds < _MINUTE_S else f"{span(seconds)} ago"


def clock(moment: float, at: float) -> str:
    """Return the time of day, with the date where it is not the day of `at`."""
    then, today = time.localtime(moment), time.localtime(at)
    same_day = then[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S", then)
