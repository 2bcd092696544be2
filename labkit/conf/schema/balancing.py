"""The keywords of the load balancing part of a file: virtual servers, real servers, and their checks."""

from labkit.conf.addresses import AnyAddress
from labkit.conf.arguments import PORT, Choice, Flag, Integer, Interface, Seconds, Switch, User, Word
from labkit.conf.commands import CommandLine, UsersCommand
from labkit.conf.endpoints import Endpoint, GroupLine, HexBytes, Method, Netmask, Service, StatusCodes, Words
from labkit.conf.model_balancing import HttpProtocol
from labkit.conf.schema.keyword import BFD, DAY, LONG, NAME, NO_TITLE, Block, Keyword, Leaf, Lines, table
from labkit.conf.weights import Weight
from labkit.lvs.model import Protocol, Scheduler
from labkit.trace import SECOND

_LARGE = 2**31 - 1

# --- when checks run: in virtual_server, real_server and every check --------------------------------------------------

CONNECT_TIMEOUT = Leaf("connect_timeout", Seconds(1_000, LONG), "How long to wait for the connection (5)")
RETRY = Leaf("retry", Integer(0, _LARGE), "Tries after the first failed one, before it counts as failed (1)")
DELAY_BEFORE_RETRY = Leaf("delay_before_retry", Seconds(0, DAY), "Wait so long before trying again (1)")
WARMUP = Leaf("warmup", Seconds(0, DAY), "The first check comes within so long (delay_loop)")
DELAY_LOOP = Leaf("delay_loop", Seconds(1_000, DAY), "Time from check to check (60)")
ALPHA = Leaf("alpha", Switch(), "Counts as failed until a check has succeeded (off)")
_TIMES = (ALPHA, RETRY, DELAY_BEFORE_RETRY, WARMUP, DELAY_LOOP)

INHIBIT = Leaf("inhibit_on_failure", Switch(), "A failed server stays, with weight 0 (off)")
VIRTUALHOST = Leaf("virtualhost", Word("a host name"), "The Host of HTTP checks")
SMTP_ALERT = Leaf("smtp_alert", Switch(), "Send mail when it comes or goes (smtp_alert_checker)")
SNMP_NAME = Leaf("snmp_name", Word("a name"), "What SNMP would call it; labkit has no SNMP")

# --- checks -----------------------------------------------------------------------------------------------------------

CONNECT_IP = Leaf("connect_ip", AnyAddress(), "Connect to this address (the real server's)")
CONNECT_PORT = Leaf("connect_port", PORT, "Connect to this port (the real server's)")
BINDTO = Leaf("bindto", AnyAddress(), "Connect from this address")
BIND_IF = Leaf("bind_if", Interface(), "Connect through this interface")
BIND_PORT = Leaf("bind_port", PORT, "Connect from this port")
FWMARK = Leaf("fwmark", Integer(1, 2**32 - 1), "Mark the packets of the check")
LOG_ALL_FAILURES = Leaf("log_all_failures", Switch(), "Log each failure of a server that still counts as healthy (off)")
_CONNECTION = (CONNECT_IP, CONNECT_PORT, BINDTO, BIND_IF, BIND_PORT, FWMARK, CONNECT_TIMEOUT)
_COMMON = (*_CONNECTION, *_TIMES, LOG_ALL_FAILURES)

PATH = Leaf("path", Word("a path such as /index.html"), "What to ask for (/)")
DIGEST = Leaf("digest", Word("32 hexadecimal digits"), "The MD5 of the body, as `pykeepalived genhash` prints it")
STATUS_CODE = Leaf("status_code", StatusCodes(), "The statuses that are good (200-299)")
REGEX = Leaf("regex", Word("a regular expression"), "Must match the body")
REGEX_NO_MATCH = Leaf("regex_no_match", Flag(), "Must not match the body")
REGEX_OPTIONS = Leaf(
    "regex_options", Words("option names of pcre2"), "caseless, multiline, dotall, extended, and what needs none"
)
REGEX_STACK = Leaf("regex_stack", Words("two sizes in bytes"), "Has no meaning here: the library grows its own")
REGEX_MIN_OFFSET = Leaf(
    "regex_min_offset", Integer(0, _LARGE), "The match begins here or later, counted with the header (0)"
)
REGEX_MAX_OFFSET = Leaf(
    "regex_max_offset", Integer(0, _LARGE), "The match begins here at the latest, counted with the header"
)
TLS_COMPLIANT = Leaf("tls_compliant", Flag(), "The server ends TLS properly")

