"""The IPVS data plane against the kernel's own, with ipvsadm as judge; runs where the kernel has IPVS."""

import shutil
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from labkit.daemon.table import compose_table
from labkit.daemon.table_text import Form, text
from labkit.kernel.ipvs import Ipvs, NoIpvsError
from labkit.kernel.netlink import KernelRefusedError
from labkit.lvs.model import (
    Change,
    Destination,
    Forwarding,
    Protocol,
    Scheduler,
    Service,
    ServiceKey,
    ServiceState,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelChecksum,
    TunnelKind,
)

pytestmark = pytest.mark.kernel


@pytest.fixture
def ipvs() -> Iterator[Ipvs]:
    try:
        plane = Ipvs()
    except NoIpvsError as error:
        pytest.skip(str(error))
    if shutil.which("ipvsadm") is None:
        pytest.skip("ipvsadm, the judge, is not installed")
    plane.flush()
    yield plane
    plane.flush()
    plane.close()


def ipvsadm(*options: str) -> list[str]:
    """Return the lines of ipvsadm's answer, each with single blanks."""
    return [" ".join(line.split()) for line in printed(*options).splitlines()]


def printed(*options: str) -> str:
    """Return ipvsadm's answer as it is."""
    return subprocess.run(["ipvsadm", *options], capture_output=True, text=True, check=True).stdout


def key(address: str = "10.0.0.1", port: int = 80, protocol: Protocol = Protocol.TCP) -> ServiceKey:
    parsed = ip_address(address)
    return ServiceKey(protocol=protocol, address=parsed, port=port, family=parsed.version)


def real(address: str, port: int = 80, forwarding: Forwarding = Forwarding.NAT, **options: object) -> Destination:
    return Destination(address=ip_address(address), port=port, forwarding=forwarding, **options)  # type: ignore[arg-type]


SERVICES = [
    pytest.param(
        ServiceState(
            service=Service(key=key(), scheduler=Scheduler.RR),
            destinations=(
                real("10.0.1.1"),
                real("10.0.1.2", weight=3),
                real("10.0.1.3", forwarding=Forwarding.DR),
                real("10.0.1.4", forwarding=Forwarding.TUN, upper=100, lower=50),
            ),
        ),
        [
            "-A -t 10.0.0.1:80 -s rr",
            "-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 1",
            "-a -t 10.0.0.1:80 -r 10.0.1.2:80 -m -w 3",
            "-a -t 10.0.0.1:80 -r 10.0.1.3:80 -g -w 1",
            "-a -t 10.0.0.1:80 -r 10.0.1.4:80 -i -w 1 --tun-type ipip",
        ],
        id="forwarding-methods",
    ),
    pytest.param(
        ServiceState(service=Service(key=key(), scheduler=Scheduler.RR, persistence_s=7200)),
        ["-A -t 10.0.0.1:80 -s rr -p 7200"],
        id="persistence",
    ),
    pytest.param(
        ServiceState(service=Service(key=key(), persistence_s=60, persistence_prefix=24)),
        ["-A -t 10.0.0.1:80 -s wlc -p 60 -M 255.255.255.0"],
        id="persistence-of-a-network",
    ),
    pytest.param(
        ServiceState(service=Service(key=key(protocol=Protocol.UDP, port=53), scheduler=Scheduler.RR, one_packet=True)),
        ["-A -u 10.0.0.1:53 -s rr -o"],
        id="one-packet",
    ),
    pytest.param(
        ServiceState(service=Service(key=key(), scheduler=Scheduler.SH, fallback=True, with_port=True)),
        ["-A -t 10.0.0.1:80 -s sh -b sh-fallback,sh-port"],
        id="flags-of-sh",
    ),
    pytest.param(
        ServiceState(
            service=Service(key=ServiceKey(fwmark=7), scheduler=Scheduler.RR),
            destinations=(real("10.0.1.9", 0, Forwarding.DR),),
        ),
        ["-A -f 7 -s rr", "-a -f 7 -r 10.0.1.9:0 -g -w 1"],
        id="firewall-mark",
    ),
    pytest.param(
        ServiceState(service=Service(key=ServiceKey(fwmark=8, family=6), scheduler=Scheduler.RR)),
        ["-A -f 8 -6 -s rr"],
        id="firewall-mark-ipv6",
    ),
    pytest.param(
        ServiceState(
            service=Service(key=key("fd00::2"), scheduler=Scheduler.WRR), destinations=(real("fd00::11", weight=2),)
        ),
        ["-A -t [fd00::2]:80 -s wrr", "-a -t [fd00::2]:80 -r [fd00::11]:80 -m -w 2"],
        id="ipv6",
    ),
    pytest.param(
        ServiceState(service=Service(key=key("fd00::3"), persistence_s=60, persistence_prefix=64)),
        ["-A -t [fd00::3]:80 -s wlc -p 60 -M 64"],
        id="ipv6-persistence-of-a-network",
    ),
    pytest.param(
        ServiceState(
            service=Service(key=key(), scheduler=Scheduler.RR),
            destinations=(
                real("10.0.1.1", forwarding=Forwarding.TUN, tunnel=Tunnel(kind=TunnelKind.GUE, port=6080)),
                real(
                    "10.0.1.2",
                    forwarding=Forwarding.TUN,
                    tunnel=Tunnel(kind=TunnelKind.GRE, checksum=TunnelChecksum.CSUM),
                ),
            ),
        ),
        [
            "-A -t 10.0.0.1:80 -s rr",
            "-a -t 10.0.0.1:80 -r 10.0.1.1:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum",
            "-a -t 10.0.0.1:80 -r 10.0.1.2:80 -i -w 1 --tun-type gre --tun-csum",
        ],
        id="tunnels",
    ),
    pytest.param(
        ServiceState(
            service=Service(key=key(protocol=Protocol.UDP, port=5060), persistence_s=60, persistence_engine="sip")
        ),
        ["-A -u 10.0.0.1:5060 -s wlc -p 60 --pe sip"],
        id="persistence-engine",
    ),
]


