import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.daemon.readiness import Readiness
from labkit.trace import Kind, Record
from tests.daemon.daemon import Daemon, instance
from tests.kernel.lan import Lan, eventually

UNIT = Path(__file__).parents[2] / "packaging" / "pykeepalived.service"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(str(tmp_path / "notify"))
        yield listener


def state(instance: str, to: str) -> Record:
    return Record(at=1, kind=Kind.STATE, node="n", data={"instance": instance, "state": to})


def test_systemd_is_told_every_step(tmp_path: Path, manager: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "PATH": "/bin"}
    readiness = Readiness(environment)
    assert environment == {"PATH": "/bin"}
    readiness.ready(42)
    readiness.reloading(1_000_001)
    readiness.stopping()
    assert [manager.recv(1000) for _ in range(3)] == [
        b"READY=1\nMAINPID=42",
        b"RELOADING=1\nMONOTONIC_USEC=1000001",
        b"STOPPING=1\nSTATUS=Stopping",
    ]


def test_the_status_names_few_instances_and_counts_many(tmp_path: Path, manager: socket.socket) -> None:
    readiness = Readiness({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    for record in (state("A", "BACKUP"), state("A", "MASTER"), state("A", "MASTER"), state("B", "FAULT")):
        readiness.note(record)
    assert [manager.recv(1000) for _ in range(3)] == [
        b"STATUS=A BACKUP",
        b"STATUS=A MASTER",
        b"STATUS=A MASTER, B FAULT",
    ]
    readiness.keep({"A"})
    for name in "CDEF":
        readiness.note(state(name, "BACKUP"))
    assert [manager.recv(1000) for _ in range(4)][-1] == b"STATUS=4 BACKUP, 1 MASTER"
    readiness.note(Record(at=1, kind=Kind.STALL, node="n", data={}))
    with pytest.raises(BlockingIOError):
        manager.recv(1000)


def test_an_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind("\0labkit-test-readiness")
        Readiness({"NOTIFY_SOCKET": "@labkit-test-readiness"}).ready(1)
        assert listener.recv(100) == b"READY=1\nMAINPID=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nonexistent/notify"}])
def test_without_a_manager_nothing_happens(environment: dict[str, str]) -> None:
    Readiness(environment).ready(1)


def test_the_unit_is_what_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "pykeepalived.service"
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/pykeepalived", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "pykeepalived" in line] == []


@pytest.mark.kernel
def test_a_daemon_tells_its_start_reload_and_end(
    lan: Lan, tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    def told(what: str) -> bool:
        with contextlib.suppress(BlockingIOError):
            while True:
                heard.append(manager.recv(1000).decode())
        return any(what in message for message in heard)

    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    flag, end = tmp_path / "flag", tmp_path / "end"
    hooks = f'global_defs {{\n startup_script "/bin/touch {flag}"\n shutdown_script "/bin/touch {end}"\n}}\n'
    daemon = Daemon(lan.hosts[0], tmp_path / "0", hooks + instance(150))
    try:
        eventually(lambda: told("STATUS=VI MASTER"))
        assert f"READY=1\nMAINPID={daemon.process.pid}" in heard
        assert flag.exists()
        daemon.reload("nonsense\n")
        eventually(lambda: heard.count(f"READY=1\nMAINPID={daemon.process.pid}") == 2 or told("nothing"))
        assert any(message.startswith("RELOADING=1\nMONOTONIC_USEC=") for message in heard)
        assert not end.exists()
        assert daemon.stop() == 0
        assert told("STOPPING=1")
        assert end.exists()
    finally:
        daemon.close()
