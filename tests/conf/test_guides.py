"""The files of the guides, as printed, load with the warnings that teach something and no others."""

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from labkit.conf.loader import load
from labkit.conf.model import Command, Config
from labkit.conf.model_balancing import TcpCheck
from labkit.diagnostics import Severity
from labkit.lvs.model import Forwarding, Protocol, Scheduler
from labkit.vrrp.config import RouterConfig, ScriptConfig, Track, TrackKind

GUIDES = Path(__file__).parent / "guides"
PASSWORD = "the password has 11 bytes, of which the first 8 count; shorten it to 8 on every router"
PERSISTENCE = (
    "one client stays with one real server for 7200 s, which hides `rr`; "
    "to see it share, remove the line or ask from several addresses"
)


def config_of(name: str) -> Config:
    config = load(GUIDES / name).config
    assert config is not None
    return config


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        pytest.param("failover-server1.conf", [f"9:19: warning: {PASSWORD}"], id="failover-1"),
        pytest.param("failover-server2.conf", [f"9:19: warning: {PASSWORD}"], id="failover-2"),
        pytest.param("failover-server3.conf", [f"9:19: warning: {PASSWORD}"], id="failover-3"),
        pytest.param("failover-services.conf", [f"16:19: warning: {PASSWORD}"], id="failover-services"),
        pytest.param(
            "nat-master.conf",
            [f"26:19: warning: {PASSWORD}", f"41:19: warning: {PASSWORD}", f"53:25: warning: {PERSISTENCE}"],
            id="nat-master",
        ),
        pytest.param(
            "nat-backup.conf",
            [f"26:19: warning: {PASSWORD}", f"41:19: warning: {PASSWORD}", f"53:25: warning: {PERSISTENCE}"],
            id="nat-backup",
        ),
        pytest.param(
            "dr-master.conf", [f"19:19: warning: {PASSWORD}", f"31:25: warning: {PERSISTENCE}"], id="dr-master"
        ),
        pytest.param(
            "dr-backup.conf", [f"19:19: warning: {PASSWORD}", f"31:25: warning: {PERSISTENCE}"], id="dr-backup"
        ),
    ],
)
def test_a_guides_file_loads_with_these_warnings(name: str, warnings: list[str]) -> None:
    loaded = load(GUIDES / name)
    assert [str(d).removeprefix(f"{GUIDES / name}:") for d in loaded.diagnostics] == warnings
    assert all(d.severity is Severity.WARNING for d in loaded.diagnostics)
    assert loaded.config is not None


@pytest.mark.parametrize(("name", "priority"), [("server1", 150), ("server2", 120), ("server3", 100)])
def test_the_basic_failover_router(name: str, priority: int) -> None:
    (instance,) = config_of(f"failover-{name}.conf").instances
    assert instance.state_master
    assert [(a.address, a.device) for a in instance.addresses] == [(IPv4Interface("192.168.1.20/32"), "eth0")]
    assert instance.router == RouterConfig(
        name="MY-FAILOVER",
        interface="eth0",
        vrid=21,
        addresses=(IPv4Address("192.168.1.20"),),
        version=2,
        priority=priority,
        advert_interval=1_000_000,
        auth=b"Venezuel",
    )


def test_the_failover_of_services() -> None:
    config = config_of("failover-services.conf")
    (script,) = config.scripts
    assert script.check == ScriptConfig(name="chequea_script", interval=2_000_000, timeout=2_000_000, rise=2, fall=2)
    assert script.command == Command(argv=("killall", "-0", "apache2"), text="killall -0 apache2")
    (instance,) = config.instances
    assert instance.router.tracks == (
        Track(kind=TrackKind.SCRIPT, name="chequea_script"),
        Track(kind=TrackKind.INTERFACE, name="eth1"),
    )
    assert instance.notify == Command(argv=("/usr/local/bin/my-notify.sh",), text="/usr/local/bin/my-notify.sh")


def test_the_nat_master() -> None:
    config = config_of("nat-master.conf")
    mail = config.global_defs
    assert mail.notification_email == ("admin@laboratorio.com", "soporte@laboratorio.com")
    assert mail.notification_email_from == "master@laboratorio.com"
    assert (mail.smtp_server, mail.smtp_port) == ("mysmtp.laboratorio.com", 25)
    assert mail.smtp_connect_timeout == 30_000_000
    assert [(group.name, group.members) for group in config.sync_groups] == [("VRRP1", ("externa", "interna"))]
    assert [(i.router.name, i.router.vrid, i.router.interface, i.router.priority) for i in config.instances] == [
        ("externa", 21, "eth0", 150),
        ("interna", 22, "eth1", 150),
    ]
    assert [str(i.addresses[0].address) for i in config.instances] == ["192.168.1.20/24", "10.0.0.20/24"]
    (virtual,) = config.virtual_servers
    service, servers = virtual.core.service, virtual.core.servers
    assert (str(service.key.address), service.key.port, service.key.protocol) == ("192.168.1.20", 80, Protocol.TCP)
    assert (service.scheduler, service.persistence_s) == (Scheduler.RR, 7200)
    assert [(str(r.destination.address), r.destination.port, r.destination.weight) for r in servers] == [
        ("10.0.0.50", 80, 1),
        ("10.0.0.51", 80, 1),
        ("10.0.0.52", 80, 1),
    ]
    assert {r.destination.forwarding for r in servers} == {Forwarding.NAT}
    (check,) = servers[0].checks
    assert (check.delay_loop, check.retry, check.delay_before_retry) == (10_000_000, 1, 1_000_000)
    assert isinstance(check.spec, TcpCheck)
    connection = check.spec.connection
    assert (str(connection.address), connection.port, connection.timeout) == ("10.0.0.50", 80, 5_000_000)


@pytest.mark.parametrize(
    ("name", "state_master", "priority", "sender"),
    [("nat-backup", False, 100, "backup"), ("dr-master", True, 150, "master"), ("dr-backup", False, 100, "backup")],
)
def test_the_other_directors(name: str, state_master: bool, priority: int, sender: str) -> None:
    config = config_of(f"{name}.conf")
    assert {(i.state_master, i.router.priority) for i in config.instances} == {(state_master, priority)}
    assert config.global_defs.notification_email_from == f"{sender}@laboratorio.com"


def test_the_dr_director_routes_to_its_own_segment() -> None:
    (virtual,) = config_of("dr-master.conf").virtual_servers
    destinations = [server.destination for server in virtual.core.servers]
    assert {destination.forwarding for destination in destinations} == {Forwarding.DR}
    assert [str(one.address) for one in destinations] == ["192.168.1.50", "192.168.1.51", "192.168.1.52"]