URL = Block(
    "url",
    NO_TITLE,
    "One page that must answer well",
    table(
        PATH,
        DIGEST,
        STATUS_CODE,
        VIRTUALHOST,
        REGEX,
        REGEX_NO_MATCH,
        REGEX_OPTIONS,
        REGEX_STACK,
        REGEX_MIN_OFFSET,
        REGEX_MAX_OFFSET,
        TLS_COMPLIANT,
    ),
)
HTTP_PROTOCOL = Leaf("http_protocol", Choice({p.value: p for p in HttpProtocol}, any_case=True), "The version (1.0)")
FAST_RECOVERY = Leaf("fast_recovery", Switch(), "Ask for all pages at once after a failure (off)")
NB_GET_RETRY = Leaf("nb_get_retry", Integer(0, _LARGE), "An old name of retry")
ENABLE_SNI = Leaf("enable_sni", Switch(), "Name the virtualhost in the TLS handshake (off)")
SNI_NAME = Leaf("sni_name", Word("a host name"), "Name this in the TLS handshake")
_HTTP = (URL, HTTP_PROTOCOL, FAST_RECOVERY, NB_GET_RETRY, VIRTUALHOST, *_COMMON)

HELO_NAME = Leaf("helo_name", Word("a host name"), "What to call ourselves (the host name)")
SMTP_HOST = Block("host", NO_TITLE, "One more address to connect to", table(*_CONNECTION))

_QUESTIONS = ("A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA")
DNS_TYPE = Leaf("type", Choice({name: name for name in _QUESTIONS}, any_case=True), "What to ask for (SOA)")
DNS_NAME = Leaf("name", Word("a domain name"), "Of whom to ask (.)")

MISC_PATH = Leaf("misc_path", CommandLine(), "The command; exit status 0 means healthy")
MISC_TIMEOUT = Leaf("misc_timeout", Seconds(1_000, DAY), "A run that takes longer has failed (delay_loop)")
MISC_DYNAMIC = Leaf("misc_dynamic", Flag(), "Exit status 2 to 255 is a weight and 2")
MISC_USER = Leaf("user", User(), "Who runs the command")

PAYLOAD = Leaf("payload", HexBytes(), "What to send (a random byte)")
REQUIRE_REPLY = Leaf("require_reply", HexBytes(wildcards=True), "An answer must come, and begin with these")
MIN_REPLY_LENGTH = Leaf("min_reply_length", Integer(0, 65535), "The shortest answer (0)")
MAX_REPLY_LENGTH = Leaf("max_reply_length", Integer(0, 65535), "The longest answer (255)")

CHECK_FILE = Leaf("track_file", Word("the name of a track_file"), "The file to look at")
CHECK_WEIGHT = Leaf("weight", Weight(_LARGE), "The number in the file counts so many times (the track_file's)")
CHECK_DYNAMIC = Leaf("dynamic", Flag(), "The number is added to the weight, which is always so here")

TCP_CHECK = Block("TCP_CHECK", NO_TITLE, "Healthy if a TCP connection can be made", table(*_COMMON))
HTTP_GET = Block("HTTP_GET", NO_TITLE, "Healthy if pages are served as they should be", table(*_HTTP))
SSL_GET = Block("SSL_GET", NO_TITLE, "The same over TLS", table(*_HTTP, ENABLE_SNI, SNI_NAME))
SMTP_CHECK = Block(
    "SMTP_CHECK", NO_TITLE, "Healthy if a mail server answers HELO and QUIT", table(HELO_NAME, SMTP_HOST, *_COMMON)
)
DNS_CHECK = Block("DNS_CHECK", NO_TITLE, "Healthy if a question is answered", table(DNS_TYPE, DNS_NAME, *_COMMON))
MISC_CHECK = Block(
    "MISC_CHECK",
    NO_TITLE,
    "Healthy if a command says so",
    table(MISC_PATH, MISC_TIMEOUT, MISC_DYNAMIC, MISC_USER, *_TIMES, LOG_ALL_FAILURES),
)
PING_CHECK = Block("PING_CHECK", NO_TITLE, "Healthy if it answers an ICMP echo", table(*_COMMON))
UDP_CHECK = Block(
    "UDP_CHECK",
    NO_TITLE,
    "Healthy if a datagram is not refused",
    table(PAYLOAD, REQUIRE_REPLY, MIN_REPLY_LENGTH, MAX_REPLY_LENGTH, *_COMMON),
)
FILE_CHECK = Block(
    "FILE_CHECK", NO_TITLE, "The number in a file decides", table(CHECK_FILE, CHECK_WEIGHT, CHECK_DYNAMIC)
)
CHECKS = (TCP_CHECK, HTTP_GET, SSL_GET, SMTP_CHECK, DNS_CHECK, MISC_CHECK, PING_CHECK, UDP_CHECK, FILE_CHECK)

# --- real_server ------------------------------------------------------------------------------------------------------

LVS_METHOD = Leaf("lvs_method", Method(), "The forwarding method (NAT)", ("lb_kind",))
REAL_WEIGHT = Leaf("weight", Integer(0, _LARGE), "Its share of the connections; 0: no new ones (1)")
NOTIFY_UP = Leaf("notify_up", UsersCommand(), "Run when it comes")
NOTIFY_DOWN = Leaf("notify_down", UsersCommand(), "Run when it goes")
UTHRESHOLD = Leaf("uthreshold", Integer(0, _LARGE), "No new connections at so many (no bound)")
LTHRESHOLD = Leaf("lthreshold", Integer(0, _LARGE), "New ones again below so many (3/4 of uthreshold)")
_BOTH: tuple[Keyword, ...] = (CONNECT_TIMEOUT, *_TIMES, INHIBIT, VIRTUALHOST, SMTP_ALERT, SNMP_NAME, LVS_METHOD)

