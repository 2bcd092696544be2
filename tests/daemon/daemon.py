"""A keepalived that a test runs in a namespace: ours or C's, by the same options."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.kernel.lan import Namespace, eventually

OURS = (sys.executable, "-m", "labkit.daemon.main")
C = ("keepalived",)

FAST = "version 3\n advert_int 0.1"
GUIDE = "advert_int 1\n authentication {\n  auth_type PASS\n  auth_pass Venezuel\n }"

REALTIME = "global_defs {\n vrrp_rt_priority 50\n}\n"
"""For tests of how exact adverts are: what else the machine does is not to count."""


def instance(
    priority: int, *, timing: str = FAST, name: str = "VI", vip: str = "192.168.1.20", more: str = "", vrid: int = 21
) -> str:
    """Return a vrrp_instance block; `vip` and `more` may be several lines."""
    return f"""vrrp_instance {name} {{
 state BACKUP
 interface eth0
 virtual_router_id {vrid}
 priority {priority}
 {timing}
 virtual_ipaddress {{
  {vip}
 }}
 {more}
}}
"""


class Daemon:
    """One keepalived with its two processes; its files lie in `home`."""

    def __init__(self, host: Namespace, home: Path, config: str, program: Sequence[str] = OURS) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self.config = home / "keepalived.conf"
        self.config.write_text(config)
        self._host = host
        self._program = program
        self.log_file = home / "log"
        self.log_file.write_text("")
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        log = self.log_file.open("a")
        with log:
            pids = ("-p", self.home / "pid", "-r", self.home / "vrrp.pid", "-c", self.home / "checkers.pid")
            command = (*self._program, "-n", "-l", "-D", "-f", self.config, *pids)
            return self._host.start(command, stderr=log, stdout=log, cwd=self.home)

    def restart(self) -> None:
        """Start it again, after its end."""
        self.process = self._start()

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def vrrp_pid(self) -> int:
        """The number in the pid file; 0 while it is being written."""
        return int((self.home / "vrrp.pid").read_text() or 0)

    def wait_log(self, text: str, times: int = 1, within: float = 15.0) -> None:
        """Wait until the log holds `text` so many times."""
        try:
            eventually(lambda: self.log.count(text) >= times, within)
        except AssertionError as error:
            raise AssertionError(f"{text!r} is not {times} times in the log:\n{self.log}") from error

    def reload(self, config: str) -> None:
        """Put another configuration in the place of this one, whole at any moment, and say so."""
        new = self.home / "keepalived.conf.new"
        new.write_text(config)
        new.replace(self.config)
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """Stop it as an init script does; return its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=20)

    def crash(self) -> None:
        """Kill both processes at once, as a host that dies."""
        if self.process.poll() is not None:
            return
        vrrp_pid = self.vrrp_pid
        for stop in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: neither sees the other's death
            for pid in (self.process.pid, vrrp_pid):
                os.kill(pid, stop)
        self.process.wait()
        eventually(lambda: not alive(vrrp_pid))

    def close(self) -> None:
        """Leave nothing of it running."""
        if self.process.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                os.kill(self.vrrp_pid, signal.SIGCONT)
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(timeout=8)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