@pytest.mark.parametrize(("state", "saved"), SERVICES)
def test_a_service_is_in_the_kernel_as_ipvsadm_sees_it(ipvs: Ipvs, state: ServiceState, saved: list[str]) -> None:
    ipvs.apply([Change(None, state)])
    assert sorted(ipvsadm("-Sn")) == sorted(saved)
    (reading,) = ipvs.read()
    assert reading.service == state.service
    assert {found.destination for found in reading.destinations} == set(state.destinations)


def test_the_whole_table_is_written_as_ipvsadm_writes_it(ipvs: Ipvs) -> None:
    states = {state.service.key: state for state, _ in (found.values for found in SERVICES)}  # type: ignore[misc,union-attr]
    ipvs.apply([Change(None, state) for state in states.values()])
    table = compose_table("IPVS", {}, ipvs.read(), ipvs.connections(), {})
    assert text(table) == printed("-Ln")
    assert text(table, Form.STATS) == printed("-Ln", "--stats")
    assert text(table, Form.RATE) == printed("-Ln", "--rate")
    assert text(table, Form.THRESHOLDS) == printed("-Ln", "--thresholds")
    assert text(table, Form.PERSISTENT) == printed("-Ln", "--persistent-conn")
    assert text(table, only="TCP  10.0.0.1:80") == printed("-Ln", "-t", "10.0.0.1:80")


@pytest.mark.parametrize("scheduler", [name for name in Scheduler if name is not Scheduler.TWOS])
def test_every_scheduler_is_taken(ipvs: Ipvs, scheduler: Scheduler) -> None:
    ipvs.apply([Change(None, ServiceState(service=Service(key=key(), scheduler=scheduler)))])
    assert ipvsadm("-Sn")[0].startswith(f"-A -t 10.0.0.1:80 -s {scheduler}")


def test_a_change_touches_only_what_differs(ipvs: Ipvs) -> None:
    service = Service(key=key(), scheduler=Scheduler.RR)
    old = ServiceState(service=service, destinations=(real("10.0.1.1"), real("10.0.1.2")))
    new = ServiceState(service=service, destinations=(real("10.0.1.2", weight=5), real("10.0.1.3")))
    ipvs.apply([Change(None, old)])
    ipvs.apply([Change(old, new)])
    assert sorted(ipvsadm("-Sn"))[1:] == [
        "-a -t 10.0.0.1:80 -r 10.0.1.2:80 -m -w 5",
        "-a -t 10.0.0.1:80 -r 10.0.1.3:80 -m -w 1",
    ]
    other = ServiceState(service=Service(key=key(), scheduler=Scheduler.WRR), destinations=new.destinations)
    ipvs.apply([Change(new, other)])
    assert ipvsadm("-Sn")[0] == "-A -t 10.0.0.1:80 -s wrr"
    ipvs.apply([Change(other, None)])
    ipvs.apply([Change(other, None)])  # somebody else was quicker
    assert ipvsadm("-Sn") == []


def test_what_the_kernel_refuses_is_told(ipvs: Ipvs) -> None:
    state = ServiceState(service=Service(key=key(), scheduler=Scheduler.RR))
    ipvs.apply([Change(None, state)])
    with pytest.raises(KernelRefusedError, match="File exists"):
        ipvs.apply([Change(None, state)])


def test_timeouts_are_read_and_set(ipvs: Ipvs) -> None:
    ipvs.set_timeouts(Timeouts(tcp_s=300, tcp_fin_s=30, udp_s=60))
    assert ipvsadm("-Ln", "--timeout") == ["Timeout (tcp tcpfin udp): 300 30 60"]
    ipvs.set_timeouts(Timeouts(tcp_s=900))
    assert ipvs.timeouts == Timeouts(tcp_s=900, tcp_fin_s=30, udp_s=60)


def test_a_synchronisation_daemon_is_started_and_stopped(ipvs: Ipvs) -> None:
    wanted = SyncDaemon(role=SyncRole.MASTER, interface="lo", sync_id=7)
    ipvs.start_sync(wanted)
    ipvs.start_sync(wanted)
    assert ipvs.sync_daemons()[SyncRole.MASTER].interface == "lo"
    (line,) = ipvsadm("-Ln", "--daemon")
    assert line.startswith("master sync daemon (mcast=lo, syncid=7,")
    ipvs.stop_sync(SyncRole.MASTER)
    ipvs.stop_sync(SyncRole.MASTER)
    assert ipvsadm("-Ln", "--daemon") == []


def test_counters_are_read_and_zeroed(ipvs: Ipvs) -> None:
    ipvs.apply([Change(None, ServiceState(service=Service(key=key()), destinations=(real("10.0.1.1"),)))])
    (reading,) = ipvs.read()
    assert reading.traffic.connections == reading.destinations[0].traffic.packets_in == 0
    ipvs.zero()
    assert ipvs.connection_table_size >= 256


def test_a_service_that_somebody_took_out_is_told(ipvs: Ipvs) -> None:
    service = Service(key=key(), scheduler=Scheduler.RR)
    before, after = (ServiceState(service=service, destinations=(real("10.0.1.1", weight=one),)) for one in (1, 2))
    ipvs.apply([Change(None, before)])
    ipvsadm("-C")
    with pytest.raises(KernelRefusedError, match="No such process"):
        ipvs.apply([Change(before, after)])
    ipvs.apply([Change(before, None)])  # gone already
