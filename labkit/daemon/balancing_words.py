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
from labkit.lvs.check import Failing, Settled
from labkit.lvs.config import RealServerConfig
from labkit.lvs.events import Action, CheckId, QuorumChanged, ServerChanged, WeightChanged
from labkit.lvs.model import Destination, ServiceKey

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
    """Write a real server as keepalived does: `[10.0.0.50]:tcp:80`."""
    protocol = f":{service.protocol.name.lower()}" if service.protocol is not None else ""
    return f"[{server.address}]{protocol}:{server.port}"


def tell(actions: Iterable[Action], servers: Iterable[VirtualServer]) -> Iterator[str]:
    """Yield the lines for actions that were decided together."""
    known = {server.core.key: server for server in servers}
    for action in actions:
        match action:
            case Settled():
                yield _settled(action, known)
            case Failing():
                virtual = known.get(action.check.service)
                if virtual is not None and virtual.log_all_failures:
                    name, kind = _check(action.check, known)
                    yield f"{kind} on service {name} failed, attempt {action.attempt}: {action.result.detail}"
            case ServerChanged():
                yield _server_changed(action, known)
            case WeightChanged():
                name = server_name(action.service, action.destination)
                yield f"Changing weight from {action.old} to {action.new} for service {name} of VS {action.service}"
            case QuorumChanged():
                yield from _quorum_changed(action, known)


def _real(check: CheckId, known: Mapping[ServiceKey, VirtualServer]) -> RealServerConfig | None:
    virtual = known.get(check.service)
    servers = virtual.core.servers if virtual is not None else ()
    return next((server for server in servers if server.destination.key == check.server), None)


def _check(check: CheckId, known: Mapping[ServiceKey, VirtualServer]) -> tuple[str, str]:
    """Return the name of the real server, and of the check."""
    real = _real(check, known)
    if real is None or check.number >= len(real.checks):
        return f"[{check.server[0]}]:{check.server[1]}", "check"
    return server_name(check.service, real.destination), kind_of(real.checks[check.number].spec)


def _settled(action: Settled[CheckId], known: Mapping[ServiceKey, VirtualServer]) -> str:
    name, kind = _check(action.check, known)
    if action.healthy:
        what = "TCP connection to" if kind == "TCP_CHECK" else f"{kind} on service"
        return f"{what} {name} success."
    retries = f" after {action.attempts} retries" if action.attempts else ""
    why = f": {action.result.detail}" if action.result.detail else "."
    return f"{kind} on service {name} failed{retries}{why}"


def _server_changed(action: ServerChanged, known: Mapping[ServiceKey, VirtualServer]) -> str:
    virtual = known.get(action.service)
    servers = virtual.core.servers if virtual is not None else ()
    inhibit = any(server.inhibit for server in servers if server.destination.key == action.destination.key)
    name = server_name(action.service, action.destination)
    if inhibit:
        return f"{'Enabling' if action.up else 'Disabling'} service {name} from VS {action.service}"
    return f"{'Adding' if action.up else 'Removing'} service {name} {'to' if action.up else 'from'} VS {action.service}"


def _quorum_changed(action: QuorumChanged, known: Mapping[ServiceKey, VirtualServer]) -> Iterator[str]:
    key, sign = action.service, "+" if action.up else "-"
    bound = action.quorum + action.hysteresis if action.up else action.quorum - action.hysteresis
    word, relation = ("Gained", "<=") if action.up else ("Lost", ">")
    yield f"{word} quorum {action.quorum}{sign}{action.hysteresis}={bound} {relation} {action.weight} for VS {key}"
    virtual = known.get(key)
    if virtual is None or virtual.core.sorry is None:
        return
    sorry = server_name(key, virtual.core.sorry)
    if action.up:
        yield f"Removing sorry server {sorry} from VS {key}"
        yield f"Adding alive servers to the pool for VS {key}"
    else:
        yield f"Adding sorry server {sorry} to VS {key}"
        yield f"Removing alive servers from the pool for VS {key}"
