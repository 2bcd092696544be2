"""Bounds: how long something may take, computed from the rendered keepalived.conf, never guessed.

A bound is written as a sum: `master_down(server2)`, `script_fall(server1) + skew(server2)`, `skew(best) + 100ms`.  What
is said of checks holds for every real server of the node's first virtual server: it is the longest of theirs.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from labkit.conf.model import Config
from labkit.conf.model_balancing import MiscCheck, SmtpCheck
from labkit.lvs.check import CheckConfig
from labkit.trace import SECOND, Micros
from labkit.vrrp.timing import master_down_interval, skew_time

_TERM = re.compile(
    r"\s*(?:(?P<name>[a-z_]+)\(\s*(?P<node>[\w.-]+)\s*\)|(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(?P<unit>ms|s))\s*$"
)


def _skew(config: Config) -> Micros:
    router = config.instances[0].router
    return skew_time(router.version, router.priority, router.advert_interval)


def _master_down(config: Config) -> Micros:
    router = config.instances[0].router
    return master_down_interval(router.version, router.priority, router.advert_interval)


def _advert(config: Config) -> Micros:
    return config.instances[0].router.advert_interval


def _script_fall(config: Config) -> Micros:
    return sum(script.check.fall * script.check.interval for script in config.scripts[:1])


def _script_rise(config: Config) -> Micros:
    return sum(script.check.rise * script.check.interval for script in config.scripts[:1])


def _checks(config: Config) -> Iterator[tuple[CheckConfig, Micros]]:
    """Yield each check with the time that one run of it may take."""
    for virtual in config.virtual_servers[:1]:
        for server in virtual.core.servers:
            for check in server.checks:
                match check.spec:
                    case MiscCheck(timeout=timeout):
                        yield check, timeout
                    case SmtpCheck(connections=connections):
                        yield check, sum(connection.timeout for connection in connections)
                    case other:
                        connection = getattr(other, "connection", None)
                        yield check, connection.timeout if connection else 0


def _check_removal(config: Config) -> Micros:
    """The server dies just after a good check; the next one and all its retries take as long as they may."""
    return max(
        (
            check.delay_loop + check.retry * check.delay_before_retry + (check.retry + 1) * timeout
            for check, timeout in _checks(config)
        ),
        default=0,
    )


def _check_return(config: Config) -> Micros:
    """The server comes back just after a failed check; a server that has failed is asked without retries."""
    return max((check.delay_loop + timeout for check, timeout in _checks(config)), default=0)


FUNCTIONS: Mapping[str, Callable[[Config], Micros]] = {
    "advert": _advert,  # one advertisement interval
    "skew": _skew,  # from a master's priority 0 to the takeover
    "master_down": _master_down,  # from a master's last advert to the takeover
    "election": _master_down,  # from a start to MASTER, nobody better being there
    "script_fall": _script_fall,  # from a failure to FAULT
    "script_rise": _script_rise,  # from a repair to BACKUP
    "check_removal": _check_removal,  # from a real server's death to no more connections for it
    "check_return": _check_return,  # from a real server's return to connections for it
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
                total += FUNCTIONS[term.name](configs[best if term.node == "best" else term.node])
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
