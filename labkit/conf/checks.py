"""The checks of a real server: from checked lines to what is run, and when."""

from collections.abc import Mapping

from labkit.conf.complaints import Complaints
from labkit.conf.endpoints import Pattern, Place
from labkit.conf.expressions import expression
from labkit.conf.model_balancing import (
    Check,
    Connection,
    DnsCheck,
    FileCheck,
    HttpCheck,
    HttpProtocol,
    MiscCheck,
    PingCheck,
    SmtpCheck,
    TcpCheck,
    UdpCheck,
    Url,
)
from labkit.conf.schema import balancing
from labkit.conf.schema.keyword import Leaf
from labkit.conf.section import Section
from labkit.conf.shared import require
from labkit.conf.weights import Weighing
from labkit.diagnostics import did_you_mean
from labkit.hints import Any, NamedTuple, TypeVar
from labkit.lvs.check import CheckConfig
from labkit.lvs.model import Address
from labkit.trace import SECOND, Micros
from labkit.values import dataclass, field, replace

T = TypeVar("T")
_LONGEST_LABEL = 63  # bytes (RFC 1035 2.3.4)
_DIGEST = expression(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Times:
    """Where a check's times may be written: in the virtual server, the real server, the check; the last one wins.

    `outer` is what virtual and real server say, `log_all` log_all_failures where no check says otherwise.
    """

    outer: Mapping[str, Any]
    log_all: bool = False
    known: dict[tuple[int, type[Check]], dict[str, Any]] = field(default_factory=dict)  # of checks, by what they say

    def of(self, check: Section, keyword: Leaf[T]) -> T | None:
        """Return the value that counts for a check, or None where none is written."""
        value: T | None = check.values.get(keyword.name)
        return self.outer.get(keyword.name) if value is None else value


def build_checks(
    server: Section, place: Place, times: Times, files: Mapping[str, Weighing], complaints: Complaints
) -> tuple[CheckConfig, ...]:
    """Return the checks of a real server in the order of the file; one that is wrong is left out, after complaining."""
    built = []
    for name, section in server.once(_checks_of, complaints):
        spec = _Builder(section, place, times, files, complaints).build(name)
        if spec is not None:
            built.append(CheckConfig(spec=spec, **_times_of(section, type(spec), times)))
    return tuple(built)


def _checks_of(server: Section, _: Complaints) -> list[tuple[str, Section]]:
    """Return the checks of a real server by their names, in the order of the file."""
    sections = [(name, section) for name, found in server.blocks.items() if name in _CHECKS for section in found]
    return sorted(sections, key=lambda found: found[1].statement.line)


_CHECKS = frozenset(block.name for block in balancing.CHECKS)
_BY_PORT = frozenset({"TCP_CHECK", "HTTP_GET", "SSL_GET", "UDP_CHECK"})  # the others know one, or need none
_RETRIES: dict[type[Check], int] = {DnsCheck: 3, HttpCheck: 3, MiscCheck: 0}
_DELAYS: dict[type[Check], Micros] = {HttpCheck: 3 * SECOND}


def _times_of(section: Section, kind: type[Check], times: Times) -> dict[str, Any]:
    """Return when a check runs and what of it counts; what is said more than once is worked out once."""
    key = id(section), kind
    if key not in times.known:
        times.known[key] = _timed(section, kind, times)
    return times.known[key]


def _timed(section: Section, kind: type[Check], times: Times) -> dict[str, Any]:
    said = {**times.outer, **section.values}
    loop = said.get("delay_loop") or 60 * SECOND
    usual_delay = loop if kind is DnsCheck else _DELAYS.get(kind, SECOND)
    retry, delay, warmup = said.get("retry"), said.get("delay_before_retry"), said.get("warmup")
    if retry is None and kind is HttpCheck:
        retry = section.get(balancing.NB_GET_RETRY)
    return {
        "delay_loop": loop,
        "warmup": loop if warmup is None else warmup,
        "retry": _RETRIES.get(kind, 1) if retry is None else retry,
        "delay_before_retry": usual_delay if delay is None else delay,
        "alpha": said.get("alpha") or False,
        "log_all": said.get("log_all_failures", times.log_all) or False,
    }


class _Builder:
    """One check in the making."""

    def __init__(
        self, section: Section, place: Place, times: Times, files: Mapping[str, Weighing], complaints: Complaints
    ) -> None:
        self.section = section
        self.place = place
        self.times = times
        self.files = files
        self.complaints = complaints

    def build(self, name: str) -> Check | None:
        connection = self._connection(self.section)
        if not connection.port and name in _BY_PORT:
            message = f"this {name} has no port to connect to and will always fail"
            self.complaints.warning(self.section.span(), message, "add `connect_port` and a port")
        match name:
            case "TCP_CHECK":
                return TcpCheck(connection=connection)
            case "HTTP_GET":
                return self._http(connection, tls=False)
            case "SSL_GET":
                return self._http(connection, tls=True)
            case "SMTP_CHECK":
                return self._smtp(connection)
            case "DNS_CHECK":
                return self._dns(connection)
            case "MISC_CHECK":
                return self._misc()
            case "PING_CHECK":
                return PingCheck(connection=connection)
            case "UDP_CHECK":
                return self._udp(connection)
            case _:
                return self._file()

    def _connection(self, section: Section) -> Connection:
        port = 53 if section.statement.words[0] == "DNS_CHECK" and not self.place.port else self.place.port
        way = section.once(_way_there, self.complaints)
        address = way.address or self.place.address
        if way.source is not None and way.source.version != address.version:
            message = f"{way.source} is not of the family of {address}"
            self.complaints.error(section.span(balancing.BINDTO), message, f"write an IPv{address.version} address")
        return Connection(
            address=address,
            port=way.port or port,
            source=way.source,
            source_interface=way.source_interface,
            source_port=way.source_port,
            fwmark=way.fwmark,
            timeout=self.times.of(section, balancing.CONNECT_TIMEOUT) or 5 * SECOND,
        )

    def _http(self, connection: Connection, *, tls: bool) -> HttpCheck:
        return HttpCheck(
            connection=connection,
            virtualhost=self.times.of(self.section, balancing.VIRTUALHOST),
            tls=tls,
            **self.section.once(_requests, self.complaints),
        )

    def _smtp(self, connection: Connection) -> SmtpCheck:
        hosts = [self._connection(host) for host in self.section.sections(balancing.SMTP_HOST)] or [connection]
        connections = tuple(one if one.port else replace(one, port=25) for one in hosts)
        return SmtpCheck(connections=connections, helo_name=self.section.get(balancing.HELO_NAME))

    def _dns(self, connection: Connection) -> DnsCheck:
        section = self.section
        name: str = section.get(balancing.DNS_NAME) or "."
        labels = name.removesuffix(".").split(".") if name != "." else []
        if not all(1 <= len(label.encode()) <= _LONGEST_LABEL for label in labels):
            message = f"a part of `{name}` has no letter, or more than {_LONGEST_LABEL}"
            self.complaints.error(section.span(balancing.DNS_NAME), message, "write a name such as www.example.org")
        return DnsCheck(connection=connection, kind=section.get(balancing.DNS_TYPE) or "SOA", name=name)

    def _misc(self) -> MiscCheck | None:
        section = self.section
        require(section, self.complaints, balancing.MISC_PATH)
        command = section.get(balancing.MISC_PATH)
        if command is None:
            return None
        loop = self.times.of(section, balancing.DELAY_LOOP) or 60 * SECOND
        return MiscCheck(
            command=replace(command, user=section.get(balancing.MISC_USER)),
            timeout=section.get(balancing.MISC_TIMEOUT) or loop,
            dynamic=section.says(balancing.MISC_DYNAMIC),
        )

    def _udp(self, connection: Connection) -> UdpCheck:
        section = self.section
        payload: Pattern | None = section.get(balancing.PAYLOAD)
        reply: Pattern | None = section.get(balancing.REQUIRE_REPLY)
        least, most = section.get(balancing.MIN_REPLY_LENGTH) or 0, section.get(balancing.MAX_REPLY_LENGTH)
        most = 255 if most is None else most
        if least > most:
            span = section.span(balancing.MIN_REPLY_LENGTH)
            self.complaints.error(span, f"no answer is at least {least} and at most {most} bytes long", "mend one")
        return UdpCheck(
            connection=connection,
            payload=payload.data if payload else None,
            require_reply=reply is not None,
            reply=reply.data if reply else b"",
            reply_mask=reply.mask if reply else b"",
            least=least,
            most=most,
        )

    def _file(self) -> FileCheck | None:
        section = self.section
        require(section, self.complaints, balancing.CHECK_FILE)
        name = section.get(balancing.CHECK_FILE)
        if name is None:
            return None
        if name not in self.files:
            span = section.span(balancing.CHECK_FILE)
            self.complaints.error(span, f"no track_file is called `{name}`", did_you_mean(name, self.files))
            return None
        weighing = section.get(balancing.CHECK_WEIGHT) or self.files[name]
        return FileCheck(file=name, weight=weighing.weight, reverse=weighing.reverse)


def _is_on(section: Section, switch: Leaf[bool]) -> bool:
    value: bool | None = section.get(switch)
    return bool(value)


class _Way(NamedTuple):
    """What a check's own lines say of how to connect, the time aside."""

    address: Address | None
    port: int | None
    source: Address | None
    source_interface: str | None
    source_port: int
    fwmark: int


def _way_there(section: Section, _: Complaints) -> _Way:
    return _Way(
        address=section.get(balancing.CONNECT_IP),
        port=section.get(balancing.CONNECT_PORT),
        source=section.get(balancing.BINDTO),
        source_interface=section.get(balancing.BIND_IF),
        source_port=section.get(balancing.BIND_PORT) or 0,
        fwmark=section.get(balancing.FWMARK) or 0,
    )


def _requests(section: Section, complaints: Complaints) -> dict[str, Any]:
    """Return what an HTTP check's own lines say of what it asks for."""
    require(section, complaints, balancing.URL)
    return {
        "urls": tuple(_url(url, complaints) for url in section.sections(balancing.URL)),
        "protocol": section.get(balancing.HTTP_PROTOCOL) or HttpProtocol.HTTP_1_0,
        "fast_recovery": _is_on(section, balancing.FAST_RECOVERY),
        "sni": _is_on(section, balancing.ENABLE_SNI),
        "sni_name": section.get(balancing.SNI_NAME),
    }


def _url(section: Section, complaints: Complaints) -> Url:
    digest: str | None = section.get(balancing.DIGEST)
    if digest is not None and not _DIGEST.fullmatch(digest):
        hint = "write the MD5 of the page as `pykeepalived genhash` prints it"
        complaints.error(section.span(balancing.DIGEST), f"`{digest}` is no MD5 digest", hint)
    path: str | None = section.get(balancing.PATH)
    if path is not None and not path.startswith("/"):
        complaints.error(section.span(balancing.PATH), f"`{path}` is no path", f"write `/{path}`")
    return Url(
        path=path or "/",
        statuses=section.get(balancing.STATUS_CODE) or ((200, 299),),
        digest=digest.lower() if digest else None,
        virtualhost=section.get(balancing.VIRTUALHOST),
        regex=_regex(section, complaints),
        regex_no_match=section.says(balancing.REGEX_NO_MATCH),
        regex_options=_regex_options(section, complaints),
        regex_min_offset=section.get(balancing.REGEX_MIN_OFFSET) or 0,
        regex_max_offset=section.get(balancing.REGEX_MAX_OFFSET),
    )


def _regex(section: Section, complaints: Complaints) -> str | None:
    regex: str | None = section.get(balancing.REGEX)
    if regex is None:
        return None
    import re  # for files with a regex

    from labkit.conf.regexes import compile_regex

    try:
        compile_regex(regex)
    except re.error as error:
        complaints.error(section.span(balancing.REGEX), f"this is no regular expression: {error}", "mend it")
    return regex


def _regex_options(section: Section, complaints: Complaints) -> frozenset[str]:
    options: frozenset[str] = section.get(balancing.REGEX_OPTIONS) or frozenset()
    if not options:
        return options
    from labkit.conf.regexes import OPTIONS

    for option in sorted(options - OPTIONS):
        span = section.span(balancing.REGEX_OPTIONS)
        hint = did_you_mean(option, sorted(OPTIONS))
        complaints.error(span, f"the option `{option}` of pcre2 is not supported by labkit", hint)
    return options
