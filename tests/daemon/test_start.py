"""Starting, refusing to start, and what the command line answers."""

import contextlib
import os
import random
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit.daemon.main import run
from labkit.trace import Kind, Record
from tests.daemon.daemon import OURS, Daemon, instance
from tests.kernel.lan import Lan, eventually

Start = Callable[[int, str], Daemon]
VIP = "192.168.1.20"


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        pytest.param(instance(150), 0, "", id="good"),
        pytest.param(
            instance(150, timing="advert_int 1\n authentication {\n  auth_type PASS\n  auth_pass Venezuela21\n }"),
            0,
            "{file}:9:13: warning: the password has 11 bytes, of which the first 8 count; "
            "shorten it to 8 on every router\n",
            id="warning-only",
        ),
        pytest.param(
            instance(150).replace("priority", "priorty"),
            5,
            "did you mean 'priority'?",
            id="error",
        ),
        pytest.param(None, 4, "{file}:1:1: the file cannot be read: No such file or directory", id="missing"),
    ],
)
def test_config_test(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str | None, status: int, told: str
) -> None:
    file = tmp_path / "keepalived.conf"
    if text is not None:
        file.write_text(text)
    assert run(["-t", "-s", "elsewhere", "-f", str(file)]) == status
    errors = capfd.readouterr().err
    assert told.format(file=file) in errors
    assert len(errors.splitlines()) == (1 if told else 0)


def test_config_test_looks_around_on_this_machine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keepalived.conf"
    file.write_text(instance(150, more="track_interface {\n  no-such-one\n }"))
    warning = f"{file}:12:3: warning: (vrrp_instance VI) tracked interface no-such-one does not exist on this machine; "
    assert run(["-t", "-f", str(file)]) == 0
    assert warning in capfd.readouterr().err
    assert run(["-t", "-s", "elsewhere", "-f", str(file)]) == 0
    assert warning not in capfd.readouterr().err


def test_version_and_wrong_options(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["-v"]) == 0
    assert capfd.readouterr().err.startswith("Keepalived (labkit ")
    assert run(["--nonsense"]) == 2
    assert "unrecognized arguments: --nonsense" in capfd.readouterr().err
    assert run(["-h"]) == 0
    assert "--use-file" in capfd.readouterr().out


def test_a_misspelt_command_is_told_the_right_one(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["stat"]) == 2
    assert capfd.readouterr().err == "pykeepalived: there is no command `stat`; did you mean 'status'?\n"


def test_the_program_starts_without_what_it_does_not_need() -> None:
    listing = "import sys, labkit.daemon.main, labkit.daemon.serve; print(*sys.modules)"
    modules = subprocess.run([OURS[0], "-c", listing], capture_output=True, text=True, check=True).stdout.split()
    assert not {"asyncio", "pyroute2", "click", "pydantic", "jinja2", "logging", "hashlib", "shutil"} & set(modules)
    assert not {"argparse", "ctypes", "datetime", "json", "typing"} & set(modules)
    assert not {"labkit.conf.loader", "labkit.daemon.runner", "labkit.daemon.dump_data"} & set(modules)
    assert not {"labkit.daemon.answers", "labkit.daemon.report", "labkit.lvs.model", "labkit.vrrp.events"} & set(
        modules
    )


