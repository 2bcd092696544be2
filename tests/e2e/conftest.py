"""The command line as users run it, as root and as an unprivileged user; nothing may be left behind."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = 65534


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

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command without waiting for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "labkit.ui.cli.main", *arguments],
            cwd="/",
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )

    def __call__(self, *arguments: str, status: int = 0, within: float = 60) -> str:
        """Run a command to its end; return what it wrote, both streams; it must exit with `status`."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=within)
        assert process.returncode == status, output + errors
        return output + errors

    def pids(self) -> set[int]:
        """Return every process that this tool's commands brought about: they carry its runtime folder with them."""
        mark = b"XDG_RUNTIME_DIR=" + str(self.runtime).encode() + b"\0"
        return {pid for pid, environment in _environments() if mark in environment}

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


@pytest.fixture(params=["as the caller", "without root"])
def labkit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Labkit]:
    user = None
    runtime = tmp_path
    if request.param == "without root":
        if os.geteuid() != 0:
            pytest.skip("the caller is not root: both ways are the same")
        unreadable = [
            path for path in (Path(sys.executable), ROOT / "labkit/__init__.py") if not readable_by_others(path)
        ]
        if unreadable:
            pytest.skip(f"an unprivileged user cannot read {unreadable[0]}")
        user = NOBODY
    runtime = Path(os.path.realpath("/tmp")) / f"labkit-test-{os.getpid()}-{user}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        os.chown(runtime, user, user)
    mounts = Path("/proc/self/mounts").read_text()
    tool = Labkit(runtime, user)
    if "labs cannot run here" in (said := tool.start("doctor").communicate(timeout=30)[0]):
        pytest.skip(f"labs cannot run here: {said.splitlines()[2]}")
    yield tool
    tool("down", "--all")
    assert eventually(lambda: not tool.pids()), tool.pids()
    assert Path("/proc/self/mounts").read_text() == mounts
    assert list((runtime / "labkit").glob("*")) == []
    (runtime / "labkit").rmdir()
    runtime.rmdir()


def end(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal and wait until the process is gone."""
    pidfd = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(pidfd, number)
        assert select.select([pidfd], [], [], 5.0)[0], f"{pid} does not end"
    finally:
        os.close(pidfd)
