"""The figures of a director's table in Prometheus' text format.

Counters have the names of gen2brain's keepalived_exporter.  Pure: a report in, families out.
"""

from collections.abc import Iterable

from labkit.daemon.exposition import Sample, family
from labkit.daemon.report import ServerRow, ServiceRow, TableReport
from labkit.lvs.traffic import Traffic

_COUNTERS: dict[str, tuple[str, str]] = {
    "conn": ("connections", "Connections"),
    "in_packets": ("packets_in", "Packets from clients"),
    "out_packets": ("packets_out", "Packets to clients"),
    "in_bytes": ("bytes_in", "Bytes from clients"),
    "out_bytes": ("bytes_out", "Bytes to clients"),
}
"""The exporter's counters: our name of each, and what it counts."""
_GAUGES: dict[str, tuple[str, str]] = {
    "weight": ("weight", "The weight of a real server in the table"),
    "active_conn": ("active", "Connections of a real server that are open"),
    "inactive_conn": ("inactive", "Connections of a real server that are closing, or have no state"),
}


def tell_table(table: TableReport) -> Iterable[str]:
    """Yield the families of virtual services and of real servers."""
    services = [(_service(row), row) for row in table.services]
    servers = [(labels | _server(server), server) for labels, row in services for server in row.servers]
    yield from _counters("vip", "a virtual service", [(labels, row.traffic) for labels, row in services])
    up = [Sample(labels, row.quorum_up) for labels, row in services if row.quorum_up is not None]
    yield family("keepalived_lvs_vip_up", "gauge", "Whether the virtual service has its quorum", up)
    refused = [Sample(labels, bool(row.refused)) for labels, row in services]
    yield family("keepalived_lvs_vip_refused", "gauge", "Whether this kernel cannot do the virtual service", refused)
    yield from _counters("rs", "a real server", [(labels, row.traffic) for labels, row in servers])
    up = [Sample(labels, row.up) for labels, row in servers if row.up is not None]
    yield family("keepalived_lvs_rs_up", "gauge", "Whether the checks of the real server succeed", up)
    for name, (field, text) in _GAUGES.items():
        samples = [Sample(labels, getattr(row, field)) for labels, row in servers if row.listed]
        yield family(f"keepalived_lvs_rs_{name}", "gauge", text, samples)


def _counters(of: str, whose: str, rows: Iterable[tuple[dict[str, str], Traffic]]) -> Iterable[str]:
    rows = list(rows)
    for name, (field, what) in _COUNTERS.items():
        samples = [Sample(labels, getattr(traffic, field)) for labels, traffic in rows]
        yield family(f"keepalived_lvs_{of}_{name}", "counter", f"{what} of {whose}", samples)


def _service(row: ServiceRow) -> dict[str, str]:
    mark = str(row.fwmark) if row.fwmark else ""
    return {"address": row.address, "port": str(row.port), "proto": row.protocol, "mark": mark}


def _server(row: ServerRow) -> dict[str, str]:
    return {"rs_address": row.address, "rs_port": str(row.port)}
