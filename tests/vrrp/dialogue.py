"""A speaker and a clock, so that a test reads as a dialogue: what is told, what must be answered, and when.

Answers come as short lines, `advert 150`, `hold`, `MASTER no-advert`, so that a failing test shows the difference at
once.  Times are written in microseconds.  Every transition is held against the table of transitions.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from labkit.trace import SECOND, Micros
from labkit.vrrp.config import (
    Address,
    FileConfig,
    GroupConfig,
    InterfaceDelay,
    ProcessConfig,
    RouterConfig,
    ScriptConfig,
    Track,
    TrackKind,
)
from labkit.vrrp.events import (
    Action,
    Announce,
    Configure,
    Deleted,
    DuplicateFound,
    Event,
    GroupTransition,
    HoldAddresses,
    InterfaceChanged,
    KillScript,
    Noticed,
    PriorityChanged,
    Received,
    Rejected,
    ReleaseAddresses,
    RunScript,
    ScriptChanged,
    ScriptExited,
    SendAdvert,
    State,
    Stop,
    TrackerChanged,
    Transition,
    Wake,
    Where,
)
from labkit.vrrp.packet import Advert
from labkit.vrrp.reasons import TRANSITIONS
from labkit.vrrp.speaker import Speaker

US = IPv4Address("192.168.1.21")
US6 = IPv6Address("fe80::21")
LOWER = IPv4Address("192.168.1.11")
HIGHER = IPv4Address("192.168.1.31")
VIP = IPv4Address("192.168.1.20")

V2 = RouterConfig(name="V", interface="eth0", vrid=21, addresses=(VIP,), priority=150, auth=b"Venezuel")
V3 = RouterConfig(
    name="V", interface="eth0", vrid=21, addresses=(VIP,), priority=120, version=3, advert_interval=SECOND // 10
)


def script_track(name: str, weight: int = 0) -> Track:
    return Track(kind=TrackKind.SCRIPT, name=name, weight=weight)


def interface_track(name: str, weight: int = 0) -> Track:
    return Track(kind=TrackKind.INTERFACE, name=name, weight=weight)


def line(action: Action) -> str:
    """Return the short line for an action, with the router's name where it is not `V`."""
    match action:
        case RunScript():
            return f"run {action.script}"
        case KillScript():
            return f"kill {action.script}{' -9' if action.force else ''}"
        case ScriptChanged():
            word = "healthy" if action.healthy else "failed"
            return f"{action.script} {'is' if action.settled else 'answers'} {word} ({action.status})"
        case GroupTransition():
            return f"group {action.group} {action.new}"
        case TrackerChanged():
            return f"{action.kind} {action.name} {'is healthy' if action.healthy else 'failed'} ({action.value})"
        case _:
            text = _router_line(action)
            return text if action.router in ("V", "") else f"{action.router}: {text}"


RouterAction: TypeAlias = (
    SendAdvert
    | HoldAddresses
    | ReleaseAddresses
    | Announce
    | Transition
    | PriorityChanged
    | Deleted
    | DuplicateFound
    | Noticed
    | Rejected
)


def _router_line(action: RouterAction) -> str:
    match action:
        case Transition():
            return f"{action.new} {action.why.reason}"
        case Noticed() | Rejected() | DuplicateFound() | PriorityChanged():
            return _remark(action)
        case SendAdvert():
            return f"advert {action.advert.priority}"
        case HoldAddresses():
            return "hold"
        case ReleaseAddresses():
            return "release"
        case Announce():
            return f"announce {action.repeat}{'' if action.where is Where.ALL else f' {action.where}'}"
        case Deleted():
            return "deleted"


def _remark(action: Noticed | Rejected | DuplicateFound | PriorityChanged) -> str:
    match action:
        case PriorityChanged():
            return f"priority {action.old} -> {action.new}"
        case DuplicateFound():
            return f"duplicate {action.address} {action.lladdr.hex(':')}"
        case Noticed():
            return f"{action.notice} {action.peer} {action.peer_priority}"
        case Rejected():
            return f"rejected {action.error.kind} from {action.source}: {action.count}"


