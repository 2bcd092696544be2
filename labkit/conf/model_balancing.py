"""The load balancing part of a keepalived.conf as values: virtual servers, real servers, and what is checked how."""

from enum import StrEnum

from labkit.conf.model_commands import Command
from labkit.hints import TypeAlias
from labkit.lvs.config import VirtualServerConfig
from labkit.lvs.model import Address
from labkit.trace import SECOND, Micros
from labkit.values import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How a check reaches a real server: to where, from where, and how long it may take."""

    address: Address
    port: int
    source: Address | None = None
    source_interface: str | None = None
    source_port: int = 0
    fwmark: int = 0
    timeout: Micros = 5 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpCheck:
    """TCP_CHECK: a connection can be made."""

    connection: Connection


class HttpProtocol(StrEnum):
    """What an HTTP check says that it speaks; 1.0C is 1.0 with `Connection: close`."""

    HTTP_1_0 = "1.0"
    HTTP_1_0_CLOSE = "1.0C"
    HTTP_1_1 = "1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """One url of an HTTP check; the answer must have a status in `statuses` (ranges, both ends included), and all else.

    `digest` is the MD5 of the body in hexadecimal digits; `regex` must match (not, with `regex_no_match`) a part of the
    body that begins between the two offsets; these count the header too.
    """

    path: str = "/"
    statuses: tuple[tuple[int, int], ...] = ((200, 299),)
    digest: str | None = None
    virtualhost: str | None = None
    regex: str | None = None
    regex_no_match: bool = False
    regex_options: frozenset[str] = frozenset()
    regex_min_offset: int = 0
    regex_max_offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """HTTP_GET, and SSL_GET with `tls`: every url answers as it should."""

    connection: Connection
    urls: tuple[Url, ...]
    protocol: HttpProtocol = HttpProtocol.HTTP_1_0
    virtualhost: str | None = None
    fast_recovery: bool = False
    tls: bool = False
    sni: bool = False
    sni_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpCheck:
    """SMTP_CHECK: the server greets, and takes a HELO and a QUIT."""

    connections: tuple[Connection, ...]
    helo_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsCheck:
    """DNS_CHECK: a question over UDP is answered without an error."""

    connection: Connection
    kind: str = "SOA"
    name: str = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class MiscCheck:
    """MISC_CHECK: a program says so by its exit status; with `dynamic` 2..255 is a weight above it by 2."""

    command: Command
    timeout: Micros
    dynamic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PingCheck:
    """PING_CHECK: an ICMP echo is answered."""

    connection: Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpCheck:
    """UDP_CHECK: a datagram is not answered by an ICMP error, or (`require_reply`) is answered as it should be.

    `reply` and `reply_mask` are compared with the answer as far as both reach; a bit that is 0 in the mask may be
    anything.
    """

    connection: Connection
    payload: bytes | None = None
    require_reply: bool = False
    reply: bytes = b""
    reply_mask: bytes = b""
    least: int = 0
    most: int = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """FILE_CHECK: the number in a track_file, times the weight, is added to the server's weight."""

    file: str
    weight: int = 1
    reverse: bool = False


Check: TypeAlias = TcpCheck | HttpCheck | SmtpCheck | DnsCheck | MiscCheck | PingCheck | UdpCheck | FileCheck
"""What a check does; it is the `spec` of a `labkit.lvs.check.CheckConfig`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerNotifies:
    """Whom to tell when a real server comes and goes."""

    up: Command | None = None
    down: Command | None = None
    smtp_alert: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsMaterial:
    """The top-level `SSL` block: what SSL_GET presents to servers."""

    password: str | None = field(default=None, repr=False)
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualServer:
    """A `virtual_server` block: the core's part, and whom to tell.

    `servers` says it for each real server, in the order of the core's part.
    """

    core: VirtualServerConfig
    quorum_up: Command | None = None
    quorum_down: Command | None = None
    smtp_alert: bool | None = None
    servers: tuple[ServerNotifies, ...] = ()
