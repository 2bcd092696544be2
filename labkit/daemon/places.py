"""Where a daemon's files are.

alone                /run/keepalived.pid, /run/keepalived/vrrp.pid, checkers.pid, control.sock
use_pid_dir          /run/keepalived/keepalived.pid, the others as before
instance NAME        /run/keepalived/keepalived_NAME.pid, vrrp_NAME.pid, checkers_NAME.pid, keepalived_NAME.sock
net_namespace NAME   the same in /run/keepalived/keepalived_NAME/, where keepalived(8) has them too
"""

from pathlib import Path

from labkit.values import dataclass

RUN_FOLDER = Path("/run/keepalived")
PID_FILE = Path("/run/keepalived.pid")
VRRP_PID_FILE = RUN_FOLDER / "vrrp.pid"
CHECKERS_PID_FILE = RUN_FOLDER / "checkers.pid"
CONTROL_SOCKET = RUN_FOLDER / "control.sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The files of one daemon."""

    pid: Path = PID_FILE
    vrrp_pid: Path = VRRP_PID_FILE
    checkers_pid: Path = CHECKERS_PID_FILE
    control: Path = CONTROL_SOCKET


def control_path(pid_file: Path) -> Path:
    """Return where the daemon with this pid file listens: daemons that share neither share nothing."""
    if pid_file in (PID_FILE, RUN_FOLDER / "keepalived.pid"):
        return CONTROL_SOCKET
    return pid_file.with_suffix(".sock") if pid_file.suffix == ".pid" else pid_file.with_name(pid_file.name + ".sock")


def places(
    *,
    pid: Path | None = None,
    vrrp_pid: Path | None = None,
    checkers_pid: Path | None = None,
    control: Path | None = None,
    instance: str | None = None,
    namespace: str | None = None,
    use_pid_dir: bool = False,
) -> Places:
    """Return the places of a daemon: those it was told, the others by what sets it apart from other daemons."""
    folder = RUN_FOLDER / f"keepalived_{namespace}" if namespace else RUN_FOLDER
    ending = f"_{instance}.pid" if instance else ".pid"
    alone = not (instance or namespace or use_pid_dir)
    pid = (pid or (PID_FILE if alone else folder / f"keepalived{ending}")).absolute()
    vrrp_pid = (vrrp_pid or folder / f"vrrp{ending}").absolute()
    checkers_pid = (checkers_pid or folder / f"checkers{ending}").absolute()
    control = (control or control_path(pid)).absolute()
    return Places(pid=pid, vrrp_pid=vrrp_pid, checkers_pid=checkers_pid, control=control)
