"""The load balancing part of a keepalived.conf: from checked lines to virtual servers that can be."""

from collections import deque
from collections.abc import Mapping, Sequence

from labkit.conf.checks import Times, build_checks
from labkit.conf.complaints import Complaints
from labkit.conf.endpoints import Member, Place, Title, Way
from labkit.conf.model import Config
from labkit.conf.model_balancing import ServerNotifies, TlsMaterial, VirtualServer
from labkit.conf.reader import Document, Statement
from labkit.conf.schema import Leaf, balancing, trackers
from labkit.conf.section import Section, bind_each
from labkit.conf.shared import require, unique_titles
from labkit.conf.source import line_from
from labkit.conf.weights import Weighing
from labkit.diagnostics import Span, did_you_mean
from labkit.hints import Any, NamedTuple
from labkit.lvs.config import RealServerConfig, VirtualServerConfig
from labkit.lvs.model import Destination, Forwarding, Protocol, Scheduler, Service, ServiceKey
from labkit.trace import SECOND, Micros
from labkit.values import dataclass, replace

LONG_PERSISTENCE: Micros = 300 * SECOND
"""From here on a person who tries a round robin by hand will take it for broken."""

_PERSISTENCE: Micros = 360 * SECOND  # where none is written, and there must be one


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """What virtual servers take from the rest of the file."""

    groups: Mapping[str, Section]
    files: Mapping[str, Weighing]  # track_file blocks and their weights
    log_all_failures: bool = False


def build_balancing(top: Section, config: Config | None, complaints: Complaints) -> Config | None:
    """Return a configuration with the load balancing of its file; without one (None) the lines are looked at only.

    The virtual servers are bound one at a time: they may be very many.
    """
    sections = bind_each(top.document, balancing.VIRTUAL_SERVER, complaints)
    if config is None:
        deque(sections, maxlen=0)
        return None
    groups = top.sections(balancing.VIRTUAL_SERVER_GROUP)
    unique_titles(groups, complaints)
    neighbours = Neighbours(
        groups={str(section.title): section for section in groups if section.title is not None},
        files={str(section.title): _file_weight(section) for section in top.sections(trackers.TRACK_FILE_BLOCK)},
        log_all_failures=config.global_defs.checker_log_all_failures,
    )
    built = [(_Builder(section, neighbours, complaints).build(), section.statement) for section in sections]
    servers = [(server, statement) for server, statement in built if server is not None]
    _check_services(top.document, servers, complaints)
    virtual_servers = tuple(server for server, _ in servers)
    return replace(config, virtual_servers=virtual_servers, tls=_build_tls(top.sections(balancing.SSL)))


_IN_VAIN_BY_MARK: tuple[tuple[Leaf[Any], str], ...] = (
    (balancing.HA_SUSPEND, "has no address to wait for"),
    (balancing.PROTOCOL, "stands for packets of any protocol"),
)


def _file_weight(section: Section) -> Weighing:
    return section.get(trackers.FILE_WEIGHT) or Weighing(1)


