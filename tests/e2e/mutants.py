"""Deliberately broken daemons, by name: each runs `labkit` with one thing wrong in all routers of the lab.

    python -m tests.e2e.mutants no-skew run failover -s stop

Nodes start their daemons by a fork of the supervisor, so what is changed here is changed there; a daemon that an init
script starts is a new program, and right.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from labkit.daemon.service import Service
from labkit.ui.cli.main import main
from labkit.vrrp import router
from labkit.vrrp.actions import Action, Announce, ReleaseAddresses, SendAdvert
from labkit.vrrp.packet import Advert
from labkit.vrrp.reasons import Reason, State
from labkit.vrrp.router import VirtualRouter

MUTANTS: dict[str, tuple[str, str, Callable[[], None]]] = {}
"""Scenario that catches it, and the beginning of the finding that does."""


def mutant(scenario: str, caught: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def enter(function: Callable[[], None]) -> Callable[[], None]:
        MUTANTS[function.__name__.replace("_", "-")] = scenario, caught, function
        return function

    return enter


def around(kind: type, name: str, wrapper: Callable[..., Any]) -> None:
    """Have `wrapper(original, self, ...)` stand in for a method."""
    original = getattr(kind, name)

    def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        return wrapper(original, self, *arguments, **named)

    setattr(kind, name, wrapped)


def without(kind: type, actions: Iterable[Action]) -> list[Action]:
    return [action for action in actions if not isinstance(action, kind)]


@mutant("stop", "VIP on server2")
def no_skew() -> None:
    """All backups take over at the same time."""
    router.skew_time = lambda *_: 0  # type: ignore[assignment]


@mutant("kill", "VIP on server2")
def slow_takeover() -> None:
    """Waits for twice as many adverts."""
    right = router.master_down_interval
    router.master_down_interval = lambda version, priority, interval, count: right(version, priority, interval, 6)  # type: ignore[assignment]


@mutant("eth1-down", "VIP on server1")
def no_preempt() -> None:
    around(VirtualRouter, "_receive_as_backup", _as_if_not_preempting)


def _as_if_not_preempting(original: Any, self: VirtualRouter, source: Any, peer: Any, advert: Advert, now: int) -> Any:
    right, self.config = self.config, replace(self.config, preempt=False)
    try:
        return original(self, source, peer, advert, now)
    finally:
        self.config = right


@mutant("stop", "ARP of host points to server2")
def no_announcement() -> None:
    around(Service, "_act", lambda right, self, action: None if isinstance(action, Announce) else right(self, action))


@mutant("steady", "adverts from server1")
def silent_master() -> None:
    around(Service, "_act", lambda right, self, action: None if isinstance(action, SendAdvert) else right(self, action))


@mutant("eth1-down", "never: 2 owners")
def vip_kept_on_fault() -> None:
    around(VirtualRouter, "fail", lambda right, *told, **named: without(ReleaseAddresses, right(*told, **named)))


@mutant("stop", "never: 2 owners")
def vip_kept_on_stop() -> None:
    around(VirtualRouter, "stop", lambda right, *told: without(ReleaseAddresses, right(*told)))


@mutant("preempt", "VIP on server1")
def vip_kept_when_yielding() -> None:
    around(VirtualRouter, "_yield_to", lambda right, *told: without(ReleaseAddresses, right(*told)))


@mutant("stop", "VIP on server2")
def ignores_priority_0() -> None:
    around(
        VirtualRouter,
        "_receive_as_backup",
        lambda right, self, source, peer, advert, now: (
            right(self, source, peer, advert, now) if advert.priority else []
        ),
    )


@mutant("stop", "VIP on server2")
def no_priority_0() -> None:
    around(VirtualRouter, "_give_up", lambda right, self, now, *, can_send: right(self, now, can_send=False))


@mutant("steady", "")
def never_takes_over() -> None:
    def wait(right: Any, self: VirtualRouter, now: int) -> list[Action]:
        self._down_at = None
        return []

    around(VirtualRouter, "_master_down", wait)


@mutant("eth1-down", "VIP on server1")
def takes_over_at_once() -> None:
    def start(right: Any, self: VirtualRouter, now: int) -> list[Action]:
        done: list[Action] = [*right(self, now), *self._master_down(now)]
        return done

    around(VirtualRouter, "start", start)


@mutant("stray", "always: ")
def yields_to_lower() -> None:
    def receive(right: Any, self: VirtualRouter, source: Any, advert: Advert, now: int) -> list[Action]:
        found: list[Action] = right(self, source, replace(advert, priority=254), now)
        return found

    around(VirtualRouter, "_receive_as_master", receive)


@mutant("preempt", "VIP on server1")
def never_yields() -> None:
    around(VirtualRouter, "_yield_to", lambda right, *told: [])


@mutant("steady", "")
def deaf_backup() -> None:
    """Hears adverts, and lets its timer run all the same."""

    def receive(right: Any, self: VirtualRouter, source: Any, advert: Advert, now: int) -> list[Action]:
        return [] if self.state is State.BACKUP else list(right(self, source, advert, now))

    around(VirtualRouter, "receive", receive)


@mutant("eth1-down", "server1 is FAULT")
def ignores_tracked_interface() -> None:
    around(VirtualRouter, "fail", lambda right, *told, **named: [])


@mutant("web-dies", "server1 is FAULT")
def ignores_failing_script() -> None:
    def fail(right: Any, self: VirtualRouter, why: Any, now: int, *, can_send: bool) -> list[Action]:
        return [] if why.reason is Reason.SCRIPT_FAILED else list(right(self, why, now, can_send=can_send))

    around(VirtualRouter, "fail", fail)


@mutant("eth1-down", "VIP on server2")
def silent_fault() -> None:
    """Goes to FAULT without a word (priority 0)."""

    def fail(right: Any, self: VirtualRouter, why: Any, now: int, *, can_send: bool) -> list[Action]:
        return list(right(self, why, now, can_send=False))

    around(VirtualRouter, "fail", fail)


@mutant("eth1-down", "VIP on server1")
def never_recovers() -> None:
    def start(right: Any, self: VirtualRouter, now: int) -> list[Action]:
        return [] if self.state is State.FAULT else list(right(self, now))

    around(VirtualRouter, "start", start)


if __name__ == "__main__":
    MUTANTS[sys.argv[1]][2]()
    main(sys.argv[2:])
