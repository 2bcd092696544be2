"""What a step does: a closed set of verbs, each with its target; read alike from scenario files and the command line.

kill stop start restart freeze thaw         a router's daemon
reload                                      the same, with changed variables if any: `{server1: {priority: 90}}`
service_stop service_start                  a node's web server
fail_check mend_check                       a check script: `server1`, `server1.chequea_script`
link_down link_up port_down port_up cut     `server1`, `server1.eth1`
impair                                      `{server1.eth0: {loss: 20%, delay: 50ms}}`
partition                                   `{lan: [[server1], [server2, host]]}`
mute                                        `{server1: server2}`: adverts of the first do not reach the second
load                                        `server1`: processes that take all the time of a CPU
vip_add vip_remove                          `server3`, `{server3: 10.0.0.20}`: by hand, behind the daemon's back
advert                                      `{host: {priority: 255, source: server1}}`: an advert that is not true
heal                                        what was broken at a node, an interface, a network, or `all`
exec                                        `{server1: command}`
"""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final, TypeAlias

from labkit.diagnostics import did_you_mean
from labkit.lab import bounds
from labkit.lab.topology import Link, Node, Topology

Place: TypeAlias = tuple[str | int, ...]

DAEMON_VERBS: Final = ("kill", "stop", "start", "restart", "freeze", "thaw", "reload")
LINK_VERBS: Final = ("link_down", "link_up", "port_down", "port_up", "cut", "impair")
NODE_VERBS: Final = ("service_stop", "service_start", "load", "vip_add", "vip_remove", "advert")
CHECK_VERBS: Final = ("fail_check", "mend_check")
VERBS: Final = (*DAEMON_VERBS, *NODE_VERBS, *CHECK_VERBS, *LINK_VERBS, "partition", "mute", "heal", "exec")

IMPAIRMENTS: Final = ("loss", "duplicate", "reorder", "delay", "jitter")
ADVERT_WORDS: Final = ("priority", "vrid", "source", "every")
ALL: Final = "all"


