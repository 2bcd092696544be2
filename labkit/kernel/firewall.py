"""The packet filter that VRRP needs, as text for nft(8): two tables named keepalived, for IPv4 and IPv6.

 - no_accept: nothing goes to or comes from the addresses of a router that does not own them (RFC 9568 6.1,
   Accept_Mode), but neighbour discovery does (8.2.3).  The sets hold the addresses all the time: nothing is sent to
   them on a BACKUP, and taking over need not wait for nft.
 - VMACs: a report of group membership from a macvlan leaves by the interface below, with that one's address; or else
   switches would learn from every BACKUP that the virtual router is there (keepalived does the same).  Nor does a
   macvlan ask for routers.

The tables replace whatever a predecessor left under the name, in one transaction.
"""

from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv6Address

from labkit.values import dataclass
from labkit.vrrp.config import Address

TABLE = "keepalived"


@dataclass(frozen=True, slots=True)
class Blocked:
    """An address that nobody may use, and its interface (which counts for IPv6 link-local ones only)."""

    address: Address
    interface: str


@dataclass(frozen=True, slots=True)
class Redirected:
    """A macvlan of an address family, and the interface below it."""

    macvlan: str
    base: str
    family: int


def ruleset(blocked: Collection[Blocked], redirected: Collection[Redirected]) -> str:
    """Return what nft is to be told; empty tables are none."""
    parts = [f"add table {family} {TABLE}\ndelete table {family} {TABLE}\n" for family in ("ip", "ip6")]
    parts += [_ipv4(blocked, redirected), _ipv6(blocked, redirected)]
    return "".join(parts)


def _ipv4(blocked: Iterable[Blocked], redirected: Iterable[Redirected]) -> str:
    vips = sorted({one.address for one in blocked if isinstance(one.address, IPv4Address)})
    pairs = _pairs(redirected, 4)
    definitions, incoming, outgoing = [], [], []
    if vips:
        definitions.append(_set("vips", "ipv4_addr", map(str, vips)))
        incoming.append("ip daddr @vips drop")
        outgoing.append("ip saddr @vips drop")
    if pairs:
        definitions.append(_map("vmac_map", pairs))
        outgoing.append('ip protocol igmp meta oifkind "macvlan" dup to ip daddr device oif map @vmac_map drop')
    return _table("ip", definitions, incoming, outgoing)


def _ipv6(blocked: Iterable[Blocked], redirected: Iterable[Redirected]) -> str:
    addresses = [(one.address, one.interface) for one in blocked if isinstance(one.address, IPv6Address)]
    vips = sorted({address for address, _ in addresses if not address.is_link_local})
    local = sorted({f'{address} . "{name}"' for address, name in addresses if address.is_link_local})
    pairs = _pairs(redirected, 6)
    definitions, incoming, outgoing = [], [], []
    if vips or local:
        discovery = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
        incoming.append(discovery)
        outgoing.append(discovery)
    if local:
        definitions.append(_set("vips_link_local", "ipv6_addr . iface_index", local))
        incoming.append("ip6 daddr . iif @vips_link_local drop")
        outgoing.append("ip6 saddr . oif @vips_link_local drop")
    if vips:
        definitions.append(_set("vips", "ipv6_addr", map(str, vips)))
        incoming.append("ip6 daddr @vips drop")
        outgoing.append("ip6 saddr @vips drop")
    if pairs:
        definitions.append(_map("vmac_map", pairs))
        macvlans = ", ".join(f'"{name}"' for name, _ in pairs)
        outgoing.append(
            'icmpv6 type mld2-listener-report meta oifkind "macvlan" dup to ip6 daddr device oif map @vmac_map drop'
        )
        outgoing.append(f"icmpv6 type nd-router-solicit oif {{ {macvlans} }} drop")
    return _table("ip6", definitions, incoming, outgoing)


def _pairs(redirected: Iterable[Redirected], family: int) -> list[tuple[str, str]]:
    return sorted((one.macvlan, one.base) for one in redirected if one.family == family)


def _set(name: str, kind: str, elements: Iterable[str]) -> str:
    return f" set {name} {{\n  type {kind}\n  elements = {{ {', '.join(elements)} }}\n }}\n"


def _map(name: str, pairs: Iterable[tuple[str, str]]) -> str:
    elements = ", ".join(f'"{macvlan}" : "{base}"' for macvlan, base in pairs)
    return f" map {name} {{\n  type iface_index : iface_index\n  elements = {{ {elements} }}\n }}\n"


def _table(family: str, definitions: list[str], incoming: list[str], outgoing: list[str]) -> str:
    if not definitions:
        return ""
    chains = [
        _chain(name, hook, rules) for name, hook, rules in (("in", "input", incoming), ("out", "output", outgoing))
    ]
    return f"table {family} {TABLE} {{\n{''.join(definitions + chains)}}}\n"


def _chain(name: str, hook: str, rules: list[str]) -> str:
    if not rules:
        return ""
    lines = "".join(f"  {rule}\n" for rule in rules)
    return f" chain {name} {{\n  type filter hook {hook} priority -1; policy accept;\n{lines} }}\n"
