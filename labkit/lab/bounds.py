"""Bounds: how long something may take, computed from the rendered keepalived.conf, never guessed.

A bound is written as a sum: `master_down(server2)`, `script_fall(server1) + skew(server2)`, `skew(best) + 100ms`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labkit.conf.model import Config, VrrpInstance, VrrpScript
from labkit.trace import SECOND, Micros
from labkit.vrrp.timing import master_down_interval, skew_time

_TERM = re.compile(
    r"\s*(?:(?P<name>[a-z_]+)\(\s*(?P<node>[\w.-]+)\s*\)|(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(?P<unit>ms|s))\s*$"
)


def _skew(instance: VrrpInstance, _: VrrpScript | None) -> Micros:
    router = instance.router
    return skew_time(router.version, router.priority, router.advert_interval)


def _master_down(instance: VrrpInstance, _: VrrpScript | None) -> Micros:
    router = instance.router
    return master_down_interval(router.version, router.priority, router.advert_interval)


def _advert(instance: VrrpInstance, _: VrrpScript | None) -> Micros:
    return instance.router.advert_interval


def _script_fall(_: VrrpInstance, script: VrrpScript | None) -> Micros:
    return script.check.fall * script.check.interval if script else 0


def _script_rise(_: VrrpInstance, script: VrrpScript | None) -> Micros:
    return script.check.rise * script.check.interval if script else 0


FUNCTIONS: Mapping[str, Callable[[VrrpInstance, VrrpScript | None], Micros]] = {
    "advert": _advert,  # one advertisement interval
    "skew": _skew,  # from a master's priority 0 to the takeover
    "master_down": _master_down,  # from a master's last advert to the takeover
    "election": _master_down,  # from a start to MASTER, nobody better being there
    "script_fall": _script_fall,  # from a failure to FAULT
    "script_rise": _script_rise,  # from a repair to BACKUP
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One addend: a function of a node's configuration, or a plain duration (then `name` is empty)."""

    name: str = ""
    node: str = ""
    duration: Micros = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A sum of terms; `text` is the bound as written."""

    text: str
    terms: tuple[Term, ...]

    def nodes(self) -> set[str]:
        """Return the nodes that the bound names."""
        return {term.node for term in self.terms if term.node}

    def value(self, configs: Mapping[str, Config], best: str) -> Micros:
        """Return the bound in microseconds; `best` is the node that the word `best` stands for now."""
        total = 0
        for term in self.terms:
            if term.name:
                config = configs[best if term.node == "best" else term.node]
                script = config.scripts[0] if config.scripts else None
                total += FUNCTIONS[term.name](config.instances[0], script)
            total += term.duration
        return total


def parse(text: str) -> Bound:
    """Parse a bound.

    Raises:
        ValueError: it is none; the message says what would be one.
    """
    terms = []
    for part in text.split("+"):
        match = _TERM.match(part.strip())
        if match is None or (match["name"] and match["name"] not in FUNCTIONS):
            known = ", ".join(f"{name}(NODE)" for name in FUNCTIONS)
            raise ValueError(f"a bound is a sum of {known} and durations such as 5s or 100ms")
        if match["name"]:
            terms.append(Term(name=match["name"], node=match["node"]))
        else:
            terms.append(Term(duration=round(float(match["number"]) * (SECOND if match["unit"] == "s" else 1000))))
    return Bound(text=text, terms=tuple(terms))
