"""A daemon that is hard pressed: states that change all the time, a death at a bad moment, somebody who never stops
asking.
"""

import os
import re
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

import pytest

from labkit.daemon.asking import Connection
from labkit.vrrp.packet import Advert, encode
from tests.daemon.conftest import Start
from tests.daemon.daemon import REALTIME, Daemon, alive, instance
from tests.daemon.test_scripts import TRACKED, program
from tests.kernel.lan import Lan, eventually

pytestmark = pytest.mark.kernel
VIP = "192.168.1.20"
QUICK = "version 3\n advert_int 0.01"
ADDRESS = IPv4Address("192.168.1.100")
STATES = re.compile(r"Entering (MASTER|BACKUP) STATE")


class Stranger:
    """Somebody on the observer's host who sends adverts for our router."""

    def __init__(self, lan: Lan) -> None:
        with lan.observer.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, ADDRESS.packed)

    def send(self, priority: int) -> None:
        advert = Advert(version=3, vrid=21, priority=priority, interval=10_000, addresses=(IPv4Address(VIP),))
        self._socket.sendto(encode(advert, ADDRESS), ("224.0.0.18", 0))

    def close(self) -> None:
        self._socket.close()


def test_two_hundred_changes_of_state_as_fast_as_they_come(lan: Lan, start: Start, tmp_path: Path) -> None:
    """Every change is told by the log and by the script in the order in which they were, or counted as left out."""
    told = tmp_path / "told"
    notify = program(tmp_path / "notify", f'echo "$3" >> {told}')
    daemon = start(0, instance(150, timing=QUICK, more=f"notify {notify}\n garp_master_delay 0"))
    lan.hosts[0].wait_address(VIP)
    stranger = Stranger(lan)
    while daemon.log.count("STATE") < 200:
        lan.sniffer.drain()
        lan.sniffer.wait_advert("192.168.1.21", priority=150)
        stranger.send(254)
        stranger.send(0)
    stranger.close()
    lan.hosts[0].wait_address(VIP)

    def delivery() -> dict[str, int]:
        with Connection(daemon.home / "pid.sock") as connection:
            (way,) = connection.status().deliveries
        return {"told": way.told, "lost": way.lost, "waiting": way.waiting}

    eventually(lambda: not delivery()["waiting"], within=30)
    changes = STATES.findall(daemon.log)
    assert changes[-1] == "MASTER"
    assert all(earlier != later for earlier, later in pairwise(changes))
    figures = delivery()
    assert figures["told"] + figures["lost"] == len(changes)
    eventually(lambda: len(told.read_text().split()) == figures["told"], within=30)
    assert told.read_text().split()[-1] == "MASTER"
    if not figures["lost"]:
        assert told.read_text().split() == changes
    assert "internal error" not in daemon.log


def test_a_vrrp_process_that_is_killed_leaves_no_script_and_no_fifo(lan: Lan, start: Start, tmp_path: Path) -> None:
    pids, fifo = tmp_path / "pids", tmp_path / "fifo"
    lingering = program(tmp_path / "lingering", f"echo $$ >> {pids}\nexec sleep 600")
    script = f"vrrp_script chk {{\n script {lingering}\n interval 300\n}}\n"
    text = f"global_defs {{\n vrrp_notify_fifo {fifo}\n}}\n{script}"
    waiting = instance(100, name="W", vrid=22, vip="10.0.0.1", more=TRACKED)
    daemon = start(0, text + instance(150, more=f"notify_backup {lingering}") + waiting)
    daemon.wait_log("(VI) Entering MASTER STATE")
    eventually(lambda: pids.exists() and len(pids.read_text().split()) >= 2)
    orphans = [int(pid) for pid in pids.read_text().split()]
    os.kill(daemon.vrrp_pid, signal.SIGKILL)
    eventually(lambda: not any(map(alive, orphans)), within=10)
    daemon.wait_log("Entering MASTER STATE", times=2, within=10)
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert daemon.stop() == 0
    assert not fifo.exists()
    started = [int(pid) for pid in pids.read_text().split()]
    eventually(lambda: not any(map(alive, started)), within=10)


def test_a_fifo_that_was_there_before_stays(lan: Lan, start: Start, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    daemon = start(0, f"global_defs {{\n vrrp_notify_fifo {fifo}\n}}\n" + instance(150))
    lan.hosts[0].wait_address(VIP)
    assert daemon.stop() == 0
    assert fifo.exists()


@contextmanager
def asked_all_the_time(daemon: Daemon) -> Iterator[list[int]]:
    """Somebody asks for the status again and again; how often it was answered."""
    answered, ended = [0], threading.Event()

    def ask() -> None:
        while not ended.is_set():
            with Connection(daemon.home / "pid.sock") as connection:
                while not ended.is_set():
                    connection.ask(ask="status")
                    answered[0] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answered
    finally:
        ended.set()
        thread.join()


def late(lan: Lan, count: int, interval: float) -> float:
    """The longest delay of an advert behind the grid of the first of so many, by the kernel's time stamps."""
    lan.sniffer.drain()
    times = [lan.sniffer.wait(lambda frame: frame.advert and frame.advert.vrid == 21).at for _ in range(count)]
    delays = [at - (times[0] + number * interval) for number, at in enumerate(times)]
    return max(delays) - min(delays)


def test_who_asks_for_the_status_all_the_time_delays_no_advert(lan: Lan, start: Start) -> None:
    """A busy machine may delay one; asking would delay them again and again."""
    others = "".join(instance(150, name=f"V{n}", vrid=n, vip=f"10.0.0.{n}") for n in range(100, 180))
    daemon = start(0, REALTIME + instance(150) + others)
    lan.hosts[0].wait_address(VIP)
    with asked_all_the_time(daemon) as answered:
        eventually(lambda: answered[0] > 3, within=10)
        before = answered[0]
        delays = iter(lambda: late(lan, 15, 0.1), None)
        assert any(next(delays) < 0.05 for _ in range(5))
        assert answered[0] > before
    assert daemon.log.count("(VI) Entering MASTER STATE") == 1
