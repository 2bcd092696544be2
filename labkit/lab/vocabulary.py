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

import os
import random
import re
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

from labkit.diagnostics import Diagnostic, RefusedError, did_you_mean
from labkit.lab import actions, bounds
from labkit.lab.actions import Action, Mistake
from labkit.lab.bounds import Bound
from labkit.lab.document import Document, Key, read_yaml
from labkit.lab.probes.kinds import KINDS
from labkit.lab.probes.probe import ProbeSpec
from labkit.lab.story import (
    BEST,
    SAME,
    Budget,
    Condition,
    Distribution,
    Expectation,
    Scenario,
    Step,
)
from labkit.lab.topology import Topology
from labkit.trace import Micros

STATES = ("INIT", "BACKUP", "MASTER", "FAULT")


CONDITIONS = {
    "vip": ("address",),
    "only": ("address",),
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


def load(path: Path, name: str, topology: Topology, seed: int | None = None) -> Scenario:
    """Load a scenario for a topology, whose nodes and interfaces it must name; `seed` repeats an earlier random order.

    Raises:
        RefusedError: holds everything that is wrong with the file.
    """
    return _Reader(read_yaml(path), topology, int.from_bytes(os.urandom(4)) if seed is None else seed).read(name)


def _put(value: object, node: str) -> object:
    """Put a node in place of the word `each`."""
    if isinstance(value, dict):
        return {key: _put(item, node) for key, item in value.items()}
    if isinstance(value, list):
        return [_put(item, node) for item in value]
    return re.sub(r"\beach\b", node, value) if isinstance(value, str) else value


class _Reader:
    def __init__(self, document: Document, topology: Topology, seed: int) -> None:
        self.document = document
        self.topology = topology
        self.seed = seed
        self.random = random.Random(seed)
        self.probes: dict[str, ProbeSpec] = {}
        self.routers = [node.name for node in topology.routers]
        self.nodes = [node.name for node in topology.nodes]
        self.complaints: list[Diagnostic] = []

    def wrong(self, path: Key, message: str, hint: str) -> None:
        self.complaints.append(self.document.complain(path, message, hint))

    def read(self, name: str) -> Scenario:
        value = self._mapping((), self.document.value, ("title", "variant", "probe", "steps"))
        probe = value.get("probe", [])
        for number, item in enumerate(probe if isinstance(probe, list) else [probe]):
            self._probe(("probe", number) if isinstance(probe, list) else ("probe",), item)
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
            probes=tuple(self.probes.values()),
            steps=tuple(steps),
            file=self.document.file,
            seed=self.seed,
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
        for node in self.random.sample(nodes, len(nodes)):
            if self._known((*path, "each"), node, self.routers):
                for number, inner in enumerate(self._list((*path, "steps"), block.get("steps"))):
                    yield self._step((*path, "steps", number), _put(inner, node))

    def _step(self, path: Key, value: object) -> Step:
        keys = ("do", "expect", "order", "never", "always", "budget", "check", "hold", "for")
        step = self._mapping(path, value, keys)
        self._has_an_end(path, step)
        done = step.get("do")
        items = enumerate(done) if isinstance(done, list) else [(None, done)] if done is not None else []
        expected = [
            self._expectation((*path, "expect", n), item)
            for n, item in enumerate(self._list((*path, "expect"), step.get("expect")))
        ]
        return Step(
            actions=tuple(self._action((*path, "do") if n is None else (*path, "do", n), item) for n, item in items),
            expect=tuple(each for each in expected if isinstance(each, Expectation)),
            distributions=tuple(each for each in expected if isinstance(each, Distribution)),
            order=tuple(self._conditions((*path, "order"), step.get("order"))),
            never=tuple(self._conditions((*path, "never"), step.get("never"))),
            always=tuple(self._conditions((*path, "always"), step.get("always"))),
            budgets=tuple(self._budgets((*path, "budget"), step.get("budget", {}))),
            checks=tuple(
                self._read(path, "exec", item, within=(*path, "check", n))
                for n, item in enumerate(self._list((*path, "check"), step.get("check")))
            ),
            hold=tuple(self._conditions((*path, "hold"), step.get("hold"))),
            lasting=self._bound((*path, "for"), step["for"]) if "for" in step else None,
        )

    def _has_an_end(self, path: Key, step: dict[str, object]) -> None:
        """What must hold or not happen is watched for as long as the step takes, and that must be said."""
        watched = [key for key in ("hold", "never", "always", "order", "budget") if key in step]
        if "hold" in step and "for" not in step:
            hint = "for example `hold: [{vip: server1}]` and `for: 5s`"
            self.wrong(path, "`hold` and `for` go together", hint)
        elif watched and "for" not in step and "expect" not in step:
            self.wrong(path, f"`{watched[0]}` alone is watched for no time", "add `expect:`, or for example `for: 5s`")
        elif "for" in step and not watched:
            self.wrong(path, "nothing is watched while this lasts", "add `hold:`, `never:` or `always:`")

    def _probe(self, path: Key, value: object) -> None:
        """Take a probe: its kind and target, its node, and its pace."""
        probe = self._mapping(path, value, (*KINDS, "from", "rate", "every", "path", "query", "name"))
        kinds = [key for key in probe if key in KINDS]
        kind = kinds[0] if kinds else "ping"
        node = str(probe.get("from", ""))
        if len(kinds) > 1:
            self.wrong(path, "a probe is of one kind", f"one of: {', '.join(KINDS)}")
        if "from" not in probe:
            self.wrong(path, "'from' is missing", "the node that asks, such as `from: client1`")
        else:
            self._known((*path, "from"), node, self.nodes)
        name = str(probe.get("name", kind))
        if name in self.probes:
            self.wrong(path, f"there is a probe '{name}' already", "give this one a name of its own: `name: ...`")
        target, port = self._target(path, kind, str(probe.get(kind, "vip")))
        self.probes[name] = ProbeSpec(
            name=name,
            kind=kind,
            node=node,
            target=target,
            port=port,
            interval=self._pace(path, kind, probe),
            **self._asking(path, kind, probe),
        )

    def _asking(self, path: Key, kind: str, probe: dict[str, object]) -> dict[str, str]:
        """Return what is asked for: the path of a page, the name that DNS is to know."""
        for key, of, right in (("path", "http", r"/\S*"), ("query", "dns", r"(?=.{1,253}$)([\w-]{1,63}\.?)+")):
            if key not in probe:
                continue
            if kind != of:
                self.wrong((*path, key), f"a {kind} has no {key}", f"only {of} has one")
            elif not re.fullmatch(right, str(probe[key]), re.ASCII):
                self.wrong((*path, key), f"'{probe[key]}' is no {key}", "such as /index.html or www.example.org")
            else:
                return {key: str(probe[key])}
        return {}

    def _target(self, path: Key, kind: str, text: str) -> tuple[str, int]:
        """Return the address and port of `vip`, an address, a node's name, or one of them with `:port`."""
        address, separator, port = text.partition(":")
        if address == "vip":
            if "vip" not in self.topology.variables:
                self.wrong(path, "the probe has nothing to ask", "add `vars: {vip: ADDRESS}` to lab.yml")
            address = str(self.topology.variables.get("vip", ""))
        elif address in self.nodes:
            address = str(self.topology.node(address).links[0].address.ip)
        elif not _is_address(address):
            hint = f"vip, a node, or an address such as 10.0.0.20{':80' if KINDS[kind].port else ''}"
            self.wrong((*path, kind), f"'{address}' is no target", hint)
        allowed = KINDS[kind].port > 0
        if separator and not (allowed and re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536):
            hint = "a number from 1 to 65535 behind the colon" if allowed else f"a {kind} has no port"
            self.wrong((*path, kind), f"'{port}' is no port", hint)
            port = ""
        return address, int(port or KINDS[kind].port)

    def _pace(self, path: Key, kind: str, probe: dict[str, object]) -> Micros:
        """Return the time from try to try, by `rate` (tries a second) or `every`; at most 1000 a second."""
        rate = str(probe.get("rate", ""))
        every = self._bound((*path, "every"), probe["every"]) if "every" in probe else None
        if rate and every:
            self.wrong(path, "`rate` and `every` say the same thing", "keep one")
        if rate and not (re.fullmatch("[0-9]{1,4}", rate) and 0 < int(rate) <= 1000):
            self.wrong((*path, "rate"), f"'{rate}' is no rate", "tries a second, 1 to 1000")
            rate = ""
        if every and (every.nodes() or every.value({}, "") < 1000):
            self.wrong((*path, "every"), f"'{every.text}' is no pace", "1ms or longer")
            every = None
        return every.value({}, "") if every else 1_000_000 // int(rate) if rate else KINDS[kind].interval

    def _asked(self, path: Key, name: str) -> str:
        if not self.probes:
            self.wrong(path, "the scenario has no probe", "add for example `probe: {http: vip, from: client1}`")
        else:
            self._known(path, name, list(self.probes))
        return name

    def _budgets(self, path: Key, value: object) -> Iterator[Budget]:
        """Yield what each probe may lose: a number of tries, or a bound for the time without an answer."""
        if not isinstance(value, dict):
            self.wrong(path, "this is no mapping", "for example `budget: {ping: skew(server2), http: 0}`")
            return
        for name, allowed in value.items():
            self._asked((*path, name), name)
            if re.fullmatch("[0-9]{1,9}", str(allowed)):
                yield Budget(probe=name, tries=int(str(allowed)))
            else:
                yield Budget(probe=name, outage=self._bound((*path, name), allowed))

    def _action(self, path: Key, value: object) -> Action:
        action = self._mapping(path, value, actions.VERBS)
        if len(action) != 1:
            self.wrong(path, "an action is one verb", f"one of: {', '.join(actions.VERBS)}")
            return Action(verb="", node="")
        verb, target = next(iter(action.items()))
        return self._read(path, verb, target) if verb in actions.VERBS else Action(verb=verb, node="")

    def _read(self, path: Key, verb: str, value: object, within: Key | None = None) -> Action:
        try:
            return actions.read(verb, value, self.topology)
        except Mistake as mistake:
            place = (*path, verb) if within is None else within
            self.wrong((*place, *mistake.place), mistake.message, mistake.hint)
            return Action(verb=verb, node="")

    def _expectation(self, path: Key, value: object) -> Expectation | Distribution:
        if not isinstance(value, dict) or "within" not in value:
            self.wrong(path, "an expectation has a bound", "add `within: master_down(NODE)` or another bound")
            return Expectation(condition=Condition(what=""), within=Bound(text="", terms=()))
        within = self._bound((*path, "within"), value["within"])
        rest = {key: item for key, item in value.items() if key not in ("within", "not_before")}
        if "distribution" in rest:
            return self._distribution(path, rest, within)
        early = self._bound((*path, "not_before"), value["not_before"]) if "not_before" in value else None
        return Expectation(condition=self._condition(path, rest), within=within, not_before=early)

    def _distribution(self, path: Key, value: dict[str, object], within: Bound) -> Distribution:
        self._mapping(path, value, ("distribution", "of", "tolerance", "probe"))
        wanted, here = value["distribution"], (*path, "distribution")
        weights = {SAME: "1"} if wanted == SAME else wanted
        if not isinstance(weights, dict) or not weights:
            self.wrong(
                here, "this is no distribution", "weights by server such as `{server1: 2, server2: 1}`, or `same`"
            )
            weights = {SAME: "1"}
        for node, weight in weights.items():
            if node != SAME:
                self._known((*here, node), node, self.nodes)
            if not re.fullmatch("[1-9][0-9]{0,5}", str(weight)):
                self.wrong((*here, node), f"'{weight}' is no weight", "a number from 1 on")
                weights = {SAME: "1"}
                break
        of, tolerance = str(value.get("of", "")), str(value.get("tolerance", "5%"))
        if not re.fullmatch("[1-9][0-9]{0,5}", of):
            self.wrong((*path, "of"), f"'{of}' is no number of answers", "for example `of: 60`")
            of = "1"
        if not re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,3})?%", tolerance):
            self.wrong((*path, "tolerance"), f"'{tolerance}' is no tolerance", "a part of all answers such as 5%")
            tolerance = "5%"
        asked = [probe.name for probe in self.probes.values() if probe.kind == "http"]
        return Distribution(
            probe=self._asked((*path, "probe"), str(value.get("probe", asked[0] if asked else "http"))),
            weights=tuple((str(node), int(str(weight))) for node, weight in weights.items()),
            of=int(of),
            tolerance=float(tolerance.removesuffix("%")) / 100,
            within=within,
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
        found = [key for key in value if key in CONDITIONS] if isinstance(value, dict) else []
        if not isinstance(value, dict) or len(found) != 1:
            self.wrong(path, "this is no condition", f"one of: {', '.join(CONDITIONS)}")
            return Condition(what="")
        what = found[0]
        self._mapping(path, value, (what, *CONDITIONS[what]))
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
            self._known((*path, "is"), expected, STATES)
        address = str(value.get("address", ""))
        address = str(self.topology.variables.get(address, address))
        if address and not _is_address(address):
            self.wrong((*path, "address"), f"'{address}' is no address", "an IPv4 address such as 10.0.0.20")
        return Condition(what=what, node=subject, value=expected, address=address)


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True
