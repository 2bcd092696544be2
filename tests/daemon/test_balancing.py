"""The balancing process on the kernel: real servers die and come back, weights, sorry servers, ends of processes."""

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit.daemon.asking import Connection
from tests.daemon.daemon import OURS, Daemon, instance
from tests.daemon.mail import MailServer
from tests.kernel.balanced import DR, NAT, Balanced, run, take
from tests.kernel.lan import Namespace, eventually, why_not

pytestmark = pytest.mark.kernel
Begin = Callable[..., Daemon]


@pytest.fixture(params=[NAT, DR], ids=["nat", "dr"])
def balanced(request: pytest.FixtureRequest) -> Iterator[Balanced]:
    if why_not():
        pytest.skip(why_not())
    made = Balanced(request.param, 4)
    yield made
    made.close()


@pytest.fixture
def begin(balanced: Balanced, tmp_path: Path) -> Iterator[Begin]:
    """Start a daemon on the director: begin(configuration, options of the command line)."""
    running: list[Daemon] = []

    def start(config: str, *options: str) -> Daemon:
        running.append(Daemon(balanced.director, tmp_path / "director", config, (*OURS, *options)))
        return running[-1]

    yield start
    for daemon in running:
        daemon.close()


def server(balanced: Balanced, number: int, weight: int = 1, check: str = "TCP_CHECK {\n connect_timeout 1\n }") -> str:
    address = balanced.destination(number).address
    return f" real_server {address} 80 {{\n  weight {weight}\n  {check}\n }}\n"


def service(balanced: Balanced, *servers: str, more: str = "", algo: str = "rr") -> str:
    head = f"virtual_server {balanced.vip} 80 {{\n lb_algo {algo}\n lb_kind {balanced.kind}\n protocol TCP\n"
    times = " delay_loop 1\n retry 1\n delay_before_retry 0.2\n warmup 0.1\n"
    return head + times + more + "".join(servers) + "}\n"


def whole(balanced: Balanced, weights: tuple[int, ...] = (1, 1, 1), **options: str) -> str:
    return service(balanced, *(server(balanced, n, weight) for n, weight in enumerate(weights, 1)), **options)


class Listener:
    """The web server of one host, which can be taken away."""

    def __init__(self, balanced: Balanced, number: int) -> None:
        self._balanced = balanced
        self._number = number

    def die(self) -> None:
        web = self._balanced.web
        for descriptor, (one, number) in list(web._sockets.items()):
            if number == self._number and one.type == socket.SOCK_STREAM:
                web._epoll.unregister(descriptor)
                del web._sockets[descriptor]
                one.close()

    def rise(self) -> None:
        with self._balanced.servers[self._number - 1].entered():
            one = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
        self._balanced.web._watch(one, self._number)


def ready(daemon: Daemon, servers: int = 3) -> None:
    daemon.wait_log("success.", times=servers, within=10)


def test_a_web_server_dies_and_returns(balanced: Balanced, begin: Begin) -> None:
    daemon = begin(whole(balanced))
    ready(daemon)
    assert balanced.share(30) == {"1": 10, "2": 10, "3": 10}
    third = Listener(balanced, 3)
    third.die()
    name = f"[{balanced.destination(3).address}]:tcp:80"
    daemon.wait_log(f"Removing service {name} from VS [192.168.1.20]:tcp:80", within=10)
    assert f"TCP_CHECK on service {name} failed after 1 retries: connection refused" in daemon.log
    assert balanced.share(12) == {"1": 6, "2": 6}
    third.rise()
    daemon.wait_log(f"Adding service {name} to VS [192.168.1.20]:tcp:80", within=10)
    assert balanced.share(12) == {"1": 4, "2": 4, "3": 4}
    assert daemon.stop() == 0
    assert balanced.ask() == "refused"
    assert "lvs" not in run(balanced.director, "nft list tables")


