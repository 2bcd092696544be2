"""Routes and rules in the words of keepalived's dumps (2.2.7), option by option in its order."""

from labkit.conf.model_routes import (
    MAIN_TABLE,
    PROTOCOL_KEEPALIVED,
    Hop,
    Insertion,
    Metric,
    Route,
    RouteKind,
    Rule,
    RuleAction,
)

_UNITS = {Metric.RTT: 8, Metric.RTTVAR: 4, Metric.RTO_MIN: 1}  # per millisecond
_FIRST = (Metric.CONGCTL, Metric.RTT, Metric.RTTVAR, Metric.RTO_MIN, Metric.FEATURES)
_PREFERENCES = {0: "medium", 1: "high", 3: "low"}  # RFC 4191 2.1


def route_words(route: Route) -> str:
    """Return a route: where it goes, by which ways, and what is set for it."""
    kind = "" if route.kind is RouteKind.UNICAST else route.kind.name.lower()
    insertion = Insertion.ADD if kind else route.insertion
    single = route.hops[0] if len(route.hops) == 1 else None
    words = [insertion.name.lower(), kind, str(route.network)]
    words += [f"from {route.origin}" if route.origin else "", f"src {route.source}" if route.source else ""]
    words += [f"tos {route.tos}" if route.tos else "", _way(single) if single else ""]
    words += [f"table {route.table}" if route.table != MAIN_TABLE else ""]
    words += [f"proto {route.protocol}" if route.tracked or route.protocol != PROTOCOL_KEEPALIVED else ""]
    words += [f"scope {route.scope}" if route.scope and not kind else ""]
    words += [f"metric {route.metric}" if route.metric else ""]
    words += ["onlink" if single and single.on_link else "", _realms(route.realms)]
    words += ["" if route.preference is None else f"pref {_PREFERENCES[route.preference]}"]
    words += ["" if route.expires is None else f"expires {route.expires}sec", *_metrics(route)]
    if route.ttl_propagate is not None:
        words.append(f"ttl-propagate {'enabled' if route.ttl_propagate else 'disabled'}")
    words += [_next_hop(hop) for hop in route.hops if single is None]
    words += ["" if route.tracked and single and single.device else "no_track"]
    return " ".join(word for word in words if word)


def _way(hop: Hop) -> str:
    via = f"via {'inet6' if hop.via.version == 6 else 'inet'} {hop.via}" if hop.via else ""
    return " ".join(word for word in (via, f"dev {hop.device}" if hop.device else "") if word)


def _next_hop(hop: Hop) -> str:
    words = ["nexthop", _way(hop), f"weight {hop.weight}" if hop.weight > 1 else "", "onlink" if hop.on_link else ""]
    return " ".join(word for word in (*words, _realms(hop.realms)) if word)


def _realms(realms: int) -> str:
    source, destination = divmod(realms, 1 << 16)
    if not realms:
        return ""
    return f"realms {source}/{destination}" if source else f"realm {destination}"


def _metrics(route: Route) -> list[str]:
    values = dict(route.metrics)
    rest = sorted(metric for metric in values if metric not in _FIRST)
    return [_metric(route, metric, values[metric]) for metric in (*_FIRST, *rest) if metric in values]


def _metric(route: Route, metric: Metric, value: int | str) -> str:
    lock = "lock " if metric in route.locked else ""
    if metric is Metric.FEATURES:
        return "features ecn"
    if metric in _UNITS and isinstance(value, int):
        return f"{metric.name.lower()} {lock}{value // _UNITS[metric]}ms"
    return f"{metric.name.lower()} {lock}{value}"


def rule_words(rule: Rule) -> str:
    """Return a rule: which packets it is for, and what it does."""
    words = ["not" if rule.negated else "", f"from {_network(rule.source) if rule.source else 'all'}"]
    words += [f"to {_network(rule.destination)}" if rule.destination else ""]
    words += [f"priority {rule.preference}", f"tos {rule.tos:#x}"]
    if rule.mark is not None:
        words.append(f"fwmark {rule.mark:#x}" + (f"/{rule.mark_mask:#x}" if rule.mark_mask is not None else ""))
    words += [f"iif {rule.input_device}" if rule.input_device else ""]
    words += [f"oif {rule.output_device}" if rule.output_device else ""]
    words += [_value("suppress_prefixlen", rule.suppress_prefix_length)]
    words += [_value("suppress_ifgroup", rule.suppress_group)]
    words += [_value("tunnel-id", rule.tunnel), _range("uidrange", rule.users), "l3mdev" if rule.l3mdev else ""]
    words += [f"protocol {rule.protocol}" if rule.tracked or rule.protocol != PROTOCOL_KEEPALIVED else ""]
    words += [_value("ipproto", rule.ip_protocol), _range("sport", rule.source_ports)]
    words += [_range("dport", rule.destination_ports), _realms(rule.realms or 0), _action(rule)]
    words += ["" if rule.tracked else "no_track"]
    return " ".join(word for word in words if word)


def _action(rule: Rule) -> str:
    match rule.action:
        case RuleAction.TABLE:
            return f"lookup {rule.table}"
        case RuleAction.GOTO:
            return f"goto {rule.goto}"
        case RuleAction.NOP:
            return "nop"
        case _:
            return f"type {rule.action.name.lower()}"


def _network(network: object) -> str:
    """Return a network without the prefix length where that is all of the address."""
    return str(network).removesuffix("/32" if "." in str(network) else "/128")


def _value(name: str, value: int | None) -> str:
    return "" if value is None else f"{name} {value}"


def _range(name: str, bounds: tuple[int, int] | None) -> str:
    return "" if bounds is None else f"{name} {bounds[0]}-{bounds[1]}"
