"""A simulated node: interfaces, held addresses, an ARP table, check scripts, and a daemon made of a `Speaker`.

The daemon can be started, reloaded, stopped (it withdraws), killed (its addresses stay on the interface), paused and
resumed; the whole node can crash (its addresses are gone).  Adverts leave and arrive as bytes.
"""

from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from labkit.sim.network import Port, Rank
from labkit.sim.packets import heard, ipv6_packet
from labkit.trace import Kind, Micros, Value
from labkit.values import dataclass
from labkit.vrrp.config import RouterConfig
from labkit.vrrp.events import (
    Action,
    Announce,
    ClockChanged,
    Configure,
    Event,
    FileChanged,
    HoldAddresses,
    InterfaceChanged,
    KillScript,
    PriorityChanged,
    ProcessesChanged,
    Reason,
    Rejected,
    ReleaseAddresses,
    RunScript,
    ScriptChanged,
    ScriptExited,
    SendAdvert,
    SetPriority,
    Stop,
    Transition,
    Wake,
)
from labkit.vrrp.sending import destinations, message, packet4
from labkit.vrrp.speaker import Speaker

DAEMON = "keepalived"
SIGTERM, SIGKILL = 15, 9


class Surroundings(Protocol):
    """What a node needs of its world."""

    now: Micros

    def call_at(self, at: Micros, rank: Rank, call: Callable[[], None]) -> None:
        """Do something later."""

    def plug(self, port: Port) -> None:
        """Attach a port to its segment."""

    def next_lladdr(self) -> str:
        """Return an unused MAC address."""

    def send_packet(self, sender: Port, packet: bytes) -> None:
        """Put an IP packet on the wire."""

    def send_announcement(self, sender: Port, address: str) -> None:
        """Put a gratuitous ARP on the wire."""

    def record(self, kind: Kind, node: str, **data: Value) -> None:
        """Add to the trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptBehaviour:
    """How runs of a check script go: after `duration` microseconds they end with `status`; None: they hang.

    A hanging script that is `stubborn` ends at SIGKILL only.
    """

    status: int = 0
    duration: Micros | None = 1_000
    stubborn: bool = False


class Node:
    """One node of a `World`."""

    def __init__(self, name: str, world: Surroundings) -> None:
        self.name = name
        self.speaker: Speaker | None = None
        self.ports: dict[str, Port] = {}
        self.neighbours: dict[str, str] = {}
        self.scripts: dict[str, ScriptBehaviour] = {}
        self._world = world
        self._routers: dict[str, RouterConfig] = {}
        self._wanted: dict[str, RouterConfig] = {}  # as soon as the old ones have withdrawn
        self._held: dict[str, tuple[str, list[str]]] = {}  # router: interface and addresses
        self._runs: dict[str, object] = {}  # script: the run that is going on
        self._wake_at: Micros | None = None
        self._missed: list[Event] | None = None  # while the daemon is paused
        self._facts: dict[tuple[type[Event], str], Event] = {}  # what a daemon finds when it starts

    # --- interfaces ---------------------------------------------------------------------------------------------------

    def attach(
        self, interface: str, segment: str, address: IPv4Address | None = None, lladdr: str | None = None
    ) -> Port:
        """Add an interface with its primary address and MAC address (None: an unused one); plug it into a segment.

        Raises:
            KeyError: there is no such segment.
        """
        lladdr = lladdr or self._world.next_lladdr()
        port = Port(
            node=self.name,
            interface=interface,
            segment=segment,
            lladdr=lladdr,
            address=address,
            link_local=_link_local(lladdr),
        )
        self._world.plug(port)
        self.ports[interface] = port
        self._tell_interface(port)
        return port

    def set_link(self, interface: str, *, up: bool) -> None:
        """Take an interface down or up; held addresses stay on it, as in Linux."""
        port = self.ports[interface]
        port.up = up
        self._record(Kind.LINK, interface=interface, up=up)
        self._tell_interface(port)

    def set_address(self, interface: str, address: IPv4Address | None) -> None:
        """Change or remove the primary address of an interface."""
        port = self.ports[interface]
        port.address = address
        self._tell_interface(port)

    def _tell_interface(self, port: Port) -> None:
        self._tell(
            InterfaceChanged(
                interface=port.interface,
                exists=port.exists,
                up=port.usable,
                primary=port.address,
                link_local=port.link_local,
                addresses=frozenset(port.addresses),
            )
        )

    # --- what daemons track -------------------------------------------------------------------------------------------

    def set_file(self, file: str, value: int | None) -> None:
        """Write a number to a tracked file, or remove it."""
        self._find(file, FileChanged(file=file, value=value))

    def set_processes(self, process: str, count: int) -> None:
        """Let so many of a tracked process run."""
        self._find(process, ProcessesChanged(process=process, count=count))

    def set_clock(self, utc_offset: Micros) -> None:
        """Set the clock: UTC is this far ahead of the world's time."""
        self._find("", ClockChanged(utc_offset=utc_offset))

    def set_priority(self, router: str, priority: int | None) -> None:
        """Do as an operator with `pykeepalived prio`."""
        self._tell(SetPriority(router=router, priority=priority))

    def _find(self, name: str, fact: Event) -> None:
        self._facts[type(fact), name] = fact
        self._tell(fact)

    @property
    def held(self) -> frozenset[str]:
        """The virtual addresses on the node's interfaces."""
        return frozenset(address for _, addresses in self._held.values() for address in addresses)

    # --- the daemon ---------------------------------------------------------------------------------------------------

    def start(self, configuration: Configure) -> None:
        """Start the daemon, or give a running one a new configuration; a stale address is removed first."""
        if self.speaker is None:
            for router in list(self._held):
                self._release(router)
            self.speaker = Speaker()
            self._record(Kind.PROCESS, name=DAEMON, pid=None, event="start", status=None)
            for port in self.ports.values():
                self._tell_interface(port)
            for fact in self._facts.values():
                self._tell(fact)
        wanted = {router.name: router for router in configuration.routers}
        gone = {name: old for name, old in self._routers.items() if _moves(old, wanted.get(name))}
        self._wanted, self._routers = wanted, wanted | gone  # what goes withdraws from where it was
        self._tell(configuration)

    def stop(self) -> None:
        """End the daemon by SIGTERM: it withdraws."""
        self.resume()
        self._tell(Stop())
        self._end(status=0)

    def kill(self) -> None:
        """End the daemon by SIGKILL: nothing is sent, its addresses stay."""
        self._end(status=-SIGKILL)

    def crash(self) -> None:
        """Take the power away: nothing is sent, and the addresses are gone."""
        self._end(status=-SIGKILL)
        for router in list(self._held):
            self._release(router)

    def pause(self) -> None:
        """Stop the daemon by SIGSTOP: what arrives is queued."""
        if self.speaker is not None and self._missed is None:
            self._missed = []

    def resume(self) -> None:
        """Let a paused daemon go on: it hears what was queued before its timers fire."""
        missed, self._missed = self._missed or [], None
        for event in missed:
            self._tell(event)
        self._book()

    def _end(self, *, status: int) -> None:
        if self.speaker is not None:
            self.speaker = self._missed = None
            self._wake_at = None
            self._runs.clear()
            self._record(Kind.PROCESS, name=DAEMON, pid=None, event="exit", status=status)

    # --- what arrives -------------------------------------------------------------------------------------------------

    def hear_packet(self, port: Port, packet: bytes) -> None:
        """Take an IP packet off the wire."""
        self._tell(heard(port.interface, packet))

    def hear_announcement(self, port: Port, address: str, lladdr: str) -> None:
        """Take a gratuitous ARP off the wire: the ARP table follows it."""
        if self.neighbours.get(address) != lladdr:
            self.neighbours[address] = lladdr
            self._record(Kind.NEIGHBOUR, interface=port.interface, address=address, lladdr=lladdr, state="REACHABLE")

    def _tell(self, event: Event) -> None:
        if self.speaker is None:
            return
        if self._missed is not None:
            self._missed.append(event)
            return
        for action in self.speaker.handle(event, self._world.now):
            self._perform(action)
        self._book()

    def _book(self) -> None:
        """See to it that a wake is in the world's heap for the speaker's deadline."""
        deadline = self.speaker.deadline if self.speaker is not None else None
        if deadline is not None and (self._wake_at is None or deadline < self._wake_at):
            self._wake_at = max(deadline, self._world.now)
            self._world.call_at(self._wake_at, Rank.TIMER, partial(self._wake, self._wake_at))

    def _wake(self, booked: Micros) -> None:
        if booked != self._wake_at:  # an earlier one was booked since
            return
        self._wake_at = None
        if self.speaker is None or self._missed is not None:
            return
        deadline = self.speaker.deadline
        if deadline is not None and deadline <= self._world.now:
            self._tell(Wake())
        self._book()

    # --- what the daemon does -----------------------------------------------------------------------------------------

    def _perform(self, action: Action) -> None:
        match action:
            case SendAdvert():
                self._send(action)
            case HoldAddresses():
                self._hold(action.router)
            case ReleaseAddresses():
                self._release(action.router)
            case Announce():
                self._announce(action)
            case RunScript():
                self._run(action.script)
            case KillScript():
                self._kill(action)
            case _:
                self._note(action)

    def _note(self, action: Action) -> None:
        match action:
            case Transition():
                if action.why.reason is Reason.STOPPED and action.router in self._wanted:
                    self._routers[action.router] = self._wanted[action.router]
                self._record(
                    Kind.STATE,
                    instance=action.router,
                    state=action.new,
                    old=action.old,
                    reason=action.why.reason,
                    why=str(action.why),
                    priority=action.priority,
                )
            case PriorityChanged():
                self._record(Kind.PRIORITY, instance=action.router, priority=action.new, old=action.old)
            case ScriptChanged() if action.settled:
                self._record(Kind.SCRIPT, script=action.script, healthy=action.healthy, status=action.status)
            case Rejected():
                self._record(
                    Kind.REJECTED,
                    instance=action.router,
                    source=str(action.source),
                    error=action.error.kind,
                    count=action.count,
                )
            case _:  # worth a log line of a daemon, not a record
                pass

    def _send(self, action: SendAdvert) -> None:
        config = self._routers[action.router]
        port = self.ports[config.interface]
        for destination in destinations(config):
            match action.source, destination:
                case IPv4Address() as source, IPv4Address():
                    self._world.send_packet(port, packet4(config, action, source, destination, 1))
                case IPv6Address() as source, IPv6Address():
                    payload = message(config, action, source, destination)
                    self._world.send_packet(port, ipv6_packet(payload, source, destination, ttl=config.ttl))

    def _hold(self, router: str) -> None:
        config = self._routers[router]
        wanted = [str(address) for address in config.addresses]
        _, present = self._held.get(router, (config.interface, []))
        self._held[router] = (config.interface, wanted)
        for address in present:
            if address not in wanted:
                self._record(Kind.ADDRESS, interface=config.interface, address=address, present=False)
        for address in wanted:
            if address not in present:
                self._record(Kind.ADDRESS, interface=config.interface, address=address, present=True)

    def _release(self, router: str) -> None:
        interface, addresses = self._held.pop(router, ("", []))
        for address in addresses:
            self._record(Kind.ADDRESS, interface=interface, address=address, present=False)

    def _announce(self, action: Announce) -> None:
        config = self._routers[action.router]
        for _ in range(action.repeat):
            for address in config.addresses:
                self._world.send_announcement(self.ports[config.interface], str(address))

    # --- check scripts ------------------------------------------------------------------------------------------------

    def _run(self, script: str) -> None:
        behaviour = self.scripts.get(script, ScriptBehaviour())
        run = self._runs[script] = object()
        if behaviour.duration is not None:
            end = partial(self._exit, script, run, behaviour.status)
            self._world.call_at(self._world.now + behaviour.duration, Rank.TIMER, end)

    def _kill(self, action: KillScript) -> None:
        run = self._runs.get(action.script)
        stubborn = self.scripts.get(action.script, ScriptBehaviour()).stubborn
        if run is not None and (action.force or not stubborn):
            status = -SIGKILL if action.force else -SIGTERM
            self._world.call_at(self._world.now, Rank.TIMER, partial(self._exit, action.script, run, status))

    def _exit(self, script: str, run: object, status: int) -> None:
        if self._runs.get(script) is run:
            del self._runs[script]
            self._tell(ScriptExited(script=script, status=status))

    def _record(self, kind: Kind, **data: Value) -> None:
        self._world.record(kind, self.name, **data)


def _link_local(lladdr: str) -> IPv6Address:
    """Return the IPv6 address that an interface makes of its MAC address (RFC 4291 2.5.1 and appendix A)."""
    mac = bytes.fromhex(lladdr.replace(":", ""))
    identifier = bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
    return IPv6Address(b"\xfe\x80" + bytes(6) + identifier)


def _moves(old: RouterConfig, new: RouterConfig | None) -> bool:
    return new is None or old.identity != new.identity
