"""Two daemons of ours in the real kernel: taking over, withdrawing, crashing, being paused."""

import itertools
import os
import signal
import socket
from collections.abc import Callable
from ipaddress import IPv4Interface

import pytest

from labkit.kernel.links import add_address, remove_address
from tests.daemon.daemon import GUIDE, REALTIME, Daemon, instance
from tests.kernel.lan import Frame, Lan, eventually

pytestmark = pytest.mark.kernel
Start = Callable[[int, str], Daemon]
VIP = "192.168.1.20"
# VRRPv3, adverts each 0.1 s: master-down 0.3 s + (256 - priority) / 256 x 0.1 s
DOWN_150, DOWN_120 = 0.341, 0.353
SKEW_120 = 0.053
EARLY, LATE = 0.01, 0.5  # a sniffer's stamps may be late for the first of two frames; a busy machine is late for both


def _adverts(frames: list[Frame]) -> list[tuple[str, int]]:
    return [(frame.source, frame.advert.priority) for frame in frames if frame.advert]


def settled_pair(start: Start) -> tuple[Daemon, Daemon]:
    """Return a MASTER and a BACKUP that has never been anything else."""
    server1 = start(0, instance(150))
    server1.wait_log("Sending gratuitous ARP", times=5)
    server2 = start(1, instance(120))
    server2.wait_log("Entering BACKUP STATE (init)")
    return server1, server2


def test_the_guide_s_router_advertises_holds_announces_and_withdraws(lan: Lan, start: Start) -> None:
    daemon = start(0, REALTIME + instance(150, timing=GUIDE))
    first = lan.sniffer.wait_advert("192.168.1.21")
    assert first.data[18:20] == b"\0\x01"
    announcements = [lan.sniffer.wait(lambda frame: frame.announced) for _ in range(5)]
    assert {frame.announced for frame in announcements} == {VIP}
    assert announcements[-1].at - first.at < 0.1
    lan.hosts[0].wait_address(VIP)
    second = lan.sniffer.wait_advert("192.168.1.21")
    assert second.data[18:20] == b"\0\x02"
    assert 0.95 < second.at - first.at < 1.5
    assert daemon.stop() == 0
    last = lan.sniffer.wait_advert("192.168.1.21", priority=0, within=1)
    assert last.data[18:20] == b"\0\x03"
    assert VIP not in lan.hosts[0].addresses()
    assert not (daemon.home / "pid").exists()
    assert not (daemon.home / "vrrp.pid").exists()


def test_the_better_router_wins_and_its_end_is_taken_up_after_the_skew(lan: Lan, start: Start) -> None:
    server1, _ = settled_pair(start)
    server1.stop()
    release = lan.sniffer.wait_advert("192.168.1.21", priority=0)
    taken = lan.sniffer.wait_advert("192.168.1.22")
    assert SKEW_120 - EARLY < taken.at - release.at < DOWN_120 - EARLY
    lan.hosts[1].wait_address(VIP)
    server1.restart()
    lan.hosts[1].wait_address(VIP, present=False)
    lan.hosts[0].wait_address(VIP)


def test_a_crash_is_taken_up_after_the_master_down_interval(lan: Lan, start: Start) -> None:
    server1, _ = settled_pair(start)
    lan.sniffer.wait_advert("192.168.1.21")
    server1.crash()
    taken = lan.sniffer.wait_advert("192.168.1.22")
    last = [frame for frame in lan.sniffer.frames if frame.advert and frame.source == "192.168.1.21"][-1]
    assert DOWN_120 - EARLY < taken.at - last.at < DOWN_120 + LATE
    assert VIP in lan.hosts[0].addresses()  # nobody was left to take it off


def test_a_killed_predecessor_s_address_is_removed_at_start(lan: Lan, start: Start) -> None:
    server1 = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    server1.crash()
    assert VIP in lan.hosts[0].addresses()
    server1.restart()  # the pid file of the dead one is there
    lan.hosts[0].wait_address(VIP, present=False)
    server1.wait_log("(VI) removing VIPs.", times=2)
    lan.hosts[0].wait_address(VIP)


