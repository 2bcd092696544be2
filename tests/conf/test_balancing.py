"""What the load balancing part of a file becomes."""

from ipaddress import ip_address

import pytest

from labkit.conf.loader import loads
from labkit.conf.model import Config
from labkit.conf.model_balancing import (
    Check,
    Connection,
    DnsCheck,
    FileCheck,
    HttpCheck,
    HttpProtocol,
    MiscCheck,
    PingCheck,
    ServerNotifies,
    SmtpCheck,
    TcpCheck,
    TlsMaterial,
    UdpCheck,
    Url,
)
from labkit.conf.model_commands import Command
from labkit.lvs.check import CheckConfig
from labkit.lvs.config import RealServerConfig
from labkit.lvs.model import (
    Destination,
    Forwarding,
    Protocol,
    Scheduler,
    Service,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    TunnelKind,
)
from labkit.trace import SECOND
from tests.conf.samples import SERVER


def config_of(text: str) -> Config:
    loaded = loads(text, file="k.conf")
    assert loaded.config is not None, loaded.diagnostics
    return loaded.config


def key(address: str = "192.0.2.1", port: int = 80, protocol: Protocol = Protocol.TCP) -> ServiceKey:
    parsed = ip_address(address)
    return ServiceKey(protocol=protocol, address=parsed, port=port, family=parsed.version)


def real(address: str, port: int = 80, forwarding: Forwarding = Forwarding.NAT, **more: object) -> Destination:
    return Destination(address=ip_address(address), port=port, forwarding=forwarding, **more)  # type: ignore[arg-type]


def to(address: str = "10.0.0.50", port: int = 80, **more: object) -> Connection:
    return Connection(address=ip_address(address), port=port, **more)  # type: ignore[arg-type]


EVERYTHING = """
virtual_server 192.0.2.1 80 {
    delay_loop 1.5
    lvs_sched sh
    sh-port
    sh-fallback
    flag-3
    hashed
    lvs_method TUN type gue port 6080 csum
    protocol sctp
    persistence_timeout
    persistence_granularity 255.255.255.0
    persistence_engine sip
    sorry_server 192.0.2.99
    sorry_server_lvs_method DR
    sorry_server_inhibit
    quorum 5
    hysteresis 2
    quorum_up "/bin/up now" nobody
    quorum_down /bin/down
    omega
    ha_suspend
    smtp_alert
    inhibit_on_failure
    retry 7
    weight 9
    real_server 192.0.2.2 {
        weight 0
        lvs_method TUN
        uthreshold 10
        lthreshold 5
        notify_up /bin/a
        notify_down "/bin/b c"
        smtp_alert off
        inhibit_on_failure off
        TCP_CHECK {
            connect_timeout 0.5
            connect_ip 192.0.2.7
            connect_port 81
            bindto 192.0.2.8
            bind_if eth3
            bind_port 999
            fwmark 3
            retry 0
            delay_before_retry 0
            warmup 2
            alpha
        }
    }
    real_server 192.0.2.3 {
    }
}
"""


def test_a_virtual_server_with_everything() -> None:
    (virtual,) = config_of(EVERYTHING).virtual_servers
    core = virtual.core
    assert core.service == Service(
        key=key(protocol=Protocol.SCTP),
        scheduler=Scheduler.SH,
        persistence_s=360,
        persistence_prefix=24,
        persistence_engine="sip",
        hashed=True,
        fallback=True,
        with_port=True,
        flag_3=True,
    )
    connection = to(
        "192.0.2.7",
        81,
        source=ip_address("192.0.2.8"),
        source_interface="eth3",
        source_port=999,
        fwmark=3,
        timeout=500_000,
    )
    check = CheckConfig(
        spec=TcpCheck(connection=connection),
        delay_loop=1_500_000,
        warmup=2 * SECOND,
        retry=0,
        delay_before_retry=0,
        alpha=True,
    )
    gue = Tunnel(kind=TunnelKind.GUE, port=6080, checksum=TunnelChecksum.CSUM)
    first = real("192.0.2.2", forwarding=Forwarding.TUN, weight=0, upper=10, lower=5)
    second = real("192.0.2.3", forwarding=Forwarding.TUN, weight=9, tunnel=gue)
    assert core.servers == (
        RealServerConfig(destination=first, checks=(check,)),
        RealServerConfig(destination=second, inhibit=True),
    )
    assert core.sorry == real("192.0.2.99", forwarding=Forwarding.DR)
    assert (core.quorum, core.hysteresis, core.sorry_inhibit, core.omega, core.suspend) == (5, 2, True, True, True)
    assert virtual.quorum_up == Command(argv=("/bin/up", "now"), text="/bin/up now", user=("nobody", None))
    assert virtual.quorum_down == Command(argv=("/bin/down",), text="/bin/down")
    assert virtual.smtp_alert is True
    up, down = Command(argv=("/bin/a",), text="/bin/a"), Command(argv=("/bin/b", "c"), text="/bin/b c")
    assert virtual.servers == (ServerNotifies(up=up, down=down, smtp_alert=False), ServerNotifies())


