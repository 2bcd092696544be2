"""Who is MASTER, and why, as the trace tells it."""

from dataclasses import replace

import pytest

from labkit.lab.status import Watch
from labkit.lab.topology import Daemon, Topology
from labkit.trace import Kind, Record, Value


def record(kind: Kind, node: str, **data: Value) -> Record:
    return Record(at=1_000_000, kind=kind, node=node, data=data)


@pytest.fixture
def watch(topology: Topology) -> Watch:
    return Watch(topology)


def described(watch: Watch, node: str) -> dict[str, object]:
    nodes = watch.snapshot(3_500_000)["nodes"]
    assert isinstance(nodes, list)
    return next(each for each in nodes if each["name"] == node)


def test_a_master_and_its_reason(watch: Watch) -> None:
    watch.take(record(Kind.STATE, "server1", state="MASTER", why="no advert from anyone", priority=150))
    watch.take(record(Kind.ADDRESS, "server1", interface="eth0", address="192.168.1.20", present=True))
    node = described(watch, "server1")
    assert (node["state"], node["why"], node["for_s"], node["vip"]) == ("MASTER", "no advert from anyone", 2.5, True)
    assert watch.owners() == ["server1"]
    watch.take(record(Kind.ADDRESS, "server1", interface="eth0", address="192.168.1.20", present=False))
    assert watch.owners() == []


def test_an_address_on_the_loopback_is_held_towards_nobody(watch: Watch) -> None:
    watch.take(record(Kind.ADDRESS, "server1", interface="lo", address="192.168.1.20", present=True))
    assert watch.owners() == []


def test_a_client_knows_a_link_layer_address(watch: Watch) -> None:
    watch.take(record(Kind.NEIGHBOUR, "host", interface="eth0", address="192.168.1.20", lladdr="02:00:00:00:00:02"))
    assert described(watch, "host")["arp"] == "02:00:00:00:00:02"
    assert described(watch, "host")["state"] is None


def test_a_daemon_that_ended(watch: Watch) -> None:
    watch.take(record(Kind.STATE, "server1", state="MASTER", why="x", priority=150))
    watch.take(record(Kind.PROCESS, "server1", name="keepalived", pid=7, event="exit", status=-9))
    assert described(watch, "server1")["why"] == "the daemon ended with status -9"


def test_c_keepalived_is_judged_by_its_log_and_its_addresses(topology: Topology) -> None:
    nodes = tuple(replace(node, daemon=Daemon.KEEPALIVED) for node in topology.nodes)
    watch = Watch(replace(topology, nodes=nodes))
    assert described(watch, "server2")["why"] == "seen from outside"
    line = "Nov 24 00:20:44 server2 Keepalived_vrrp[5]: (MY-FAILOVER) Entering FAULT STATE"
    watch.take(record(Kind.LOG, "server2", line=line))
    assert (described(watch, "server2")["state"], described(watch, "server2")["why"]) == ("FAULT", "as its log says")


@pytest.fixture
def frr(topology: Topology) -> Watch:
    return Watch(replace(topology, nodes=tuple(replace(node, daemon=Daemon.FRR) for node in topology.nodes)))


def test_frr_holds_an_address_where_its_interface_is_up(frr: Watch) -> None:
    frr.take(record(Kind.LINK, "server2", interface="vrrp4-1-21", up=False))
    frr.take(record(Kind.ADDRESS, "server2", interface="vrrp4-1-21", address="192.168.1.20", present=True))
    assert frr.owners() == []
    held_down = {"name": "vrrp4-1-21", "network": None, "address": None, "lladdr": None, "up": False}
    interfaces = described(frr, "server2")["interfaces"]
    assert isinstance(interfaces, list)
    assert interfaces[1:] == [held_down | {"virtual": ["192.168.1.20"]}]
    frr.take(record(Kind.LINK, "server2", interface="vrrp4-1-21", up=True))
    assert frr.owners() == ["server2"]
    frr.take(record(Kind.ADDRESS, "server2", interface="vrrp4-1-21", address="192.168.1.20", present=False))
    assert len(described(frr, "server2")["interfaces"]) == 1  # type: ignore[arg-type]


