"""One keepalived on one host, C's or ours, by the same options; its log comes through a pipe."""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from tests.daemon.daemon import OURS, C, alive
from tests.interop.network import Host
from tests.kernel.lan import eventually

PROGRAMS = {"C": C, "ours": OURS}
_ENTERING = re.compile(r"\((\S+)\) Entering (\w+) STATE")
_GROUP = re.compile(r"VRRP_Group\((\S+)\) Syncing instances to (\w+) state")
_YEAR = time.strftime("%Y")
_COMMON = ("Starting Keep", "Running on", "Command line", "   ", "NOTICE", "Opening", "Configuration", "Registering")
_RECORDER = '#!/bin/sh\necho "$@" >> %s\n'


class Program:
    """A daemon with its two processes; its files lie in `home`, for which %HOME% stands in its configuration."""

    def __init__(self, name: str, host: Host, home: Path) -> None:
        self.name = name
        self.home = home
        self.log = ""
        self.noted: dict[str, object] = {}  # what a script looked up on the host, to be compared
        self.told = 0  # changes of state so far
        self.cursor = 0  # up to where the log was waited for
        self.process: subprocess.Popen[bytes] | None = None
        self._host = host
        self._pipe: int | None = None
        home.mkdir()
        self.notified = home / "notified"
        self.fifo = ""  # what it wrote to the FIFO of that name in its home
        os.mkfifo(home / "fifo", 0o600)
        self._fifo = os.open(home / "fifo", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        recorder = home / "notify"
        recorder.write_text(_RECORDER % self.notified)
        recorder.chmod(0o755)

    def start(self, config: str) -> None:
        self.write(config)
        self._pipe, end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._pipe, False)
        files = ("-f", self.home / "keepalived.conf", "-p", self.home / "pid", "-r", self.home / "vrrp.pid")
        command = (*PROGRAMS[self.name], "-n", "-l", "-D", *files)
        self.process = self._host.namespace.start(command, stdout=end, stderr=end, cwd=self.home)
        os.close(end)

    def write(self, config: str) -> None:
        (self.home / "keepalived.conf").write_text(config.replace("%HOME%", str(self.home)))

    def read(self) -> None:
        """Take in what it logged and told its FIFO."""
        with contextlib.suppress(BlockingIOError):
            self.fifo += os.read(self._fifo, 1 << 16).decode()
        before = len(self.log)
        while self._pipe is not None:
            try:
                data = os.read(self._pipe, 1 << 16)
            except BlockingIOError:
                break
            self.log += data.decode()
            if not data:
                os.close(self._pipe)
                self._pipe = None
        if len(self.log) != before:
            self.told = len(self.entered()) + len(self.synced())

    @property
    def descriptor(self) -> int | None:
        """What becomes readable when it logs."""
        return self._pipe

    @property
    def ended(self) -> bool:
        """Whether it ended, or was never started."""
        return self.process is None or self.process.poll() is not None

    def state(self, instance: str) -> str:
        """The state that the log last told of an instance."""
        return next((state for name, state in reversed(self.entered()) if name == instance), "")

    def entered(self) -> list[tuple[str, str]]:
        return _ENTERING.findall(self.log)

    def synced(self) -> list[tuple[str, str]]:
        return _GROUP.findall(self.log)

    def story(self) -> str:
        """The log from where the program is up, without dates."""
        lines = [line.split(f" {_YEAR}: ", 1)[-1] for line in self.log.splitlines()]
        return "\n".join(line for line in lines if not line.startswith(_COMMON))

    @property
    def notifications(self) -> list[str]:
        return self.notified.read_text().splitlines() if self.notified.exists() else []

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def pids(self) -> list[int]:
        """Its processes: the parent, and the VRRP process when that runs."""
        assert self.process is not None
        with contextlib.suppress(OSError, ValueError):
            return [self.process.pid, int((self.home / "vrrp.pid").read_text())]
        return [self.process.pid]

    def kill(self) -> None:
        """Kill its processes at once, as a host that dies; /run is empty when it comes again."""
        if self.ended:
            return
        pids = self.pids()
        for stop in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: neither sees the other's death
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, stop)
        assert self.process is not None
        self.process.wait()
        eventually(lambda: not any(alive(pid) for pid in pids))
        for name in ("pid", "vrrp.pid"):
            (self.home / name).unlink(missing_ok=True)

    def close(self) -> None:
        self.kill()
        os.close(self._fifo)
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