def test_when_nobody_is_left_the_sorry_server_serves(balanced: Balanced, begin: Begin) -> None:
    sorry = balanced.destination(3).address
    more = f" sorry_server {sorry} 80\n quorum 2\n hysteresis 1\n"
    daemon = begin(service(balanced, server(balanced, 1), server(balanced, 2, weight=2), more=more))
    ready(daemon, servers=2)
    assert set(balanced.share(6)) == {"1", "2"}
    second = Listener(balanced, 2)
    second.die()
    daemon.wait_log("Removing service [", within=10)
    assert set(balanced.share(2)) == {"1"}  # a weight of 1 is enough to keep the quorum
    first = Listener(balanced, 1)
    first.die()
    daemon.wait_log("Lost quorum 2-1=1 > 0 for VS [192.168.1.20]:tcp:80", within=10)
    assert f"Adding sorry server [{sorry}]:tcp:80 to VS [192.168.1.20]:tcp:80" in daemon.log
    assert balanced.share(3) == {"3": 3}
    status = run(
        balanced.director, f"{sys.executable} -m labkit.daemon.main status --control {daemon.home / 'pid.sock'}"
    )
    assert f"{sorry}:80" in status
    assert "0 open: the sorry server" in status
    first.rise()
    second.rise()
    daemon.wait_log("Gained quorum 2+1=3 <= 3 for VS [192.168.1.20]:tcp:80", times=2, within=10)
    assert set(balanced.share(6)) == {"1", "2"}


def test_a_reload_changes_weights_and_disturbs_no_connection(balanced: Balanced, begin: Begin) -> None:
    daemon = begin(whole(balanced, (1, 1, 1), algo="wrr"))
    ready(daemon)
    balanced.web.keep = True
    held = [balanced.open() for _ in range(3)]
    assert sorted(answer for answer, _ in held) == ["1", "2", "3"]
    balanced.web.keep = False
    kept = list(balanced.web.kept)
    daemon.reload(whole(balanced, (0, 3, 1), algo="wrr"))
    daemon.wait_log("Reload complete", times=2)
    assert balanced.share(8) == {"2": 6, "3": 2}
    for one in kept:
        with contextlib.suppress(OSError):  # those of checks are over
            one.sendall(b"still")
    assert [balanced.hear(one) for _, one in held] == ["still"] * 3
    for _, one in held:
        one.close()
    assert daemon.log.count("success.") == 3  # what is known is not asked anew
    daemon.reload(instance(150))
    eventually(lambda: "Stopped" in daemon.log)
    assert balanced.ask() == "refused"


def test_the_process_of_checks_dies_and_comes_back_unnoticed(balanced: Balanced, begin: Begin) -> None:
    daemon = begin(whole(balanced) + instance(150, vip="192.168.1.40"))
    ready(daemon)
    balanced.director.wait_address("192.168.1.40")
    os.kill(int((daemon.home / "checkers.pid").read_text()), signal.SIGKILL)
    assert balanced.share(3) == {"1": 1, "2": 1, "3": 1}
    daemon.wait_log("Healthcheck child process(", within=10)
    ready(daemon, servers=6)
    assert balanced.share(6) == {"1": 2, "2": 2, "3": 2}
    assert "Entering BACKUP STATE" not in daemon.log.split("Entering MASTER STATE")[1]
    daemon.crash()  # parent and VRRP process: the process of checks sees it and goes
    eventually(lambda: balanced.ask() == "refused", within=10)


@pytest.mark.parametrize("balanced", [NAT], indirect=True, ids=["nat"])
def test_a_process_of_checks_that_hangs_keeps_the_status_from_nobody(balanced: Balanced, begin: Begin) -> None:
    daemon = begin(whole(balanced) + instance(150, vip="192.168.1.40"))
    ready(daemon)
    daemon.wait_log("Entering MASTER STATE")
    checkers = int((daemon.home / "checkers.pid").read_text())
    os.kill(checkers, signal.SIGSTOP)
    asked = f"{sys.executable} -m labkit.daemon.main status --control {daemon.home / 'pid.sock'}"
    status = run(balanced.director, asked)
    assert "MASTER since" in status
    assert "balancing  the process of checks does not answer" in status
    os.kill(checkers, signal.SIGCONT)
    eventually(lambda: "192.168.1.20:80 rr  UP" in run(balanced.director, asked), within=10)


