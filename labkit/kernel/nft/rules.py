"""Virtual services as nftables text: a scheduler only picks a mark, everything behind it is a map from that mark.

There is one mark for each real server of each service.  With NAT connection tracking remembers it; with DR each real
server has a set of its connections.  A change of one service is one transaction that rewrites that service's chains.

nft 1.0.6 aborts on `update @map` with keys above 16 bytes (hence sets for connections), crashes on listing maps
declared with `typeof jhash` (hence anonymous maps), and reserves words such as `fin` and `tcp` as names.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

from labkit.kernel.nft.slots import REFUSE, Candidate, slots
from labkit.kernel.nft.tables import FAMILY, TABLES, block
from labkit.lvs.model import Address, Destination, Protocol, Scheduler, Service, ServiceKey
from labkit.values import dataclass, field

_CONNECTIONS = 131072
_CLIENTS = 65536
_ACTIVE = {Protocol.TCP: "15m", Protocol.UDP: "5m", Protocol.SCTP: "15m"}  # IPVS's timeouts: ipvsadm --set
_ENDING = "2m"
_SEED = "seed 0x6c766b69"  # the same in every director and after every change, so that clients stay where they are


@dataclass(frozen=True, slots=True)
class Entry:
    """A real server with the mark that stands for it; `exit` (a verdict) and `to` say how DR reaches it, if it does."""

    mark: int
    destination: Destination
    exit: str = ""
    to: Address | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """How many connections a real server has, and whether it is at its upper threshold."""

    active: int = 0
    inactive: int = 0
    full: bool = False


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
        return TABLES[self.service.key.family, self.nat]

    @property
    def family(self) -> str:
        """`ip` or `ip6`."""
        return FAMILY[self.service.key.family]

    @property
    def clients(self) -> str:
        """The name of the map that remembers clients, by what decides how; empty without persistence."""
        timeout, prefix = self.service.persistence_s, self.service.persistence_prefix
        return "" if timeout is None else f"p{self.number}_{timeout}_{'' if prefix is None else prefix}"

    @property
    def client(self) -> str:
        """What a client is told by; with a persistence of networks, its network."""
        prefix = self.service.persistence_prefix
        if prefix is None:
            return f"{self.family} saddr"
        if self.service.key.family == 4:
            return f"ip saddr and {IPv4Address((2**32 - 1) >> (32 - prefix) << (32 - prefix))}"
        return f"ip6 saddr and {IPv6Address((2**128 - 1) >> (128 - prefix) << (128 - prefix))}"


# --- one service ------------------------------------------------------------------------------------------------------


def counters(place: Place) -> tuple[str, str, str]:
    """Return the letters of the counters of a real server: new connections, packets in, and out (NAT) or ended (DR)."""
    return ("n", "i", "o") if place.nat else ("n", "i", "x")


def remember_clients(place: Place) -> list[str]:
    """Return the commands that make what a service remembers clients in."""
    return [block(f"table {place.table}", (_persistence(place),))] if place.clients else []


def forget_clients(place: Place) -> list[str]:
    """Return the commands that delete it, after the service no longer looks there."""
    return [f"delete map {place.table} {place.clients}"] if place.clients else []


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
    return commands + forget_clients(place)


def add_entry(place: Place, entry: Entry) -> list[str]:
    """Return the commands that make a real server known; no connection goes to it before the service is scheduled."""
    table, mark = place.table, entry.mark
    objects = [block(f"counter {letter}{mark}", ()) for letter in counters(place)]
    if not place.nat:
        objects += [*_sets(place, entry), *_entry_chains(place, entry)]
    commands = [block(f"table {table}", objects), *_counting("add", place, mark)]
    return [*commands, *reach(place, entry), f"add element {table} live {{ {mark} }}"]


def remove_entry(place: Place, entry: Entry) -> list[str]:
    """Return the commands that forget a real server and its connections, after its service no longer names it."""
    table, mark = place.table, entry.mark
    commands = [f"delete element {table} live {{ {mark} }}", *reach(place, entry, "delete")]
    commands += _counting("delete", place, mark)
    if not place.nat:
        chains = [f"{letter}{mark}" for letter in "rfeb"]
        commands += [f"flush chain {table} {chain}" for chain in chains]
        commands += [f"delete chain {table} {chain}" for chain in chains]
        commands += [f"delete set {table} {letter}{mark}" for letter in ("a", "z")]
    return commands + [f"delete counter {table} {letter}{mark}" for letter in counters(place)]


def _counting(verb: str, place: Place, mark: int) -> list[str]:
    """Return the commands that begin or end counting for a mark: each map names the counter of its letter."""
    maps = ("c_new", "c_in", "c_out" if place.nat else "c_end")
    return [
        f'{verb} element {place.table} {name} {{ {mark} : "{letter}{mark}" }}'
        for name, letter in zip(maps, counters(place), strict=True)
    ]


def reach(place: Place, entry: Entry, verb: str = "add") -> list[str]:
    """Return the commands that make known where a real server is, or (`delete`) forget it."""
    mark, destination = entry.mark, entry.destination
    if place.nat:
        port = f" . {destination.port}" if destination.port else ""
        return [f"{verb} element {place.table} dest{'' if port else '_any'} {{ {mark} : {destination.address}{port} }}"]
    if not entry.exit:
        return []
    pairs = {"dest": entry.to, "send": entry.exit}
    return [f"{verb} element {place.table} {name} {{ {mark} : {value} }}" for name, value in pairs.items()]


def schedule(place: Place, loads: Mapping[int, Load]) -> list[str]:
    """Return the commands that rewrite how a service picks, with the connections of its real servers by their marks."""
    number, table = place.number, place.table
    rules = (_nat_rules if place.nat else _dr_rules)(place, order(place, loads))
    chains = {f"s{number}": rules}
    if not place.nat:
        chains = {**_dr_chains(place), **chains}
    flushed = [block(f"table {table}", [block(f"chain {chain}", ()) for chain in chains])]
    flushed += [f"flush chain {table} {chain}" for chain in chains]
    return [*flushed, block(f"table {table}", [block(f"chain {name}", lines) for name, lines in chains.items()])]


def order(place: Place, loads: Mapping[int, Load]) -> list[int]:
    """Return the marks in the order in which new connections get them."""
    candidates = []
    for entry in place.entries:
        load, destination = loads.get(entry.mark, Load()), entry.destination
        candidates.append(
            Candidate(
                mark=entry.mark,
                weight=destination.weight,
                name=str(destination.address),
                active=load.active,
                inactive=load.inactive,
                full=load.full,
            )
        )
    return slots(place.service, candidates)


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
    lines = (f"typeof {place.family} saddr : {kind}", f"size {_CLIENTS}", "flags dynamic,timeout")
    return block(f"map {place.clients}", (*lines, f"timeout {place.service.persistence_s}s"))


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
    }.get(service.scheduler)
    by = f"{key} mod {len(marks)} {_SEED}" if key else f"numgen inc mod {len(marks)}"
    return f"{by} map {{ {', '.join(f'{number} : {mark}' for number, mark in enumerate(marks))} }}"


_REFUSAL = ("meta l4proto tcp reject with tcp reset", "reject")


def _nat_rules(place: Place, marks: Sequence[int]) -> list[str]:
    if not marks:
        return list(_REFUSAL)
    remember = f"@{place.clients} {{ {place.client} : ct mark }}"
    picked = [f"ct mark set {_pick(place, marks)}"]
    if REFUSE in marks:
        picked += [f"ct mark {REFUSE} {line}" for line in _REFUSAL]
    if place.clients:
        again = [f"ct mark set {place.client} map @{place.clients}", f"ct mark @live update {remember} goto picked"]
        picked = [*again, f"delete {remember}", *picked, f"update {remember}"]  # `update` keeps an old value
    return [*picked, "goto picked"]


def _connection(place: Place) -> str:
    """Return what tells connections of a service apart; one of all ports needs the port that was asked for."""
    source = f"{place.family} saddr . th sport"
    return source if place.service.key.port else f"{source} . th dport"


def _sets(place: Place, entry: Entry) -> list[str]:
    """Return the sets of a real server's connections: `a` active, `z` ending."""
    protocol = place.service.key.protocol or Protocol.TCP
    times = {"a": _ACTIVE[protocol], "z": _ENDING}
    return [
        block(
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
        block(f"chain f{mark}", (choose, "goto forward")),
        block(
            f"chain e{mark}",
            (
                f"update @z{mark} {{ {key} }} counter name x{mark}",
                f"delete @a{mark} {{ {key} }} goto forward",
                "goto forward",
            ),
        ),
        block(f"chain r{mark}", (choose, *end, f"update @a{mark} {{ {key} }} goto forward")),
        block(f"chain b{mark}", (*begin, f"counter name n{mark} goto forward")),
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
        return list(_REFUSAL)
    remember = f"@{place.clients} {{ {place.client} : meta mark }}"
    begin = "meta mark vmap { " + ", ".join(f"{mark} : goto b{mark}" for mark in sorted({*marks} - {REFUSE})) + " }"
    picked = [f"meta mark set {_pick(place, marks)}"]
    if REFUSE in marks:
        picked += [f"meta mark {REFUSE} {line}" for line in _REFUSAL]
    if place.clients:
        everyone = ", ".join(f"{entry.mark} : goto b{entry.mark}" for entry in place.entries)
        again = [
            "meta mark set 0",
            f"meta mark set {place.client} map @{place.clients}",
            f"meta mark @live update {remember} meta mark vmap {{ {everyone} }}",
        ]
        picked = [*again, f"delete {remember}", *picked, f"update {remember}"]  # `update` keeps an old value
    return [*picked, begin]
