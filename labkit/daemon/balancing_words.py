"""What the log says of balancing, in the words that users of keepalived look for."""

from collections.abc import Iterable, Iterator, Mapping

from labkit.conf.model_balancing import (
    Check,
    DnsCheck,
    FileCheck,
    HttpCheck,
    MiscCheck,
    PingCheck,
    SmtpCheck,
    TcpCheck,
    UdpCheck,
    VirtualServer,
)
from labkit.hints import TypeAlias
from labkit.lvs.check import Failing, Settled
from labkit.lvs.config import RealServerConfig
from labkit.lvs.events import Action, CheckId, QuorumChanged, ServerChanged, WeightChanged
from labkit.lvs.model import Address, Destination, ServiceKey
from labkit.trace import Kind, Value

_KINDS: Mapping[type[Check], str] = {
    TcpCheck: "TCP_CHECK",
    HttpCheck: "HTTP_GET",
    SmtpCheck: "SMTP_CHECK",
    DnsCheck: "DNS_CHECK",
    MiscCheck: "MISC_CHECK",
    PingCheck: "PING_CHECK",
    UdpCheck: "UDP_CHECK",
    FileCheck: "FILE_CHECK",
}


def kind_of(spec: object) -> str:
    """Return the name of a check's block."""
    if isinstance(spec, HttpCheck) and spec.tls:
        return "SSL_GET"
    return next((name for kind, name in _KINDS.items() if isinstance(spec, kind)), "check")


def server_name(service: ServiceKey, server: Destination) -> str:
    """Write a real server as keepalived does: `[10.0.0.50]:tcp:80`; of a service by mark `[10.0.0.50]:none:0`."""
    return place_name(service, *server.key)


def place_name(service: ServiceKey, address: Address, port: int) -> str:
    """Write the place of a real server as `server_name` does."""
    return f"[{address}]:{service.protocol.name.lower() if service.protocol is not None else 'none'}:{port}"


Known: TypeAlias = Mapping[ServiceKey, VirtualServer]
"""The virtual servers of the configuration: built once, for what is said of thousands of checks a second."""


def tell(actions: Iterable[Action], known: Known) -> Iterator[str]:
    """Yield the lines for actions that were decided together."""
    for action in actions:
        match action:
            case Settled():
                if not action.healthy and _logs_all(action.check, known):
                    yield _failing(action.check, known, action.result.detail)
                yield _settled(action, known)
            case Failing():
                if _logs_all(action.check, known):
                    yield _failing(action.check, known, action.result.detail)
            case ServerChanged():
                yield _server_changed(action, known)
            case WeightChanged():
                name = server_name(action.service, action.destination)
                change = f"from {action.old} to {action.new}"
                active = "active" if action.up else "inactive"
                yield f"Changing weight {change} for {active} service {name} of VS {action.service}"
            case QuorumChanged():
                yield from _quorum_changed(action, known)


def records(actions: Iterable[Action], known: Known) -> Iterator[tuple[Kind, dict[str, Value]]]:
    """Yield what the trace says of actions that were decided together."""
    for action in actions:
        match action:
            case Settled():
                name, kind = _check(action.check, known)
                data: dict[str, Value] = {"service": str(action.check.service), "server": name, "check": kind}
                yield Kind.CHECK, data | {"healthy": action.healthy, "detail": action.result.detail}
            case ServerChanged():
                name = server_name(action.service, action.destination)
                yield Kind.SERVER, {"service": str(action.service), "server": name, "up": action.up}
            case QuorumChanged():
                figures = {"weight": action.weight, "quorum": action.quorum, "hysteresis": action.hysteresis}
                yield Kind.QUORUM, {"service": str(action.service), "up": action.up, **figures}


def _real(check: CheckId, known: Known) -> RealServerConfig | None:
    virtual = known.get(check.service)
    servers = virtual.core.servers if virtual is not None else ()
    return next((server for server in servers if server.destination.key == check.server), None)


def _check(check: CheckId, known: Known) -> tuple[str, str]:
    """Return the name of the real server, and of the check."""
    real = _real(check, known)
    if real is None or check.number >= len(real.checks):
        return f"[{check.server[0]}]:{check.server[1]}", "check"
    return server_name(check.service, real.destination), kind_of(real.checks[check.number].spec)


