"""FRR's vrrpd as the program of a host: zebra and vrrpd by hand, and the macvlan that it wants for each VRID.

Its log is not looked at: what it does is judged by its adverts.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.interop.network import Host
from tests.interop.program import Program
from tests.kernel.lan import eventually

FOLDER = Path("/usr/lib/frr")


def frr(priority: int, *addresses: str, vrid: int = 21, more: str = "") -> str:
    """Return vrrpd's configuration of one virtual router with adverts each 0.1 s."""
    each = "".join(f" vrrp {vrid} {'ipv6' if ':' in one else 'ip'} {one}\n" for one in addresses)
    timing = f" vrrp {vrid} priority {priority}\n vrrp {vrid} advertisement-interval 100\n"
    return f"interface eth0\n vrrp {vrid} version 3\n{timing}{each}{more}"


class Frr(Program):
    """zebra and vrrpd on one host."""

    def __init__(self, host: Host, home: Path) -> None:
        super().__init__("FRR", host, home)
        self._namespace = host.namespace
        self._folder = tempfile.TemporaryDirectory(prefix="labkit-frr-")  # vrrpd runs as frr, who may not see pytest's
        self._run = Path(self._folder.name)
        shutil.chown(self._run, "frr", "frr")
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self, config: str) -> None:
        self._make_macvlans(config)
        for name in ("zebra", "vrrpd"):
            (self._run / f"{name}.conf").write_text(config if name == "vrrpd" else "")
            self._daemons.append(self._daemon(name))
            eventually(lambda: (self._run / "zserv").exists())
        self.process = self._daemons[-1]

    def _daemon(self, name: str) -> subprocess.Popen[bytes]:
        words = ("-u", "frr", "-g", "frr", "-P", "0", "--vty_socket", self._run, "-z", self._run / "zserv")
        files = ("-f", self._run / f"{name}.conf", "-i", self._run / f"{name}.pid")
        with (self.home / f"{name}.log").open("w") as log:
            return self._namespace.start((FOLDER / name, *words, *files), stdout=log, stderr=log)

    def _make_macvlans(self, config: str) -> None:
        for family, kind in (("ip", "01"), ("ipv6", "02")):
            found = [line.split() for line in config.splitlines() if f" {family} " in line]
            if not found:
                continue
            name = f"vrrp{family}"
            self._ip("link", "add", name, "link", "eth0", "type", "macvlan", "mode", "bridge")
            self._ip("link", "set", name, "address", f"00:00:5e:00:{kind}:{int(found[0][1]):02x}")
            for words in found:
                self._ip("addr", "add", f"{words[3]}/{24 if family == 'ip' else 64}", "dev", name)
            self._ip("link", "set", name, "up")

    def _ip(self, *words: str) -> None:
        assert self._namespace.start(("ip", *words)).wait() == 0

    def pids(self) -> list[int]:
        return [daemon.pid for daemon in self._daemons]

    def kill(self) -> None:
        for daemon in self._daemons:
            if daemon.poll() is None:
                os.kill(daemon.pid, signal.SIGKILL)
            daemon.wait()
        self._daemons = []

    def close(self) -> None:
        super().close()
        self._folder.cleanup()