class _Builder:
    """One virtual server in the making."""

    def __init__(self, section: Section, around: Neighbours, complaints: Complaints) -> None:
        self.section = section
        self.around = around
        self.complaints = complaints
        self.title: Title | None = section.title if isinstance(section.title, Title) else None
        self.protocol: Protocol | None = section.get(balancing.PROTOCOL)
        self.way: Way = section.get(balancing.LB_KIND) or Way(Forwarding.NAT)
        self.scheduler: Scheduler = section.get(balancing.LB_ALGO) or Scheduler.WLC
        self._times: dict[int, Times] = {}  # of real servers, by what they say

    def build(self) -> VirtualServer | None:
        errors = self.complaints.errors
        self._check_presence()
        self._check_effect()
        keys = self._keys()
        servers = self._servers(keys)
        self._check_persistence(keys)
        quorum, hysteresis = self._quorum(servers)
        sorry = self._sorry(keys)
        if self.complaints.errors > errors or not keys:
            return None
        section = self.section
        core = VirtualServerConfig(
            service=self._service(keys),
            also=keys[1:],
            servers=tuple(config for config, _ in servers),
            quorum=quorum,
            hysteresis=hysteresis,
            sorry=sorry,
            sorry_inhibit=section.says(balancing.SORRY_INHIBIT),
            omega=section.says(balancing.OMEGA),
            suspend=section.says(balancing.HA_SUSPEND),
        )
        return VirtualServer(
            core=core,
            quorum_up=section.get(balancing.QUORUM_UP),
            quorum_down=section.get(balancing.QUORUM_DOWN),
            smtp_alert=section.get(balancing.SMTP_ALERT),
            servers=tuple(notifies for _, notifies in servers),
        )

    def _check_presence(self) -> None:
        """keepalived: without lb_algo and lb_kind it takes wlc and NAT; without protocol UDP, which nobody means."""
        section = self.section
        require(section, self.complaints, balancing.REAL_SERVER)
        if self.title is None or self.title.place is not None or self.title.group:
            require(section, self.complaints, balancing.PROTOCOL)
        for keyword, taken in ((balancing.LB_ALGO, "wlc"), (balancing.LB_KIND, "NAT")):
            if section.lacks(keyword):
                message = f"this virtual_server has no `{keyword.name}`; {taken} is taken"
                self.complaints.warning(section.span(), message, f"add `{keyword.name} {taken}`")

    def _check_effect(self) -> None:
        """Warn of what stands there in vain, which keepalived ignores with a message."""
        section = self.section
        for keyword in (balancing.WITH_PORT, balancing.FALLBACK):
            if section.says(keyword) and self.scheduler not in (Scheduler.SH, Scheduler.MH):
                written = section.statements[keyword.name].words[0]
                if not written.startswith("flag-"):  # the kernel's own name: for whatever scheduler it has
                    message = f"`{written}` has no effect with `lb_algo {self.scheduler}`"
                    self.complaints.warning(section.span(keyword), message, "remove it, or write `lb_algo sh` or `mh`")
        if self.title is not None and self.title.fwmark:
            for keyword, why in _IN_VAIN_BY_MARK:
                if section.has(keyword):
                    message = f"`{keyword.name}` has no effect for a firewall mark, which {why}"
                    self.complaints.warning(section.span(keyword), message, "remove it")

    # --- the service --------------------------------------------------------------------------------------------------

    def _keys(self) -> tuple[ServiceKey, ...]:
        title, protocol = self.title, self.protocol
        if title is None:
            return ()
        if title.fwmark:
            return (ServiceKey(fwmark=title.fwmark, family=self._family_of_mark()),)
        if title.place is not None:
            return (_key(title.place, protocol),) if protocol is not None else ()
        group = self.around.groups.get(title.group)
        if group is None:
            hint = did_you_mean(title.group, self.around.groups)
            self.complaints.error(self._place_of_group(), f"no virtual_server_group is called `{title.group}`", hint)
            return ()
        members = [entry.value for entry in group.lines(balancing.GROUP_MEMBERS)]
        if not group.statement.body:
            message = f"virtual_server_group `{title.group}` is empty, so that this virtual_server serves nothing"
            self.complaints.warning(
                self._place_of_group(), message, "write a line such as `192.0.2.1 80` or `fwmark 1` in it"
            )
        return tuple(dict.fromkeys(key for member in members for key in self._keys_of(member, protocol)))

    def _place_of_group(self) -> Span:
        return self.section.document.span(self.section.statement, 2)

    def _keys_of(self, member: Member, protocol: Protocol | None) -> list[ServiceKey]:
        if member.fwmark:
            return [ServiceKey(fwmark=member.fwmark, family=member.family or self._family_of_mark())]
        return [_key(place, protocol) for place in member.places] if protocol is not None else []

    def _family_of_mark(self) -> int:
        """Return the family of a service by mark: as written, else that of its real servers."""
        written: int | None = self.section.get(balancing.IP_FAMILY)
        titles = [server.title for server in self.section.sections(balancing.REAL_SERVER)]
        of_servers = next((title.address.version for title in titles if isinstance(title, Place)), 4)
        return written or of_servers

    def _persistence(self, keys: Sequence[ServiceKey]) -> Micros | None:
        """Return how long clients stay. keepalived: with a service of every port they do, whatever is written."""
        timeout: Micros | None = self.section.get(balancing.PERSISTENCE_TIMEOUT)
        if timeout is None and any(not key.port and not key.fwmark for key in keys):
            return _PERSISTENCE
        return timeout

    def _service(self, keys: Sequence[ServiceKey]) -> Service:
        section = self.section
        timeout = self._persistence(keys)
        return Service(
            key=keys[0],
            scheduler=self.scheduler,
            persistence_s=None if timeout is None else timeout // SECOND,
            persistence_prefix=section.get(balancing.GRANULARITY),
            persistence_engine=section.get(balancing.PERSISTENCE_ENGINE),
            one_packet=section.says(balancing.OPS),
            hashed=section.says(balancing.HASHED),
            fallback=section.says(balancing.FALLBACK),
            with_port=section.says(balancing.WITH_PORT),
            flag_3=section.says(balancing.FLAG_3),
        )

    def _check_granularity(self, family: int) -> None:
        prefix: int = self.section.get(balancing.GRANULARITY) or 0
        statement = self.section.statements[balancing.GRANULARITY.name]
        if family == 4 and prefix > 32:
            message = f"IPv4 has no prefix length of {prefix}"
            self.complaints.error(self.section.span(balancing.GRANULARITY), message, "write at most 32, or a netmask")
        elif family == 6 and "." in statement.words[1]:
            message = f"`{statement.words[1]}` is a netmask of IPv4"
            hint = "write a prefix length such as 64"
            self.complaints.error(self.section.span(balancing.GRANULARITY), message, hint)

    def _check_persistence(self, keys: Sequence[ServiceKey]) -> None:
        section = self.section
        if keys and section.has(balancing.GRANULARITY):
            self._check_granularity(keys[0].family)
        timeout = self._persistence(keys)
        if timeout is not None and not section.has(balancing.PERSISTENCE_TIMEOUT):
            taken = f"`persistence_timeout {timeout // SECOND}`"
            message = f"of every port, a client's connections must go to one real server; {taken} is taken"
            self.complaints.warning(section.span(), message, f"add {taken}, or a port")
        elif timeout is None:
            for keyword in (balancing.GRANULARITY, balancing.PERSISTENCE_ENGINE):
                if section.has(keyword):
                    message = f"`{keyword.name}` has no effect without `persistence_timeout`"
                    self.complaints.error(section.span(keyword), message, "add `persistence_timeout`, or remove it")
        elif timeout > LONG_PERSISTENCE and self.scheduler in (Scheduler.RR, Scheduler.WRR):
            message = f"one client stays with one real server for {timeout // SECOND} s, which hides `{self.scheduler}`"
            hint = "to see it share, remove the line or ask from several addresses"
            self.complaints.warning(section.span(balancing.PERSISTENCE_TIMEOUT), message, hint)
        if section.says(balancing.OPS) and self.protocol not in (None, Protocol.UDP):
            message = "`ops` schedules each packet, which only UDP can bear"
            self.complaints.error(section.span(balancing.OPS), message, "remove it, or write `protocol UDP`")

    def _quorum(self, servers: Sequence[tuple[RealServerConfig, ServerNotifies]]) -> tuple[int, int]:
        """Return quorum and hysteresis. keepalived: a quorum above the weight of all servers is taken to be that."""
        section = self.section
        quorum, hysteresis = section.get(balancing.QUORUM) or 1, section.get(balancing.HYSTERESIS) or 0
        if hysteresis >= quorum:
            message = f"a hysteresis of {hysteresis} leaves nothing of a quorum of {quorum}"
            self.complaints.error(section.span(balancing.HYSTERESIS), message, f"write at most {quorum - 1}")
        total = sum(config.destination.weight for config, _ in servers)
        if not servers or not section.has(balancing.QUORUM) or quorum + hysteresis <= total:
            return quorum, hysteresis
        message = f"all real servers together weigh {total}, which never reaches {quorum + hysteresis}"
        hint = f"write a quorum (and hysteresis) of at most {total} together"
        if quorum > max(1, total):
            quorum = max(1, total)
            hysteresis = min(hysteresis, quorum - 1)
            message += f"; a quorum of {quorum} is taken" + (f" (hysteresis {hysteresis})" if hysteresis else "")
        self.complaints.warning(section.span(balancing.QUORUM), message, hint)
        return quorum, hysteresis

    # --- real servers -------------------------------------------------------------------------------------------------

    def _sorry(self, keys: Sequence[ServiceKey]) -> Destination | None:
        place: Place | None = self.section.get(balancing.SORRY_SERVER)
        if place is None or not keys:
            return None
        way: Way = self.section.get(balancing.SORRY_METHOD) or self.way
        place = place if place.port else place._replace(port=keys[0].port)
        self._check_way(self.section.statements[balancing.SORRY_SERVER.name], place, way, keys)
        return Destination(address=place.address, port=place.port, forwarding=way.forwarding, tunnel=way.tunnel)

    def _servers(self, keys: Sequence[ServiceKey]) -> list[tuple[RealServerConfig, ServerNotifies]]:
        seen: dict[Place, Section] = {}
        built = []
        port = keys[0].port if keys else 0
        for section in self.section.sections(balancing.REAL_SERVER):
            if not isinstance(section.title, Place):
                continue
            place = section.title if section.title.port else section.title._replace(port=port)
            known = seen.setdefault(place, section)
            if known is not section:
                message = f"this real_server is there already, in {line_from(known.span(), section.span())}"
                self.complaints.error(section.span(), message, "keep one of them")
                continue
            built.append(self._server(section, place, keys))
        return built

    def _server(
        self, section: Section, place: Place, keys: Sequence[ServiceKey]
    ) -> tuple[RealServerConfig, ServerNotifies]:
        asked = section.once(_asked, self.complaints)
        way = asked.way or self.way
        self._check_way(section.statement, place, way, keys)
        weight = asked.weight if asked.weight is not None else self.section.get(balancing.REAL_WEIGHT)
        destination = Destination(
            address=place.address,
            port=place.port,
            forwarding=way.forwarding,
            weight=1 if weight is None else weight,
            upper=asked.upper,
            lower=asked.lower,
            tunnel=way.tunnel,
        )
        inhibit = asked.inhibit if asked.inhibit is not None else self.section.get(balancing.INHIBIT)
        checks = build_checks(section, place, self._times_of(section), self.around.files, self.complaints)
        return RealServerConfig(destination=destination, checks=checks, inhibit=bool(inhibit)), asked.told

    def _times_of(self, section: Section) -> Times:
        """Return the times of a real server; those of servers that say the same are one."""
        said = id(section.values)
        if said not in self._times:
            self._times[said] = Times(self.section.values | section.values, self.around.log_all_failures)
        return self._times[said]

    def _check_way(self, statement: Statement, place: Place, way: Way, keys: Sequence[ServiceKey]) -> None:
        """DR and TUN hand the packet over as it is, with the port that the client wrote; only TUN mixes families."""
        document = self.section.document
        for key in keys:
            if way.forwarding is not Forwarding.NAT and key.port != place.port and not key.fwmark:
                message = f"`{way.forwarding}` cannot change the port from {key.port} to {place.port}"
                where = document.span(statement, len(statement.words) - 1)
                self.complaints.error(where, message, f"write {key.port}, or `lb_kind NAT`")
                return
            if way.forwarding is not Forwarding.TUN and key.family != place.address.version:
                message = f"{place.address} is not of the family of {key.address or f'fwmark {key.fwmark}'}"
                hint = f"write an IPv{key.family} address, or `lb_kind TUN`"
                self.complaints.error(document.span(statement, 1), message, hint)
                return


