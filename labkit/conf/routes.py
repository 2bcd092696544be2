"""The lines of virtual_routes and static_routes: those of `ip route add`, in full, with keepalived's own additions.

[TYPE] [to] PREFIX [src ADDRESS] [via [inet6] ADDRESS] [dev NAME] [OPTION ...] [nexthop [via ..] [dev ..] ...] ...
"""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv6Network, ip_network

from labkit.conf.arguments import UnfitError
from labkit.conf.cursor import FAMILIES, Cursor, Network, ds_field, named, once, realms, unknown
from labkit.conf.expressions import expression
from labkit.conf.model_routes import Hop, Insertion, Metric, Route, RouteKind
from labkit.conf.names import PROTOCOLS, SCOPES, TABLES
from labkit.hints import Any
from labkit.values import dataclass, field
from labkit.vrrp.config import Address

_KINDS = {kind.name.lower(): kind for kind in RouteKind}
_DEAD_ENDS = (RouteKind.BLACKHOLE, RouteKind.UNREACHABLE, RouteKind.PROHIBIT, RouteKind.THROW)
_SCOPES = {RouteKind.LOCAL: 254, RouteKind.BROADCAST: 253, RouteKind.ANYCAST: 253}  # the widest that the kernel takes
_ECN = 1  # RTAX_FEATURE_ECN
_LONG = 2**32 - 1
_PREFERENCES = {"medium": 0, "high": 1, "low": 3}  # RFC 4191 2.1
_NUMBERS = {  # metrics that are plain numbers, and the highest one
    "mtu": (Metric.MTU, _LONG),
    "window": (Metric.WINDOW, _LONG),
    "ssthresh": (Metric.SSTHRESH, _LONG),
    "cwnd": (Metric.CWND, _LONG),
    "advmss": (Metric.ADVMSS, _LONG),
    "reordering": (Metric.REORDERING, _LONG),
    "hoplimit": (Metric.HOPLIMIT, 255),
    "initcwnd": (Metric.INITCWND, _LONG),
    "initrwnd": (Metric.INITRWND, _LONG),
    "quickack": (Metric.QUICKACK, 1),
    "fastopen_no_cookie": (Metric.FASTOPEN_NO_COOKIE, 1),
}
_UNLOCKABLE = ("initcwnd", "initrwnd", "quickack", "fastopen_no_cookie")
_TIME = expression(r"([0-9]{1,10}(?:\.[0-9]{1,6})?)(ms|s|)", "a")
_TIMES = {"rtt": (Metric.RTT, 8), "rttvar": (Metric.RTTVAR, 4), "rto_min": (Metric.RTO_MIN, 1)}  # units per millisecond


@dataclass(slots=True)
class _Draft:
    """A route in the making: what was given where, and the values so far."""

    given: dict[str, int] = field(default_factory=dict)
    version: int | None = None  # said by `inet` or `inet6`
    network: Network | None = None
    default: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    via: Address | None = None
    crosses: bool = False  # `via inet6` of an IPv4 route
    device: str = ""
    on_link: bool = False
    other: Address | None = None  # the gateway after `or`
    hops: list[Hop] = field(default_factory=list)
    metrics: dict[Metric, int | str] = field(default_factory=dict)
    locked: set[Metric] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class RouteLine:
    """A line of a route; `may_name_group` where `track_group` may stand (static routes)."""

    may_name_group: bool = False
    wanted: str = "a route as `ip route add` takes it, such as 192.0.2.0/24 via 198.51.100.1 dev eth0"

    def read(self, words: Sequence[str]) -> Route:
        """Read the line.

        Raises:
            UnfitError: something of it does not fit.
        """
        cursor, draft = Cursor(words), _Draft()
        if not words:
            raise UnfitError(0, "something is missing here", f"write {self.wanted}")
        while (word := cursor.peek()) is not None:
            self._option(cursor, draft, word)
        return _route(cursor, draft)

    def _option(self, cursor: Cursor, draft: _Draft, word: str) -> None:
        if word in _OPTIONS:
            cursor.take(word)
            name, read = _OPTIONS[word]
            once(cursor, draft.given, name)
            read(cursor, draft)
        elif word == "nexthop":
            cursor.take(word)
            _nexthop(cursor, draft)
        elif word == "track_group" and self.may_name_group:
            cursor.take(word)
            once(cursor, draft.given, word)
            draft.values["track_group"] = cursor.take("the name of a track_group")
        elif word == "to" or (draft.network is None and not draft.default and _is_prefix(word)):
            cursor.skip("to")
            _destination(cursor, draft)
        else:
            cursor.take(word)
            raise _refusal(cursor, word)


