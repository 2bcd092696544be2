"""Virtual services as nftables text: a scheduler only picks a mark, everything behind it is a map from that mark.

There is one mark for each real server of each service.  NAT lives in a table of the service's family and lets
connection tracking carry the mark; DR lives at the ingress of the interfaces (netdev), remembers the connections of
each real server in a set of its own, and hands the packet to the server's link-layer address: nothing is routed here.

A table is made once and never deleted while it serves.  A change of one service is one transaction that rewrites that
service's chain.  nft 1.0.6 wants a line break behind each `{`, aborts on `update @map` with keys above 16 bytes (hence
sets for connections), and reserves words such as `fin` and `tcp` as names.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from labkit.kernel.nft.slots import Candidate, slots
from labkit.lvs.model import Destination, Protocol, Scheduler, Service, ServiceKey

NAT_TABLE, DR_TABLE = "lvs", "lvs_dr"
_ADDRESS_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}
_FAMILY = {4: "ip", 6: "ip6"}
_CONNECTIONS = 131072
_ACTIVE = {Protocol.TCP: "15m", Protocol.UDP: "5m", Protocol.SCTP: "15m"}  # IPVS's timeouts: ipvsadm --set
_ENDING = "2m"


@dataclass(frozen=True, slots=True)
class Entry:
    """A real server with the mark that stands for it."""

    mark: int
    destination: Destination


@dataclass(frozen=True, slots=True)
class Place:
    """A service as the rules know it: its number names its chain and map; `nat` tells which kind of table it is in."""

    number: int
    service: Service
    nat: bool
    entries: tuple[Entry, ...] = field(default=())

    @property
    def table(self) -> str:
        """Family and name of the table it is in."""
        return nat_table(self.service.key.family) if self.nat else f"netdev {dr_table(self.service.key.family)}"

    @property
    def family(self) -> str:
        """`ip` or `ip6`."""
        return _FAMILY[self.service.key.family]

    @property
    def client(self) -> str:
        """What a client is told by; with a persistence of networks, its network."""
        prefix = self.service.persistence_prefix
        if prefix is None:
            return f"{self.family} saddr"
        if self.service.key.family == 4:
            return f"ip saddr and {IPv4Address((2**32 - 1) >> (32 - prefix) << (32 - prefix))}"
        return f"ip6 saddr and {IPv6Address((2**128 - 1) >> (128 - prefix) << (128 - prefix))}"


def _block(head: str, lines: Iterable[str]) -> str:
    return "\n".join((f"{head} {{", *lines, "}"))


# --- what all services of a family share ------------------------------------------------------------------------------


def nat_base(family: int) -> str:
    """Return the table of NAT services of a family; to be loaded once."""
    name, address = _FAMILY[family], _ADDRESS_TYPE[family]
    new = f"ct state new ct mark 0 {name} daddr . meta l4proto"
    translate = f"ct mark != 0 meta l4proto {{ tcp, udp, sctp }} dnat {name} to ct mark map @dest"
    return _block(
        f"table {nat_table(family)}",
        (
            _block("map dest", (f"type mark : {address} . inet_service",)),
            *(_block(f"map {counters}", ("type mark : counter",)) for counters in ("c_new", "c_in", "c_out")),
            _block("set live", ("type mark",)),
            _block("map svc", (f"type {address} . inet_proto . inet_service : verdict",)),
            _block("map svc_all", (f"type {address} . inet_proto : verdict",)),
            _block("map svc_mark", ("type mark : verdict",)),
            _block("chain picked", ("counter name ct mark map @c_new",)),
            _block("chain schedule", (f"{new} . th dport vmap @svc", f"{new} vmap @svc_all")),
            _block(
                "chain pre",
                (
                    "type filter hook prerouting priority -150",
                    "ct mark != 0 ct mark != @live drop",  # a real server that was taken out gets nothing more
                    "ct state new ct mark 0 meta mark != 0 meta mark vmap @svc_mark",
                    "jump schedule",
                ),
            ),
            _block("chain local", ("type filter hook output priority -150", "jump schedule")),
            _block("chain dn", ("type nat hook prerouting priority dstnat", translate)),
            _block("chain dn_local", ("type nat hook output priority -100", translate)),
            _block(
                "chain account",
                (
                    "type filter hook postrouting priority filter",
                    "ct mark 0 accept",
                    "ct mark != @live accept",
                    "ct direction original counter name ct mark map @c_in",
                    "ct direction reply counter name ct mark map @c_out",
                ),
            ),
        ),
    )


def dr_base(family: int, devices: Sequence[str]) -> str:
    """Return the table of DR services of a family at the ingress of `devices`; to be loaded once."""
    name, address = _FAMILY[family], _ADDRESS_TYPE[family]
    hooks = [
        _block(
            f"chain in_{number}",
            (
                f'type filter hook ingress device "{device}" priority 0',
                f"meta pkttype host {name} daddr . meta l4proto . th dport vmap @svc",
                f"meta pkttype host {name} daddr . meta l4proto vmap @svc_all",
            ),
        )
        for number, device in enumerate(devices)
    ]
    return _block(
        f"table netdev {dr_table(family)}",
        (
            *(_block(f"map {counters}", ("type mark : counter",)) for counters in ("c_new", "c_in", "c_end")),
            _block("set live", ("type mark",)),
            _block("map svc", (f"type {address} . inet_proto . inet_service : verdict",)),
            _block("map svc_all", (f"type {address} . inet_proto : verdict",)),
            _block("map dest", (f"type mark : {address}",)),
            _block("map send", ("type mark : verdict",)),
            *(
                _block(f"chain out_{number}", (f'fwd {name} to meta mark map @dest device "{device}"',))
                for number, device in enumerate(devices)
            ),
            _block("chain forward", ("counter name meta mark map @c_in", "meta mark vmap @send")),
            *hooks,
        ),
    )


def nat_table(family: int) -> str:
    """Return family and name of a family's NAT table."""
    return f"{_FAMILY[family]} {NAT_TABLE}"


