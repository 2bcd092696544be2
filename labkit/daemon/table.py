"""The table of a director as plain values: what `pykeepalived lvs` shows and the control socket carries."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_network

from labkit.daemon.report import ConnectionRow, ServerRow, ServiceRow, TableReport
from labkit.lvs.model import (
    Connection,
    Destination,
    DestinationReading,
    Scheduler,
    Service,
    ServiceKey,
    ServiceReading,
)
from labkit.lvs.service import RealServer, VirtualServer
from labkit.lvs.traffic import Traffic

_FLAGS = {Scheduler.SH: ("sh-fallback", "sh-port"), Scheduler.MH: ("mh-fallback", "mh-port")}
_USUAL = ("flag-1", "flag-2")


def compose_table(
    by: str,
    services: Mapping[ServiceKey, VirtualServer],
    readings: Iterable[ServiceReading],
    connections: Iterable[Connection],
    refused: Mapping[ServiceKey, str],
) -> TableReport:
    """Return what the director has and what the kernel tells of it, in the order of `ipvsadm -Ln`.

    `by` is IPVS or nftables; services of others that the kernel holds are in, without health.
    """
    read = {reading.service.key: reading for reading in readings}
    ours = {key: virtual for virtual in services.values() for key in virtual.config.keys}
    rows = [
        _service(key, ours.get(key), read.get(key), refused.get(key, "")) for key in sorted({*read, *ours}, key=_order)
    ]
    return TableReport(
        by=by, services=tuple(rows), connections=tuple(_connection(connection) for connection in connections)
    )


def _order(key: ServiceKey) -> tuple[object, ...]:
    address = int(key.address) if key.address is not None else 0
    return key.fwmark, key.family, int(key.protocol or 0), address, key.port


def _service(
    key: ServiceKey, virtual: VirtualServer | None, reading: ServiceReading | None, refused: str
) -> ServiceRow:
    service = (
        reading.service if reading is not None else virtual.config.service if virtual is not None else Service(key=key)
    )
    return ServiceRow(
        protocol=key.protocol.name if key.protocol is not None else "",
        address=str(key.address or ""),
        port=key.port,
        fwmark=key.fwmark,
        family=key.family,
        scheduler=service.scheduler,
        flags=_flags(service),
        persistence_s=service.persistence_s,
        mask=_mask(service),
        engine=service.persistence_engine or "",
        one_packet=service.one_packet,
        listed=reading is not None,
        quorum_up=virtual.quorum_up if virtual is not None else None,
        refused=refused,
        traffic=reading.traffic if reading is not None else Traffic(),
        servers=tuple(_servers(virtual, reading)),
    )


def _flags(service: Service) -> tuple[str, ...]:
    first, second = _FLAGS.get(service.scheduler, _USUAL)
    flags = ((service.fallback, first), (service.with_port, second), (service.flag_3, "flag-3"))
    return tuple(name for is_set, name in flags if is_set)


def _mask(service: Service) -> str:
    """Return persistence's granularity as ipvsadm writes it; nothing for whole addresses."""
    prefix = service.persistence_prefix
    if prefix is None or prefix == (32 if service.key.family == 4 else 128):
        return ""
    return str(prefix) if service.key.family == 6 else str(ip_network(f"0.0.0.0/{prefix}").netmask)


def _servers(virtual: VirtualServer | None, reading: ServiceReading | None) -> Iterable[ServerRow]:
    """Yield what the kernel has, and the servers that are out of it."""
    read = {one.destination.key: one for one in (reading.destinations if reading is not None else ())}
    ours = {server.config.destination.key: server for server in (virtual.servers if virtual is not None else ())}
    sorry = virtual.config.sorry.key if virtual is not None and virtual.config.sorry is not None else None
    for key in sorted({*read, *ours}, key=lambda key: (key[0].version, int(key[0]), key[1])):
        one, server = read.get(key), ours.get(key)
        if one is not None:
            yield _server(one.destination, server, one, sorry=key == sorry)
        elif server is not None:
            yield _server(server.config.destination, server, None)


def _server(
    destination: Destination, server: RealServer | None, reading: DestinationReading | None, *, sorry: bool = False
) -> ServerRow:
    return ServerRow(
        address=str(destination.address),
        port=destination.port,
        forwarding=destination.forwarding,
        weight=destination.weight,
        upper=destination.upper,
        lower=destination.lower,
        listed=reading is not None,
        up=server.up if server is not None else None,
        why=_why(server) if server is not None else "the sorry server" if sorry else "",
        active=reading.active if reading is not None else 0,
        inactive=reading.inactive if reading is not None else 0,
        persistent=reading.persistent if reading is not None else 0,
        traffic=reading.traffic if reading is not None else Traffic(),
    )


def _why(server: RealServer) -> str:
    """Say what checks say: of failing ones if there are any, else of all."""
    checks = [check for check in server.checks if not check.healthy] or server.checks
    if not server.checks:
        return "not checked"
    said = [check.last.detail if check.last is not None else "not checked yet" for check in checks]
    return "; ".join(dict.fromkeys(said))


def _connection(connection: Connection) -> ConnectionRow:
    return ConnectionRow(
        protocol=connection.protocol.name if connection.protocol is not None else "IP",
        expires_s=connection.expires_s,
        state=connection.state,
        client=str(connection.client),
        virtual=str(connection.virtual),
        server=str(connection.server),
    )
