"""What keepalived's dump says of the network: static entries, the sockets of adverts, and interfaces (as its 2.2.7)."""

from collections.abc import Iterable, Mapping

from labkit.conf.model import Config, VrrpInstance
from labkit.daemon.messages import InterfaceState, SocketState
from labkit.daemon.ports import key
from labkit.daemon.route_words import route_words, rule_words
from labkit.daemon.written import address_words
from labkit.values import replace
from labkit.vrrp.config import RouterConfig, TrackKind
from labkit.vrrp.packet import PROTOCOL


def static_lines(config: Config, known: Mapping[str, InterfaceState]) -> list[str]:
    """Return the sections of static addresses, routes and rules; an address is `set` where its interface has it."""
    addresses = [
        address_words(one, held=one.device in known and str(one.address) in known[one.device].addresses)
        for one in config.static_addresses
    ]
    return [
        *_section("Static Addresses", addresses),
        *_section("Static Routes", map(route_words, config.static_routes)),
        *_section("Static Rules", map(rule_words, config.static_rules)),
    ]


def _section(title: str, words: Iterable[str]) -> list[str]:
    lines = [f"     {word}" for word in words]
    return [f"------< {title} >------", *lines] if lines else []


def socket_lines(config: Config, sockets: Iterable[SocketState]) -> list[str]:
    """Return the sockets that adverts go through: for each kind of use one entry, as keepalived has a pair for each."""
    open_sockets = {(one.interface, one.family, one.protocol): one for one in sockets}
    uses: dict[tuple[object, ...], list[VrrpInstance]] = {}
    for instance in config.instances:
        router = instance.router
        uses.setdefault((*key(instance), router.is_unicast, router.is_unicast and router.source), []).append(instance)
    lines: list[str] = []
    for instances in uses.values():
        found = open_sockets.get(key(instances[0]))
        router = instances[0].router
        lines += [f" fd_in {found.receiver} fd_out = {found.sender}" if found else " fd_in -1 fd_out = -1"]
        lines += [f"   Interface = {key(instances[0])[0]}", f"   Family = IPv{router.family}"]
        lines += [f"   Protocol = {'VRRP' if key(instances[0])[2] == PROTOCOL else 'AH'}"]
        lines += [f"   Type = {'Unicast' if router.is_unicast else 'Multicast'}"]
        lines += [f"   Address = {router.source}"] if router.is_unicast and router.source else []
        lines += ["   Rx buf size = 0", "   VRRP instances"]
        lines += [f"     {one.router.name} vrid {one.router.vrid}" for one in instances]
    return ["------< VRRP Sockpool >------", *lines] if lines else []


def interface_lines(config: Config, interfaces: Iterable[InterfaceState]) -> list[str]:
    """Return the section of interfaces: those of the machine, then macvlans of ours."""
    ours = {instance.vmac.name for instance in config.instances if instance.vmac is not None}
    virtual = {str(one.address) for instance in config.instances for one in instance.addresses}
    own = (replace(one, addresses=tuple(a for a in one.addresses if a not in virtual)) for one in interfaces)
    states = sorted(own, key=lambda state: (state.name in ours, not state.exists, state.index))
    known = {state.name: state for state in states}
    lines = [line for state in states for line in _interface(state, config, known.get(state.base))]
    return ["------< Interfaces >------", *lines] if lines else []


def _interface(state: InterfaceState, config: Config, base: InterfaceState | None) -> list[str]:
    if not state.exists:
        return [f" Name = {state.name}", "   State = DOWN, does not exist"]
    lines = [
        f" Name = {state.name}",
        f"   index = {state.index}",
        f"   IPv4 address = {primary(state, 4) or '(none)'}",
        f"   IPv6 address = {primary(state, 6) or '(none)'}",
        *([f"   MAC = {state.lladdr}"] if state.lladdr.strip("0:") else []),
        f"   State = {_state(state)}",
    ]
    if state.kind == "macvlan":
        lower = f"{state.base}, state = {_state(base)}" if base is not None else state.base
        lines.append(f"   VMAC type private, underlying interface = {lower}")
        ours = any(one.vmac is not None and one.vmac.name == state.name for one in config.instances)
        lines += ["   I/f created by keepalived"] if ours else []
    lines.append(f"   MTU = {state.mtu}")
    weights = [
        f"     {one.router.name}, weight {weight}"
        for one in config.instances
        for weight in _weights(one.router, state.name, follows=state.name in _followed(one))
    ]
    return lines + (["   Tracking VRRP instances :", *weights] if weights else [])


def _state(state: InterfaceState) -> str:
    return "UP, RUNNING" if state.up else "DOWN"


def _followed(instance: VrrpInstance) -> tuple[str, ...]:
    """Return the interfaces that an instance follows without being told to."""
    vmac = instance.vmac
    return (instance.router.interface,) if vmac is None else (instance.router.interface, vmac.name)


def _weights(core: RouterConfig, interface: str, *, follows: bool) -> list[int]:
    own = [0] if follows and core.watch_interface else []
    return own + [t.weight for t in core.tracks if t.kind is TrackKind.INTERFACE and t.name == interface]


def primary(interface: InterfaceState | None, family: int) -> str:
    """Return the address that adverts come from where none is configured."""
    for address in interface.addresses if interface else ():
        if address.startswith("fe80:") if family == 6 else ":" not in address:
            return address.partition("/")[0]
    return ""