def dr_table(family: int) -> str:
    """Return the name of a family's DR table: netdev has one name space for both."""
    return DR_TABLE if family == 4 else f"{DR_TABLE}6"


# --- one service ------------------------------------------------------------------------------------------------------


def counters(place: Place) -> tuple[str, str, str]:
    """Return the letters of the counters of a real server: new connections, packets in, and out (NAT) or ended (DR)."""
    return ("n", "i", "o") if place.nat else ("n", "i", "x")


def prepare_service(place: Place) -> list[str]:
    """Return the commands that make what a service remembers clients in."""
    if place.service.persistence_s is None:
        return []
    return [_block(f"table {place.table}", (_persistence(place),))]


def add_service(place: Place) -> list[str]:
    """Return the command that lets packets in, once the service is scheduled."""
    key = place.service.key
    return [f"add element {place.table} {_lookup(key)} {{ {_match(key)} : goto {_entrance(place)} }}"]


def remove_service(place: Place) -> list[str]:
    """Return the commands that take a service out; its real servers are to be taken out after that."""
    table, key = place.table, place.service.key
    commands = [f"delete element {table} {_lookup(key)} {{ {_match(key)} : goto {_entrance(place)} }}"]
    chains = [f"s{place.number}"] if place.nat else [f"t{place.number}", f"y{place.number}", f"s{place.number}"]
    commands += [f"flush chain {table} {chain}" for chain in chains]
    commands += [f"delete chain {table} {chain}" for chain in chains]
    if place.service.persistence_s is not None:
        commands.append(f"delete map {table} p{place.number}")
    return commands


def add_entry(place: Place, entry: Entry, device: int = 0) -> list[str]:
    """Return the commands that make a real server known; no connection goes to it before the service is scheduled."""
    table, mark, destination = place.table, entry.mark, entry.destination
    letters = counters(place)
    objects = [_block(f"counter {letter}{mark}", ()) for letter in letters]
    if not place.nat:
        objects += [*_sets(place, entry), *_entry_chains(place, entry)]
    to = f"{destination.address} . {destination.port}" if place.nat else f"{destination.address}"
    names = ("c_new", "c_in", "c_out" if place.nat else "c_end")
    commands = [_block(f"table {table}", objects)]
    commands += [
        f'add element {table} {name} {{ {mark} : "{letter}{mark}" }}'
        for name, letter in zip(names, letters, strict=True)
    ]
    commands += [f"add element {table} dest {{ {mark} : {to} }}", f"add element {table} live {{ {mark} }}"]
    return commands if place.nat else [*commands, f"add element {table} send {{ {mark} : goto out_{device} }}"]


