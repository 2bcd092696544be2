"""The tables that all virtual services of a family share, as nftables text; made once, never deleted under load.

NAT lives in a table of the service's family.  A new connection gets the mark of a real server from the scheduler in
`prerouting`, behind everything that sets firewall marks; connection tracking carries it from there.  DR lives at the
ingress of every interface (netdev): a packet is handed to the real server's link-layer address and not routed.

A packet that is under way while rules change goes on along the old ones, but finds their anonymous maps empty, and
falls through.  So what a first chain leaves over is asked of the rules once more, by a later one.
"""

from collections.abc import Iterable

NAT_TABLE, DR_TABLE = "lvs", "lvs_dr"
ADDRESS_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}
FAMILY = {4: "ip", 6: "ip6"}
TAG, TAG_MASK = 0x6C000000, 0xFF000000
"""Marks of real servers: the tag tells them from other marks, the rest is made of what the server is."""
_SERVERS = "size 32768"  # of a family and kind: with a bound the kernel looks marks up in half the time
_TAKING_IN = ("in", "again")  # chains of each interface, in this order
_BEHIND_MARKS = -140  # mangle, where marks are set, is at -150; translation at -100


def block(head: str, lines: Iterable[str]) -> str:
    """Return a block; nft 1.0.6 wants a line break behind each `{`."""
    return "\n".join((f"{head} {{", *lines, "}"))


TABLES = {(family, True): f"{name} {NAT_TABLE}" for family, name in FAMILY.items()} | {
    (4, False): f"netdev {DR_TABLE}",
    (6, False): f"netdev {DR_TABLE}6",  # netdev has one name space for both
}
"""Family and name of each table, by the family of its services and whether they are NAT's."""


def _ask(family: int, before: str = "") -> tuple[str, str]:
    """Return the rules that look up the service which a packet is for."""
    asked = f"{before}{FAMILY[family]} daddr . meta l4proto"
    return f"{asked} . th dport vmap @svc", f"{asked} vmap @svc_all"


def _services(family: int) -> tuple[str, ...]:
    """Return the maps from what a packet is sent to, to the chain of its service."""
    address = ADDRESS_TYPE[family]
    return (
        block("map svc", (f"type {address} . inet_proto . inet_service : verdict",)),
        block("map svc_all", (f"type {address} . inet_proto : verdict",)),
    )


def _counters(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(block(f"map {name}", ("type mark : counter", _SERVERS)) for name in names)


def nat_base(family: int) -> str:
    """Return the table of NAT services of a family."""
    name, address = FAMILY[family], ADDRESS_TYPE[family]
    translate = (  # a real server with port 0 keeps the port that was asked for
        f"ct mark != 0 meta l4proto {{ tcp, udp, sctp }} dnat {name} to ct mark map @dest",
        f"ct mark != 0 dnat {name} to ct mark map @dest_any",
    )
    return block(
        f"table {TABLES[family, True]}",
        (
            block("map dest", (f"type mark : {address} . inet_service", _SERVERS)),
            block("map dest_any", (f"type mark : {address}", _SERVERS)),
            *_counters(("c_new", "c_in", "c_out")),
            block("set live", ("type mark", _SERVERS)),
            *_services(family),
            block("map svc_mark", ("type mark : verdict",)),
            block("chain picked", ("counter name ct mark map @c_new",)),
            block("chain schedule", _ask(family)),
            block("chain choose", ("meta mark != 0 meta mark vmap @svc_mark", "goto schedule")),
            block(
                "chain pre",
                (
                    f"type filter hook prerouting priority {_BEHIND_MARKS}",
                    f"ct mark and {TAG_MASK:#x} == {TAG:#x} ct mark != @live drop",  # one that was taken out
                    "ct state != new accept",
                    "ct mark 0 jump choose",
                ),
            ),
            block(
                "chain local",
                (f"type filter hook output priority {_BEHIND_MARKS}", "ct state new ct mark 0 jump schedule"),
            ),
            block("chain dn", ("type nat hook prerouting priority dstnat", "ct mark 0 jump choose", *translate)),
            block("chain dn_local", ("type nat hook output priority -100", "ct mark 0 jump schedule", *translate)),
            block(
                "chain account",
                (
                    "type filter hook postrouting priority filter",
                    "ct mark 0 accept",  # one that is not ours is in neither map
                    "ct direction original counter name ct mark map @c_in",
                    "ct direction reply counter name ct mark map @c_out",
                ),
            ),
        ),
    )


def dr_base(family: int) -> str:
    """Return the table of DR services of a family; `hook` lets an interface in."""
    return block(
        f"table {TABLES[family, False]}",
        (
            *_counters(("c_new", "c_in", "c_end")),
            block("set live", ("type mark", _SERVERS)),
            *_services(family),
            block("map dest", (f"type mark : {ADDRESS_TYPE[family]}", _SERVERS)),
            block("map send", ("type mark : verdict", _SERVERS)),
            block("chain forward", ("counter name meta mark map @c_in", "meta mark vmap @send", "drop")),
        ),
    )


def hook(family: int, number: int, device: str) -> list[str]:
    """Return the commands that take packets in at an interface and let them out there."""
    table, name = TABLES[family, False], FAMILY[family]
    ask = _ask(family, "meta pkttype host ")
    taken_in = [
        block(f"chain {chain}_{number}", (f'type filter hook ingress device "{device}" priority {priority}', *ask))
        for priority, chain in enumerate(_TAKING_IN)
    ]
    let_out = block(f"chain out_{number}", (f'fwd {name} to meta mark map @dest device "{device}"',))
    return [block(f"table {table}", (*taken_in, let_out))]


def unhook(family: int, number: int) -> list[str]:
    """Return the commands that forget an interface that is gone, whether or not the kernel has done it."""
    table = TABLES[family, False]
    taking_in = [f"{table} {chain}_{number}" for chain in _TAKING_IN]
    chains = [*taking_in, f"{table} out_{number}"]
    made = [f"add chain {chain}" for chain in chains]
    return [*made, *(f"flush chain {chain}" for chain in chains), *(f"delete chain {chain}" for chain in taking_in)]
