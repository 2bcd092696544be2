"""The keywords of the load balancing part of a file: virtual and real servers and their checks."""

from labkit.conf.addresses import Address, Endpoint
from labkit.conf.arguments import PORT, Choice, Integer, Seconds
from labkit.conf.model import Forwarding
from labkit.conf.schema.keyword import DAY, LONG, NO_TITLE, Block, Leaf, table, words
from labkit.trace import SECOND

CONNECT_TIMEOUT = Leaf("connect_timeout", Seconds(1_000, LONG), "How long to wait for the connection (5)")
CONNECT_IP = Leaf("connect_ip", Address(), "Connect to this address; the real server's if absent")
CONNECT_PORT = Leaf("connect_port", PORT, "Connect to this port; the real server's if absent")
RETRY = Leaf("retry", Integer(0, 2**31 - 1), "Tries after the first failed one, before it counts as failed (1)")
DELAY_BEFORE_RETRY = Leaf("delay_before_retry", Seconds(0, DAY), "Wait so long before trying again (1)")

TCP_CHECK = Block(
    "TCP_CHECK",
    NO_TITLE,
    "Healthy if a TCP connection can be made",
    table(CONNECT_TIMEOUT, CONNECT_IP, CONNECT_PORT, RETRY, DELAY_BEFORE_RETRY),
    words("bindto bind_if bind_port fwmark alpha warmup delay_loop log_all_failures"),
    once=True,
)

REAL_WEIGHT = Leaf("weight", Integer(0, 2**31 - 1), "Its share of the connections; 0: no new ones (1)")

REAL_SERVER = Block(
    "real_server",
    Endpoint(),
    "A server behind the virtual one",
    table(REAL_WEIGHT, TCP_CHECK),
    words(
        "lvs_method inhibit_on_failure notify_up notify_down uthreshold lthreshold alpha delay_loop retry",
        "connect_timeout delay_before_retry warmup virtualhost smtp_alert snmp_name HTTP_GET SSL_GET MISC_CHECK",
        "SMTP_CHECK DNS_CHECK PING_CHECK UDP_CHECK FILE_CHECK BFD_CHECK",
    ),
)

_SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh", "dh", "sed", "nq", "fo", "ovf", "twos")

DELAY_LOOP = Leaf("delay_loop", Seconds(1_000, DAY), "Time from check to check (60)")
LB_ALGO = Leaf("lb_algo", Choice({name: name for name in _SCHEDULERS}), "The scheduler", ("lvs_sched",))
LB_KIND = Leaf("lb_kind", Choice({kind.value: kind for kind in Forwarding}), "The forwarding method", ("lvs_method",))
PROTOCOL = Leaf(
    "protocol", Choice({name: name for name in ("TCP", "UDP", "SCTP")}, any_case=True), "The transport protocol"
)
PERSISTENCE_TIMEOUT = Leaf(
    "persistence_timeout",
    Seconds(SECOND, 31 * DAY, whole=True, absent=360 * SECOND),
    "One client goes to one real server for so long; 360 if no number follows",
)
SORRY_SERVER = Leaf("sorry_server", Endpoint(), "Serves when no real server is left")

VIRTUAL_SERVER = Block(
    "virtual_server",
    Endpoint(),
    "An address and port whose connections are shared out",
    table(DELAY_LOOP, LB_ALGO, LB_KIND, PROTOCOL, PERSISTENCE_TIMEOUT, SORRY_SERVER, REAL_SERVER),
    words(
        "ip_family hashed ops sh-port sh-fallback mh-port mh-fallback flag-1 flag-2 flag-3 persistence_engine",
        "persistence_granularity virtualhost ha_suspend alpha omega quorum hysteresis quorum_up quorum_down",
        "sorry_server_inhibit sorry_server_lvs_method smtp_alert inhibit_on_failure retry delay_before_retry",
        "connect_timeout warmup weight snmp_name",
    ),
)