def test_what_a_process_of_checks_that_hangs_cannot_take_out_the_parent_does(balanced: Balanced, begin: Begin) -> None:
    daemon = begin("child_wait_time 1\n" + whole(balanced) + instance(150, vip="192.168.1.40"))
    ready(daemon)
    os.kill(int((daemon.home / "checkers.pid").read_text()), signal.SIGSTOP)
    assert daemon.stop() == 0
    assert "Healthcheck process failed to die - forcing termination" in daemon.log
    assert balanced.ask() == "refused"
    assert "lvs" not in run(balanced.director, "nft list tables")


def test_either_half_runs_alone(balanced: Balanced, begin: Begin) -> None:
    daemon = begin(whole(balanced) + instance(150, vip="192.168.1.40"), "-P")
    daemon.wait_log("Entering MASTER STATE")
    assert "Healthcheck" not in daemon.log
    assert balanced.ask() == "refused"
    assert daemon.stop() == 0
    daemon = begin(whole(balanced) + instance(150, vip="192.168.1.40"), "-C")
    ready(daemon)
    assert balanced.share(3) == {"1": 1, "2": 1, "3": 1}
    assert "VRRP child" not in daemon.log.split("Stopped Keepalived")[-1]
    for weights, share in (((0, 1, 1), {"2": 1, "3": 1}), ((1, 0, 0), {"1": 2})):  # a reload, and another one
        daemon.reload(whole(balanced, weights))
        eventually(lambda share=share: balanced.share(2) == share, within=10)  # type: ignore[misc]


@pytest.mark.parametrize("balanced", [NAT], indirect=True, ids=["nat"])
def test_a_number_in_a_file_decides_at_once(balanced: Balanced, begin: Begin, tmp_path: Path) -> None:
    file = tmp_path / "load"
    file.write_text("1\n")
    weighing = "FILE_CHECK {\n track_file load\n weight 10\n }"
    failing = "FILE_CHECK {\n track_file load\n weight 0\n }"
    servers = server(balanced, 1, 5, weighing), server(balanced, 2, 5, failing)
    slow = service(balanced, *servers, algo="wrr").replace("delay_loop 1\n", "delay_loop 600\n")
    daemon = begin(f"track_file load {{\n file {file}\n}}\n" + slow.replace("warmup 0.1", "warmup 300"))
    daemon.wait_log(f"Removing service [{balanced.destination(2).address}]:tcp:80")
    daemon.wait_log("from 5 to 15")
    file.write_text("0\n")
    daemon.wait_log(f"Adding service [{balanced.destination(2).address}]:tcp:80")
    daemon.wait_log("from 15 to 5")
    assert balanced.share(10) == {"1": 5, "2": 5}


def asked(host: Namespace) -> int:
    """Return how many TCP connections a host has accepted."""
    with host.entered():
        lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Tcp:"))
    return int(values[names.index("PassiveOpens")])


@pytest.mark.parametrize("balanced", [NAT], indirect=True, ids=["nat"])
def test_a_backup_suspends_its_checks_and_a_master_runs_them(balanced: Balanced, begin: Begin, tmp_path: Path) -> None:
    first, second = balanced.servers[:2]
    take(balanced.director, f"{balanced.vip}/32")  # it is VRRP's to give
    master = Daemon(balanced.client, tmp_path / "master", instance(200, vip=balanced.vip))
    try:
        master.wait_log("Entering MASTER STATE")
        suspended = service(balanced, server(balanced, 1), more=" ha_suspend\n")
        always = service(balanced, server(balanced, 2)).replace(balanced.vip, "192.168.1.30")
        daemon = begin(suspended + always + instance(100, vip=balanced.vip))
        daemon.wait_log("Entering BACKUP STATE")
        eventually(lambda: asked(second) >= 3, within=15)
        assert asked(first) == 0
        master.stop()
        daemon.wait_log("Entering MASTER STATE")
        eventually(lambda: asked(first) >= 2, within=15)
        assert f"TCP connection to [{balanced.destination(1).address}]:tcp:80 success." in daemon.log
        master.restart()
        balanced.director.wait_address(balanced.vip, present=False)
        until = asked(second) + 1  # a check may have been under way
        eventually(lambda: asked(second) >= until, within=15)
        before, until = asked(first), asked(second) + 3
        eventually(lambda: asked(second) >= until, within=15)
        assert asked(first) == before
    finally:
        master.close()


