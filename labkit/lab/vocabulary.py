"""Scenario files: a closed vocabulary of steps and expectations, no expressions but bounds.

title: the master dies without a word
variant: basic
probe: {from: host}
steps:
  - expect: [{vip: server1, within: election(server1)}]
  - do: {kill: server1}
    expect:
      - {vip: server2, within: master_down(server2)}
      - {arp: host, is: server2, within: master_down(server2)}
    never: [{vip: server3}]
  - each: [server1, server2]      # in random order
    steps:
      - do: {stop: each}
      - hold: [{vip: best}]
        for: 5s
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from labkit.diagnostics import Diagnostic, RefusedError, did_you_mean
from labkit.lab import bounds
from labkit.lab.bounds import Bound
from labkit.lab.document import Document, Key, read_yaml
from labkit.lab.topology import Topology

BEST: Final = "best"
"""Stands for the router with the highest priority among those that the scenario has not stopped."""

_STATES = ("INIT", "BACKUP", "MASTER", "FAULT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that is true or not at each moment of the trace.

    what     node                  value
    vip      who holds the VIP (or `address`)
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
    """A condition that must come true within a bound."""

    condition: Condition
    within: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a step does: a verb and its target (`server1`, `server1.eth1`), for `exec` also a command."""

    verb: str
    node: str
    interface: str = "eth0"
    command: str = ""

    def __str__(self) -> str:
        if self.verb == "exec":
            return f"{self.node}: {self.command}"
        place = f"{self.node}.{self.interface}" if self.verb in _LINK_VERBS else self.node
        return f"{self.verb.replace('_', ' ')} {place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action if any, what must come true after it and not meanwhile, and what must last for how long.

    `checks` are commands that must succeed when what is expected has come true.
    """

    actions: tuple[Action, ...] = ()
    expect: tuple[Expectation, ...] = ()
    never: tuple[Condition, ...] = ()
    checks: tuple[Action, ...] = ()
    hold: tuple[Condition, ...] = ()
    lasting: Bound | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario, read for one topology; `each` blocks are unrolled."""

    name: str
    title: str
    variant: str | None
    probe_from: str | None
    steps: tuple[Step, ...]
    file: str


_DAEMON_VERBS = ("kill", "stop", "start", "restart")
_LINK_VERBS = ("link_down", "link_up", "cut", "heal")
VERBS = (*_DAEMON_VERBS, *_LINK_VERBS, "exec")
_CONDITIONS = {
    "vip": ("address",),
    "master": (),
    "arp": ("is", "address"),
    "state": ("is",),
    "owners": (),
    "dropped": ("by",),
    "serves": ("by",),
}


def variant_of(path: Path) -> str | None:
    """Return the variant that a scenario wants.

    Raises:
        RefusedError: the file is no YAML.
    """
    value = read_yaml(path).value
    variant = value.get("variant") if isinstance(value, dict) else None
    return variant if isinstance(variant, str) else None


def load(path: Path, name: str, topology: Topology) -> Scenario:
    """Load a scenario for a topology, whose nodes and interfaces it must name.

    Raises:
        RefusedError: holds everything that is wrong with the file.
    """
    return _Reader(read_yaml(path), topology).read(name)


def _put(value: object, node: str) -> object:
    """Put a node in place of the word `each`."""
    if isinstance(value, dict):
        return {key: _put(item, node) for key, item in value.items()}
    if isinstance(value, list):
        return [_put(item, node) for item in value]
    return re.sub(r"\beach\b", node, value) if isinstance(value, str) else value