HEAD = "lb_algo rr\n lb_kind NAT\n protocol TCP\n"


@pytest.mark.parametrize("written", ["", " 0"], ids=["left-out", "zero"])
def test_every_port_is_no_port_or_0(written: str) -> None:
    by_mark = f"virtual_server fwmark 7 {{\n {HEAD} real_server 192.0.2.2{written} {{\n }}\n}}"
    (server,) = config_of(by_mark).virtual_servers[0].core.servers
    assert server.destination == real("192.0.2.2", port=0)
    assert config_of(by_mark).virtual_servers[0].core.service.persistence_s is None
    by_place = f"virtual_server 192.0.2.1{written} {{\n {HEAD} real_server 192.0.2.2 {{\n }}\n}}"
    group = f"virtual_server_group G {{\n 192.0.2.1{written}\n}}\n"
    for text in (by_place, group + by_place.replace(f"192.0.2.1{written}", "group G")):
        core = config_of(text).virtual_servers[0].core
        assert (core.key, core.service.persistence_s) == (key(port=0), 360)  # keepalived: as if it were written


@pytest.mark.parametrize(("weight", "expected"), [(3, (3, 2)), (0, (1, 0))], ids=["some", "none"])
def test_a_quorum_above_all_weights_is_taken_to_be_their_sum(weight: int, expected: tuple[int, int]) -> None:
    servers = f"real_server 192.0.2.2 80 {{\n weight {weight}\n }}\n"
    core = (
        config_of(f"virtual_server 192.0.2.1 80 {{\n {HEAD} quorum 10\n hysteresis 4\n {servers}}}")
        .virtual_servers[0]
        .core
    )
    assert (core.quorum, core.hysteresis) == expected


@pytest.mark.parametrize(
    ("check", "names"),
    [
        ("TCP_CHECK {\n}", ["TCP_CHECK"]),
        ("HTTP_GET {\n url {\n path /\n }\n}", ["HTTP_GET"]),
        ("TCP_CHECK {\n connect_port 80\n}", []),
        ("PING_CHECK {\n}\n DNS_CHECK {\n}\n SMTP_CHECK {\n}", []),
    ],
)
def test_a_check_of_every_port_needs_one(check: str, names: list[str]) -> None:
    text = f"virtual_server fwmark 7 {{\n lb_algo rr\n lb_kind NAT\n real_server 192.0.2.2 {{\n {check}\n }}\n}}"
    said = [str(one) for one in loads(text, file="k.conf").diagnostics]
    warning = "warning: this {} has no port to connect to and will always fail; add `connect_port` and a port"
    assert said == [f"k.conf:5:2: {warning.format(name)}" for name in names]


def test_a_netmask_is_not_for_ipv6() -> None:
    text = """virtual_server fd00::1 80 {
        lb_algo rr
        lb_kind NAT
        protocol TCP
        persistence_timeout 50
        persistence_granularity 255.255.255.0
        real_server fd00::2 80 {
        }
    }"""
    (said,) = (str(one) for one in loads(text, file="k.conf").diagnostics)
    assert said == "k.conf:6:33: `255.255.255.0` is a netmask of IPv4; write a prefix length such as 64"


def test_the_hosts_of_a_mail_check_have_its_port() -> None:
    check = "SMTP_CHECK {\n host {\n connect_ip 192.0.2.3\n }\n }\n"
    text = f"virtual_server fwmark 7 {{\n {HEAD} real_server 192.0.2.2 {{\n {check} }}\n}}"
    (built,) = config_of(text).virtual_servers[0].core.servers[0].checks
    assert built.spec == SmtpCheck(connections=(to("192.0.2.3", port=25),))


def checks_of(*lines: str, before: str = "") -> tuple[CheckConfig, ...]:
    body = "\n".join(lines)
    text = f"""{before}
    virtual_server 192.168.1.20 80 {{
        protocol TCP
        lb_algo rr
        lb_kind NAT
        delay_loop 10
        virtualhost all.example
        real_server 10.0.0.50 80 {{
            {body}
        }}
    }}
    """
    (virtual,) = config_of(text).virtual_servers
    return virtual.core.servers[0].checks


