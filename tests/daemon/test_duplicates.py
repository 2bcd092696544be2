"""The duplicate watch: a stranger with one of our virtual addresses is told of, the routers' own changes are not."""

import itertools
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from pathlib import Path

import pytest

from labkit.kernel.frames import announcement, gratuitous_arp
from labkit.kernel.links import add_address, remove_address
from labkit.vrrp.config import Address
from tests.daemon.daemon import REALTIME, Daemon, instance
from tests.kernel.lan import Lan, eventually

pytestmark = pytest.mark.kernel
Start = Callable[[int, str], Daemon]
VIP = IPv4Interface("192.168.1.20/32")
VIP6 = IPv6Address("fd00::20")
STRANGER = bytes.fromhex("020000000099")
CLAIMS = f"(VI) {STRANGER.hex(':')} claims our address"


def claim(lan: Lan, address: Address, lladdr: bytes = STRANGER, times: int = 1) -> None:
    """Say on the network that `lladdr` has an address."""
    with lan.observer.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("eth0", 0))
        for _ in range(times):
            sender.send(announcement(lladdr, address, router=False))


def test_a_stranger_with_the_master_s_address_is_told_of_once(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    lan.sniffer.wait_advert("192.168.1.21")
    daemon.wait_log("Entering MASTER STATE")
    eventually(lambda: claim(lan, VIP.ip) or CLAIMS in daemon.log)
    claim(lan, VIP.ip, times=3)
    claim(lan, VIP.ip, bytes.fromhex("020000000098"))
    daemon.wait_log("(VI) 02:00:00:00:00:98 claims our address 192.168.1.20 too")
    assert daemon.log.count(f"{CLAIMS} 192.168.1.20 too") == 1


def test_addresses_that_a_reload_brings_are_watched(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    daemon.wait_log("Entering MASTER STATE")
    daemon.reload(instance(150, vip="192.168.1.30", more=f"virtual_ipaddress_excluded {{\n{VIP6}\n}}"))
    daemon.wait_log("Reload complete")
    eventually(lambda: claim(lan, IPv4Address("192.168.1.30")) or f"{CLAIMS} 192.168.1.30 too" in daemon.log)
    eventually(lambda: claim(lan, VIP6) or f"{CLAIMS} {VIP6} too" in daemon.log)
    claim(lan, VIP.ip)
    assert f"{CLAIMS} {VIP.ip} too" not in daemon.log


def test_over_ipv6_as_well(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150, vip=str(VIP6)))
    daemon.wait_log("Entering MASTER STATE", within=10)
    eventually(lambda: claim(lan, VIP6) or f"{CLAIMS} {VIP6} too" in daemon.log)


def test_a_backup_tells_of_another_than_the_master(lan: Lan, start: Start) -> None:
    master, backup = start(0, instance(150)), start(1, instance(100))
    lan.sniffer.wait_advert("192.168.1.21", priority=150)
    master.wait_log("Entering MASTER STATE")
    backup.wait_log("Entering BACKUP STATE")
    claim(lan, VIP.ip, bytes([2, 0, 0, 0, 0, 1]))
    eventually(lambda: claim(lan, VIP.ip) or CLAIMS in backup.log)


def test_an_address_that_somebody_puts_on_a_backup_is_told_of(lan: Lan, start: Start) -> None:
    host = lan.hosts[1]
    start(0, instance(150))
    lan.sniffer.wait_advert("192.168.1.21", priority=150)
    backup = start(1, instance(100))
    backup.wait_log("Startup complete")
    eth0 = host.index("eth0")
    host.netlink.ask([add_address(eth0, VIP)])
    backup.wait_log("(VI) 192.168.1.20 is on this machine though we are BACKUP: somebody put it there")
    host.netlink.ask([remove_address(eth0, VIP)])


def test_an_address_that_a_backup_had_before_is_told_of(lan: Lan, start: Start) -> None:
    """As where the system sets it, with the prefix of the network, which is not the one of ours that is removed."""
    host, static = lan.hosts[1], IPv4Interface("192.168.1.20/24")
    with host.entered():
        Path("/proc/sys/net/ipv6/conf/eth0/disable_ipv6").write_text("1")  # the end of its tests is a change, too
    start(0, instance(150))
    lan.sniffer.wait_advert("192.168.1.21", priority=150)
    host.netlink.ask([add_address(host.index("eth0"), static)])
    backup = start(1, instance(100))
    backup.wait_log("(VI) 192.168.1.20 is on this machine though we are BACKUP: somebody put it there")


def test_changes_among_the_routers_are_no_duplicates(lan: Lan, start: Start) -> None:
    daemons = [start(0, instance(100)), start(1, instance(150))]
    for daemon in daemons:
        daemon.wait_log("Startup complete")
    for priority in (250, 90, 200):
        daemons[0].reload(instance(priority))
        expected = "192.168.1.21" if priority > 150 else "192.168.1.22"
        lan.sniffer.wait_advert(expected, priority=max(priority, 150))
        host = lan.hosts[0 if priority > 150 else 1]
        eventually(lambda host=host: str(VIP.ip) in host.addresses())
    lan.sniffer.listen(1.5)
    for daemon in daemons:
        assert "claims our address" not in daemon.log
        assert "somebody put it there" not in daemon.log


def test_a_flood_of_claims_delays_no_advert(lan: Lan, start: Start) -> None:
    start(0, REALTIME + instance(150))
    lan.sniffer.wait_advert("192.168.1.21")
    frame = gratuitous_arp(STRANGER, VIP.ip)
    lan.sniffer.drain()
    lan.sniffer.frames.clear()
    with lan.observer.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("eth0", 0))
        for _ in range(20_000):
            sender.send(frame)
    lan.sniffer.listen(0.5)
    times = [heard.at for heard in lan.sniffer.frames if heard.advert]
    assert len(times) >= 5
    assert max(after - before for before, after in itertools.pairwise(times)) < 0.15
