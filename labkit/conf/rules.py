"""The lines of virtual_rules and static_rules: those of `ip rule add`, in full, with keepalived's own additions.

[not] [from PREFIX] [to PREFIX] [iif NAME] [OPTION ...] table TABLE | goto NUMBER | ... [preference NUMBER]
"""

from collections.abc import Callable, Mapping, Sequence

from labkit.conf.arguments import UnfitError
from labkit.conf.cursor import FAMILIES, Cursor, Network, ds_field, named, once, realms, unknown
from labkit.conf.model_routes import Rule, RuleAction
from labkit.conf.names import GROUPS, PROTOCOLS, TABLES, as_number
from labkit.hints import Any
from labkit.values import dataclass, field

_LONG = 2**32 - 1
_PORTS = "a port or FIRST-LAST"
_ACTIONS = {action.name.lower(): action for action in RuleAction if action not in (RuleAction.TABLE, RuleAction.GOTO)}
_TRANSPORTS = {
    "icmp": 1,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "ipv6-icmp": 58,
    "sctp": 132,
}


@dataclass(slots=True)
class _Draft:
    """A rule in the making: what was given where, and the values so far."""

    given: dict[str, int] = field(default_factory=dict)
    version: int | None = None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A line of a rule; `may_name_group` where `track_group` may stand (static rules)."""

    may_name_group: bool = False
    wanted: str = "a rule as `ip rule add` takes it, such as from 192.0.2.0/24 table 100 preference 1000"

    def read(self, words: Sequence[str]) -> Rule:
        """Read the line.

        Raises:
            UnfitError: something of it does not fit.
        """
        if not words:
            raise UnfitError(0, "something is missing here", f"write {self.wanted}")
        cursor, draft = Cursor(words), _Draft()
        while (word := cursor.peek()) is not None:
            cursor.take("an option")
            if word == "track_group" and self.may_name_group:
                once(cursor, draft.given, word)
                draft.values["track_group"] = cursor.take("the name of a track_group")
            elif word in _OPTIONS:
                name, read = _OPTIONS[word]
                once(cursor, draft.given, name)
                read(cursor, draft)
            else:
                raise _refusal(cursor, word)
        return _rule(cursor, draft)


def _refusal(cursor: Cursor, word: str) -> UnfitError:
    if word == "nat":
        return cursor.fault("`nat` is known to `ip rule`, but the kernel has no such rules any more", "use nftables")
    if word == "track_group":
        return cursor.fault("`track_group` is for static rules", "remove it here")
    return unknown(cursor, frozenset(_OPTIONS), "rule")


# --- options ----------------------------------------------------------------------------------------------------------

_Read = Callable[[Cursor, _Draft], None]


def _value(name: str, read: Callable[[Cursor], object]) -> _Read:
    def store(cursor: Cursor, draft: _Draft) -> None:
        draft.values[name] = read(cursor)

    return store


def _family(cursor: Cursor, draft: _Draft) -> None:
    draft.version = FAMILIES[cursor.words[cursor.place]]


def _prefix(cursor: Cursor) -> Network | None:
    if cursor.skip("all") or cursor.skip("default") or cursor.skip("any"):
        return None
    return cursor.network("a network such as 192.0.2.0/24, or all")


def _act(draft: _Draft, place: int, action: RuleAction | None) -> None:
    """Note what the rule does (None: l3mdev); it does one thing."""
    if "action" in draft.given:
        message = "a rule does one thing: table, goto, nop, blackhole, unreachable, prohibit or l3mdev"
        raise UnfitError(place, message, "remove all but one of them")
    draft.given["action"] = place
    if action is not None:
        draft.values["action"] = action


def _table(cursor: Cursor, draft: _Draft) -> None:
    _act(draft, cursor.place, RuleAction.TABLE)
    draft.values["table"] = table = named(TABLES)(cursor)
    if table == 0:
        raise cursor.unfit("a routing table: 0 is none")


def _goto(cursor: Cursor, draft: _Draft) -> None:
    _act(draft, cursor.place, RuleAction.GOTO)
    draft.values["goto"] = cursor.whole(1, _LONG, "the preference of a later rule")


def _l3mdev(cursor: Cursor, draft: _Draft) -> None:
    _act(draft, cursor.place, None)
    draft.values["l3mdev"] = True


def _named_action(cursor: Cursor, draft: _Draft) -> None:
    _act(draft, cursor.place, _ACTIONS[cursor.words[cursor.place]])


def _type(cursor: Cursor, draft: _Draft) -> None:
    wanted = ", ".join(_ACTIONS)
    if cursor.take(wanted) not in _ACTIONS:
        raise cursor.unfit(wanted)
    _named_action(cursor, draft)


def _mark(cursor: Cursor, draft: _Draft) -> None:
    wanted = "a mark such as 0x10 or 0x10/0xff"
    mark, slash, mask = cursor.take(wanted).partition("/")
    value, bits = as_number(mark), as_number(mask) if slash else None
    if value is None or value > _LONG or (slash and (bits is None or bits > _LONG)):
        raise cursor.unfit(wanted)
    draft.values["mark"], draft.values["mark_mask"] = value, bits


def _ip_protocol(cursor: Cursor) -> int:
    wanted = f"{', '.join(_TRANSPORTS)}, or a number from 0 to 255"
    text = cursor.take(wanted).lower()
    number = _TRANSPORTS.get(text, as_number(text))
    if number is None or number > 255:
        raise cursor.unfit(wanted)
    return number


def _yes(name: str, *, value: bool) -> _Read:
    def store(cursor: Cursor, draft: _Draft) -> None:
        draft.values[name] = value

    return store


_INPUT = ("iif", _value("input_device", Cursor.device))
_PREFERENCE = ("preference", _value("preference", lambda cursor: cursor.whole(0, _LONG)))
_TUNNEL = ("tunnel-id", _value("tunnel", lambda cursor: cursor.whole(1, 2**64 - 1)))
_TRANSPORT = ("ipproto", _value("ip_protocol", _ip_protocol))
_LENGTH = ("suppress_prefixlength", _value("suppress_prefix_length", lambda cursor: cursor.whole(0, 128)))
_GROUP = ("suppress_ifgroup", _value("suppress_group", named(GROUPS)))
_PROTOCOL = ("protocol", _value("protocol", named(PROTOCOLS)))
_OPTIONS: Mapping[str, tuple[str, _Read]] = {
    "not": ("not", _yes("negated", value=True)),
    "inet": ("family", _family),
    "inet6": ("family", _family),
    "from": ("from", _value("source", _prefix)),
    "to": ("to", _value("destination", _prefix)),
    "iif": _INPUT,
    "dev": _INPUT,
    "oif": ("oif", _value("output_device", Cursor.device)),
    "tos": ("tos", _value("tos", ds_field)),
    "dsfield": ("tos", _value("tos", ds_field)),
    "fwmark": ("fwmark", _mark),
    "realms": ("realms", _value("realms", realms)),
    "table": ("table", _table),
    "lookup": ("table", _table),
    "goto": ("goto", _goto),
    "l3mdev": ("l3mdev", _l3mdev),
    "type": ("type", _type),
    "preference": _PREFERENCE,
    "priority": _PREFERENCE,
    "order": _PREFERENCE,
    "pref": _PREFERENCE,
    "suppress_prefixlength": _LENGTH,
    "sup_pl": _LENGTH,
    "suppress_ifgroup": _GROUP,
    "sup_group": _GROUP,
    "uidrange": ("uidrange", _value("users", lambda cursor: cursor.range(_LONG - 1, "a user id or FIRST-LAST"))),
    "ipproto": _TRANSPORT,
    "ip_proto": _TRANSPORT,
    "sport": ("sport", _value("source_ports", lambda cursor: cursor.range(65534, _PORTS, 1))),
    "dport": ("dport", _value("destination_ports", lambda cursor: cursor.range(65534, _PORTS, 1))),
    "protocol": _PROTOCOL,
    "proto": _PROTOCOL,
    "tunnel-id": _TUNNEL,
    "tun_id": _TUNNEL,
    "no_track": ("no_track", _yes("tracked", value=False)),
    **{name: (name, _named_action) for name in _ACTIONS},
}


# --- what the options mean together -----------------------------------------------------------------------------------


def _rule(cursor: Cursor, draft: _Draft) -> Rule:
    given, values = draft.given, draft.values
    if "action" not in given:
        raise UnfitError(len(cursor.words), "the rule does nothing", "write `table` and a routing table")
    version = _version(draft)
    _check_goto(draft)
    looks_up = values.get("action", RuleAction.TABLE) is RuleAction.TABLE
    for name in ("suppress_prefixlength", "suppress_ifgroup", "realms"):
        if name in given and not looks_up:
            raise UnfitError(given[name], f"`{name}` is for rules with a table", "remove it")
    if "realms" in given and version == 6:
        raise UnfitError(given["realms"], "`realms` is for IPv4 rules", "remove it")
    return Rule(**{"version": version} | values)


def _version(draft: _Draft) -> int:
    """Return the family of the rule: said, or that of its networks; IPv4 where nothing tells."""
    version = draft.version
    for name, option in (("source", "from"), ("destination", "to")):
        network: Network | None = draft.values.get(name)
        if network is None:
            continue
        if version not in (None, network.version):
            hint = f"write an IPv{version} network"
            raise UnfitError(draft.given[option] + 1, f"{network} cannot be in an IPv{version} rule", hint)
        version = network.version
    return version or 4


def _check_goto(draft: _Draft) -> None:
    goto, preference = draft.values.get("goto"), draft.values.get("preference")
    if goto is None:
        return
    if preference is None:
        raise UnfitError(draft.given["goto"], "a rule with `goto` has no preference", "add `preference` and a number")
    if goto <= preference:
        message = f"`goto {goto}` leads back: the preference of this rule is {preference}"
        raise UnfitError(draft.given["goto"] + 1, message, f"write a number above {preference}")
