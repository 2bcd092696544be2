"""Sends the trace of one daemon, never waiting for a listener.

The parent hears all of it; a unix socket, where one is named, gets every record as one datagram of JSON.
"""

import contextlib
import os
import socket
from collections.abc import Callable, Iterable

from labkit.daemon.messages import Told
from labkit.trace import Kind, Micros, Record, Value
from labkit.vrrp.events import Action, DuplicateFound, PriorityChanged, Rejected, ScriptChanged, Transition


def records(actions: Iterable[Action], at: Micros, node: str) -> list[Record]:
    """Return what the trace says of actions that were decided at `at`."""
    told = ((_told(action)) for action in actions)
    return [Record(at=at, kind=fact[0], node=node, data=fact[1]) for fact in told if fact is not None]


def _told(action: Action) -> tuple[Kind, dict[str, Value]] | None:
    match action:
        case Transition():
            why = action.why
            data: dict[str, Value] = {"instance": action.router, "state": action.new, "old": action.old}
            return Kind.STATE, data | {"reason": why.reason, "why": str(why), "priority": action.priority}
        case PriorityChanged():
            return Kind.PRIORITY, {"instance": action.router, "priority": action.new, "old": action.old}
        case ScriptChanged() if action.settled:
            return Kind.SCRIPT, {"script": action.script, "healthy": action.healthy, "status": action.status}
        case Rejected():
            source, error = str(action.source), action.error.kind
            return Kind.REJECTED, {"instance": action.router, "source": source, "error": error, "count": action.count}
        case DuplicateFound():
            address, lladdr = str(action.address), action.lladdr.hex(":")
            return Kind.DUPLICATE, {
                "instance": action.router,
                "address": address,
                "lladdr": lladdr,
                "here": action.here,
            }
    return None


_AT_ONCE = 64
"""So many records go in one message: memory that a thousand took once is not given back."""


class Tracer:
    """The sending end: to the parent, and to a unix socket where one is named."""

    def __init__(
        self, path: str | None, clock: Callable[[], Micros], parent: Callable[[Told], bool] | None = None
    ) -> None:
        """Send to the datagram socket at `path`; it need not exist yet, records that nobody hears are lost.

        `parent` takes what the trace tells, or answers False: then the number of lost records is told with the next.
        """
        self._path = path
        self._clock = clock
        self._parent = parent
        self._lost = 0
        self._node = os.uname().nodename
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) if path else None

    def actions(self, actions: Iterable[Action]) -> None:
        """Send what the actions amount to."""
        if self._socket is not None or self._parent is not None:
            self._send(records(actions, self._clock(), self._node))

    def say(self, kind: Kind, data: dict[str, Value]) -> None:
        """Send one record of another kind."""
        self._send([Record(at=self._clock(), kind=kind, node=self._node, data=data)])

    def _send(self, told: list[Record]) -> None:
        if not told:
            return
        if self._parent is not None:
            for begin in range(0, len(told), _AT_ONCE):
                part = tuple(told[begin : begin + _AT_ONCE])
                taken = self._parent(Told(records=part, lost=self._lost))
                self._lost = 0 if taken else self._lost + len(part)
        if self._socket is not None and self._path is not None:
            for record in told:
                with contextlib.suppress(OSError):
                    self._socket.sendto(record.to_json().encode(), self._path)

    def close(self) -> None:
        """Close the sending end."""
        if self._socket is not None:
            self._socket.close()
