"""What every test stands on: a runtime folder of its own, the command line as users run it, and a sweep at the end.

A test that fails while the machine did not run it is run again, and told of at the end.

`labkit` runs commands as root and as an unprivileged user.  A run of the tests that leaves a process, a mount, a named
namespace or an interface behind fails, whatever its tests said.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOBODY = 65534
STALLED = 0.05  # seconds that the machine did not run what was ready to run: a test's failure then says nothing
_SESSION = "LABKIT_TEST_SESSION"  # processes that a run of the tests starts inherit it, and so are told from others'


@pytest.fixture(scope="session", autouse=True)
def signals() -> None:
    """Daemons under test have signals as they are by default, even where the run was put into the background."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def sweep() -> Iterator[None]:
    """Fail the run when it left something behind; what other runs on this machine do does not count."""
    os.environ[_SESSION] = str(os.getpid())
    mounts, named, interfaces = _mounts(), _names("/run/netns"), _names("/sys/class/net")
    yield
    del os.environ[_SESSION]
    mark = f"{_SESSION}={os.getpid()}".encode()
    assert eventually(lambda: not carrying(mark)), f"processes are left: {carrying(mark)}"
    assert _mounts() - mounts == set()
    assert _names("/run/netns") - named == set()
    assert _names("/sys/class/net") - interfaces == set()


def tell_at_the_end(config: pytest.Config, title: str, lines: list[str]) -> None:
    """Write lines below the results of a run; a worker of pytest-xdist has its controller write them."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    worker = getattr(config, "workeroutput", None)
    if worker is not None:
        worker.setdefault("told", []).append((title, lines))
    elif lines and reporter is not None:
        reporter.write_line(f"\n{title}:\n" + "\n".join(lines))


_PULSE = f"""
import select, sys, time
while True:
    due = time.monotonic() + 0.01
    if select.select([sys.stdin], [], [], 0.01)[0]:
        break
    if (late := time.monotonic() - due) > {STALLED}:
        print(f"{{late:.3f}}", flush=True)
"""


class Pulse:
    """Tells, by a process of its own, for how long this machine once did not run what was ready to run."""

    def __init__(self) -> None:
        self.excused: list[str] = []
        command = [sys.executable, "-c", _PULSE]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout
        self._told = self._process.stdout
        os.set_blocking(self._told.fileno(), False)

    def stalls(self) -> list[float]:
        """Return the seconds of each stall since it was last asked."""
        return [float(line) for line in (self._told.read() or b"").splitlines()]

    def excuses(self, item: pytest.Item, error: BaseException | None) -> bool:
        """Return whether a failed test is to be run again: the machine stalled, or labkit found that it did."""
        if error is None:  # it passed
            return False
        why = f"{longest:.3f} s" if (longest := max(self.stalls(), default=0.0)) else ""
        if not why and "INCONCLUSIVE" in str(error):
            why = "as labkit found"
        if why:
            self.excused.append(f"{item.nodeid} ({why})")
        return bool(why)

    def end(self) -> None:
        """End the process."""
        self._process.communicate()


_pulse = cache(Pulse)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Situations of tests/interop repeat themselves; any other test may be run twice more."""
    for item in items:
        if "stage" not in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.flaky(reruns=2, condition=partial(_pulse().excuses, item)))


