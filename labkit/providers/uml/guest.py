"""Boots a guest kernel for one job: user-mode Linux, an ordinary process whose disk is the host's own root folder.

The guest's user is root inside and nobody special outside: it reads what the user may read, and what it writes goes to
memory, but for one folder that both sides share.  The result comes back as a file in that folder, because the process
ends with status 0 whatever happened inside.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from labkit.diagnostics import LabkitError

KERNEL = "linux.uml"
_MODULES = Path("/usr/lib/uml/modules")
_ITS_OWN = ("tmp", "run")  # by init.sh
_INIT = Path(__file__).with_name("init.sh")


class GuestError(LabkitError):
    """The guest could not be booted, or ended without a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a job: its exit status, and all that it printed."""

    status: int
    output: str


def missing() -> str:
    """Return what keeps a guest from booting here, in words with the cure, or nothing."""
    packages = {KERNEL: "user-mode-linux", "modprobe": "kmod", "ip": "iproute2", "setpriv": "util-linux"}
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    lacking = sorted({package for program, package in packages.items() if shutil.which(program, path=path) is None})
    if lacking:
        return f"a guest kernel needs programs that are not installed: sudo apt-get install {' '.join(lacking)}"
    if not any(_MODULES.glob("*")):
        return f"the guest kernel's modules are not in {_MODULES}: sudo apt-get install --reinstall user-mode-linux"
    return ""


def hidden(paths: Sequence[str]) -> str:
    """Return in words which of the host's files a guest does not see, as it has its own there, or nothing."""
    unseen = sorted(path for path in paths if Path(path).parts[1] in _ITS_OWN)
    return f"a guest has a /tmp and a /run of its own: {' and '.join(unseen)} must lie elsewhere" if unseen else ""


def run(
    argv: Sequence[str],
    *,
    share: Path,
    folder: Path = Path("/"),
    environment: Mapping[str, str] | None = None,
    memory_mb: int = 512,
    within_s: float = 600.0,
) -> Outcome:
    """Boot a guest, run a command in it as root in `folder`, and return what became of it.

    `share` is a folder of the host that the command sees as /run/share and may write to.

    Raises:
        GuestError: no guest can be booted here, or it ended (or was ended after `within_s`) without a result.
    """
    if lack := missing():
        raise GuestError(lack)
    for name in ("status", "output", "console"):
        (share / name).unlink(missing_ok=True)
    write_job(share, argv, environment or {}, folder)
    with tempfile.TemporaryDirectory(prefix="labkit-uml-") as home:
        _boot(command(share, memory_mb), share / "console", Path(home), within_s)
    try:
        status = int((share / "status").read_text())
    except (OSError, ValueError):
        raise GuestError(f"the guest ended without a result{last_words(share)}") from None
    return Outcome(status=status, output=_text(share / "output"))


def write_job(share: Path, argv: Sequence[str], environment: Mapping[str, str], folder: Path = Path("/")) -> None:
    """Write what the guest is to run into the folder that it shares."""
    settings = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", **environment}
    words = " ".join(shlex.quote(word) for word in argv)
    assignments = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
    (share / "job").write_text(f"cd {shlex.quote(str(folder))} && exec env -i {assignments} {words}\n")


def last_words(share: Path) -> str:
    """Return what the guest's job and its kernel said last, to end an error with."""
    said = _text(share / "output") + _text(share / "console")
    return f"; the last it said: {said[-500:]}" if said else ""


def modules() -> set[str]:
    """Return the names of the modules that came with the guest's kernel, and of those that are part of it."""
    names = {path.name.removesuffix(".ko") for path in _MODULES.rglob("*.ko")}
    for builtin in _MODULES.glob("*/modules.builtin"):
        names |= {Path(line).name.removesuffix(".ko") for line in builtin.read_text().splitlines()}
    return names


def _text(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""


def command(share: Path, memory_mb: int, serial: int | None = None) -> list[str]:
    """Return the command that boots a guest; `serial` is the descriptor of its serial line (/dev/ttyS0)."""
    line = () if serial is None else (f"ssl0=fd:{serial},fd:{serial}",)
    return [
        KERNEL,
        *line,
        f"mem={memory_mb}M",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        "initcall_blacklist=raid6_select_algo",  # it measures for 0.9 s which way RAID 6 would be fastest
        "quiet",
        "con=null",
        "con0=fd:0,fd:1",
        "init=/usr/bin/setpriv",
        f"LABKIT_SHARE={share.absolute()}",
        "--",
        "--no-new-privs",  # in a user namespace root's files are nobody's: mount(8), set-user-ID, would become that
        "/bin/sh",  # the script need not be executable, as files that pip installs are not
        str(_INIT),
    ]


def _boot(command: list[str], console: Path, home: Path, within_s: float) -> None:
    """Run the guest to its end; its own files (~/.uml, its memory) lie in `home`."""
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home)}
    with console.open("wb") as output:
        guest = _start(command, output, environment)
    try:
        guest.wait(timeout=within_s)
    except subprocess.TimeoutExpired:
        raise GuestError(f"the guest did not come to its end within {within_s:.0f} s") from None
    finally:
        _end(guest)


def _start(command: list[str], output: IO[bytes], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


def _end(guest: subprocess.Popen[bytes]) -> None:
    """End the guest with every process of its own: it has a session to itself."""
    try:
        os.killpg(guest.pid, 9)
    except ProcessLookupError:
        return
    guest.wait()