class _Asked(NamedTuple):
    """What the lines of a real server ask for, wherever it is."""

    way: Way | None
    weight: int | None
    upper: int
    lower: int
    inhibit: bool | None
    told: ServerNotifies


def _asked(section: Section, complaints: Complaints) -> _Asked:
    upper, lower = section.get(balancing.UTHRESHOLD) or 0, section.get(balancing.LTHRESHOLD) or 0
    if upper and lower > upper:
        message = f"`lthreshold {lower}` is above `uthreshold {upper}`"
        complaints.error(section.span(balancing.LTHRESHOLD), message, f"write at most {upper}")
    told = section.given(_TOLD)
    return _Asked(
        way=section.get(balancing.LVS_METHOD),
        weight=section.get(balancing.REAL_WEIGHT),
        upper=upper,
        lower=lower,
        inhibit=section.get(balancing.INHIBIT),
        told=ServerNotifies(**told) if told else _NOBODY,
    )


_TOLD: Mapping[str, Leaf[Any]] = {
    "up": balancing.NOTIFY_UP,
    "down": balancing.NOTIFY_DOWN,
    "smtp_alert": balancing.SMTP_ALERT,
}
_NOBODY = ServerNotifies()


def _key(place: Place, protocol: Protocol | None) -> ServiceKey:
    return ServiceKey(protocol=protocol, address=place.address, port=place.port, family=place.address.version)


def _check_services(
    document: Document, servers: Sequence[tuple[VirtualServer, Statement]], complaints: Complaints
) -> None:
    """Refuse two virtual servers for one address, port and protocol, or one mark."""
    seen: dict[ServiceKey, Statement] = {}
    for server, statement in servers:
        for key in server.core.keys:
            known = seen.setdefault(key, statement)
            if known is not statement:
                place = document.span(statement, 1)
                message = f"there is a virtual_server for {key} already, in {line_from(document.span(known, 1), place)}"
                complaints.error(place, message, "keep one of them")
                break


def _build_tls(sections: Sequence[Section]) -> TlsMaterial:
    """Return the `SSL` block."""
    for section in sections:
        return TlsMaterial(
            password=section.get(balancing.SSL_PASSWORD),
            ca=section.get(balancing.SSL_CA),
            certificate=section.get(balancing.SSL_CERTIFICATE),
            key=section.get(balancing.SSL_KEY),
        )
    return TlsMaterial()