def pytest_runtest_setup() -> None:
    """Forget the stalls of earlier tests."""
    _pulse().stalls()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell which tests were run again, and why."""
    if _pulse.cache_info().currsize:  # the controller of pytest-xdist runs no test
        tell_at_the_end(session.config, "failed while this machine stalled, and run again", _pulse().excused)
        _pulse().end()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Write what a worker had to tell."""
    for title, lines in getattr(node, "workeroutput", {}).get("told", []):
        tell_at_the_end(node.config, title, lines)


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short folder (a socket's path has 107 bytes at most), so that no test sees the labs of who runs it."""
    with tempfile.TemporaryDirectory(prefix="labkit-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def _mounts() -> set[str]:
    return set(Path("/proc/self/mounts").read_text().splitlines())


def _names(folder: str) -> set[str]:
    return {path.name for path in Path(folder).glob("*")}


def carrying(mark: bytes) -> set[int]:
    """Return every process that was started with `mark` in its environment."""
    return {pid for pid, environment in _environments() if mark + b"\0" in environment}


def readable_by_others(path: Path) -> bool:
    """Return whether another user may walk to `path` and read it."""
    resolved = path.resolve()
    return all(parent.stat().st_mode & 0o001 for parent in resolved.parents) and bool(resolved.stat().st_mode & 0o004)


class Labkit:
    """Runs `labkit` with a runtime folder of its own, as one user."""

    def __init__(self, runtime: Path, user: int | None) -> None:
        self.user = user
        self.runtime = runtime
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}

    def start(self, *arguments: str, folder: Path = Path("/")) -> subprocess.Popen[str]:
        """Start a command in a folder without waiting for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "labkit.ui.cli.main", *arguments],
            cwd=folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )

    def __call__(self, *arguments: str, status: int | None = 0, within: float = 60, folder: Path = Path("/")) -> str:
        """Run a command to its end; return what it wrote, both streams; it must exit with `status` (None: any)."""
        process = self.start(*arguments, folder=folder)
        output, errors = process.communicate(timeout=within)
        assert status in (None, process.returncode), output + errors
        return output + errors

    def pids(self) -> set[int]:
        """Return every process that this tool's commands brought about: they carry its runtime folder with them."""
        return carrying(f"XDG_RUNTIME_DIR={self.runtime}".encode())

    def supervisor(self, instance: str) -> int:
        """Return the process id of a running lab's supervisor."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.runtime / "labkit" / f"{instance}.sock"))
            return int.from_bytes(control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], sys.byteorder)


def _environments() -> Iterator[tuple[int, bytes]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(entry.name), (entry / "environ").read_bytes()


def eventually(condition: Callable[[], bool], within: float = 3.0) -> bool:
    """Return whether the condition comes true in time; looks ten times a second, by waiting on nothing."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        select.select([], [], [], 0.1)
    return True


@cache
def why_no_labs(user: int | None) -> str:
    """Return in words why labs cannot be raised here by that user; empty when they can."""
    if user is not None:
        for path in (Path(sys.executable), ROOT / "labkit/__init__.py"):
            if not readable_by_others(path):
                return f"an unprivileged user cannot read {path}"
    said, _ = Labkit(Path(tempfile.gettempdir()), user).start("doctor").communicate(timeout=30)
    return f"labs cannot run here: {said.splitlines()[2]}" if "labs cannot run here" in said else ""


def tool_of(user: int | None) -> Iterator[Labkit]:
    """Give the command line of one user; what the user raised is taken down, and nothing of it may be left."""
    if reason := why_no_labs(user):
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="labkit-user-") as folder:
        if user is not None:
            os.chown(folder, user, user)
        tool = Labkit(Path(folder), user)
        yield tool
        tool("down", "--all")
        assert eventually(lambda: not tool.pids()), tool.pids()
        assert {path.name for path in Path(folder).glob("labkit/*")} <= {"runs"}


@pytest.fixture(params=[None, NOBODY], ids=["as-the-caller", "without-root"])
def labkit(request: pytest.FixtureRequest) -> Iterator[Labkit]:
    """The command line of one user; what the user raised is taken down, and nothing of it may be left."""
    if request.param is not None and os.geteuid() != 0:
        pytest.skip("the caller is not root: both ways are the same")
    yield from tool_of(request.param)


@pytest.fixture
def own() -> Iterator[Labkit]:
    """The command line of the caller only, where being root makes no difference."""
    yield from tool_of(None)


@pytest.fixture
def stranger() -> Iterator[Labkit]:
    """The command line of another user on the same machine."""
    if os.geteuid() != 0:
        pytest.skip("only root can be two users at once")
    yield from tool_of(NOBODY)


def end(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal and wait until the process is gone."""
    pidfd = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(pidfd, number)
        assert select.select([pidfd], [], [], 5.0)[0], f"{pid} does not end"
    finally:
        os.close(pidfd)