class Dialogue:
    """One speaker, told things at `now`."""

    def __init__(
        self,
        *routers: RouterConfig,
        scripts: Iterable[ScriptConfig] = (),
        groups: Iterable[GroupConfig] = (),
        interfaces: Iterable[str] = ("eth0",),
        files: Iterable[str] = (),
        processes: Iterable[ProcessConfig] = (),
        delays: Iterable[InterfaceDelay] = (),
    ) -> None:
        self.speaker = Speaker()
        self.now: Micros = 0
        self.actions: list[Action] = []
        for interface in interfaces:
            assert not self.link(interface)
        self.started = self.configure(
            *routers, scripts=scripts, groups=groups, files=files, processes=processes, delays=delays
        )

    def tell(self, event: Event) -> list[str]:
        self.actions = self.speaker.handle(event, self.now)
        for action in self.actions:
            if isinstance(action, Transition):
                assert action.why.reason in TRANSITIONS[action.old, action.new]
        return [line(action) for action in self.actions]

    def configure(
        self,
        *routers: RouterConfig,
        scripts: Iterable[ScriptConfig] = (),
        groups: Iterable[GroupConfig] = (),
        files: Iterable[str] = (),
        processes: Iterable[ProcessConfig] = (),
        delays: Iterable[InterfaceDelay] = (),
    ) -> list[str]:
        return self.tell(
            Configure(
                routers=tuple(routers),
                scripts=tuple(scripts),
                groups=tuple(groups),
                files=tuple(FileConfig(name=name) for name in files),
                processes=tuple(processes),
                delays=tuple(delays),
            )
        )

    def stop(self) -> list[str]:
        return self.tell(Stop())

    def link(
        self,
        interface: str = "eth0",
        *,
        exists: bool = True,
        up: bool = True,
        primary: IPv4Address | None = US,
        link_local: IPv6Address | None = US6,
        addresses: Iterable[Address] = (US, US6),
    ) -> list[str]:
        return self.tell(
            InterfaceChanged(
                interface=interface,
                exists=exists,
                up=up,
                primary=primary,
                link_local=link_local,
                addresses=frozenset(addresses),
            )
        )

    @property
    def state(self) -> State:
        """The state of router `V`."""
        return self.speaker.routers["V"].state

    def script(self, name: str, status: int | None) -> list[str]:
        return self.tell(ScriptExited(script=name, status=status))

    def hear(
        self,
        priority: int,
        source: Address = LOWER,
        *,
        like: RouterConfig = V2,
        interval: Micros | None = None,
        destination: Address | None = None,
        ttl: int = 255,
    ) -> list[str]:
        """Hear an advert of a peer that is configured `like` us."""
        advert = Advert(
            version=like.version,
            vrid=like.vrid,
            priority=priority,
            interval=interval or like.advert_interval,
            addresses=like.addresses,
            auth=like.auth,
            as_v2=like.checksum_as_v2,
        )
        return self.tell(
            Received(interface=like.interface, source=source, packet=advert, destination=destination, ttl=ttl)
        )

    def wait_until(self, end: Micros) -> list[str]:
        """Wake at every deadline up to and including `end`; return what was answered, with the time of each."""
        answers = []
        while (deadline := self.speaker.deadline) is not None and deadline <= end:
            self.now = deadline
            answers += [f"{self.now} {text}" for text in self.tell(Wake())]
        self.now = end
        return answers

    def wake_late(self, now: Micros) -> list[str]:
        """Wake once, at `now`, however much is overdue."""
        self.now = now
        return self.tell(Wake())


def master(config: RouterConfig) -> Dialogue:
    """A dialogue with a router that is MASTER and has done all its announcements, at a whole 100 s."""
    dialogue = Dialogue(config)
    dialogue.wait_until(100 * SECOND)
    assert dialogue.speaker.routers[config.name].state == "MASTER"
    return dialogue
