"""What a scenario says, as values: steps of actions, and what must come true, must not, and must last."""

from dataclasses import dataclass
from typing import Final

from labkit.lab.actions import Action
from labkit.lab.bounds import Bound
from labkit.lab.probes.probe import ProbeSpec

BEST: Final = "best"
"""Stands for the router with the highest priority among those that the scenario has not stopped."""

SAME: Final = "same"
"""Stands in a distribution for one web server that answers all, whichever it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that is true or not at each moment of the trace.

    what     node                  value
    vip      who holds the VIP (or `address`)
    only     who alone holds it
    master   whose adverts are heard
    arp      whose ARP table       the node that the VIP (or `address`) is expected at
    state    whose state           INIT, BACKUP, MASTER or FAULT
    owners                         so many nodes or more hold the VIP
    dropped  which web server      the director that took it out
    serves   which web server      the director that has it in
    """

    what: str
    node: str = ""
    value: str = ""
    address: str = ""

    def __str__(self) -> str:
        match self.what:
            case "vip":
                return f"{self.address or 'VIP'} on {self.node}"
            case "only":
                return f"{self.address or 'VIP'} on {self.node} only"
            case "master":
                return f"adverts from {self.node}"
            case "arp":
                what = f" for {self.address}" if self.address else ""
                return f"ARP of {self.node}{what} points to {self.value}"
            case "state":
                return f"{self.node} is {self.value}"
            case "dropped":
                return f"{self.node} is out at {self.value}"
            case "serves":
                return f"{self.node} serves at {self.value}"
        return f"{self.value} owners"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A condition that must come true within a bound, and not before another one."""

    condition: Condition
    within: Bound
    not_before: Bound | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Of the next `of` answers to a probe, each server must give its share, by weight; judged when all have come."""

    probe: str
    weights: tuple[tuple[str, int], ...]
    of: int
    tolerance: float  # of all answers: 0.05 allows 3 of 60 more or less
    within: Bound

    def __str__(self) -> str:
        shares = ", ".join(f"{node} {weight}" for node, weight in self.weights)
        return f"{self.of} answers to {self.probe} from {shares}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a probe may lose in a step: so many tries (`tries`), or so long no answer (`outage`)."""

    probe: str
    tries: int | None = None
    outage: Bound | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action if any, what must come true after it, and what must, or must not, be true all the while.

    A step goes on until all that it expects has come true, and then for as long as `lasting`; `never` and `always` hold
    from its beginning to its end, `hold` while it lasts.  `order` must come true one after the other.  `checks` are
    commands that must succeed when what is expected has come true.
    """

    actions: tuple[Action, ...] = ()
    expect: tuple[Expectation, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    order: tuple[Condition, ...] = ()
    never: tuple[Condition, ...] = ()
    always: tuple[Condition, ...] = ()
    budgets: tuple[Budget, ...] = ()
    checks: tuple[Action, ...] = ()
    hold: tuple[Condition, ...] = ()
    lasting: Bound | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario, read for one topology; `each` blocks are unrolled, in an order that `seed` gives."""

    name: str
    title: str
    variant: str | None
    probes: tuple[ProbeSpec, ...]
    steps: tuple[Step, ...]
    file: str
    seed: int
