"""Routes and rules: prepared rtnetlink messages that add and remove them, and what the kernel tells of their removal.

    rtmsg:        family dst_len src_len tos | table protocol scope type | flags                    (rtnetlink(7))
    fib_rule_hdr: family dst_len src_len tos | table 0 0 action          | flags                    (linux/fib_rules.h)

An interface is named by its index in a route and by its name in a rule, so that rules need no interface to be there.
"""

import struct
from collections.abc import Iterator, Mapping

from labkit.conf.model_routes import Hop, Insertion, Network, Route, Rule, RuleAction
from labkit.hints import TypeAlias
from labkit.kernel.netlink import (
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_EXCL,
    attribute,
    attributes,
    message,
    messages,
    number,
    text,
)
from labkit.values import dataclass
from labkit.vrrp.config import Address

GROUP_ROUTES = 0x40 | 0x400  # RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE
GROUP_RULES = 0x80 | 1 << 18  # RTMGRP_IPV4_RULE, RTNLGRP_IPV6_RULE

_RTM_NEWROUTE, _RTM_DELROUTE, _RTM_NEWRULE, _RTM_DELRULE = 24, 25, 32, 33
_HEADER = struct.Struct("=BBBBBBBBI")
_NEXTHOP = struct.Struct("=HBBi")
_AF = {4: 2, 6: 10}
_VERSIONS = {2: 4, 10: 6}
_RTA_DST, _RTA_SRC, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_PREFSRC, _RTA_METRICS = 1, 2, 4, 5, 6, 7, 8
_RTA_MULTIPATH, _RTA_FLOW, _RTA_TABLE, _RTA_VIA, _RTA_PREF, _RTA_EXPIRES, _RTA_TTL_PROPAGATE = 9, 11, 15, 18, 20, 23, 26
_RTNH_F_ONLINK = 4
_RTAX_LOCK = 1
_IPV6_METRIC = 1024  # what a route without one gets (IP6_RT_PRIO_USER)
_FRA_DST, _FRA_SRC, _FRA_IIFNAME, _FRA_GOTO, _FRA_PRIORITY, _FRA_FWMARK, _FRA_FLOW = 1, 2, 3, 4, 6, 10, 11
_FRA_TUN_ID, _FRA_SUPPRESS_IFGROUP, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE, _FRA_FWMASK = 12, 13, 14, 15, 16
_FRA_OIFNAME, _FRA_L3MDEV, _FRA_UID_RANGE, _FRA_PROTOCOL, _FRA_IP_PROTO = 17, 19, 20, 21, 22
_FRA_SPORT_RANGE, _FRA_DPORT_RANGE = 23, 24
_FIB_RULE_INVERT = 2
_INSERTIONS = {
    Insertion.PREPEND: NLM_F_CREATE,
    Insertion.APPEND: NLM_F_CREATE | NLM_F_APPEND,
    Insertion.ADD: NLM_F_CREATE | NLM_F_EXCL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteKey:
    """What two routes cannot differ in and be the same for the kernel's user: where to, in which table, how dear."""

    network: tuple[int, bytes, int]  # family, address, prefix length
    table: int
    tos: int
    metric: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleKey:
    """A rule is recognised by its family and preference."""

    version: int
    preference: int


Key: TypeAlias = RouteKey | RuleKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """The messages that add and remove one route or rule, and how its removal is recognised."""

    add: bytes
    remove: bytes
    key: Key


# --- routes -----------------------------------------------------------------------------------------------------------


def route_requests(route: Route, indexes: Mapping[str, int]) -> Requests | None:
    """Return the messages for a route; None where an interface of it is not in `indexes`."""
    if not route.devices <= set(indexes):
        return None
    only = route.hops[0] if len(route.hops) == 1 else None
    network, origin = route.network, route.origin
    table = route.table if route.table < 256 else 0
    flags = _RTNH_F_ONLINK if only is not None and only.on_link else 0
    body = _HEADER.pack(
        _AF[network.version],
        network.prefixlen,
        0 if origin is None else origin.prefixlen,
        route.tos,
        table,
        route.protocol,
        route.scope,
        route.kind,
        flags,
    )
    body += attribute(_RTA_DST, network.network_address.packed) if network.prefixlen else b""
    body += _source(route) + number(_RTA_TABLE, route.table)
    if only is not None:
        body += _hop(only, network.version, indexes)
    elif route.hops:
        body += attribute(_RTA_MULTIPATH, b"".join(_nexthop(hop, network.version, indexes) for hop in route.hops))
    body += _qualities(route)
    key = route_key(network, table=route.table, tos=route.tos, metric=route.metric)
    add = message(_RTM_NEWROUTE, _INSERTIONS[route.insertion], body)
    return Requests(add=add, remove=message(_RTM_DELROUTE, 0, body), key=key)


def _source(route: Route) -> bytes:
    body = attribute(_RTA_SRC, route.origin.network_address.packed) if route.origin is not None else b""
    return body + (attribute(_RTA_PREFSRC, route.source.packed) if route.source is not None else b"")


def _hop(hop: Hop, version: int, indexes: Mapping[str, int]) -> bytes:
    body = _gateway(hop.via, version) if hop.via is not None else b""
    return body + (number(_RTA_OIF, indexes[hop.device]) if hop.device else b"")


def _gateway(via: Address, version: int) -> bytes:
    if via.version == version:
        return attribute(_RTA_GATEWAY, via.packed)
    return attribute(_RTA_VIA, struct.pack("=H", _AF[via.version]) + via.packed)


def _nexthop(hop: Hop, version: int, indexes: Mapping[str, int]) -> bytes:
    content = _gateway(hop.via, version) if hop.via is not None else b""
    content += number(_RTA_FLOW, hop.realms) if hop.realms else b""
    flags = _RTNH_F_ONLINK if hop.on_link else 0
    index = indexes[hop.device] if hop.device else 0
    return _NEXTHOP.pack(_NEXTHOP.size + len(content), flags, hop.weight - 1, index) + content


def _qualities(route: Route) -> bytes:
    body = number(_RTA_PRIORITY, route.metric) if route.metric else b""
    body += number(_RTA_FLOW, route.realms) if route.realms else b""
    if route.preference is not None:
        body += attribute(_RTA_PREF, bytes([route.preference]))
    if route.expires is not None:
        body += number(_RTA_EXPIRES, route.expires)
    if route.ttl_propagate is not None:
        body += attribute(_RTA_TTL_PROPAGATE, bytes([route.ttl_propagate]))
    return body + _metrics(route)


def _metrics(route: Route) -> bytes:
    content = b"".join(
        text(metric, value) if isinstance(value, str) else number(metric, value) for metric, value in route.metrics
    )
    if route.locked:
        content += number(_RTAX_LOCK, sum(1 << metric for metric in route.locked))
    return attribute(_RTA_METRICS, content) if content else b""


def route_key(network: Network, *, table: int, tos: int, metric: int) -> RouteKey:
    """Return the key of a route; `metric` as it is written, 0 where it is not."""
    place = (network.version, network.network_address.packed, network.prefixlen)
    return RouteKey(network=place, table=table, tos=tos, metric=_metric(network.version, metric))


def _metric(version: int, metric: int) -> int:
    return _IPV6_METRIC if version == 6 and metric == 0 else metric


# --- rules ------------------------------------------------------------------------------------------------------------


def rule_requests(rule: Rule) -> Requests:
    """Return the messages for a rule; it has a preference."""
    preference = rule.preference or 0
    table = rule.table if rule.table < 256 else 0
    body = _HEADER.pack(
        _AF[rule.version],
        rule.destination.prefixlen if rule.destination else 0,
        rule.source.prefixlen if rule.source else 0,
        rule.tos,
        table,
        0,
        0,
        rule.action,
        _FIB_RULE_INVERT if rule.negated else 0,
    )
    body += number(_FRA_PRIORITY, preference) + attribute(_FRA_PROTOCOL, bytes([rule.protocol]))
    body += _conditions(rule) + _transport(rule) + _consequence(rule)
    return Requests(
        add=message(_RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, body),
        remove=message(_RTM_DELRULE, 0, body),
        key=RuleKey(version=rule.version, preference=preference),
    )


def _conditions(rule: Rule) -> bytes:
    body = attribute(_FRA_SRC, rule.source.network_address.packed) if rule.source else b""
    body += attribute(_FRA_DST, rule.destination.network_address.packed) if rule.destination else b""
    body += text(_FRA_IIFNAME, rule.input_device) if rule.input_device else b""
    body += text(_FRA_OIFNAME, rule.output_device) if rule.output_device else b""
    if rule.mark is not None:
        body += number(_FRA_FWMARK, rule.mark)
    if rule.mark_mask is not None:
        body += number(_FRA_FWMASK, rule.mark_mask)
    if rule.users is not None:
        body += attribute(_FRA_UID_RANGE, struct.pack("=II", *rule.users))
    return body


def _transport(rule: Rule) -> bytes:
    body = b"" if rule.ip_protocol is None else attribute(_FRA_IP_PROTO, bytes([rule.ip_protocol]))
    for kind, ports in ((_FRA_SPORT_RANGE, rule.source_ports), (_FRA_DPORT_RANGE, rule.destination_ports)):
        if ports is not None:
            body += attribute(kind, struct.pack("=HH", *ports))
    if rule.tunnel is not None:
        body += attribute(_FRA_TUN_ID, struct.pack("!Q", rule.tunnel))
    return body


def _consequence(rule: Rule) -> bytes:
    body = number(_FRA_TABLE, rule.table) if rule.action is RuleAction.TABLE and not rule.l3mdev else b""
    body += attribute(_FRA_L3MDEV, b"\1") if rule.l3mdev else b""
    for kind, value in (
        (_FRA_GOTO, rule.goto),
        (_FRA_FLOW, rule.realms),
        (_FRA_SUPPRESS_PREFIXLEN, rule.suppress_prefix_length),
        (_FRA_SUPPRESS_IFGROUP, rule.suppress_group),
    ):
        body += b"" if value is None else number(kind, value)
    return body


# --- what the kernel tells --------------------------------------------------------------------------------------------


def removed(datagram: bytes) -> Iterator[Key]:
    """Yield the key of every route and rule whose removal a datagram of a subscribed socket tells."""
    for kind, _, body in messages(datagram):
        if kind not in (_RTM_DELROUTE, _RTM_DELRULE) or len(body) < _HEADER.size:
            continue
        family, length, _, tos, table, _, _, _, _ = _HEADER.unpack_from(body)
        version = _VERSIONS.get(family)
        found = attributes(body[_HEADER.size :])
        if version is None:
            continue
        if kind == _RTM_DELRULE:
            yield RuleKey(version=version, preference=_uint(found.get(_FRA_PRIORITY)))
        else:
            address = found.get(_RTA_DST, bytes(4 if version == 4 else 16))
            yield RouteKey(
                network=(version, address, length),
                table=_uint(found.get(_RTA_TABLE)) or table,
                tos=tos,
                metric=_metric(version, _uint(found.get(_RTA_PRIORITY))),
            )


def _uint(raw: bytes | None) -> int:
    return struct.unpack("=I", raw)[0] if raw is not None and len(raw) == 4 else 0