WITHOUT_A_PLANE = """
import sys
from labkit.daemon import balanced, main
def choose():
    raise balanced.LabkitError("this kernel has neither")
balanced.choose = choose
sys.exit(main.main())
"""


def test_vrrp_runs_on_where_nothing_can_balance(tmp_path: Path) -> None:
    if why_not():
        pytest.skip(why_not())
    made = Balanced(NAT, 4)
    program = (sys.executable, "-c", WITHOUT_A_PLANE)
    daemon = Daemon(made.director, tmp_path / "director", whole(made) + instance(150, vip="192.168.1.40"), program)
    try:
        daemon.wait_log("no balancing: this kernel has neither")
        daemon.wait_log("exited with permanent error")
        made.director.wait_address("192.168.1.40")
        assert daemon.stop() == 0
    finally:
        daemon.close()
        made.close()


def test_the_table_is_told_as_ipvsadm_tells_it(balanced: Balanced, begin: Begin) -> None:
    daemon = begin(whole(balanced) + instance(150, vip="192.168.1.40"))
    ready(daemon)
    Listener(balanced, 3).die()
    daemon.wait_log("Removing service [", within=10)
    balanced.share(4)
    first, second = (balanced.destination(number).address for number in (1, 2))
    asked = f"{sys.executable} -m labkit.daemon.main lvs --control {daemon.home / 'pid.sock'}"
    way = "Masq   " if balanced.kind is NAT else "Route  "

    def listed() -> list[str]:
        return run(balanced.director, asked).splitlines()

    assert listed() == [
        "IP Virtual Server version 1.2.1 (size=4096)",
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
        "TCP  192.168.1.20:80 rr",
        *(
            f"  -> {address}:80{'':<{25 - len(str(address))}} {way} 1      0          2         "
            for address in (first, second)
        ),
    ]
    stats = run(balanced.director, f"{asked} --stats").splitlines()
    assert [line.split()[2] for line in stats[3:]] == ["4", "2", "2"]
    connections = run(balanced.director, f"{asked} -c").splitlines()
    assert len(connections) == 6
    table = json.loads(run(balanced.director, f"{asked} --json"))
    third = table["services"][0]["servers"][2]
    assert (third["up"], third["listed"], third["why"]) == (False, False, "connection refused")
    status = run(balanced.director, asked.replace(" lvs ", " status "))
    assert f"{balanced.destination(3).address}:80" in status
    assert "out of the table: connection refused" in status