def _is_prefix(word: str) -> bool:
    return word == "default" or word[:1].isdecimal() or ":" in word


def _refusal(cursor: Cursor, word: str) -> UnfitError:
    if word in _REFUSED:
        return cursor.fault(f"`{word}` is known to keepalived but not supported by labkit", _REFUSED[word])
    if word == "track_group":
        return cursor.fault("`track_group` is for static routes", "remove it here")
    return unknown(cursor, frozenset(_OPTIONS) | {"nexthop", "to"}, "route")


_REFUSED = {
    "encap": "make the tunnel an interface and name it with `dev`",
    "as": "`as` is for MPLS, which keepalived does not route either: remove it",
    "nat": "the kernel has no such routes any more: use nftables",
    "xresolve": "the kernel has no such routes: remove it",
    "vrf": "write `table` and the number of the VRF's table",
}


# --- options ----------------------------------------------------------------------------------------------------------


def _destination(cursor: Cursor, draft: _Draft) -> None:
    if draft.network is not None or draft.default:
        cursor.take("nothing")
        raise cursor.fault("a route has one destination", "remove one of them")
    if cursor.skip("default"):
        draft.default = True
    else:
        draft.network = cursor.network("a destination such as 192.0.2.0/24 or default")


def _via(cursor: Cursor, draft: _Draft) -> None:
    family = FAMILIES.get(cursor.peek() or "")
    if family is not None:
        cursor.take("inet6")
    draft.via = cursor.address("the address of a gateway")
    draft.given["via"] = cursor.place
    if family is not None and draft.via.version != family:
        raise cursor.unfit(f"an IPv{family} address")
    draft.crosses = family == 6


def _or(cursor: Cursor, draft: _Draft) -> None:
    draft.other = cursor.address("the address of another gateway")
    draft.given["or"] = cursor.place


def _set_device(cursor: Cursor, draft: _Draft) -> None:
    draft.device = cursor.device()


def _set_on_link(cursor: Cursor, draft: _Draft) -> None:
    draft.on_link = True


def _family(cursor: Cursor, draft: _Draft) -> None:
    draft.version = FAMILIES[cursor.words[cursor.place]]


def _kind(cursor: Cursor, draft: _Draft) -> None:
    draft.values["kind"] = _KINDS[cursor.words[cursor.place]]


def _insertion(cursor: Cursor, draft: _Draft) -> None:
    draft.values["insertion"] = Insertion[cursor.words[cursor.place].upper()]


def _no_track(cursor: Cursor, draft: _Draft) -> None:
    draft.values["tracked"] = False


def _value(name: str, read: Callable[[Cursor], object]) -> "_Read":
    def store(cursor: Cursor, draft: _Draft) -> None:
        draft.values[name] = read(cursor)

    return store


def _origin(cursor: Cursor) -> IPv6Network:
    network = cursor.network("an IPv6 network such as 2001:db8::/64")
    if not isinstance(network, IPv6Network):
        raise cursor.fault("only IPv6 routes can depend on the source (`from`)", "write a rule for that")
    return network


def _preference(cursor: Cursor) -> int:
    wanted = "low, medium or high"
    word = cursor.take(wanted)
    if word not in _PREFERENCES:
        raise cursor.unfit(wanted)
    return _PREFERENCES[word]


def _ttl_propagate(cursor: Cursor) -> bool:
    wanted = "enabled or disabled"
    word = cursor.take(wanted)
    if word not in ("enabled", "disabled"):
        raise cursor.unfit(wanted)
    return word == "enabled"


def _lock(cursor: Cursor, draft: _Draft, metric: Metric) -> None:
    if cursor.skip("lock"):
        draft.locked.add(metric)


