"""SIGHUP: a good file is taken without disturbing what did not change, a bad one changes nothing."""

from collections.abc import Callable

import pytest

from labkit.kernel.links import GROUP_IPV4_ADDRESS, AddressEvent, decode
from labkit.kernel.netlink import Netlink
from tests.daemon.daemon import Daemon, instance
from tests.kernel.lan import Lan, eventually

pytestmark = pytest.mark.kernel
Start = Callable[[int, str], Daemon]
VIP, SECOND_VIP, OTHER_VIP = "192.168.1.20", "192.168.1.30", "192.168.1.40"


def _address_events(monitor: Netlink) -> list[tuple[str, bool]]:
    events: list[tuple[str, bool]] = []
    monitor.socket.setblocking(False)
    try:
        while True:
            heard = decode(monitor.socket.recv(1 << 16))
            events += [(str(event.address.ip), event.present) for event in heard if isinstance(event, AddressEvent)]
    except BlockingIOError:
        return events


def test_addresses_come_and_go_while_the_others_stay(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, instance(150, vip=f"{VIP}\n  {SECOND_VIP}"))
    host.wait_address(SECOND_VIP)
    with host.entered():
        monitor = Netlink(GROUP_IPV4_ADDRESS)
    daemon.reload(instance(150, vip=f"{VIP}\n  {OTHER_VIP}"))
    host.wait_address(OTHER_VIP)
    host.wait_address(SECOND_VIP, present=False)
    daemon.wait_log("Reload complete")
    assert sorted(_address_events(monitor)) == [(SECOND_VIP, False), (OTHER_VIP, True)]
    monitor.close()
    assert daemon.log.count("Entering MASTER STATE") == 1


def test_a_bad_file_changes_nothing_and_is_told_with_its_place(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    daemon.reload(instance(150).replace("priority 150", "priorty 150"))
    daemon.wait_log("is refused, the configuration before it runs on")
    assert f"{daemon.config}:5:2: " in daemon.log
    assert "did you mean 'priority'?" in daemon.log
    lan.sniffer.drain()
    lan.sniffer.wait_advert("192.168.1.21", priority=150)
    assert VIP in lan.hosts[0].addresses()


def test_a_file_that_is_cut_off_changes_nothing(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    daemon.reload("")
    daemon.wait_log(f"{daemon.config}:1:1: nothing is left in this file of what is configured; ")
    daemon.wait_log("is refused, the configuration before it runs on")
    lan.sniffer.drain()
    lan.sniffer.wait_advert("192.168.1.21", priority=150)
    assert VIP in lan.hosts[0].addresses()


def test_a_new_priority_is_advertised_at_once(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    lan.sniffer.wait_advert("192.168.1.21", priority=150)
    daemon.reload(instance(110))
    lan.sniffer.wait_advert("192.168.1.21", priority=110)
    assert not any(frame.advert and frame.advert.priority == 0 for frame in lan.sniffer.frames)
    assert VIP in lan.hosts[0].addresses()


def test_a_removed_router_withdraws_and_a_new_one_starts(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, instance(150))
    host.wait_address(VIP)
    daemon.reload(instance(150, name="OTHER", vip=OTHER_VIP, vrid=22))
    lan.sniffer.wait_advert("192.168.1.21", priority=0)
    host.wait_address(VIP, present=False)
    host.wait_address(OTHER_VIP)
    assert daemon.stop() == 0
    host.wait_address(OTHER_VIP, present=False)


def test_a_router_with_another_vrid_stops_and_starts_anew(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, instance(150))
    host.wait_address(VIP)
    daemon.reload(instance(150, vrid=22, vip=OTHER_VIP))
    release = lan.sniffer.wait_advert("192.168.1.21", priority=0).advert
    assert release is not None
    assert release.vrid == 21
    host.wait_address(OTHER_VIP)
    host.wait_address(VIP, present=False)


def test_the_prefix_of_an_address_changes_in_place(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, instance(150))
    host.wait_address(VIP)
    daemon.reload(instance(150, vip=f"{VIP}/24"))
    daemon.wait_log("Reload complete")
    assert daemon.log.count("Entering MASTER STATE") == 1
    daemon.stop()
    host.wait_address(VIP, present=False)


def test_many_routers_reload(lan: Lan, start: Start) -> None:
    def routers(count: int) -> str:
        return "".join(instance(150, name=f"V{n}", vrid=n, vip=f"10.9.{n}.1") for n in range(1, count + 1))

    daemon = start(0, routers(50))
    lan.hosts[0].wait_address("10.9.50.1")
    daemon.reload(routers(250))
    lan.hosts[0].wait_address("10.9.250.1")
    assert daemon.stop() == 0
    assert lan.hosts[0].addresses() == {"127.0.0.1", "192.168.1.21"}


def test_reloads_in_a_row_end_with_the_last(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    daemon.wait_log("Entering MASTER STATE")
    for number in range(5):
        daemon.reload(instance(150, vip=f"192.168.1.{60 + number}"))
    lan.hosts[0].wait_address("192.168.1.64")
    lan.hosts[0].wait_address(VIP, present=False)
    eventually(lambda: lan.hosts[0].addresses() == {"127.0.0.1", "192.168.1.21", "192.168.1.64"})


def test_a_first_signal_before_the_start_is_over_is_not_lost(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    daemon.wait_log("Starting VRRP child process")
    assert daemon.stop() == 0
    assert lan.hosts[0].addresses() == {"127.0.0.1", "192.168.1.21"}
