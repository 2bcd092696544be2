"""The figures of a daemon in Prometheus' text format, by the names that keepalived-exporter has made known.
Pure: a report in, text out.
"""

from collections.abc import Iterable

from labkit.daemon.balancing_metrics import tell_table
from labkit.daemon.exposition import Sample, family
from labkit.daemon.report import CLASSIC_ERRORS, STATES, Report, RouterReport

_ERRORS: dict[str, tuple[str, str]] = {
    "packet_length_errors": ("packet_len_err", "Packets too short, or as long as no advert is"),
    "advertisements_interval_errors": ("advert_interval_err", "Adverts with another interval"),
    "ip_ttl_errors": ("ip_ttl_err", "Packets with a TTL that is not allowed"),
    "invalid_type_received": ("invalid_type_rcvd", "Packets that are no advert"),
    "address_list_errors": ("addr_list_err", "Adverts with other addresses"),
    "authentication_invalid": ("invalid_authtype", "Adverts with an authentication that is malformed or not expected"),
    "authentication_mismatch": ("authtype_mismatch", "Adverts with another authentication type"),
    "authentication_failure": ("auth_failure", "Adverts whose authentication fails"),
}
"""The exporter's counters of refused packets: keepalived's name of each, and what it counts."""


def _counters(router: RouterReport) -> dict[str, tuple[str, float]]:
    counters = router.counters
    errors = {
        name: (text, float(sum(counters.errors.get(kind, 0) for kind in CLASSIC_ERRORS[key])))
        for name, (key, text) in _ERRORS.items()
    }
    return {
        "advertisements_received": ("Adverts received", counters.adverts_received),
        "advertisements_sent": ("Adverts sent", counters.adverts_sent),
        "become_master": ("Times that the router became MASTER", counters.became_master),
        "release_master": ("Times that the router ceased to be MASTER", counters.released_master),
        **errors,
        "priority_zero_received": ("Adverts with priority 0 received", counters.priority_zero_received),
        "priority_zero_sent": ("Adverts with priority 0 sent", counters.priority_zero_sent),
        "gratuitous_arp_delay": ("Seconds between the two rounds of announcements", router.garp_delay),
    }


def tell(report: Report | None) -> str:
    """Return every figure of a daemon; None: it does not answer."""
    text = family("keepalived_up", "gauge", "Whether keepalived answers", [Sample({}, report is not None)])
    if report is None:
        return text
    balancing = tell_table(report.table) if report.table is not None else ()
    return text + "".join([*_exporter_s(report), *_ours(report), *balancing])


def _exporter_s(report: Report) -> Iterable[str]:
    """Yield the families of keepalived-exporter, with its labels."""
    states = [
        Sample({**_names(router, address.interface), "ip_address": address.address}, STATES[router.state])
        for router in report.routers
        for address in router.addresses
    ]
    yield family("keepalived_vrrp_state", "gauge", "State of the router: 0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT", states)
    labels = [{**_names(router, router.interface), "state": router.state} for router in report.routers]
    counters = [_counters(router) for router in report.routers]
    for name, (text, _) in counters[0].items() if counters else ():
        samples = [Sample(own, figures[name][1]) for own, figures in zip(labels, counters, strict=True)]
        yield family(f"keepalived_{name}_total", "counter", text, samples)
    scripts = [tracker for tracker in report.trackers if tracker.kind == "script"]
    healthy = [Sample({"name": script.name}, bool(script.healthy)) for script in scripts]
    yield family("keepalived_script_status", "gauge", "Whether the script succeeds", healthy)
    running = [Sample({"name": script.name}, script.running) for script in scripts]
    yield family("keepalived_script_state", "gauge", "Whether the script runs: 0 idle, 1 running", running)


def _ours(report: Report) -> Iterable[str]:
    """Yield what the exporter does not know."""
    routers = [(router, _names(router, router.interface)) for router in report.routers]
    priority = [Sample(names, router.priority) for router, names in routers]
    yield family("keepalived_vrrp_priority", "gauge", "Effective priority of the router", priority)
    since = [Sample(names, router.since) for router, names in routers]
    yield family(
        "keepalived_vrrp_last_transition_timestamp_seconds", "gauge", "When the router came into its state", since
    )
    refused = [
        Sample({**names, "error": kind}, number)
        for router, names in routers
        for kind, number in sorted(router.counters.errors.items())
    ]
    yield family("keepalived_advertisements_refused_total", "counter", "Adverts refused, by what was wrong", refused)
    suspects = [
        Sample({**names, "source": suspect.address, "error": suspect.error}, suspect.count)
        for router, names in routers
        for suspect in router.suspects
    ]
    yield family("keepalived_vrrp_suspects_total", "counter", "Refused adverts that claim our VRID", suspects)
    ways = [({"way": way.kind, "name": way.name}, way) for way in report.deliveries]
    told = [Sample(labels, way.told) for labels, way in ways]
    yield family("keepalived_notifications_told_total", "counter", "Scripts started, lines written, mail sent", told)
    lost = [Sample(labels, way.lost) for labels, way in ways]
    yield family("keepalived_notifications_lost_total", "counter", "Notifications given up or left out", lost)
    waiting = [Sample(labels, way.waiting) for labels, way in ways]
    yield family("keepalived_notifications_waiting", "gauge", "Notifications still to be told", waiting)
    started = [Sample({}, report.started)]
    yield family("keepalived_start_timestamp_seconds", "gauge", "When keepalived started", started)


def _names(router: RouterReport, interface: str) -> dict[str, str]:
    return {"iname": router.name, "intf": interface, "vrid": str(router.vrid)}