def _number_metric(name: str) -> "_Read":
    metric, most = _NUMBERS[name]

    def store(cursor: Cursor, draft: _Draft) -> None:
        if name not in _UNLOCKABLE:
            _lock(cursor, draft, metric)
        draft.metrics[metric] = cursor.whole(0, most)

    return store


def _time_metric(name: str) -> "_Read":
    metric, units = _TIMES[name]
    wanted = "a time such as 200ms or 0.2s"

    def store(cursor: Cursor, draft: _Draft) -> None:
        _lock(cursor, draft, metric)
        text = cursor.take(wanted)
        found = _TIME.fullmatch(text)
        value = _thousandths(found[1], found[2]) * units // 1000 if found else 0
        if found is None or value > _LONG:
            raise cursor.unfit(wanted)
        draft.metrics[metric] = value

    return store


def _thousandths(number: str, unit: str) -> int:
    """Return a time with up to six decimals, in seconds or milliseconds, as thousandths of a millisecond."""
    whole, _, fraction = number.partition(".")
    millionths = int(f"{whole}{fraction:0<6}")
    return millionths if unit == "s" else millionths // 1000


def _congestion(cursor: Cursor, draft: _Draft) -> None:
    _lock(cursor, draft, Metric.CONGCTL)
    wanted = "the name of a congestion control, such as cubic"
    name = cursor.take(wanted)
    if not 1 <= len(name.encode()) <= 15:
        raise cursor.unfit(wanted)
    draft.metrics[Metric.CONGCTL] = name


def _features(cursor: Cursor, draft: _Draft) -> None:
    if cursor.take("ecn") != "ecn":
        raise cursor.unfit("ecn: there is no other")
    draft.metrics[Metric.FEATURES] = _ECN


