"""Runs the check scripts (vrrp_script) that the core asks for, and kills the ones it gives up."""

import signal
from collections.abc import Callable, Mapping

from labkit.conf.model import VrrpScript
from labkit.daemon.children import Account, Children


class Trackers:
    """The check scripts of one node; when and how often is the core's business."""

    def __init__(self, children: Children, ended: Callable[[str, int | None], None]) -> None:
        """Report the end of every run to `ended`: script and status, None where it could not be started."""
        self._children = children
        self._ended = ended
        self._scripts: Mapping[str, tuple[VrrpScript, Account | None]] = {}
        self._pids: dict[str, int] = {}

    def configure(self, scripts: Mapping[str, tuple[VrrpScript, Account | None]]) -> None:
        """Take the scripts and whom to run them as; a run that is under way goes on, a script left out cannot run."""
        self._scripts = scripts

    def run(self, name: str) -> None:
        """Start one run."""
        entry = self._scripts.get(name)
        if entry is None:
            self._ended(name, None)
            return
        script, who = entry
        try:
            self._pids[name] = self._children.start(script.command, who, lambda status: self._reap(name, status))
        except OSError:
            self._ended(name, None)

    def _reap(self, name: str, status: int) -> None:
        self._pids.pop(name, None)
        self._ended(name, status)

    def kill(self, name: str, *, force: bool) -> None:
        """End the run that is under way: by SIGTERM, or by SIGKILL with `force`."""
        pid = self._pids.get(name)
        if pid is not None:
            self._children.kill(pid, signal.SIGKILL if force else signal.SIGTERM)

    def kill_all(self) -> None:
        """Leave no check script behind."""
        for pid in self._pids.values():
            self._children.kill(pid, signal.SIGKILL)
