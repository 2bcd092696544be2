"""The control socket: what it answers, whom it answers, and that no client can disturb VRRP."""

import contextlib
import itertools
import json
import os
import random
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit.daemon.asking import Connection, NotRunningError, RefusedRequestError
from labkit.daemon.control import CLIENTS, Ask, Client, Request, RequestError, parse
from labkit.daemon.loop import Loop
from labkit.daemon.places import control_path
from tests.daemon.daemon import OURS, REALTIME, Daemon, instance
from tests.kernel.lan import Lan, eventually

Start = Callable[[int, str], Daemon]
VIP = "192.168.1.20"


# --- requests, as text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ('{"ask":"status"}', Request(ask=Ask.STATUS)),
        ('{"ask":"status","instance":"VI"}', Request(ask=Ask.STATUS, instance="VI")),
        ('{"ask":"events","follow":true}', Request(ask=Ask.EVENTS, follow=True)),
        ('{"ask":"prio","instance":"VI","priority":254}', Request(ask=Ask.PRIO, instance="VI", priority=254)),
        ('{"ask":"prio","instance":"VI","priority":null}', Request(ask=Ask.PRIO, instance="VI")),
    ],
)
def test_requests(line: str, request_: Request) -> None:
    assert parse(line.encode()) == request_


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "one JSON object on one line"),
        (b"status", "one JSON object on one line"),
        (b"[]", "one JSON object on one line"),
        (b"\xff\xfe", "one JSON object on one line"),
        (b"[" * 4000, "one JSON object on one line"),
        (b"{}", "'ask' is one of status, events, reload, stop, prio"),
        (b'{"ask":"dance"}', "'ask' is one of"),
        (b'{"ask":["status"]}', "'ask' is one of"),
        (b'{"ask":"status","colour":1}', "unknown fields: colour"),
        (b'{"ask":"status","instance":7}', "'instance' is a text"),
        (b'{"ask":"events","follow":1}', "'follow' and 'connections' are true or false"),
        (b'{"ask":"prio","instance":"V","priority":0}', "a number in 1..254"),
        (b'{"ask":"prio","instance":"V","priority":255}', "a number in 1..254"),
        (b'{"ask":"prio","instance":"V","priority":true}', "a number in 1..254"),
        (b'{"ask":"prio","instance":"V","priority":1.5}', "a number in 1..254"),
    ],
)
def test_what_is_no_request_is_told_why(line: bytes, why: str) -> None:
    with pytest.raises(RequestError, match=why.replace("'", ".")):
        parse(line)


@pytest.mark.parametrize(
    ("pid", "control"),
    [
        ("/run/keepalived.pid", "/run/keepalived/control.sock"),
        ("/run/one.pid", "/run/one.sock"),
        ("/tmp/x/pid", "/tmp/x/pid.sock"),
    ],
)
def test_daemons_with_pid_files_of_their_own_listen_apart(pid: str, control: str) -> None:
    assert control_path(Path(pid)) == Path(control)


def test_a_follower_that_never_reads_is_let_go_at_its_bound() -> None:
    loop = Loop()
    ours, theirs = socket.socketpair()
    client = Client(loop, ours, lambda client, request: None)
    lines = 0
    while client.open:
        client.add("x" * 999)
        lines += 1
        assert lines < 5000
    assert lines > 1000  # a burst is no reason
    theirs.close()
    loop.close()


def test_a_client_that_says_nothing_loses_our_patience_and_one_that_waits_does_not() -> None:
    loop = Loop()
    ours, theirs = socket.socketpair()
    client = Client(loop, ours, lambda client, request: None)
    assert client.give_up_at == client.heard_at + 10_000_000
    theirs.send(b'{"ask":"status"}\n')
    loop.step(None)
    assert client.give_up_at is None
    client.reply({"ok": True})
    assert theirs.recv(100) == b'{"ok":true}\n'
    assert client.give_up_at is not None
    client.close()
    theirs.close()
    loop.close()