COMMAND = Command(argv=("/bin/check", "x"), text="/bin/check x", user=("nobody", "nogroup"))
FULL_URL = Url(
    path="/x",
    statuses=((200, 200), (301, 304)),
    digest="9b3a0c85a887a256d6939da88aabd8cd",
    virtualhost="url.example",
    regex="a.b",
    regex_no_match=True,
    regex_options=frozenset({"caseless", "dotall"}),
    regex_min_offset=5,
    regex_max_offset=9,
)
FULL_SSL = """SSL_GET {
    http_protocol 1.0c
    fast_recovery
    enable_sni
    sni_name sni.example
    nb_get_retry 5
    virtualhost own.example
    url {
        path /x
        status_code 200 301-304
        digest 9B3A0C85A887A256D6939DA88AABD8CD
        virtualhost url.example
        regex a.b
        regex_no_match
        regex_options caseless dotall
        regex_min_offset 5
        regex_max_offset 9
        regex_stack 1 2
        tls_compliant
    }
}"""


@pytest.mark.parametrize(
    ("lines", "spec", "retry", "delay"),
    [
        pytest.param("TCP_CHECK {\n}", TcpCheck(connection=to()), 1, 1, id="tcp"),
        pytest.param(
            "HTTP_GET {\n url {\n }\n}",
            HttpCheck(connection=to(), urls=(Url(),), virtualhost="all.example"),
            3,
            3,
            id="http",
        ),
        pytest.param(
            FULL_SSL,
            HttpCheck(
                connection=to(),
                urls=(FULL_URL,),
                protocol=HttpProtocol.HTTP_1_0_CLOSE,
                virtualhost="own.example",
                fast_recovery=True,
                tls=True,
                sni=True,
                sni_name="sni.example",
            ),
            5,
            3,
            id="ssl",
        ),
        pytest.param("SMTP_CHECK {\n helo_name me\n}", SmtpCheck(connections=(to(),), helo_name="me"), 1, 1, id="smtp"),
        pytest.param(
            "SMTP_CHECK {\n host {\n connect_ip 10.0.0.7\n connect_port 26\n }\n}",
            SmtpCheck(connections=(to("10.0.0.7", 26),)),
            1,
            1,
            id="smtp-host",
        ),
        pytest.param("DNS_CHECK {\n}", DnsCheck(connection=to()), 3, 10, id="dns"),
        pytest.param(
            "DNS_CHECK {\n type aaaa\n name x.example\n}",
            DnsCheck(connection=to(), kind="AAAA", name="x.example"),
            3,
            10,
            id="dns-question",
        ),
        pytest.param(
            'MISC_CHECK {\n misc_path "/bin/check x"\n misc_timeout 5\n misc_dynamic\n user nobody nogroup\n}',
            MiscCheck(command=COMMAND, timeout=5 * SECOND, dynamic=True),
            0,
            1,
            id="misc",
        ),
        pytest.param("PING_CHECK {\n}", PingCheck(connection=to()), 1, 1, id="ping"),
        pytest.param("UDP_CHECK {\n}", UdpCheck(connection=to()), 1, 1, id="udp"),
        pytest.param(
            "UDP_CHECK {\n payload Ab12f 3\n require_reply 0X f\n min_reply_length 1\n max_reply_length 9\n}",
            UdpCheck(
                connection=to(),
                payload=bytes.fromhex("0ab12f03"),
                require_reply=True,
                reply=bytes.fromhex("000f"),
                reply_mask=bytes.fromhex("f0ff"),
                least=1,
                most=9,
            ),
            1,
            1,
            id="udp-reply",
        ),
    ],
)
def test_a_check(lines: str, spec: Check, retry: int, delay: int) -> None:
    (check,) = checks_of(lines)
    assert check == CheckConfig(
        spec=spec, delay_loop=10 * SECOND, warmup=10 * SECOND, retry=retry, delay_before_retry=delay * SECOND
    )


def test_checks_stand_in_the_order_of_the_file() -> None:
    checks = checks_of("PING_CHECK {\n}", "TCP_CHECK {\n}", "PING_CHECK {\n}")
    assert [type(check.spec) for check in checks] == [PingCheck, TcpCheck, PingCheck]


@pytest.mark.parametrize(
    ("of_file", "of_check", "expected"),
    [
        ("", "", FileCheck(file="f", weight=1)),
        ("weight 3", "", FileCheck(file="f", weight=3)),
        ("weight 3 reverse", "", FileCheck(file="f", weight=3, reverse=True)),
        ("weight 3 reverse", "weight 0\n dynamic", FileCheck(file="f", weight=0)),
        ("weight 3", "weight 2 reverse", FileCheck(file="f", weight=2, reverse=True)),
    ],
)
def test_a_file_check(of_file: str, of_check: str, expected: FileCheck) -> None:
    block = f"track_file f {{\n file /tmp/f\n {of_file}\n}}"
    (check,) = checks_of(f"FILE_CHECK {{\n track_file f\n {of_check}\n}}", before=block)
    assert check.spec == expected


