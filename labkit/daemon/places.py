"""Where a daemon's files are."""

from pathlib import Path

PID_FILE = Path("/run/keepalived.pid")
RUN_FOLDER = Path("/run/keepalived")


def control_path(pid_file: Path) -> Path:
    """Return where the daemon with this pid file listens: daemons that share neither share nothing."""
    if pid_file == PID_FILE:
        return RUN_FOLDER / "control.sock"
    return pid_file.with_suffix(".sock") if pid_file.suffix == ".pid" else pid_file.with_name(pid_file.name + ".sock")