def remove_entry(place: Place, entry: Entry, device: int = 0) -> list[str]:
    """Return the commands that forget a real server and its connections, after its service no longer names it."""
    table, mark, destination = place.table, entry.mark, entry.destination
    to = f"{destination.address} . {destination.port}" if place.nat else f"{destination.address}"
    letters, names = counters(place), ("c_new", "c_in", "c_out" if place.nat else "c_end")
    commands = [f"delete element {table} live {{ {mark} }}", f"delete element {table} dest {{ {mark} : {to} }}"]
    commands += [
        f'delete element {table} {name} {{ {mark} : "{letter}{mark}" }}'
        for name, letter in zip(names, letters, strict=True)
    ]
    if not place.nat:
        commands.append(f"delete element {table} send {{ {mark} : goto out_{device} }}")
        chains = [f"{letter}{mark}" for letter in "rfeb"]
        commands += [f"flush chain {table} {chain}" for chain in chains]
        commands += [f"delete chain {table} {chain}" for chain in chains]
        commands += [f"delete set {table} {letter}{mark}" for letter in ("a", "z")]
    return commands + [f"delete counter {table} {letter}{mark}" for letter in letters]


def schedule(place: Place, order: Sequence[int] | None = None) -> list[str]:
    """Return the commands that rewrite how a service picks; `order` in place of what the scheduler says."""
    number, table = place.number, place.table
    candidates = [
        Candidate(entry.mark, entry.destination.weight, str(entry.destination.address))
        for entry in place.entries
        if entry.destination.weight
    ]
    marks = list(order) if order is not None else slots(place.service, candidates)
    rules = (_nat_rules if place.nat else _dr_rules)(place, marks)
    chains = {f"s{number}": rules}
    if not place.nat:
        chains = {**_dr_chains(place), **chains}
    flushed = [_block(f"table {table}", [_block(f"chain {chain}", ()) for chain in chains])]
    flushed += [f"flush chain {table} {chain}" for chain in chains]
    return [*flushed, _block(f"table {table}", [_block(f"chain {name}", lines) for name, lines in chains.items()])]


# --- pieces -----------------------------------------------------------------------------------------------------------


def _lookup(key: ServiceKey) -> str:
    if key.fwmark:
        return "svc_mark"
    return "svc" if key.port else "svc_all"


def _match(key: ServiceKey) -> str:
    if key.protocol is None:
        return str(key.fwmark)
    where = f"{key.address} . {key.protocol.name.lower()}"
    return f"{where} . {key.port}" if key.port else where


def _entrance(place: Place) -> str:
    return f"s{place.number}" if place.nat else f"t{place.number}"


def _persistence(place: Place) -> str:
    kind = "ct mark" if place.nat else "meta mark"
    lines = (f"typeof {place.family} saddr : {kind}", "size 65536", "flags dynamic,timeout")
    return _block(f"map p{place.number}", (*lines, f"timeout {place.service.persistence_s}s"))


def _pick(place: Place, marks: Sequence[int]) -> str:
    """Return the expression whose value is the mark of whoever gets a new connection."""
    if len(set(marks)) == 1:
        return str(marks[0])
    service, source = place.service, f"{place.family} saddr"
    with_port = f"{source} . th sport" if service.with_port else source
    key = {
        Scheduler.SH: f"jhash {with_port}",
        Scheduler.MH: f"jhash {with_port}",
        Scheduler.DH: f"jhash {place.family} daddr",
    }.get(service.scheduler, "numgen inc")
    elements = ", ".join(f"{number} : {mark}" for number, mark in enumerate(marks))
    return f"{key} mod {len(marks)} map {{ {elements} }}"


def _refuse(place: Place) -> list[str]:
    is_tcp = place.service.key.protocol is Protocol.TCP
    return ["reject with tcp reset" if is_tcp else "reject"]