@pytest.mark.kernel
class TestInANamespace:
    def options(self, home: Path) -> tuple[str | Path, ...]:
        return ("-D", "-f", home / "keepalived.conf", "-p", home / "pid", "-r", home / "vrrp.pid")

    @pytest.fixture
    def home(self, tmp_path: Path) -> Iterator[Path]:
        (tmp_path / "keepalived.conf").write_text(instance(150))
        yield tmp_path
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((tmp_path / "pid").read_text()), 15)
            eventually(lambda: not (tmp_path / "pid").exists())

    def run(self, lan: Lan, home: Path, *more: str) -> tuple[int, str]:
        """Run the start command of an init script; return its status and what it said."""
        with (home / "said").open("w") as said:
            process = lan.hosts[0].start((*OURS, *self.options(home), *more), stderr=said, stdout=said)
            status = process.wait(timeout=5)
        return status, (home / "said").read_text()

    def test_the_start_command_returns_when_the_daemon_is_ready(self, lan: Lan, home: Path) -> None:
        assert self.run(lan, home) == (0, "")
        pid = int((home / "pid").read_text())
        assert Path(f"/proc/{pid}/comm").read_text() == "keepalived\n"
        vrrp = int((home / "vrrp.pid").read_text())
        assert Path(f"/proc/{vrrp}/comm").read_text() == "keepalived_vrrp\n"
        assert os.getsid(pid) != os.getsid(0)
        lan.hosts[0].wait_address(VIP)
        status, said = self.run(lan, home)
        assert status == 3
        assert said == f"pykeepalived: keepalived is already running: pid {pid} holds {home / 'pid'}\n"
        os.kill(pid, 15)
        lan.hosts[0].wait_address(VIP, present=False)
        eventually(lambda: not (home / "pid").exists())

    def test_a_bad_file_fails_the_start_command(self, lan: Lan, home: Path) -> None:
        (home / "keepalived.conf").write_text("vrrp_instance X {\n")
        status, said = self.run(lan, home)
        assert status == 5
        assert said.startswith(f"{home / 'keepalived.conf'}:1:")
        assert not (home / "pid").exists()

    def test_without_raw_sockets_the_start_command_fails_in_words(self, lan: Lan, home: Path) -> None:
        program = ("setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw", *OURS, *self.options(home), "-l")
        with (home / "said").open("w") as said:
            process = lan.hosts[0].start((*program,), stderr=said, stdout=said)
            assert process.wait(timeout=5) == 2
        assert "raw sockets are not permitted here; VRRP needs CAP_NET_RAW" in (home / "said").read_text()

    def test_the_trace_tells_state_changes(self, lan: Lan, home: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(str(home / "trace"))
            listener.settimeout(15)
            assert self.run(lan, home, "--trace", str(home / "trace"))[0] == 0
            records = [Record.from_json(listener.recv(4096)) for _ in range(2)]
        assert [record.kind for record in records] == [Kind.STATE, Kind.STATE]
        assert [(record.data["old"], record.data["state"]) for record in records] == [
            ("INIT", "BACKUP"),
            ("BACKUP", "MASTER"),
        ]

    def test_a_permanent_flood_of_nonsense_is_survived(self, lan: Lan, start: Start) -> None:
        daemon = start(0, instance(150))
        lan.hosts[0].wait_address(VIP)
        with lan.observer.entered(), socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as stranger:
            stranger.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.168.1.100"))
            dice = random.Random(7)
            for _ in range(500):
                stranger.sendto(dice.randbytes(dice.randrange(0, 60)), ("224.0.0.18", 0))
        lan.sniffer.drain()
        lan.sniffer.wait_advert("192.168.1.21")
        assert "Traceback" not in daemon.log
        assert daemon.log.count("STATE") == 2
        assert daemon.stop() == 0


def test_a_test_of_a_small_file_loads_little(tmp_path: Path) -> None:
    """Each of these costs a third of what C keepalived needs in all."""
    file = tmp_path / "keepalived.conf"
    file.write_text(instance(150))
    program = "import sys; from labkit.daemon.start import run; run(['-t', '-f', sys.argv[1]]); print(*sys.modules)"
    told = subprocess.run([OURS[0], "-c", program, file], capture_output=True, text=True, check=True).stdout
    nothing = [OURS[0], "-c", "import sys; print(*sys.modules)"]
    loaded = set(told.split()) - set(subprocess.run(nothing, capture_output=True, text=True, check=True).stdout.split())
    assert "labkit.conf.loader" in loaded
    assert loaded & {"re", "typing", "argparse", "pathlib", "json", "pickle", "labkit.conf.lvs"} == set()
