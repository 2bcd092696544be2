"""The load balancing part of a keepalived.conf: `virtual_server` blocks and what is in them."""

from ipaddress import IPv4Address
from typing import TypeAlias, cast

from labkit.conf.complaints import Complaints
from labkit.conf.model import Forwarding, RealServer, TcpCheck, VirtualServer
from labkit.conf.schema import balancing
from labkit.conf.section import Section
from labkit.conf.shared import line_of, require
from labkit.conf.source import line_from
from labkit.trace import Micros

Endpoint: TypeAlias = tuple[IPv4Address, int]

LONG_PERSISTENCE: Micros = 300_000_000
"""From here on a person who tries a round robin by hand will take it for broken."""


def build_virtual_server(section: Section, complaints: Complaints) -> VirtualServer | None:
    """Return the virtual server, or None after complaining."""
    require(section, complaints, balancing.LB_ALGO, balancing.LB_KIND, balancing.PROTOCOL, balancing.REAL_SERVER)
    _check_persistence(section, complaints)
    real_servers = _real_servers(section, complaints)
    endpoint = cast("Endpoint | None", section.title)
    scheduler, forwarding = section.get(balancing.LB_ALGO), section.get(balancing.LB_KIND)
    protocol = section.get(balancing.PROTOCOL)
    if endpoint is None or scheduler is None or forwarding is None or protocol is None:
        return None
    if forwarding is not Forwarding.NAT:
        _check_ports(section, endpoint[1], forwarding, complaints)
    return VirtualServer(
        address=endpoint[0],
        port=endpoint[1],
        protocol=protocol,
        scheduler=scheduler,
        forwarding=forwarding,
        delay_loop=section.get(balancing.DELAY_LOOP) or 60_000_000,
        persistence_timeout=section.get(balancing.PERSISTENCE_TIMEOUT),
        sorry_server=section.get(balancing.SORRY_SERVER),
        real_servers=real_servers,
        span=section.span(),
    )


def check_services(sections: list[Section], complaints: Complaints) -> None:
    """Refuse two virtual servers with one address, port and protocol."""
    seen: dict[tuple[object, str | None], Section] = {}
    for section in sections:
        if section.title is None:
            continue
        protocol = section.get(balancing.PROTOCOL)
        first = seen.setdefault((section.title, protocol), section)
        if first is not section:
            line = line_of(first, first.statement, section.span())
            message = f"there is a virtual_server with this address, port and protocol already, in {line}"
            complaints.error(section.span(), message, "keep one of them")


def _check_persistence(section: Section, complaints: Complaints) -> None:
    timeout = section.get(balancing.PERSISTENCE_TIMEOUT) or 0
    scheduler = section.get(balancing.LB_ALGO)
    if timeout > LONG_PERSISTENCE and scheduler in ("rr", "wrr"):
        message = f"one client stays with one real server for {timeout // 1_000_000} s, which hides `{scheduler}`"
        hint = "to see it share, remove the line or ask from several addresses"
        complaints.warning(section.span(balancing.PERSISTENCE_TIMEOUT), message, hint)


def _check_ports(section: Section, port: int, forwarding: Forwarding, complaints: Complaints) -> None:
    """DR and TUN hand the packet over as it is, with the port that the client wrote."""
    for server in section.sections(balancing.REAL_SERVER):
        endpoint = cast("Endpoint | None", server.title)
        if endpoint is not None and endpoint[1] != port:
            place = server.document.span(server.statement, 2)
            message = f"`{forwarding}` cannot change the port from {port} to {endpoint[1]}"
            complaints.error(place, message, f"write {port}, or `lb_kind NAT`")


def _real_servers(section: Section, complaints: Complaints) -> tuple[RealServer, ...]:
    servers: dict[Endpoint, RealServer] = {}
    for server in section.sections(balancing.REAL_SERVER):
        if server.title is None:
            continue
        endpoint = cast("Endpoint", server.title)
        span = server.span()
        if endpoint in servers:
            message = f"this real_server is there already, in {line_from(servers[endpoint].span, span)}"
            complaints.error(span, message, "keep one of them")
            continue
        weight = server.get(balancing.REAL_WEIGHT)
        servers[endpoint] = RealServer(
            address=endpoint[0],
            port=endpoint[1],
            weight=1 if weight is None else weight,
            check=_check(server),
            span=span,
        )
    return tuple(servers.values())


def _check(server: Section) -> TcpCheck | None:
    for block in server.sections(balancing.TCP_CHECK):
        retry, delay = block.get(balancing.RETRY), block.get(balancing.DELAY_BEFORE_RETRY)
        return TcpCheck(
            connect_timeout=block.get(balancing.CONNECT_TIMEOUT) or 5_000_000,
            connect_ip=block.get(balancing.CONNECT_IP),
            connect_port=block.get(balancing.CONNECT_PORT),
            retry=1 if retry is None else retry,
            delay_before_retry=1_000_000 if delay is None else delay,
        )
    return None
