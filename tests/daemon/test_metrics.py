"""The figures, as Prometheus' own parser reads them, under the names that dashboards use."""

from dataclasses import replace

import pytest

from labkit.daemon.asking import NotRunningError
from labkit.daemon.metrics import tell
from labkit.daemon.metrics_server import ListenError, respond, serve
from labkit.daemon.report import ServerRow, ServiceRow, TableReport
from labkit.lvs.traffic import Traffic
from tests.daemon.reports import MASTER, REPORT

parser = pytest.importorskip("prometheus_client.parser")

EXPORTER_S = (
    "advertisements_received",
    "advertisements_sent",
    "become_master",
    "release_master",
    "packet_length_errors",
    "advertisements_interval_errors",
    "ip_ttl_errors",
    "invalid_type_received",
    "address_list_errors",
    "authentication_invalid",
    "authentication_mismatch",
    "authentication_failure",
    "priority_zero_received",
    "priority_zero_sent",
    "gratuitous_arp_delay",
)


def _samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    families = parser.text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.values()))): s.value for family in families for s in family.samples}


def test_every_name_of_keepalived_exporter_is_there_with_its_labels() -> None:
    families = {family.name: family for family in parser.text_string_to_metric_families(tell(REPORT))}
    for name in EXPORTER_S:
        family = families[f"keepalived_{name}"]
        assert family.type == "counter"
        assert [set(sample.labels) for sample in family.samples] == [{"iname", "intf", "vrid", "state"}] * 2
        assert family.samples[0].name == f"keepalived_{name}_total"
    assert [sample.labels for sample in families["keepalived_vrrp_state"].samples] == [
        {"iname": "VI_1", "intf": "eth0", "vrid": "21", "ip_address": "192.168.1.20/24"},
        {"iname": "VI_1", "intf": "eth1", "vrid": "21", "ip_address": "10.0.0.1"},
        {"iname": "VI_2", "intf": "eth0", "vrid": "22", "ip_address": "192.168.1.30"},
    ]
    assert [sample.value for sample in families["keepalived_vrrp_state"].samples] == [2, 2, 1]


def test_the_figures() -> None:
    samples = _samples(tell(REPORT))
    one = ("21", "MASTER", "VI_1", "eth0")
    assert samples["keepalived_up", ()] == 1
    assert samples["keepalived_advertisements_sent_total", one] == 7200
    assert samples["keepalived_authentication_failure_total", one] == 12
    assert samples["keepalived_ip_ttl_errors_total", one] == 1
    assert samples["keepalived_script_status", ("chk",)] == 0
    assert samples["keepalived_notifications_told_total", ("", "mail")] == 1
    assert samples["keepalived_notifications_lost_total", ("/run/fifo", "fifo")] == 2
    assert samples["keepalived_notifications_waiting", ("", "mail")] == 4
    assert samples["keepalived_vrrp_priority", ("21", "VI_1", "eth0")] == 110
    assert samples["keepalived_vrrp_suspects_total", ("192.168.1.22", "21", "VI_1", "eth0", "password")] == 12


SERVER = ServerRow(
    address="10.0.0.50", port=80, forwarding="NAT", weight=3, up=True, active=2, traffic=Traffic(bytes_in=900)
)
DEAD = replace(SERVER, address="10.0.0.51", listed=False, up=False)
SERVICE = ServiceRow(
    protocol="TCP",
    address="192.168.1.20",
    port=80,
    fwmark=0,
    family=4,
    scheduler="rr",
    quorum_up=True,
    traffic=Traffic(connections=7),
    servers=(SERVER, DEAD),
)


def test_the_figures_of_balancing() -> None:
    table = TableReport(by="IPVS", services=(SERVICE, replace(SERVICE, port=81, refused="no", quorum_up=False)))
    samples = _samples(tell(replace(REPORT, table=table)))
    first, second = ("", "192.168.1.20", "80", "TCP"), ("", "192.168.1.20", "81", "TCP")
    assert samples["keepalived_lvs_vip_conn_total", first] == 7
    assert (samples["keepalived_lvs_vip_up", first], samples["keepalived_lvs_vip_up", second]) == (1, 0)
    assert (samples["keepalived_lvs_vip_refused", first], samples["keepalived_lvs_vip_refused", second]) == (0, 1)
    alive, dead = (tuple(sorted((*first, address, "80"))) for address in ("10.0.0.50", "10.0.0.51"))
    assert samples["keepalived_lvs_rs_in_bytes_total", alive] == 900
    assert (samples["keepalived_lvs_rs_up", alive], samples["keepalived_lvs_rs_up", dead]) == (1, 0)
    assert (samples["keepalived_lvs_rs_weight", alive], samples["keepalived_lvs_rs_active_conn", alive]) == (3, 2)
    assert ("keepalived_lvs_rs_weight", dead) not in samples


def test_a_name_may_hold_anything() -> None:
    name = 'a "b" \\ c\nd'
    text = tell(replace(REPORT, routers=(replace(MASTER, name=name),)))
    families = parser.text_string_to_metric_families(text)
    names = {sample.labels["iname"] for family in families for sample in family.samples if "iname" in sample.labels}
    assert names == {name}


def test_a_daemon_without_routers_and_one_that_does_not_answer() -> None:
    assert _samples(tell(replace(REPORT, routers=(), trackers=())))["keepalived_up", ()] == 1
    assert _samples(tell(None)) == {("keepalived_up", ()): 0}


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /metrics HTTP/1.1", b"200 OK"),
        (b"GET /metrics?x=y HTTP/1.0", b"200 OK"),
        (b"POST /metrics HTTP/1.1", b"405 Method Not Allowed"),
        (b"GET /other HTTP/1.1", b"404 Not Found"),
        (b"nonsense", b"405 Method Not Allowed"),
    ],
)
def test_the_little_server_s_answers(request_line: bytes, status: bytes) -> None:
    response = respond(request_line + b"\r\n\r\n", lambda: "body\n")
    assert response.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert (response.endswith(b"\r\n\r\nbody\n")) is (status == b"200 OK")


def test_head_has_no_body_and_a_daemon_that_is_down_is_a_figure() -> None:
    def down() -> str:
        raise NotRunningError("no")

    assert respond(b"HEAD /metrics HTTP/1.1\r\n\r\n", lambda: "body").endswith(b"\r\n\r\n")
    assert b"keepalived_up 0\n" in respond(b"GET /metrics HTTP/1.1\r\n\r\n", down)


def test_a_place_that_is_none_is_refused() -> None:
    with pytest.raises(ListenError, match="'here' is not HOST:PORT"):
        serve("here", lambda: "")
