"""Tells notify scripts of state changes, with the arguments of keepalived.conf(5): kind, name, state, priority."""

from collections.abc import Callable
from functools import partial

from labkit.conf.model import Command, SyncGroup, VrrpInstance
from labkit.daemon.children import Account, Children
from labkit.vrrp.events import State

_STOP = "STOP"


def commands(subject: VrrpInstance | SyncGroup, state: State, priority: int) -> list[Command]:
    """Return what to run because `subject` is in `state` now (INIT: it stopped).

    `notify` gets INSTANCE or GROUP, the name, the state and the priority (of a group: 0) behind its own arguments; the
    script of the state itself gets nothing.
    """
    kind, name = ("INSTANCE", subject.router.name) if isinstance(subject, VrrpInstance) else ("GROUP", subject.name)
    word = _STOP if state is State.INIT else str(state)
    chosen: list[Command] = []
    specific = {
        State.MASTER: subject.notify_master,
        State.BACKUP: subject.notify_backup,
        State.FAULT: subject.notify_fault,
        State.INIT: subject.notify_stop,
    }[state]
    if specific is not None:
        chosen.append(specific)
    if subject.notify is not None:
        told = (kind, name, word, str(priority if kind == "INSTANCE" else 0))
        chosen.append(Command(argv=(*subject.notify.argv, *told), text=subject.notify.text))
    return chosen


class Notifier:
    """Starts notify scripts and says when one cannot be run or fails."""

    def __init__(self, children: Children, say: Callable[[str], None]) -> None:
        self._children = children
        self._say = say
        self._who: Account | None = None
        self._allowed = True

    def configure(self, who: Account | None, *, allowed: bool) -> None:
        """Run the scripts as `who`, or none where they are not `allowed`."""
        self._who = who
        self._allowed = allowed

    def tell(self, subject: VrrpInstance | SyncGroup, state: State, priority: int) -> None:
        """Start the scripts that are to know."""
        for command in commands(subject, state, priority) if self._allowed else ():
            try:
                self._children.start(command, self._who, partial(self._ended, command.text))
            except OSError as error:
                self._say(f"Notify script {command.text} could not be started: {error.strerror}")

    def _ended(self, text: str, status: int) -> None:
        if status:
            words = f"exited with status {status}" if status > 0 else f"was ended by signal {-status}"
            self._say(f"Notify script {text} {words}")