# --- a real daemon ----------------------------------------------------------------------------------------------------


def _socket(daemon: Daemon) -> Path:
    return daemon.home / "pid.sock"


def _run(daemon: Daemon, *words: str) -> tuple[int, str, str]:
    """Run a command as a person would."""
    done = subprocess.run(
        (*OURS, words[0], "-p", daemon.home / "pid", *words[1:]),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def _stranger(daemon: Daemon) -> socket.socket:
    stranger = socket.socket(socket.AF_UNIX)
    folder = os.open(daemon.home, os.O_PATH)
    stranger.connect(f"/proc/self/fd/{folder}/pid.sock")
    stranger.settimeout(5)
    os.close(folder)
    return stranger


@pytest.mark.kernel
class TestAnswers:
    @pytest.fixture
    def daemon(self, lan: Lan, start: Start, tmp_path: Path) -> Daemon:
        fifo = f"global_defs {{\n vrrp_notify_fifo {tmp_path}/fifo\n}}\n"
        daemon = start(
            0, fifo + instance(150) + instance(150, name="W", vrid=22, vip="10.0.0.1").replace("eth0", "eth7")
        )
        lan.hosts[0].wait_address(VIP)
        return daemon

    def test_status_says_state_reason_and_what_is_waited_for(self, daemon: Daemon) -> None:
        status, said, _ = _run(daemon, "status")
        assert status == 0
        lines = said.splitlines()
        assert lines[2].startswith("VI  MASTER since ")
        assert ": no advert from anyone for 0.3" in lines[2]
        assert f"  holds     {VIP}" in lines
        assert any(
            line.startswith("W  FAULT since ") and line.endswith(": interface eth7 does not exist") for line in lines
        )
        assert "interface eth7  does not exist" in lines

    def test_status_as_json_of_one_instance(self, daemon: Daemon) -> None:
        report = json.loads(_run(daemon, "status", "--json", "VI")[1])
        assert [router["name"] for router in report["routers"]] == ["VI"]
        assert report["routers"][0]["addresses"] == [
            {"address": VIP, "interface": "eth0", "excluded": False, "held": True}
        ]
        assert report["vrrp_pid"] == daemon.vrrp_pid
        assert report["pid"] == daemon.process.pid
        (delivery,) = report["deliveries"]
        assert (delivery["kind"], delivery["lost"], delivery["waiting"]) == ("fifo", 0, 0)
        assert delivery["told"] >= 2

    def test_an_instance_that_is_not_there(self, daemon: Daemon) -> None:
        assert _run(daemon, "status", "V1") == (
            1,
            "",
            "pykeepalived: there is no vrrp_instance 'V1'; known here: VI, W\n",
        )

    def test_events_are_remembered_and_followed(self, lan: Lan, daemon: Daemon) -> None:
        said = _run(daemon, "events")[1]
        assert "(VI) INIT -> BACKUP: just started" in said
        assert "(VI) BACKUP -> MASTER: no advert from anyone" in said
        with Connection(_socket(daemon)) as connection:
            _, records = connection.events(follow=True)
            heard = (json.loads(record) for record in records)
            next(record for record in heard if record["state"] == "MASTER")
            lan.set_port(1, up=False)
            assert next(record for record in heard if record["kind"] == "state")["state"] == "FAULT"

    def test_reload_says_whether_the_file_was_taken(self, lan: Lan, daemon: Daemon) -> None:
        daemon.config.write_text(instance(150, vip="192.168.1.30"))
        assert _run(daemon, "reload") == (0, "the file is taken\n", "")
        assert "192.168.1.30" in lan.hosts[0].addresses()  # it is answered when it runs
        daemon.config.write_text("vrrp_instance X {\n")
        status, _, errors = _run(daemon, "reload")
        assert status == 5
        assert errors.startswith(f"{daemon.config}:1:")
        assert errors.endswith("pykeepalived: the file is refused, the configuration before it runs on\n")
        assert "192.168.1.30" in lan.hosts[0].addresses()

    def test_stop_returns_when_it_is_down(self, lan: Lan, daemon: Daemon) -> None:
        daemon.process.poll()
        assert _run(daemon, "stop") == (0, "", "")
        assert VIP not in lan.hosts[0].addresses()
        assert not (daemon.home / "pid").exists()
        assert not _socket(daemon).exists()
        assert daemon.process.wait(timeout=1) == 0
        status, _, errors = _run(daemon, "status")
        assert status == 1
        assert errors == f"pykeepalived: no keepalived answers at {_socket(daemon)}: nothing is there\n"

    def test_a_follower_is_told_that_the_daemon_ended(self, daemon: Daemon) -> None:
        words = (*OURS, "events", "-f", "-p", daemon.home / "pid")
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
            assert follower.stdout is not None
            assert "INIT -> BACKUP" in follower.stdout.readline()
            assert daemon.stop() == 0
            _, errors = follower.communicate(timeout=10)
        assert follower.returncode == 1
        assert errors.startswith("pykeepalived: the daemon has ended")

    def test_the_socket_is_for_its_user_alone(self, daemon: Daemon) -> None:
        assert _socket(daemon).stat().st_mode & 0o777 == 0o600

    def test_a_half_closed_connection_is_answered(self, daemon: Daemon) -> None:
        with _stranger(daemon) as stranger:
            stranger.sendall(b'{"ask":"status"}\n')
            stranger.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: stranger.recv(65536), b""))
        assert json.loads(answer)["report"]["pid"] == daemon.process.pid

    def test_requests_in_a_row_are_answered_in_order(self, daemon: Daemon) -> None:
        with _stranger(daemon) as stranger:
            stranger.sendall(b'{"ask":"status"}\n{"ask":"events"}\n' + b'{"ask":"prio","instance":"no"}\n' * 100)
            lines = stranger.makefile("rb")
            assert "report" in json.loads(lines.readline())
            for _ in range(json.loads(lines.readline())["count"]):
                assert "kind" in json.loads(lines.readline())
            for _ in range(100):
                assert json.loads(lines.readline())["ok"] is False

    def test_a_vrrp_process_that_died_is_there_again_for_status(self, daemon: Daemon) -> None:
        first = daemon.vrrp_pid
        os.kill(first, signal.SIGKILL)
        daemon.wait_log("Startup complete")
        with Connection(_socket(daemon)) as connection:
            eventually(lambda: _vrrp_pid(connection) not in (None, first))

    def test_a_frozen_vrrp_process_keeps_nobody_from_stopping(self, daemon: Daemon) -> None:
        os.kill(daemon.vrrp_pid, signal.SIGSTOP)
        with _stranger(daemon) as stranger:
            stranger.sendall(b'{"ask":"status"}\n')
            daemon.process.terminate()
            assert daemon.process.wait(timeout=8) == 0
        assert "failed to die - forcing termination" in daemon.log


