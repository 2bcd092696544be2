"""The text that keepalived's process of checks writes on SIGUSR1: virtual servers, real servers, checks.

Key by key as 2.2.7 does.  Times that may stand in three places are told with each check, for which they count; keys of
what labkit does not have are not there.  Pure.
"""

from collections.abc import Iterator, Mapping

from labkit.conf.model import Command, Config, GlobalDefs
from labkit.conf.model_balancing import Connection, ServerNotifies, VirtualServer
from labkit.daemon.balancing_news import wants_mail
from labkit.daemon.balancing_words import kind_of, place_name, server_name
from labkit.daemon.written import argv
from labkit.lvs.check import Check
from labkit.lvs.events import CheckId
from labkit.lvs.model import Destination, Forwarding, ServiceKey
from labkit.lvs.service import RealServer
from labkit.lvs.service import VirtualServer as State
from labkit.trace import SECOND

_ABLE = {True: "enabled", False: "disabled"}
_ON = {True: "ON", False: "OFF"}
_YES = {True: "yes", False: "no"}


def data(config: Config, states: Mapping[ServiceKey, State]) -> str:
    """Return the text behind the global definitions: how every virtual server is configured, and how it stands."""
    pairs = [(virtual, states[virtual.core.key]) for virtual in config.virtual_servers if virtual.core.key in states]
    lines = ["------< LVS Topology >------"] if pairs else []
    for virtual, state in pairs:
        lines += _virtual(virtual, state, config.global_defs)
        for server, notifies in zip(state.servers, virtual.servers, strict=True):
            lines += _server(server, notifies, config.global_defs)
    checks = [
        line for _, state in pairs for server in state.servers for check in server.checks for line in _check(check)
    ]
    return "\n".join([*lines, *(["------< Health checkers >------"] if checks else []), *checks, ""])


def _virtual(virtual: VirtualServer, state: State, defs: GlobalDefs) -> Iterator[str]:
    core, service = virtual.core, virtual.core.service
    yield " ------< Virtual server >------"
    for key in core.keys:
        yield f" VS FWMARK = {key.fwmark}" if key.fwmark else f" VS VIP = {key.address}, VPORT = {key.port}"
    yield f"   Address family = inet{'6' if core.key.family == 6 else ''}"
    yield f"   lvs_sched = {service.scheduler}"
    yield f"   One packet scheduling = {_ABLE[service.one_packet]}"
    if service.persistence_s is not None:
        yield f"   persistence timeout = {service.persistence_s}"
    if core.key.protocol is not None:
        yield f"   protocol = {core.key.protocol.name}"
    yield f"   omega is {_ON[core.omega]}"
    yield f"   quorum = {core.quorum}, hysteresis = {core.hysteresis}"
    yield from _script("   Quorum up notify script", virtual.quorum_up)
    yield from _script("   Quorum down notify script", virtual.quorum_down)
    yield f"   Using smtp notification = {_YES[wants_mail(virtual.smtp_alert, defs, usual=False)]}"
    if core.sorry is not None:
        yield f"   sorry server = {server_name(core.key, core.sorry)}"
        yield f"     forwarding method = {_method(core.sorry)}"
        yield f"     Inhibit on failure is {_ON[core.sorry_inhibit]}"
    yield f"   alive = {int(any(server.up for server in state.servers))}"
    yield f"   quorum_state_up = {int(bool(state.quorum_up))}"


def _server(server: RealServer, notifies: ServerNotifies, defs: GlobalDefs) -> Iterator[str]:
    one: Destination = server.config.destination
    yield "   ------< Real server >------"
    yield f"   RIP = {one.address}, RPORT = {one.port}, WEIGHT = {one.weight} EFF WEIGHT = {server.weight}"
    yield f"   forwarding method = {_method(one)}"
    yield f"   connection limit range = {one.lower} -> {one.upper}"
    yield f"   Inhibit on failure is {_ON[server.config.inhibit]}"
    yield from _script("     RS up notify script", notifies.up)
    yield from _script("     RS down notify script", notifies.down)
    yield f"   Using smtp notification = {_YES[wants_mail(notifies.smtp_alert, defs, usual=True)]}"
    yield f"   alive = {int(server.up)}"


def _check(check: Check[CheckId]) -> Iterator[str]:
    config, identity = check.config, check.identity
    yield f" {identity.service} -> {place_name(identity.service, *identity.server)}"
    yield f"   Up = {_YES[check.healthy]}"
    yield f"   Has run = {_YES[check.settled]}"
    yield f"   Alpha = {_YES[config.alpha]}"
    yield f"   Delay loop = {config.delay_loop} us"
    yield f"   Warmup = {config.warmup} us"
    yield f"   Retries = {config.retry}"
    yield f"   Delay before retry = {config.delay_before_retry} us"
    yield f"   Log all failures = {_YES[config.log_all]}"
    connection = getattr(config.spec, "connection", None)
    if isinstance(connection, Connection):
        yield "   Connection"
        yield f"     Dest = [{connection.address}]:{connection.port}"
        yield f"     Timeout = {connection.timeout / SECOND:.6f}"
    yield f"   Keepalive method = {kind_of(config.spec)}"


def _method(server: Destination) -> str:
    tunnel = f", type = {server.tunnel.kind.upper()}" if server.forwarding is Forwarding.TUN else ""
    return f"{server.forwarding}{tunnel}"


def _script(key: str, command: Command | None) -> Iterator[str]:
    if command is not None:
        yield f"{key} = {argv(command)}"