def _nat_rules(place: Place, marks: Sequence[int]) -> list[str]:
    if not marks:
        return ["meta l4proto tcp reject with tcp reset", "reject"]
    remember = f"@p{place.number} {{ {place.client} : ct mark }}"
    picked = [f"ct mark set {_pick(place, marks)}"]
    if place.service.persistence_s is not None:
        again = [f"ct mark set {place.client} map @p{place.number}", f"ct mark @live update {remember} goto picked"]
        picked = [*again, *picked, f"update {remember}"]
    return [*picked, "goto picked"]


def _connection(place: Place) -> str:
    return f"{place.family} saddr . th sport"


def _sets(place: Place, entry: Entry) -> list[str]:
    """Return the sets of a real server's connections: `a` active, `z` ending."""
    protocol = place.service.key.protocol or Protocol.TCP
    times = {"a": _ACTIVE[protocol], "z": _ENDING}
    return [
        _block(
            f"set {letter}{entry.mark}",
            (f"typeof {_connection(place)}", f"size {_CONNECTIONS}", "flags dynamic,timeout", f"timeout {time}"),
        )
        for letter, time in times.items()
    ]


def _entry_chains(place: Place, entry: Entry) -> list[str]:
    """Return the chains of a real server: `b` begins a connection, `r` goes on, `e` ends it, `f` only forwards."""
    mark, key = entry.mark, _connection(place)
    is_tcp = place.service.key.protocol is Protocol.TCP
    choose = f"meta mark set {mark}"
    begin = [choose] if place.service.one_packet else [choose, f"update @a{mark} {{ {key} }}"]
    end = [f"tcp flags & (fin | rst) != 0 goto e{mark}"] if is_tcp else []
    return [
        _block(f"chain f{mark}", (choose, "goto forward")),
        _block(
            f"chain e{mark}",
            (
                f"update @z{mark} {{ {key} }} counter name x{mark}",
                f"delete @a{mark} {{ {key} }} goto forward",
                "goto forward",
            ),
        ),
        _block(f"chain r{mark}", (choose, *end, f"update @a{mark} {{ {key} }} goto forward")),
        _block(f"chain b{mark}", (*begin, f"counter name n{mark} goto forward")),
    ]


def _dr_chains(place: Place) -> dict[str, list[str]]:
    """Return how packets of known connections find their server: `t` is the entrance, `y` takes a SYN."""
    key, number = _connection(place), place.number
    marks = [entry.mark for entry in place.entries]
    known = [f"{key} @a{mark} goto r{mark}" for mark in marks]
    if place.service.one_packet:
        return {f"t{number}": [f"goto s{number}"], f"y{number}": []}
    if place.service.key.protocol is not Protocol.TCP:
        return {f"t{number}": [*known, f"goto s{number}"], f"y{number}": []}
    ending = [f"{key} @z{mark} goto f{mark}" for mark in marks]
    again = [f"{key} @a{mark} goto f{mark}" for mark in marks]  # a SYN that was sent twice keeps its server
    forget = [f"delete @z{mark} {{ {key} }}" for mark in marks]
    syn = f"tcp flags & (syn | ack | rst | fin) == syn goto y{number}"
    return {f"t{number}": [syn, *ending, *known, "accept"], f"y{number}": [*again, *forget, f"goto s{number}"]}


def _dr_rules(place: Place, marks: Sequence[int]) -> list[str]:
    if not marks:
        return _refuse(place)
    remember = f"@p{place.number} {{ {place.client} : meta mark }}"
    begin = "meta mark vmap { " + ", ".join(f"{mark} : goto b{mark}" for mark in sorted(set(marks))) + " }"
    picked = [f"meta mark set {_pick(place, marks)}"]
    if place.service.persistence_s is not None:
        everyone = ", ".join(f"{entry.mark} : goto b{entry.mark}" for entry in place.entries)
        again = [
            "meta mark set 0",
            f"meta mark set {place.client} map @p{place.number}",
            f"meta mark @live update {remember} meta mark vmap {{ {everyone} }}",
        ]
        picked = [*again, *picked, f"update {remember}"]
    return [*picked, begin]