def _logs_all(check: CheckId, known: Known) -> bool:
    """Tell whether each failure of a check is logged (log_all_failures)."""
    real = _real(check, known)
    return real is not None and check.number < len(real.checks) and real.checks[check.number].log_all


def _failing(check: CheckId, known: Known, detail: str) -> str:
    """Say that one run failed (log_all_failures)."""
    name, kind = _check(check, known)
    what = "TCP connection to" if kind == "TCP_CHECK" else f"{kind} on service"
    return f"{what} {name} failed: {detail or 'no reason told'}"


_SUCCESS = {
    "TCP_CHECK": "TCP connection to {} success.",
    "UDP_CHECK": "UDP connection to {} success.",
    "PING_CHECK": "ICMP connection to {} success.",
    "HTTP_GET": "Remote Web server {} succeed on service.",
    "SSL_GET": "Remote Web server {} succeed on service.",
    "SMTP_CHECK": "Remote SMTP server {} succeed on service.",
}
_FAILURE = {"HTTP_GET": "HTTP_CHECK", "SSL_GET": "HTTP_CHECK", "PING_CHECK": "ICMP CHECK"}
"""How keepalived calls its checks, where it is not by the name of their block."""


def _settled(action: Settled[CheckId], known: Known) -> str:
    name, kind = _check(action.check, known)
    real = _real(action.check, known)
    spec = (
        real.checks[action.check.number].spec if real is not None and action.check.number < len(real.checks) else None
    )
    if isinstance(spec, MiscCheck):
        what = f"Misc check for [{name} VS {action.check.service}] by [{spec.command.text}]"
        success = f"{what} succeeded."
    else:
        what = f"{_FAILURE.get(kind, kind)} on service {name}"
        success = _SUCCESS.get(kind, f"{kind} on service {{}} success.").format(name)
    if action.healthy:
        return success
    retries = f" after {action.attempts} retries" if action.attempts else ""
    return f"{what} failed{retries}" + (f": {action.result.detail}" if action.result.detail else ".")


def shutting_down(server: VirtualServer) -> Iterator[str]:
    """Yield the lines for a virtual server that goes because the daemon does."""
    for real in server.core.servers:
        name = server_name(server.core.key, real.destination)
        yield f"Shutting down service {name} from VS {server.core.key}"


def activating(servers: Iterable[VirtualServer]) -> Iterator[str]:
    """Yield the lines for checks that begin."""
    for virtual in servers:
        for real in virtual.core.servers:
            name = server_name(virtual.core.key, real.destination)
            for _ in real.checks:
                yield f"Activating healthchecker for service {name} for VS {virtual.core.key}"


def _server_changed(action: ServerChanged, known: Known) -> str:
    virtual = known.get(action.service)
    servers = virtual.core.servers if virtual is not None else ()
    inhibit = any(server.inhibit for server in servers if server.destination.key == action.destination.key)
    name = server_name(action.service, action.destination)
    if inhibit:
        return f"{'Enabling' if action.up else 'Disabling'} service {name} of VS {action.service}"
    return f"{'Adding' if action.up else 'Removing'} service {name} {'to' if action.up else 'from'} VS {action.service}"


def quorum_figures(action: QuorumChanged) -> str:
    """Say how a quorum came about, in keepalived's figures: `2-1=1 > 0`."""
    sign = "+" if action.up else "-"
    bound = action.quorum + action.hysteresis if action.up else action.quorum - action.hysteresis
    return f"{action.quorum}{sign}{action.hysteresis}={bound} {'<=' if action.up else '>'} {action.weight}"


def _quorum_changed(action: QuorumChanged, known: Known) -> Iterator[str]:
    key = action.service
    head = "Gained quorum" if action.up else "Starting with quorum down" if action.first else "Lost quorum"
    yield f"{head} {quorum_figures(action)} for VS {key}"
    virtual = known.get(key)
    if virtual is None or virtual.core.sorry is None:
        return
    sorry = server_name(key, virtual.core.sorry)
    if action.up and not action.first:
        yield f"Removing sorry server {sorry} from VS {key}"
        yield f"Adding alive servers to the pool for VS {key}"
    elif not action.up:
        yield f"Adding sorry server {sorry} to VS {key}"
        yield f"Removing alive servers from the pool for VS {key}"
