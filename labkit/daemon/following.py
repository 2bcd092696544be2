"""Tells the process of checks whether the instance that lvs_sync_daemon follows is MASTER."""

from collections.abc import Callable

from labkit.conf.model import SyncDaemon
from labkit.daemon.messages import Follow
from labkit.trace import Kind, Record
from labkit.vrrp.reasons import State


class Following:
    """Knows the state of every instance, as the trace tells it."""

    def __init__(self, send: Callable[[Follow], bool]) -> None:
        self._send = send
        self._instance: str | None = None
        self._states: dict[str, str] = {}

    def configure(self, daemon: SyncDaemon | None) -> None:
        """Follow the instance that the configuration names, or none."""
        self._instance = daemon.instance if daemon is not None else None

    def note(self, record: Record) -> None:
        """Take what the trace tells."""
        if record.kind is Kind.STATE:
            name = str(record.data["instance"])
            self._states[name] = str(record.data["state"])
            if name == self._instance:
                self.tell()

    def gone(self) -> None:
        """The VRRP process has ended: no instance is MASTER."""
        self._states.clear()
        self.tell()

    def tell(self) -> None:
        """Say how it stands, to a process that may be new."""
        if self._instance is not None:
            self._send(Follow(master=self._states.get(self._instance) == State.MASTER))