REAL_SERVER = Block(
    "real_server",
    Endpoint(),
    "A server behind the virtual one",
    table(REAL_WEIGHT, NOTIFY_UP, NOTIFY_DOWN, UTHRESHOLD, LTHRESHOLD, *_BOTH, *CHECKS),
    refused={"BFD_CHECK": BFD},
)

# --- virtual_server ---------------------------------------------------------------------------------------------------

LB_ALGO = Leaf("lb_algo", Choice({one.value: one for one in Scheduler}), "The scheduler (wlc)", ("lvs_sched",))
LB_KIND = Leaf("lb_kind", Method(), "The forwarding method (NAT)", ("lvs_method",))
PROTOCOL = Leaf("protocol", Choice({one.name: one for one in Protocol}, any_case=True), "The transport protocol")
PERSISTENCE_TIMEOUT = Leaf(
    "persistence_timeout",
    Seconds(SECOND, 31 * DAY, whole=True, absent=360 * SECOND),
    "One client goes to one real server for so long; 360 if no number follows",
)
GRANULARITY = Leaf("persistence_granularity", Netmask(), "Clients of one network count as one")
PERSISTENCE_ENGINE = Leaf("persistence_engine", Choice({"sip": "sip"}), "Look into packets for who the client is")
SORRY_SERVER = Leaf("sorry_server", Endpoint(), "Serves when the quorum is lost")
SORRY_INHIBIT = Leaf("sorry_server_inhibit", Flag(), "The sorry server stays, with weight 0")
SORRY_METHOD = Leaf("sorry_server_lvs_method", Method(), "Its forwarding method (that of the virtual server)")
QUORUM = Leaf("quorum", Integer(1, _LARGE), "The weight of healthy servers that is enough (1)")
HYSTERESIS = Leaf("hysteresis", Integer(0, _LARGE), "Lost so far below the quorum, gained so far above (0)")
QUORUM_UP = Leaf("quorum_up", UsersCommand(), "Run when the quorum is gained")
QUORUM_DOWN = Leaf("quorum_down", UsersCommand(), "Run when the quorum is lost")
OMEGA = Leaf("omega", Flag(), "Tell of the end as of a loss")
HA_SUSPEND = Leaf("ha_suspend", Flag(), "No checks while the address is not on this machine")
OPS = Leaf("ops", Flag(), "Each datagram goes to another server (UDP)")
HASHED = Leaf("hashed", Flag(), "A flag of IPVS")
WITH_PORT = Leaf("sh-port", Flag(), "Hash the client's port as well", ("mh-port", "flag-2"))
FALLBACK = Leaf("sh-fallback", Flag(), "Try another server where the hashed one is away", ("mh-fallback", "flag-1"))
FLAG_3 = Leaf("flag-3", Flag(), "The third flag of a scheduler")
IP_FAMILY = Leaf("ip_family", Choice({"inet": 4, "inet6": 6}), "The family of a service by mark (inet)")

VIRTUAL_SERVER = Block(
    "virtual_server",
    Service(),
    "An address and port, a mark or a group, whose connections are shared out",
    table(
        *(keyword for keyword in _BOTH if keyword is not LVS_METHOD),
        LB_ALGO,
        LB_KIND,
        PROTOCOL,
        PERSISTENCE_TIMEOUT,
        GRANULARITY,
        PERSISTENCE_ENGINE,
        SORRY_SERVER,
        SORRY_INHIBIT,
        SORRY_METHOD,
        QUORUM,
        HYSTERESIS,
        QUORUM_UP,
        QUORUM_DOWN,
        OMEGA,
        HA_SUSPEND,
        OPS,
        HASHED,
        WITH_PORT,
        FALLBACK,
        FLAG_3,
        IP_FAMILY,
        REAL_SERVER,
        REAL_WEIGHT,
    ),
)

GROUP_MEMBERS = Lines("virtual_server_group", GroupLine(), "An address, a range or a mark")
VIRTUAL_SERVER_GROUP = Block(
    "virtual_server_group",
    NAME,
    "Addresses, ranges of them and marks with the same real servers",
    {},
    lines=GROUP_MEMBERS,
)

SSL_PASSWORD = Leaf("password", Word("a password"), "Of the key")
SSL_CA = Leaf("ca", Word("the path of a file"), "Certificates that are trusted")
SSL_CERTIFICATE = Leaf("certificate", Word("the path of a file"), "What we present")
SSL_KEY = Leaf("key", Word("the path of a file"), "Its key")
SSL = Block("SSL", NO_TITLE, "What SSL_GET presents", table(SSL_PASSWORD, SSL_CA, SSL_CERTIFICATE, SSL_KEY), once=True)