class _Reader:
    def __init__(self, document: Document, topology: Topology) -> None:
        self.document = document
        self.topology = topology
        self.routers = [node.name for node in topology.routers]
        self.nodes = [node.name for node in topology.nodes]
        self.complaints: list[Diagnostic] = []

    def wrong(self, path: Key, message: str, hint: str) -> None:
        self.complaints.append(self.document.complain(path, message, hint))

    def read(self, name: str) -> Scenario:
        value = self._mapping((), self.document.value, ("title", "variant", "probe", "steps"))
        probe = self._mapping(("probe",), value.get("probe", {}), ("from",))
        probe_from = probe.get("from")
        if probe_from is not None:
            self._known(("probe", "from"), str(probe_from), self.nodes)
        steps: list[Step] = []
        for number, step in enumerate(self._list(("steps",), value.get("steps"))):
            steps += self._steps(("steps", number), step)
        if not steps:
            self.wrong(("steps",), "a scenario has steps", "add `steps:` with `do:` and `expect:`")
        if self.complaints:
            raise RefusedError(sorted(self.complaints, key=lambda complaint: complaint.span))
        return Scenario(
            name=name,
            title=str(value.get("title", name)),
            variant=str(value["variant"]) if "variant" in value else None,
            probe_from=str(probe_from) if probe_from is not None else None,
            steps=tuple(steps),
            file=self.document.file,
        )

    # --- shapes -------------------------------------------------------------------------------------------------------

    def _mapping(self, path: Key, value: object, keys: tuple[str, ...]) -> dict[str, object]:
        if not isinstance(value, dict):
            self.wrong(path, "this is no mapping", f"with keys of: {', '.join(keys)}")
            return {}
        for key in value:
            self._known((*path, key), key, keys)
        return value

    def _list(self, path: Key, value: object) -> list[object]:
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(path, "this is no list", "write one item a line, each behind a `-`")
            return []
        return value

    def _known(self, path: Key, word: str, known: list[str] | tuple[str, ...]) -> bool:
        if word in known:
            return True
        self.wrong(path, f"unknown word '{word}'", did_you_mean(word, known))
        return False

    def _bound(self, path: Key, text: object) -> Bound:
        try:
            bound = bounds.parse(str(text))
        except ValueError as error:
            self.wrong(path, f"'{text}' is no bound", str(error))
            return Bound(text="", terms=())
        for node in bound.nodes():
            self._known(path, node, [*self.routers, BEST])
        return bound

    # --- contents -----------------------------------------------------------------------------------------------------

    def _steps(self, path: Key, value: object) -> Iterator[Step]:
        """Yield one step, or the steps of an `each` block once for every node that it names, in random order."""
        if not isinstance(value, dict) or "each" not in value:
            yield self._step(path, value)
            return
        block = self._mapping(path, value, ("each", "steps"))
        nodes = [str(node) for node in self._list((*path, "each"), block["each"])]
        for node in random.sample(nodes, len(nodes)):
            if self._known((*path, "each"), node, self.routers):
                for number, inner in enumerate(self._list((*path, "steps"), block.get("steps"))):
                    yield self._step((*path, "steps", number), _put(inner, node))

    def _step(self, path: Key, value: object) -> Step:
        step = self._mapping(path, value, ("do", "expect", "never", "check", "hold", "for"))
        if ("hold" in step) != ("for" in step):
            self.wrong(path, "`hold` and `for` go together", "for example `hold: [{vip: server1}]` and `for: 5s`")
        done = step.get("do")
        items = enumerate(done) if isinstance(done, list) else [(None, done)] if done is not None else []
        return Step(
            actions=tuple(self._action((*path, "do") if n is None else (*path, "do", n), item) for n, item in items),
            expect=tuple(
                self._expectation((*path, "expect", n), item)
                for n, item in enumerate(self._list((*path, "expect"), step.get("expect")))
            ),
            never=tuple(self._conditions((*path, "never"), step.get("never"))),
            checks=tuple(
                self._action((*path, "check", n), {"exec": item})
                for n, item in enumerate(self._list((*path, "check"), step.get("check")))
            ),
            hold=tuple(self._conditions((*path, "hold"), step.get("hold"))),
            lasting=self._bound((*path, "for"), step["for"]) if "for" in step else None,
        )

    def _action(self, path: Key, value: object) -> Action:
        action = self._mapping(path, value, VERBS)
        if len(action) != 1:
            self.wrong(path, "an action is one verb", f"one of: {', '.join(VERBS)}")
            return Action(verb="", node="")
        verb, target = next(iter(action.items()))
        here = (*path, verb)
        if verb == "exec":
            here = path if "check" in path else here
            command = target if isinstance(target, dict) and len(target) == 1 else {"": ""}
            node, line = next(iter(command.items()))
            self._known(here, node, self.nodes)
            return Action(verb=verb, node=node, command=str(line))
        node, _, interface = str(target).partition(".")
        known = self.nodes if verb in _LINK_VERBS else self.routers
        if self._known(here, node, known) and verb in _LINK_VERBS:
            links = [link.interface for link in self.topology.node(node).links]
            self._known(here, interface or "eth0", links)
        return Action(verb=verb, node=node, interface=interface or "eth0")

    def _expectation(self, path: Key, value: object) -> Expectation:
        if not isinstance(value, dict) or "within" not in value:
            self.wrong(path, "an expectation has a bound", "add `within: master_down(NODE)` or another bound")
            return Expectation(condition=Condition(what=""), within=Bound(text="", terms=()))
        rest = {key: item for key, item in value.items() if key != "within"}
        return Expectation(
            condition=self._condition(path, rest), within=self._bound((*path, "within"), value["within"])
        )

    def _meet(self, path: Key, viewer: str, node: str) -> None:
        """Both nodes must be on one network, or the one could not have the other in its ARP table."""
        if viewer in self.nodes and node != BEST:
            networks = [{link.network for link in self.topology.node(each).links} for each in (viewer, node)]
            if not networks[0] & networks[1]:
                hint = f"a node on {' or '.join(sorted(networks[0]))}"
                self.wrong((*path, "is"), f"{node} is on no network of {viewer}", hint)

    def _conditions(self, path: Key, value: object) -> Iterator[Condition]:
        for number, item in enumerate(self._list(path, value)):
            yield self._condition((*path, number), item)

    def _condition(self, path: Key, value: object) -> Condition:
        found = [key for key in value if key in _CONDITIONS] if isinstance(value, dict) else []
        if not isinstance(value, dict) or len(found) != 1:
            self.wrong(path, "this is no condition", f"one of: {', '.join(_CONDITIONS)}")
            return Condition(what="")
        what = found[0]
        self._mapping(path, value, (what, *_CONDITIONS[what]))
        subject, expected = str(value[what]), str(value.get("is", value.get("by", "")))
        if what == "owners":
            if not re.fullmatch("[0-9]{1,3}", subject):
                self.wrong((*path, what), f"'{subject}' is no number", "for example `owners: 2`")
            return Condition(what=what, value=subject)
        if what in ("dropped", "serves"):
            self._known((*path, what), subject, [name for name in self.nodes if name not in self.routers])
            self._known((*path, "by"), expected, [*self.routers, BEST])
            return Condition(what=what, node=subject, value=expected)
        self._known((*path, what), subject, self.nodes if what == "arp" else [*self.routers, BEST])
        if what == "arp" and self._known((*path, "is"), expected, [*self.nodes, BEST]):
            self._meet(path, subject, expected)
        if what == "state":
            self._known((*path, "is"), expected, _STATES)
        address = str(value.get("address", ""))
        if address and not _is_address(address):
            self.wrong((*path, "address"), f"'{address}' is no address", "an IPv4 address such as 10.0.0.20")
        return Condition(what=what, node=subject, value=expected, address=address)


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True