@pytest.mark.parametrize("balanced", [NAT], indirect=True, ids=["nat"])
def test_scripts_fifos_and_mail_are_told(balanced: Balanced, begin: Begin, tmp_path: Path) -> None:
    told, script = tmp_path / "told", tmp_path / "notify"
    script.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    script.chmod(0o755)
    with balanced.director.entered():
        post = MailServer()
    head = (
        f"global_defs {{\n notify_fifo {tmp_path}/all\n lvs_notify_fifo {tmp_path}/lvs\n"
        f" notification_email {{\n a@b.c\n }}\n smtp_server 127.0.0.1 {post.port}\n script_user root\n}}\n"
    )
    more = f' omega\n quorum_up "{script} quorum up"\n quorum_down "{script} quorum down"\n'
    check = f'notify_up "{script} up"\n notify_down "{script} down"\n TCP_CHECK {{\n connect_timeout 1\n }}'
    daemon = begin(
        head + service(balanced, server(balanced, 1, check=check), more=more) + instance(150, vip="10.9.9.9")
    )
    try:
        ready(daemon, servers=1)
        readers = [os.open(tmp_path / name, os.O_RDONLY | os.O_NONBLOCK) for name in ("all", "lvs")]
        first = Listener(balanced, 1)
        first.die()
        daemon.wait_log("Lost quorum", within=10)
        first.rise()
        daemon.wait_log("Gained quorum", times=2, within=10)
        eventually(lambda: told.exists() and told.read_text().count("\n") == 5, within=10)
        eventually(lambda: len(post.letters) == 2, within=20)
        with balanced.director.entered(), Connection(daemon.home / "pid.sock") as control:
            ways = {way.name or way.kind: way for way in control.status().deliveries}
        assert {name: way.told for name, way in ways.items()} == {
            f"{tmp_path}/all": 7,
            f"{tmp_path}/lvs": 5,
            "script": 5,
            "mail": 2,
        }
        assert daemon.stop() == 0
        name = f"[{balanced.destination(1).address}]:tcp:80 [192.168.1.20]:tcp:80"
        vs, down, up = "VS [192.168.1.20]:tcp:80", f"RS {name} DOWN", f"RS {name} UP"
        wanted = [f"{vs} UP", down, f"{vs} DOWN", up, f"{vs} UP", down, f"{vs} DOWN"]
        everything, servers = (os.read(one, 1 << 16).decode().splitlines() for one in readers)
        assert servers == wanted
        assert [line for line in everything if "INSTANCE" not in line] == wanted
        assert 'INSTANCE "VI" MASTER 150' in everything
        assert sorted(told.read_text().splitlines()) == sorted(
            ["quorum up"] * 2 + ["quorum down"] * 2 + ["up"] + ["down"] * 2
        )
        assert sorted(path.name for path in tmp_path.iterdir()) == ["director", "notify", "told"]
        assert "Realserver" in post.letters[0]
    finally:
        post.close()


def test_a_lack_of_descriptors_is_no_failure_of_servers(tmp_path: Path, balanced: Balanced) -> None:
    silent = "".join(
        f" real_server 10.0.0.{n} 80 {{\n TCP_CHECK {{\n connect_timeout 2\n }}\n }}\n" for n in range(100, 199)
    )
    few = ("setpriv", "--bounding-set", "-sys_resource", "sh", "-c", 'ulimit -n 40; exec "$0" "$@"', *OURS)
    daemon = Daemon(balanced.director, tmp_path / "director", service(balanced, silent), few)
    with contextlib.closing(daemon):
        daemon.wait_log("failed after 1 retries: no route to the host", within=60)
        assert daemon.log.count("checks cannot be made, and wait: no descriptor is left (ulimit -Hn)") == 1
        assert "retries: no descriptor" not in daemon.log


def test_descriptors_for_many_checks_are_allowed(tmp_path: Path, balanced: Balanced) -> None:
    few = ("sh", "-c", 'ulimit -Sn 40; exec "$0" "$@"', *OURS)
    daemon = Daemon(balanced.director, tmp_path / "director", whole(balanced), few)
    with contextlib.closing(daemon):
        ready(daemon)
        limits = Path(f"/proc/{int((daemon.home / 'checkers.pid').read_text())}/limits").read_text()
        assert "Max open files            67 " in limits


def test_a_script_that_is_not_there_gives_no_weight(tmp_path: Path, balanced: Balanced, begin: Begin) -> None:
    here, never = tmp_path / "not-executable", tmp_path / "never"
    here.write_text("#!/bin/sh\n")
    checks = (f"MISC_CHECK {{\n misc_path {path}\n misc_dynamic\n }}" for path in (here, never))
    servers = (server(balanced, number, check=check) for number, check in enumerate(checks, 1))
    daemon = begin("global_defs {\n script_user root\n}\n" + service(balanced, *servers))
    daemon.wait_log("Removing service", times=2)
    assert f"failed after 1 retries: {here} is not executable" in daemon.log
    assert f"failed after 1 retries: {never}: No such file or directory" in daemon.log
    assert "Changing weight" not in daemon.log