def _vrrp_pid(connection: Connection) -> int | None:
    try:
        return connection.status().vrrp_pid
    except RefusedRequestError:
        return None


@pytest.mark.kernel
def test_a_control_socket_that_cannot_be_made_is_told_and_vrrp_runs(lan: Lan, tmp_path: Path, start: Start) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "pid.sock").mkdir()
    daemon = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    assert f"no control socket {_socket(daemon)}: " in daemon.log
    with pytest.raises(NotRunningError):
        Connection(_socket(daemon))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n", b"7\n", b"{}\n", b"\xff\n"])
def test_another_program_that_answers_is_no_daemon(tmp_path: Path, answer: bytes) -> None:
    with _impostor(tmp_path / "sock") as (connection, peer):
        peer.sendall(answer)
        with pytest.raises(NotRunningError, match=r"what answers at .*/sock is no keepalived"):
            connection.ask(ask="status")


def test_a_daemon_that_dies_while_it_tells_is_told(tmp_path: Path) -> None:
    with _impostor(tmp_path / "sock") as (connection, peer):
        peer.sendall(b'{"ok": true, "count": 2, "now_us": 1, "time": 1.0}\nfirst\n')
        _, records = connection.events(follow=False)
        peer.close()  # it has not read the request: the connection is reset
        assert next(records) == "first"
        with pytest.raises(NotRunningError, match="does not answer"):
            next(records)