_Read = Callable[[Cursor, _Draft], None]
_OPTIONS: Mapping[str, tuple[str, _Read]] = {
    "via": ("via", _via),
    "gw": ("via", _via),
    "or": ("or", _or),
    "dev": ("dev", _set_device),
    "oif": ("dev", _set_device),
    "onlink": ("onlink", _set_on_link),
    "inet": ("family", _family),
    "inet6": ("family", _family),
    "src": ("src", _value("source", lambda cursor: cursor.address())),
    "from": ("from", _value("origin", _origin)),
    "tos": ("tos", _value("tos", ds_field)),
    "dsfield": ("tos", _value("tos", ds_field)),
    "table": ("table", _value("table", named(TABLES))),
    "scope": ("scope", _value("scope", named(SCOPES))),
    "protocol": ("protocol", _value("protocol", named(PROTOCOLS))),
    "proto": ("protocol", _value("protocol", named(PROTOCOLS))),
    "metric": ("metric", _value("metric", lambda cursor: cursor.whole(0, _LONG))),
    "priority": ("metric", _value("metric", lambda cursor: cursor.whole(0, _LONG))),
    "preference": ("metric", _value("metric", lambda cursor: cursor.whole(0, _LONG))),
    "realms": ("realms", _value("realms", realms)),
    "pref": ("pref", _value("preference", _preference)),
    "ttl-propagate": ("ttl-propagate", _value("ttl_propagate", _ttl_propagate)),
    "expires": ("expires", _value("expires", lambda cursor: cursor.whole(1, 2**31 // 100))),
    "features": ("features", _features),
    "congctl": ("congctl", _congestion),
    "no_track": ("no_track", _no_track),
    **dict.fromkeys(("add", "append", "prepend"), ("insertion", _insertion)),
    **dict.fromkeys(_KINDS, ("kind", _kind)),
    **{name: (name, _number_metric(name)) for name in _NUMBERS},
    **{name: (name, _time_metric(name)) for name in _TIMES},
}


def _nexthop(cursor: Cursor, draft: _Draft) -> None:
    hop, given = _Draft(), dict[str, int]()
    weight = 1
    while (word := cursor.peek()) in _HOP_OPTIONS:
        cursor.take("nothing")
        once(cursor, given, _OPTIONS[word][0] if word in _OPTIONS else str(word))
        if word == "weight":
            weight = cursor.whole(1, 256)
        else:
            _OPTIONS[str(word)][1](cursor, hop)
    if hop.via is None and not hop.device:
        raise UnfitError(cursor.place + 1, "a nexthop goes somewhere", "write `via` and a gateway, or `dev` and a name")
    realm = hop.values.get("realms", 0)
    draft.hops.append(Hop(via=hop.via, device=hop.device, on_link=hop.on_link, weight=weight, realms=realm))
    draft.given.setdefault("nexthop", cursor.place)
    draft.crosses |= hop.crosses


_HOP_OPTIONS = frozenset(("via", "gw", "dev", "oif", "onlink", "weight", "realms"))


# --- what the options mean together -----------------------------------------------------------------------------------


def _route(cursor: Cursor, draft: _Draft) -> Route:
    version = _version(cursor, draft)
    if draft.network is None and not draft.default:
        raise UnfitError(len(cursor.words), "the route has no destination", "write a network, or `default`")
    network = draft.network or ip_network("0.0.0.0/0" if version == 4 else "::/0")
    kind = draft.values.get("kind", RouteKind.UNICAST)
    hops = _hops(draft)
    if kind in _DEAD_ENDS and hops:
        place = min(draft.given[name] for name in ("via", "dev", "nexthop", "or", "onlink") if name in draft.given)
        raise UnfitError(place, f"a {kind.name.lower()} route leads nowhere", "remove the gateway and the interface")
    if kind not in _DEAD_ENDS and not hops:
        raise UnfitError(len(cursor.words), "the route leads nowhere", "write `via` and a gateway, or `dev` and a name")
    _check_families(draft, version, hops)
    return Route(
        network=network,
        hops=hops,
        metrics=tuple(sorted(draft.metrics.items())),
        locked=frozenset(draft.locked),
        **{"scope": _SCOPES.get(kind, 0) if version == 4 else 0} | draft.values,
    )


def _hops(draft: _Draft) -> tuple[Hop, ...]:
    if draft.hops:
        for name in ("via", "dev", "or", "onlink"):
            if name in draft.given:
                message = "the way is given twice: here, and by `nexthop`"
                raise UnfitError(draft.given[name], message, "write each way as `nexthop via ADDRESS dev NAME`")
        return tuple(draft.hops)
    if draft.via is None and not draft.device:
        return ()
    ways = (draft.via, draft.other) if draft.other is not None else (draft.via,)
    return tuple(Hop(via=way, device=draft.device, on_link=draft.on_link) for way in ways)


def _version(cursor: Cursor, draft: _Draft) -> int:
    """Return the family of the route: said, or that of the addresses in it; IPv4 where nothing tells."""
    if draft.network is not None:
        if draft.version not in (None, draft.network.version):
            family = cursor.words[draft.given["family"]]
            raise UnfitError(draft.given["family"], f"`{family}` stands at {draft.network}", "remove it")
        return draft.network.version
    if draft.version is not None:
        return draft.version
    source: Address | None = draft.values.get("source")
    gateways = [hop.via for hop in draft.hops] + [draft.via]
    telling = [address for address in (source, *gateways) if address is not None]
    return telling[0].version if telling else 4


def _check_families(draft: _Draft, version: int, hops: Sequence[Hop]) -> None:
    """Refuse what is of the other family, or has no meaning in this one."""
    hint = f"write an IPv{version} address"
    source: Address | None = draft.values.get("source")
    if source is not None and source.version != version:
        raise UnfitError(draft.given["src"] + 1, f"{source} cannot be the source on an IPv{version} route", hint)
    for hop in hops:
        if hop.via is not None and hop.via.version != version and not (version == 4 and draft.crosses):
            place = draft.given["or" if hop.via == draft.other else "nexthop" if draft.hops else "via"]
            more = ", or `via inet6` before it" if version == 4 else ""
            raise UnfitError(place, f"{hop.via} cannot be the gateway of an IPv{version} route", hint + more)
    for name, only in (("pref", 6), ("expires", 6), ("from", 6), ("realms", 4), ("tos", 4)):
        if name in draft.given and version != only:
            raise UnfitError(draft.given[name], f"`{name}` is for IPv{only} routes", "remove it")
