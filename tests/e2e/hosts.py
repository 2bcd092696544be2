"""Nodes that run nothing by themselves, as machines of another world: each has an /etc and a /usr/local of its own."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.conftest import Labkit

VIP = "192.168.1.20"
PROGRAMS = Path(sys.executable).parent


class Hosts:
    """The machines: reached by `labkit exec`, as others are by ssh."""

    def __init__(self, labkit: Labkit, folder: Path, lab: str) -> None:
        (folder / "hosts").mkdir()
        (folder / "hosts/lab.yml").write_text(lab)
        self.labkit = labkit
        self.running: list[subprocess.Popen[str]] = []
        labkit("up", str(folder / "hosts"))

    def run(self, host: str, *command: str, status: int = 0) -> str:
        return self.labkit("exec", host, "--", *command, status=status)

    def install(self, host: str, *commands: str) -> None:
        """Put pykeepalived where pip and an image have it, and run these commands."""
        self.run(host, "sh", "-ec", "\n".join((f"ln -sf {PROGRAMS}/pykeepalived /usr/local/bin/", *commands)))

    def copy(self, host: str, source: Path, target: str) -> None:
        """Copy what is in a folder, as `scp -rp` does."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(source, ".")
        unpack = f"mkdir -p {target} && tar -xp --no-same-owner -C {target}"
        subprocess.run(
            [sys.executable, "-m", "labkit.ui.cli.main", "exec", host, "--", "sh", "-c", unpack],
            input=archive.getvalue(),
            env=self.labkit.environment,
            cwd="/",
            check=True,
            timeout=60,
        )

    def has_the_address(self, host: str) -> bool:
        return f" {VIP}/" in self.run(host, "ip", "-o", "address", "show", "dev", "eth0")

    def background(self, *arguments: str) -> None:
        """Run a command of labkit that goes on until the machines end."""
        self.running.append(self.labkit.start(*arguments))

    def end(self) -> None:
        """End all machines and what runs on them."""
        self.labkit("down", "hosts")
        for process in self.running:
            process.communicate(timeout=30)