@pytest.mark.parametrize(("name", "port"), [("SMTP_CHECK", 25), ("DNS_CHECK", 53)])
def test_ports_that_a_check_knows_by_itself(name: str, port: int) -> None:
    text = SERVER.replace("192.168.1.20 80", "192.168.1.20").replace("10.0.0.50 80", "10.0.0.50")
    text = text.replace("10.0.0.51 80", "10.0.0.51").replace("TCP_CHECK", name)
    (virtual,) = config_of(text).virtual_servers
    spec = virtual.core.servers[0].checks[0].spec
    assert isinstance(spec, SmtpCheck | DnsCheck)
    assert (spec.connections[0] if isinstance(spec, SmtpCheck) else spec.connection).port == port


def test_a_group_is_many_services() -> None:
    lines = (
        "192.0.2.1 80",
        "192.0.2.10-11 80",
        "192.0.2.11 80",
        "192.0.2.20-192.0.2.21 80",
        "192.0.2.32/31 80",
        "fwmark 7",
    )
    group = "virtual_server_group web {\n" + "\n".join((*lines, "fwmark 8 inet")) + "\n}\n"
    (virtual,) = config_of(group + SERVER.replace("192.168.1.20 80", "group web")).virtual_servers
    places = [f"192.0.2.{last}" for last in (1, 10, 11, 20, 21, 32, 33)]
    assert virtual.core.keys == (*(key(place) for place in places), ServiceKey(fwmark=7), ServiceKey(fwmark=8))


def test_a_group_of_ipv6() -> None:
    group = "virtual_server_group web {\n fd00::1-3 80\n}\n"
    text = SERVER.replace("192.168.1.20 80", "group web").replace("10.0.0.5", "fd00::5")
    (virtual,) = config_of(group + text).virtual_servers
    assert virtual.core.keys == (key("fd00::1"), key("fd00::2"), key("fd00::3"))


@pytest.mark.parametrize(
    ("more", "address", "family"), [("", "10.0.0.5", 4), ("", "fd00::5", 6), ("ip_family inet6", "fd00::5", 6)]
)
def test_a_mark_has_the_family_of_its_servers(more: str, address: str, family: int) -> None:
    text = SERVER.replace("192.168.1.20 80", "fwmark 7").replace("protocol TCP", more).replace("10.0.0.5", address)
    (virtual,) = config_of(text).virtual_servers
    assert virtual.core.service.key == ServiceKey(fwmark=7, family=family)


def test_a_group_that_holds_places_needs_a_protocol() -> None:
    group = "virtual_server_group web {\n 192.0.2.1 80\n}\n"
    loaded = loads(group + SERVER.replace("192.168.1.20 80", "group web").replace("protocol TCP", ""), file="k.conf")
    assert [str(one) for one in loaded.diagnostics] == [
        "k.conf:4:16: this virtual_server has no `protocol`; add `protocol` and TCP, UDP or SCTP"
    ]


def test_granularity_of_ipv6_is_a_prefix_length() -> None:
    text = SERVER.replace("192.168.1.20 80", "fd00::20 80").replace("10.0.0.5", "fd00::5")
    text = text.replace("delay_loop 10", "persistence_timeout 60\n persistence_granularity 64")
    (virtual,) = config_of(text).virtual_servers
    assert virtual.core.service.persistence_prefix == 64


@pytest.mark.parametrize(
    ("words", "tunnel"),
    [
        ("TUN type gre csum", Tunnel(kind=TunnelKind.GRE, checksum=TunnelChecksum.CSUM)),
        ("TUN type ipip", Tunnel()),
        ("TUN nocsum", Tunnel()),
    ],
)
def test_tunnels(words: str, tunnel: Tunnel) -> None:
    (virtual,) = config_of(SERVER.replace("lb_kind NAT", f"lb_kind {words}")).virtual_servers
    assert virtual.core.servers[0].destination.tunnel == tunnel


def test_tls_material() -> None:
    block = "SSL {\n password x\n ca /a\n certificate /b\n key /c\n}\n"
    assert config_of(block + SERVER).tls == TlsMaterial(password="x", ca="/a", certificate="/b", key="/c")
    assert config_of(SERVER).tls == TlsMaterial()
