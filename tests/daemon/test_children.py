import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.daemon import spawning
from labkit.daemon.programs import Account
from tests.daemon.desk import Desk

NOBODY = Account(user=65534, group=65534, name="nobody")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


@pytest.fixture(params=["setpriv", "fork"])
def launched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Commands are started by setpriv, and as on a machine that has none."""
    way: str = request.param
    if way == "fork":
        monkeypatch.setattr(spawning, "setpriv", lambda: None)
    elif spawning.setpriv() is None:
        pytest.skip("util-linux's setpriv is not installed")
    return way


def run(desk: Desk, *argv: str, who: Account | None = None) -> tuple[int | OSError, str]:
    """Run a command to its end; return how it ended, and what it wrote."""
    endings: list[int | OSError] = []
    output = desk.children.output()
    desk.children.start(argv, who, lambda _, ending: endings.append(ending), output=output)
    desk.run_until(lambda: endings, within=20)
    return endings[0], output.text


@pytest.mark.usefixtures("launched")
class TestSurroundings:
    def test_a_command_has_its_arguments_as_they_are(self, desk: Desk) -> None:
        assert run(desk, "printf", "<%s>", "a b", "--", "$HOME", "") == (0, "<a b><--><$HOME><>")

    def test_it_leads_a_process_group_and_reads_nothing(self, desk: Desk) -> None:
        _, text = run(desk, "sh", "-c", "cat; ps -o pid=,pgid= -p $$; readlink /proc/$$/fd/0")
        pid, group, source = text.split()
        assert (pid, source) == (group, "/dev/null")

    def test_it_has_the_environment_and_the_folder_of_the_daemon(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("OF_THE_DAEMON", "its own")
        _, text = run(desk, "sh", "-c", "echo $OF_THE_DAEMON; pwd; env | sort")
        told, folder, *environment = text.splitlines()
        assert (told, folder) == ("its own", str(tmp_path))
        of_the_shell = {"PWD", "OLDPWD", "SHLVL", "_", "COLUMNS", "LINES"}  # the last two are of readline, in pytest
        names = {line.partition("=")[0] for line in environment if "=" in line} - of_the_shell
        assert names <= set(os.environ)

    def test_signals_are_as_they_are_by_default(self, desk: Desk) -> None:
        _, text = run(desk, "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
        standard = (1 << 31) - 1  # 32 and 33 are the C library's own
        assert [int(word, 16) & standard for word in text.split()[1::2]] == [0, 0]

    @needs_root
    def test_it_runs_as_its_user_and_ends_with_the_daemon(self, desk: Desk) -> None:
        _, text = run(desk, "sh", "-c", "id -u; id -G", who=NOBODY)
        assert text.split() == ["65534", "65534"]
        reader = "import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)"
        _, text = run(desk, "/usr/bin/python3", "-c", reader, who=NOBODY)
        assert int(text) == signal.SIGTERM

    @pytest.mark.parametrize(("name", "status"), [("/nonexistent/x", 127), ("/etc/passwd", 126)])
    def test_what_cannot_be_run_ends_with_what_shells_say(self, desk: Desk, name: str, status: int) -> None:
        assert run(desk, name)[0] == status


def test_one_command_is_started_in_each_turn_of_the_loop(desk: Desk, tmp_path: Path) -> None:
    before = processes()
    for number in range(3):
        desk.children.start(("sleep", "600"), None, lambda *_: None)
        assert len(desk.children) == number + 1
    started = [len(processes() - before)]
    for _ in range(3):
        desk.loop.step(None)
        started.append(len(processes() - before))
    assert started == [0, 1, 2, 3]


def test_one_that_is_killed_before_its_turn_is_not_started(desk: Desk, tmp_path: Path) -> None:
    endings: list[int | OSError] = []
    number = desk.children.start(("touch", str(tmp_path / "ran")), None, lambda _, ending: endings.append(ending))
    desk.children.kill(number, signal.SIGKILL)
    assert not endings  # told through the loop, as every end is
    desk.run_until(lambda: endings)
    assert endings == [-signal.SIGKILL]
    assert not (tmp_path / "ran").exists()


def test_where_no_process_is_left_its_end_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr("labkit.daemon.children.spawn", refuse)
    ending, text = run(desk, "true")
    assert isinstance(ending, OSError)
    assert (ending.errno, text) == (errno.EAGAIN, "")
    assert not len(desk.children)


def processes() -> set[int]:
    """The children of this process."""
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}
