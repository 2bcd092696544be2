"""Does what the core decides: the one place where actions become packets, addresses, scripts and words.

What other machines wait for comes first: adverts, addresses, announcements.  Log lines, the trace and notify scripts
follow when all of that is done.
"""

from collections.abc import Callable, Iterable
from functools import partial

from labkit.conf.model import Config, VrrpInstance
from labkit.daemon.announcing import Announcements
from labkit.daemon.children import Children
from labkit.daemon.herald import Herald
from labkit.daemon.holdings import Holdings
from labkit.daemon.interfaces import Interfaces
from labkit.daemon.log import Level, Log
from labkit.daemon.loop import Loop
from labkit.daemon.outlet import Outlet
from labkit.daemon.ports import Ports
from labkit.daemon.tracer import Tracer
from labkit.daemon.trackers import Trackers
from labkit.daemon.wording import of_a_stranger, tell
from labkit.values import dataclass
from labkit.vrrp.config import OWNER, Address
from labkit.vrrp.events import (
    Action,
    Announce,
    HoldAddresses,
    KillScript,
    Noticed,
    PriorityChanged,
    ReleaseAddresses,
    RunScript,
    SendAdvert,
    State,
    Transition,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How it stands with a router's addresses: wanted here, not there although wanted, and what the kernel refused."""

    held: bool
    missing: tuple[str, ...]
    problem: str


class Service:
    """Performs actions for the routers of one configuration at a time."""

    def __init__(
        self,
        *,
        interfaces: Interfaces,
        ports: Ports,
        loop: Loop,
        children: Children,
        script_ended: Callable[[str, int | None], None],
        log: Log,
        tracer: Tracer,
    ) -> None:
        warn = partial(log.say, level=Level.WARNING)
        self.trackers = Trackers(children, script_ended, warn)
        self.herald = Herald(children, loop, log)
        self.holdings = Holdings(interfaces, warn)
        self._interfaces = interfaces
        self._ports = ports
        self._announcements = Announcements(loop)
        self._log = log
        self._tracer = tracer
        self._outlets: dict[str, Outlet] = {}
        self._next: dict[str, Outlet] = {}
        self._leaving: set[str] = set()
        self._log_strangers = False
        self._virtual: frozenset[Address] = frozenset()
        self._said: dict[str, dict[str, str]] = {}

    # --- configuration ------------------------------------------------------------------------------------------------

    def configure(self, config: Config, *, starting: bool) -> None:
        """Make ready for a configuration, before the core is told of it.

        A router that leaves, or that starts anew as another one, keeps its outlet until the core has withdrawn it.
        """
        self._virtual = frozenset(
            address.address.ip
            for instance in config.instances
            if instance.router.priority != OWNER
            for address in instance.addresses
        )
        self._log_strangers = config.global_defs.log_unknown_vrids
        self._configure_scripts(config, starting=starting)
        self._announcements.configure(config)
        wanted = {instance.router.name: instance for instance in config.instances}
        self._leaving = set(self._outlets) - set(wanted)
        for name, instance in wanted.items():
            current = self._outlets.get(name)
            if current is None:
                self._outlets[name] = self._outlet(instance, clear=starting)
            elif current.instance.router.identity != instance.router.identity:
                self._next[name] = self._outlet(instance, clear=False)
            else:
                self._complain(name, current.change(instance), "addresses not changed")
        self.holdings.configure(config, starting=starting)

    def configured(self) -> None:
        """Let go of what the core has withdrawn; to be called when its actions are performed."""
        for name in self._leaving:
            del self._outlets[name]
        self._outlets |= self._next
        self._leaving, self._next = set(), {}
        self.holdings.configured(self._outlets)

    def _outlet(self, instance: VrrpInstance, *, clear: bool) -> Outlet:
        outlet = Outlet(instance, self._interfaces, self._ports, self._announcements)
        if clear:  # a predecessor that was killed left its addresses behind
            for kind, has in (("Rules", instance.rules), ("Routes", instance.routes)):
                if has:
                    self._log.explain(f"({instance.router.name}) removing Virtual {kind}")
            self._log.explain(f"({instance.router.name}) removing VIPs.")
            outlet.release()
        return outlet

    def _configure_scripts(self, config: Config, *, starting: bool) -> None:
        """Take the scripts and everybody who is to be told."""
        as_root = self.trackers.configure(config.scripts, config.global_defs)
        as_root |= self.herald.configure(config, starting=starting)
        if as_root and not config.global_defs.enable_script_security:
            text = "SECURITY VIOLATION - scripts are being executed but script_security not enabled."
            self._log.say(text, Level.WARNING)

    # --- what the kernel says -----------------------------------------------------------------------------------------

    @property
    def virtual(self) -> frozenset[Address]:
        """The virtual addresses: none of them is an interface's own."""
        return self._virtual

    def condition(self, router: str) -> Condition:
        """Return how it stands with a router's addresses."""
        outlet = self._outlets.get(router)
        if outlet is None:
            return Condition(held=False, missing=(), problem="")
        missing = tuple(str(virtual.address.ip) for virtual in outlet.missing())
        said = "; ".join(f"{what}: {why}" for what, why in self._said.get(router, {}).items())
        problem = said or self.holdings.problem(router)
        return Condition(held=outlet.held, missing=missing, problem=problem)

    def interfaces_changed(self, names: set[str]) -> None:
        """Build messages anew for interfaces that changed, and put back addresses that somebody took off."""
        for outlet in self._outlets.values():
            if not names & outlet.devices():
                continue
            outlet.prepare()
            name, lost = outlet.instance.router.name, outlet.lost()
            refused = outlet.missing() if _NOT_SET in self._said.get(name, {}) else []
            for virtual in lost:
                self._log.say(f"Netlink reflector reports IP {virtual.address.ip} removed from {virtual.device}")
            if outlet.came_up():
                repeat = outlet.instance.router.announce_repeat
                self._complain(name, outlet.restore(outlet.missing(), repeat), _NOT_SET)
            elif lost or refused:  # what the kernel refused it may grant now
                self._complain(name, outlet.restore(refused or lost), _NOT_SET)

    # --- actions ------------------------------------------------------------------------------------------------------

    def perform(self, actions: Iterable[Action], *, starting: bool = False) -> None:
        """Perform actions in their order, then tell of them."""
        decided = list(actions)
        if not decided:
            return
        for action in decided:
            self._act(action)
        instances = {a.router: self._outlets[a.router].instance for a in decided if isinstance(a, _OF_A_ROUTER)}
        told = decided if self._log_strangers else [action for action in decided if not of_a_stranger(action)]
        for line in tell(told, instances, starting=starting):
            (self._log.explain if line.detail else self._log.say)(line.text)
        self._tracer.actions(decided)
        self.herald.tell(decided, instances)
        for action in decided:
            self._follow_up(action)
        self._log.flush()

    def _act(self, action: Action) -> None:
        match action:
            case SendAdvert(router=name):
                self._complain(name, self._outlets[name].send(action), "advert not sent")
            case HoldAddresses(router=name):
                self._complain(name, self._outlets[name].hold(), _NOT_SET)
                for virtual in self._outlets[name].homeless():
                    text = f"({name}) {virtual.address.ip} not set: interface {virtual.device} doesn't exist"
                    self._log.say(text, Level.WARNING)
                self.holdings.hold(name)
            case ReleaseAddresses(router=name):
                self.holdings.release(name)
                self._complain(name, self._outlets[name].release(), "addresses not removed")
                self._complain(name, "", _NOT_SET)
            case Announce(router=name):
                self._complain(name, self._outlets[name].announce(action.repeat, action.where), "not announced")
            case Transition(router=name, new=State.INIT) if name in self._next:
                self._outlets[name] = self._next.pop(name)

    def _follow_up(self, action: Action) -> None:
        match action:
            case RunScript():
                self.trackers.run(action.script)
            case KillScript():
                self.trackers.kill(action.script, force=action.force)

    def _complain(self, router: str, problem: str, what: str) -> None:
        """Say a problem of a router when it begins, and not again while it lasts; `what` could not be done."""
        said = self._said.get(router, {})
        if problem and said.get(what) != problem:
            self._log.say(f"({router}) {what}: {problem}", Level.WARNING)
        if problem:
            self._said.setdefault(router, said)[what] = problem
        else:
            said.pop(what, None)


_NOT_SET = "addresses not set"
_OF_A_ROUTER = (SendAdvert, HoldAddresses, ReleaseAddresses, Announce, Transition, Noticed, PriorityChanged)