class Mistake(ValueError):
    """An action that cannot be: what is wrong, at which place of the value, and what would be right."""

    def __init__(self, place: Place, message: str, hint: str) -> None:
        super().__init__(f"{message}; {hint}")
        self.place = place
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A verb and its target: a node or network, and what more the verb takes; `value` is all of it as written."""

    verb: str
    node: str
    interface: str = ""
    words: tuple[tuple[str, str], ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()  # of a partition
    value: object = field(default=None, compare=False)

    def word(self, name: str) -> str:
        """Return one of the words; empty when it was not said."""
        return dict(self.words).get(name, "")

    def __str__(self) -> str:
        if self.verb == "exec":
            return f"{self.node}: {self.word('command')}"
        place = f"{self.node}.{self.interface}" if self.interface else self.node
        more = [f"{name}={word}" for name, word in self.words]
        more += [",".join(group) for group in self.groups]
        return " ".join([self.verb.replace("_", " "), place, *more])


def read(verb: str, value: object, topology: Topology) -> Action:
    """Return the action that a verb and its value mean in a topology.

    Raises:
        Mistake: it means nothing.
    """
    _known((), verb, VERBS)
    target, more = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, None)
    target = str(target)
    if verb == "heal":
        return _heal(target, topology, value)
    if verb == "partition":
        return _partition(target, more, topology, value)
    if verb in CHECK_VERBS:
        node, _, script = target.partition(".")
        _known((), node, [each.name for each in topology.routers])
        return Action(verb=verb, node=node, words=(("script", script),) if script else (), value=value)
    node, _, interface = target.partition(".")
    routers = verb in (*DAEMON_VERBS, "mute")
    found = _node((), node, topology, routers=routers)
    if verb in LINK_VERBS:
        interface = _interface(found, interface)
    elif interface:
        raise Mistake((), f"'{target}' is no node", did_you_mean(target, [each.name for each in topology.nodes]))
    return Action(verb=verb, node=node, interface=interface, words=_words(verb, found, more, topology), value=value)


def _known(place: Place, word: str, known: list[str] | tuple[str, ...]) -> None:
    if word not in known:
        raise Mistake(place, f"unknown word '{word}'", did_you_mean(word, known))


def _node(place: Place, name: str, topology: Topology, *, routers: bool = False) -> Node:
    nodes = topology.routers if routers else topology.nodes
    _known(place, name, [each.name for each in nodes])
    return topology.node(name)


def _interface(node: Node, name: str) -> str:
    found: tuple[Link, ...] = node.links
    name = name or found[0].interface
    _known((), name, [link.interface for link in found])
    return name


def _heal(target: str, topology: Topology, value: object) -> Action:
    node, _, interface = target.partition(".")
    networks = [network.name for network in topology.networks]
    _known((), node, [ALL, *(each.name for each in topology.nodes), *networks])
    if interface:
        _interface(_node((), node, topology), interface)
    return Action(verb="heal", node=node, interface=interface, value=value)


def _partition(network: str, more: object, topology: Topology, value: object) -> Action:
    """Groups of nodes that hear one another; who is named in none is in a group of its own with all others."""
    _known((), network, [each.name for each in topology.networks])
    there = [node.name for node in topology.nodes if any(link.network == network for link in node.links)]
    if not isinstance(more, list) or not more or not all(isinstance(group, list) for group in more):
        raise Mistake((network,), "this is no partition", "groups of nodes such as `[[server1], [server2, host]]`")
    named: list[str] = []
    for number, group in enumerate(more):
        for position, name in enumerate(group):
            _known((network, number, position), str(name), [each for each in there if each not in named])
            named.append(str(name))
    groups = [tuple(str(name) for name in group) for group in more if group]
    rest = tuple(name for name in there if name not in named)
    groups += [rest] if rest else []
    if len(groups) < 2:
        raise Mistake((network,), "one group is no partition", "leave at least one node out, or name a second group")
    return Action(verb="partition", node=network, groups=tuple(groups), value=value)


def _words(verb: str, node: Node, more: object, topology: Topology) -> tuple[tuple[str, str], ...]:
    """Read what stands behind the target: a word, or a mapping of them."""
    name = node.name
    match verb:
        case "exec":
            return (("command", "" if more is None else str(more)),)
        case "mute":
            if more is None:
                raise Mistake((), "nobody is named who must not hear it", f"for example `{{{name}: NODE}}`")
            _node((name,), str(more), topology)
            return (("to", str(more)),)
        case "vip_add" | "vip_remove":
            address = str(topology.variables.get("vip", "")) if more is None else str(more)
            _address((name,), address)
            return (("address", address),)
        case "impair":
            words = _mapping(name, more, IMPAIRMENTS)
            if not words:
                raise Mistake((), "nothing is impaired", f"for example `{{{name}: {{loss: 20%}}}}`")
            return tuple((key, _quantity((name, key), key, word)) for key, word in words.items())
        case "reload":
            return tuple(_mapping(name, more, (*node.variables, *topology.variables)).items())
        case "advert":
            words = _mapping(name, more, ADVERT_WORDS)
            return tuple((key, _advert_word((name, key), key, word, topology)) for key, word in words.items())
    if more is not None:
        raise Mistake((), f"`{verb}` takes a node only", f"for example `{verb}: {name}`")
    return ()


def _mapping(name: str, more: object, keys: tuple[str, ...]) -> dict[str, str]:
    if more is None:
        return {}
    if not isinstance(more, dict):
        raise Mistake((name,), "this is no mapping", f"with keys of: {', '.join(dict.fromkeys(keys))}")
    for key in more:
        _known((name, str(key)), str(key), tuple(dict.fromkeys(keys)))
    return {str(key): str(word) for key, word in more.items()}


def _quantity(place: Place, key: str, word: str) -> str:
    if key in ("delay", "jitter"):
        duration(place, word)
    elif not re.fullmatch(r"(100|[0-9]{1,2})(\.[0-9]{1,3})?%", word):
        raise Mistake(place, f"'{word}' is no part", "a part of all frames such as 20%")
    return word


def duration(place: Place, word: str) -> int:
    """Return a plain duration in microseconds.

    Raises:
        Mistake: it is none.
    """
    try:
        bound = bounds.parse(word)
    except ValueError:
        bound = None
    if bound is None or bound.nodes():
        raise Mistake(place, f"'{word}' is no duration", "for example 50ms or 1s")
    return bound.value({}, "")


def _advert_word(place: Place, key: str, word: str, topology: Topology) -> str:
    if key == "every":
        duration(place, word)
    elif key == "source":
        if word in [node.name for node in topology.nodes]:
            return str(topology.node(word).links[0].address.ip)
        _address(place, word)
    elif not (re.fullmatch("[0-9]{1,3}", word) and int(word) <= 255):
        raise Mistake(place, f"'{word}' is no {key}", "a number from 0 to 255")
    return word


def _address(place: Place, text: str) -> None:
    try:
        IPv4Address(text)
    except ValueError:
        raise Mistake(place, f"'{text}' is no address", "an IPv4 address such as 10.0.0.20") from None