def test_frr_is_judged_by_its_log_and_its_processes(frr: Watch) -> None:
    for said, state in (
        ("Initialize -> Backup", "BACKUP"),
        ("Backup -> Master", "MASTER"),
        ("Master -> Initialize", "INIT"),
    ):
        line = f"Nov 29 09:16:50 server2 vrrpd[15]: [W23ZH-NY264] [CORE] [VRID 21] [IPv4] {said}"
        frr.take(record(Kind.LOG, "server2", line=line))
        assert described(frr, "server2")["state"] == state
    frr.take(record(Kind.PROCESS, "server2", name="zebra", pid=6, event="exit", status=-9))
    assert described(frr, "server2")["state"] == "INIT"
    frr.take(record(Kind.PROCESS, "server2", name="vrrpd", pid=7, event="exit", status=-9))
    assert described(frr, "server2")["why"] == "the daemon ended with status -9"


def test_a_virtual_mac_address_is_where_its_last_advert_came_from(frr: Watch) -> None:
    lladdr = "00:00:5e:00:01:15"
    assert frr.behind.get(lladdr) is None
    frr.take(record(Kind.ADVERT, "lan", source="192.168.1.21", priority=150, lladdr=lladdr))
    assert frr.behind[lladdr] == "server1"
    frr.take(record(Kind.ADVERT, "lan", source="192.168.1.22", priority=0, lladdr=lladdr))  # it gives it up
    frr.take(record(Kind.ADVERT, "lan", source="192.168.1.99", priority=200, lladdr=lladdr))  # nobody of the lab
    assert frr.behind[lladdr] == "server1"
    frr.take(record(Kind.ADVERT, "lan", source="192.168.1.22", priority=120, lladdr=lladdr))
    assert frr.behind[lladdr] == "server2"
    frr.take(record(Kind.ADVERT, "lan", source="192.168.1.22", priority=255, lladdr="02:00:00:00:00:01"))  # forged
    assert frr.behind["02:00:00:00:00:01"] == "host"


@pytest.mark.parametrize("daemon", [Daemon.LABKIT, Daemon.KEEPALIVED])
def test_a_directors_log_tells_whom_it_dropped(topology: Topology, daemon: Daemon) -> None:
    watch = Watch(replace(topology, nodes=tuple(replace(node, daemon=daemon) for node in topology.nodes)))

    def said(text: str) -> set[str]:
        line = f"Nov 24 00:20:44 server1 Keepalived_healthcheckers[5]: {text}"
        watch.take(record(Kind.LOG, "server1", line=line))
        return watch.nodes["server1"].dropped

    assert said("TCP_CHECK on service [10.0.0.52]:tcp:80 failed after 1 retries.") == set()
    assert said("Removing service [10.0.0.52]:tcp:80 from VS [192.168.1.20]:tcp:80") == {"10.0.0.52"}
    assert said("Removing service [10.0.0.50]:tcp:80 from VS [192.168.1.20]:tcp:80") == {"10.0.0.50", "10.0.0.52"}
    assert said("Adding service [10.0.0.50]:tcp:80 to VS [192.168.1.20]:tcp:80") == {"10.0.0.52"}
    activating = "Activating healthchecker for service [10.0.0.52]:tcp:80 for VS [192.168.1.20]:tcp:80"
    assert said(activating) == set()  # the daemon has started anew


def test_a_record_of_an_unknown_node_changes_nothing(watch: Watch) -> None:
    before = watch.snapshot(0)
    watch.take(record(Kind.STATE, "stranger", state="MASTER", why="", priority=1))
    assert watch.snapshot(0) == before