@contextlib.contextmanager
def _impostor(path: Path) -> Iterator[tuple[Connection, socket.socket]]:
    """Yield a connection to whoever listens at `path`, and its other end."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with Connection(path) as connection:
            peer, _ = listener.accept()
            with peer:
                yield connection, peer


@pytest.mark.kernel
def test_a_vrrp_process_that_hangs_is_told_and_answers_later(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    os.kill(daemon.vrrp_pid, signal.SIGSTOP)
    status, _, problem = _run(daemon, "status")
    assert status == 1
    assert f"the VRRP process (pid {daemon.vrrp_pid}) does not answer: it hangs" in problem
    os.kill(daemon.vrrp_pid, signal.SIGCONT)
    eventually(lambda: _run(daemon, "status")[0] == 0)


@pytest.mark.kernel
def test_a_socket_left_behind_by_kill_is_taken_over(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150))
    lan.hosts[0].wait_address(VIP)
    daemon.crash()
    assert _socket(daemon).exists()
    daemon.restart()
    eventually(lambda: _run(daemon, "status")[0] == 0)


@pytest.mark.kernel
def test_rude_clients_are_let_go_and_adverts_go_on_without_a_gap(lan: Lan, start: Start) -> None:
    daemon = start(0, REALTIME + instance(150))
    lan.hosts[0].wait_address(VIP)
    lan.sniffer.drain()
    lan.sniffer.frames.clear()
    dice = random.Random(3)
    pieces = [
        b'{"ask":"sta',
        b"\n" * 3000,
        b"x" * 10_000,
        b'{"ask":"status"}\n' * 50,
        b'{"ask":"events","follow":true}\n',
    ]
    with contextlib.ExitStack() as crowd:
        for number in range(10 * CLIENTS):
            stranger = crowd.enter_context(_stranger(daemon))
            stranger.setblocking(False)

            piece = pieces[number % len(pieces)] if number % 2 else dice.randbytes(dice.randrange(1, 3000))
            with contextlib.suppress(OSError):
                stranger.send(piece)
            lan.sniffer.read(0)
        adverts = [lan.sniffer.wait_advert("192.168.1.21") for _ in range(15)]
        times = [frame.at for frame in lan.sniffer.frames if frame.advert]
        assert max(later - earlier for earlier, later in itertools.pairwise(times)) < 0.15
        assert len(adverts) == 15
        assert _run(daemon, "status")[0] == 0  # a person is let in, whoever hangs about
        assert len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir())) < CLIENTS + 25
    assert "Traceback" not in daemon.log
    assert daemon.log.count("STATE") == 2
    assert daemon.stop() == 0


@pytest.mark.kernel
def test_a_follower_that_does_not_read_holds_nobody_up(lan: Lan, start: Start) -> None:
    daemon = start(
        0, instance(150) + "".join(instance(150, name=f"V{n}", vrid=n, vip=f"10.9.{n}.1") for n in range(1, 20))
    )
    lan.hosts[0].wait_address("10.9.19.1")
    with Connection(_socket(daemon)) as reader, _stranger(daemon) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stranger.sendall(b'{"ask":"events","follow":true}\n')
        _, records = reader.events(follow=True)
        states = (json.loads(record)["state"] for record in records if '"V19"' in record)
        next(state for state in states if state == "MASTER")
        for _ in range(3):  # the one that reads hears everything, whatever the other does
            for up, state in ((False, "FAULT"), (True, "MASTER")):
                lan.set_port(1, up=up)
                next(heard for heard in states if heard == state)
    assert daemon.stop() == 0
