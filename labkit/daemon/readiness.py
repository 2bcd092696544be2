"""Tells systemd how it stands with the daemon (sd_notify(3)), by hand: one datagram, never waited for."""

import contextlib
import socket
from collections import Counter
from collections.abc import MutableMapping

from labkit.trace import Kind, Micros, Record
from labkit.vrrp.reasons import State

_NAMED = 4  # so many instances are named in the status; of more, the states are counted
_SOCKET = "NOTIFY_SOCKET"


class Readiness:
    """The service manager's view of this daemon; where there is none, nothing is told."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """Take the address out of the environment: scripts that are started later must not speak for the daemon."""
        address = environment.pop(_SOCKET, "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._states: dict[str, str] = {}
        self._status = ""

    def ready(self, pid: int) -> None:
        """Everything works: the start is over, or a reload."""
        self._send("READY=1", f"MAINPID={pid}")

    def reloading(self, moment: Micros) -> None:
        """A reload began at `moment` of the monotonic clock."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={moment}")

    def stopping(self) -> None:
        """The daemon ends."""
        self._send("STOPPING=1", "STATUS=Stopping")

    def note(self, record: Record) -> None:
        """Keep `systemctl status` saying which states the instances are in."""
        if record.kind is not Kind.STATE:
            return
        name, state = str(record.data["instance"]), str(record.data["state"])
        self._states[name] = state
        if state == State.INIT:
            del self._states[name]
        if (status := self._words()) != self._status:
            self._status = status
            self._send(f"STATUS={status}")

    def keep(self, instances: set[str]) -> None:
        """Forget instances that are no more."""
        self._states = {name: state for name, state in self._states.items() if name in instances}

    def _words(self) -> str:
        if len(self._states) <= _NAMED:
            return ", ".join(f"{name} {state}" for name, state in self._states.items())
        counts = Counter(self._states.values())
        return ", ".join(f"{counts[state]} {state}" for state in sorted(counts))

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto("\n".join(lines).encode(errors="replace"), self._address)
