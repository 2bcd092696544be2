import errno
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from labkit.checks import Target, Waiter, prepare
from labkit.checks.target import Kill
from labkit.conf.model_balancing import FileCheck, MiscCheck
from labkit.conf.model_commands import Command
from labkit.lvs.check import Result
from labkit.trace import SECOND
from labkit.values import replace
from tests.checks.asking import PATIENCE, ask


class Machine:
    """Runs commands, and tells their ends when it is asked to."""

    def __init__(self) -> None:
        self.processes: list[tuple[subprocess.Popen[bytes], Callable[[int | OSError], None]]] = []
        self.signals: list[int] = []

    def execute(self, command: Command, ended: Callable[[int | OSError], None]) -> Kill:
        process = subprocess.Popen(command.argv, start_new_session=True)
        self.processes.append((process, ended))
        return lambda number: self._kill(process, number)

    def _kill(self, process: subprocess.Popen[bytes], number: int) -> None:
        self.signals.append(number)
        os.killpg(process.pid, number)

    def tell(self) -> bool:
        """Tell of what has ended; return whether anything still runs."""
        for entry in list(self.processes):
            process, ended = entry
            if process.poll() is not None:
                self.processes.remove(entry)
                ended(process.returncode)
        return bool(self.processes)

    def outcome(self, script: str, timeout: int = PATIENCE, **options: bool) -> Result:
        command = Command(argv=("/bin/sh", "-c", script), text=script)
        check = MiscCheck(command=command, timeout=timeout, **options)
        waiter, results = Waiter(), list[Result]()
        waiter.start(prepare(check, Target(execute=self.execute))(), results.append)
        wakes = threading.Event()
        while not results:
            self.tell()
            waiter.step()
            wakes.wait(0.01)
        waiter.close()
        return results[0]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.mark.parametrize(
    ("script", "dynamic", "result"),
    [
        ("exit 0", False, Result(ok=True, detail="exit status 0")),
        ("exit 1", True, Result(ok=False, detail="exit status 1")),
        ("exit 3", False, Result(ok=False, detail="exit status 3")),
        ("exit 0", True, Result(ok=True, detail="exit status 0")),
        ("exit 2", True, Result(ok=True, detail="exit status 2", weight=0)),
        ("exit 255", True, Result(ok=True, detail="exit status 255", weight=253)),
        ("kill -USR1 $$", True, Result(ok=False, detail="ended by SIGUSR1")),
    ],
)
def test_the_exit_status_decides(machine: Machine, script: str, dynamic: bool, result: Result) -> None:
    assert machine.outcome(script, dynamic=dynamic) == result


def test_a_command_that_hangs_is_ended_with_all_it_started(machine: Machine, tmp_path: Path) -> None:
    result = machine.outcome(f"sleep 600 & echo $! > {tmp_path}/child; wait", timeout=SECOND)
    assert result == Result(ok=False, detail="no end of the command within 1 s")
    assert machine.signals == [signal.SIGTERM]
    child = int((tmp_path / "child").read_text())
    while running(child):  # init, or who stands for it, has not read its end yet
        os.sched_yield()


def test_a_command_that_does_not_hear_is_killed(machine: Machine) -> None:
    result = machine.outcome("trap '' TERM; while :; do sleep 1; done", timeout=SECOND)
    assert result == Result(ok=False, detail="no end of the command within 1 s")
    assert machine.signals == [signal.SIGTERM, signal.SIGKILL]
    while machine.tell():
        os.sched_yield()


def test_a_check_that_is_cancelled_kills_its_command(machine: Machine) -> None:
    waiter = Waiter()
    check = MiscCheck(command=Command(argv=("/bin/sleep", "600"), text="sleep 600"), timeout=PATIENCE)
    waiter.start(prepare(check, Target(execute=machine.execute))(), lambda result: pytest.fail(str(result))).cancel()
    assert machine.signals == [signal.SIGKILL]
    while machine.tell():
        os.sched_yield()
    waiter.close()


def test_a_command_that_cannot_be_started_is_named() -> None:
    def execute(command: Command, ended: Callable[[int | OSError], None]) -> Kill:
        ended(FileNotFoundError(errno.ENOENT, "", "/no/such"))
        return lambda number: None

    check = MiscCheck(command=Command(argv=("/no/such", "a"), text="/no/such a"), timeout=PATIENCE)
    detail = "/no/such cannot be started: no such file or directory"
    assert ask(check, target=Target(execute=execute)) == [Result(ok=False, detail=detail)]


def test_a_command_that_cannot_be_run_is_said() -> None:
    check = MiscCheck(command=Command(argv=("/bin/true",), text="/bin/true"), timeout=PATIENCE)
    assert ask(check) == [Result(ok=False, detail="nothing runs `/bin/true` here")]


def running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


# --- FILE_CHECK -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "options", "result"),
    [
        (0, {"weight": 0}, Result(ok=True, detail="0 in load")),
        (3, {"weight": 0}, Result(ok=False, detail="3 in load")),
        (3, {"weight": 0, "reverse": True}, Result(ok=True, detail="3 in load")),
        (None, {"weight": 0}, Result(ok=True, detail="0 in load")),
        (5, {"weight": 2}, Result(ok=True, detail="5 in load", weight=17)),
        (5, {"weight": 2, "reverse": True}, Result(ok=True, detail="5 in load", weight=-3)),
        (-(2**30), {"weight": 2}, Result(ok=False, detail="-1073741824 in load, -2147483648 with its weight")),
    ],
)
def test_the_number_in_a_file_decides(value: int | None, options: dict[str, object], result: Result) -> None:
    target = Target(weight=7, values={} if value is None else {"load": value})
    assert ask(FileCheck(file="load", **options), target=target) == [replace(result, final=True)]  # type: ignore[arg-type]
