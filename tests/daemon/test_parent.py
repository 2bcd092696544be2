"""The parent: many reloads, children that die at bad moments, and what is left when either ends."""

import itertools
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from labkit.daemon.asking import Connection
from tests.daemon.daemon import REALTIME, Daemon, instance
from tests.kernel.lan import Lan, eventually

pytestmark = pytest.mark.kernel
Start = Callable[[int, str], Daemon]
VIP = "192.168.1.20"


def _gaps(lan: Lan) -> list[float]:
    times = [frame.at for frame in lan.sniffer.frames if frame.advert and frame.source == "192.168.1.21"]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def test_a_hundred_reloads_in_a_second_disturb_no_advert(lan: Lan, start: Start) -> None:
    daemon = start(0, REALTIME + instance(150))
    lan.hosts[0].wait_address(VIP)
    lan.sniffer.wait_advert("192.168.1.21")
    lan.sniffer.frames.clear()
    for number in range(100):
        daemon.reload(REALTIME + instance(150, vip=f"{VIP}\n  192.168.1.{100 + number}"))
        lan.sniffer.listen(0.01)
    lan.hosts[0].wait_address("192.168.1.199")
    lan.sniffer.listen(0.3)
    eventually(lambda: lan.hosts[0].addresses() == {"127.0.0.1", "192.168.1.21", VIP, "192.168.1.199"})
    gaps = _gaps(lan)
    assert len(gaps) >= 10
    assert max(gaps) < 0.3  # a backup would not have taken over
    assert daemon.log.count("Entering MASTER STATE") == 1
    assert daemon.log.count("Reload complete") <= 100


def test_everybody_who_asks_for_a_reload_is_answered(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)

    def ask(_: int) -> bool:
        with Connection(daemon.home / "pid.sock") as connection:
            return connection.reload()[0]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(40)))
    assert daemon.stop() == 0


def test_a_vrrp_process_that_dies_with_a_reload_in_its_hands_comes_back_with_the_new_file(
    lan: Lan, start: Start
) -> None:
    daemon = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    first = daemon.vrrp_pid
    os.kill(first, signal.SIGSTOP)
    daemon.reload(instance(150, vip="192.168.1.30"))
    daemon.wait_log("Reloading ...")
    os.kill(first, signal.SIGKILL)
    lan.hosts[0].wait_address("192.168.1.30")
    assert daemon.stop() == 0


def test_children_that_keep_dying_come_back_later_and_later(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    died: list[float] = []
    for number in range(1, 3):
        pid = daemon.vrrp_pid
        os.kill(pid, signal.SIGKILL)
        daemon.wait_log("died: Respawning", times=number)
        died.append(lan.sniffer.wait_advert("192.168.1.21").at)
        eventually(lambda pid=pid: daemon.vrrp_pid not in (0, pid))  # type: ignore[misc]
    assert died[1] - died[0] > 1  # the second one had to wait a second
    assert daemon.stop() == 0


def test_stopping_while_nothing_runs_ends_at_once(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    for number in range(1, 3):
        eventually(lambda: daemon.vrrp_pid in _children(daemon))
        os.kill(daemon.vrrp_pid, signal.SIGKILL)
        daemon.wait_log("died: Respawning", times=number)
    assert _children(daemon) == []  # the back-off
    assert daemon.stop() == 0
    assert not (daemon.home / "vrrp.pid").exists()


def _children(daemon: Daemon) -> list[int]:
    with open(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children") as file:  # noqa: PTH123
        return [int(word) for word in file.read().split()]


def test_what_a_reload_cannot_change_is_told(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    daemon.reload("instance other\n" + instance(150))
    daemon.wait_log("instance cannot change at a reload: restart for that")
    daemon.wait_log("Reload complete")


def test_the_operator_s_priority_outlives_the_vrrp_process_and_a_reload(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    with Connection(daemon.home / "pid.sock") as connection:
        connection.ask(ask="prio", instance="VI", priority=77)
        lan.sniffer.wait_advert("192.168.1.21", priority=77)
        os.kill(daemon.vrrp_pid, signal.SIGKILL)
        daemon.wait_log("died: Respawning")
        lan.sniffer.drain()
        lan.sniffer.wait_advert("192.168.1.21", priority=77)
        daemon.reload(instance(160))
        daemon.wait_log("Reload complete")
        lan.sniffer.drain()
        lan.sniffer.wait_advert("192.168.1.21", priority=77)
        router = connection.status("VI").routers[0]
        assert (router.priority, router.base_priority, router.operator_priority) == (77, 160, 77)
        connection.ask(ask="prio", instance="VI", priority=None)
        lan.sniffer.wait_advert("192.168.1.21", priority=160)