def test_without_its_parent_the_vrrp_process_withdraws(lan: Lan, start: Start) -> None:
    server1 = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    server1.process.kill()
    lan.sniffer.wait_advert("192.168.1.21", priority=0)
    lan.hosts[0].wait_address(VIP, present=False)


def test_a_killed_vrrp_process_is_started_again_at_once(lan: Lan, start: Start) -> None:
    server1 = start(0, instance(150))
    server1.wait_log("Sending gratuitous ARP", times=5)
    first = server1.vrrp_pid
    os.kill(first, signal.SIGKILL)
    server1.wait_log("Entering MASTER STATE", times=2)
    assert server1.vrrp_pid != first
    assert f"pid {first} exited due to signal 9" in server1.log
    assert server1.stop() == 0


def test_a_paused_backup_hears_what_it_missed_before_it_decides(lan: Lan, start: Start) -> None:
    _, server2 = settled_pair(start)
    os.kill(server2.vrrp_pid, signal.SIGSTOP)
    lan.sniffer.listen(3 * DOWN_120)
    os.kill(server2.vrrp_pid, signal.SIGCONT)
    assert {source for source, _ in _adverts(lan.sniffer.listen(2 * DOWN_120))} == {"192.168.1.21"}
    assert "MASTER" not in server2.log


def test_a_paused_master_yields_without_a_burst(lan: Lan, start: Start) -> None:
    server1, server2 = settled_pair(start)
    os.kill(server1.vrrp_pid, signal.SIGSTOP)
    server2.wait_log("Entering MASTER STATE")
    lan.sniffer.listen(1)
    os.kill(server1.vrrp_pid, signal.SIGCONT)
    frames = lan.sniffer.listen(0.5)
    assert sum(source == "192.168.1.21" for source, _ in _adverts(frames)) <= 20
    server2.wait_log("with higher priority 150, ours 120")
    lan.hosts[1].wait_address(VIP, present=False)


def test_a_flood_of_adverts_does_not_hold_the_timer_back(lan: Lan, start: Start) -> None:
    start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    with lan.observer.entered():
        flooder = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
    flooder.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    flooder.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    flooder.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.168.1.100"))
    lan.sniffer.drain()
    heard: list[Frame] = []
    while len(heard) < 20:
        for _ in range(200):
            flooder.sendto(b"\x31\x15\x01\x01\x00\x0a\x00\x00\xc0\xa8\x01\x14", ("224.0.0.18", 0))
        while frame := lan.sniffer.read(0):
            heard += [frame] if frame.source == "192.168.1.21" and frame.advert else []
    flooder.close()
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(heard)]
    assert max(gaps) < LATE


def test_an_address_taken_off_by_hand_comes_back(lan: Lan, start: Start) -> None:
    server1 = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    host = lan.hosts[0]
    host.netlink.ask([remove_address(host.index("eth0"), IPv4Interface(VIP))])
    server1.wait_log(f"Netlink reflector reports IP {VIP} removed from eth0")
    host.wait_address(VIP)
    eventually(lambda: "STATE" not in server1.log.split("removed from eth0")[1])


@pytest.mark.parametrize("how", ["own-side", "switch-port"])
def test_a_lost_link_is_a_fault_until_it_is_back(lan: Lan, start: Start, how: str) -> None:
    def set_link(up: bool) -> None:
        if how == "own-side":
            lan.hosts[0].set_link("eth0", up=up)
        else:
            lan.set_port(1, up=up)

    server1, _ = settled_pair(start)
    set_link(False)
    server1.wait_log("Entering FAULT STATE")
    lan.hosts[1].wait_address(VIP)
    lan.hosts[0].wait_address(VIP, present=False)
    set_link(True)
    lan.hosts[0].wait_address(VIP)
    lan.hosts[1].wait_address(VIP, present=False)


def test_the_primary_address_taken_off_is_a_fault_until_it_is_back(lan: Lan, start: Start) -> None:
    server1 = start(0, instance(150))
    host, own = lan.hosts[0], IPv4Interface("192.168.1.21/24")
    host.wait_address(VIP)
    host.netlink.ask([remove_address(host.index("eth0"), own)])
    host.wait_address(VIP, present=False)
    server1.wait_log("FAULT because interface eth0 has no address")
    host.netlink.ask([add_address(host.index("eth0"), own)])
    host.wait_address(VIP)
