"""A child process's end of its parent: reloads and orders come by it, and its end (or SIGTERM) means stop."""

import signal
import socket
from collections.abc import Callable

from labkit.conf.model import Config
from labkit.daemon.channel import Channel
from labkit.daemon.log import Log
from labkit.daemon.loop import SIGNALS, Loop, Signals
from labkit.daemon.messages import Ready, TakeConfig, Taken
from labkit.daemon.packed import unpack


class ParentEnd:
    """What every child process does for its parent: `reload` takes a configuration, `heard` every other message."""

    def __init__(
        self,
        loop: Loop,
        end: socket.socket,
        log: Log,
        *,
        reload: Callable[[Config], None],
        heard: Callable[[object], None],
    ) -> None:
        """Catch signals from now on; nothing is told before `ready`."""
        self.stopping = False
        self._loop = loop
        self._log = log
        self._reload = reload
        self._heard = heard
        self._channel = Channel(loop, end, heard=self._told, ended=self._orphaned)
        self._signals = Signals((signal.SIGTERM,), SIGNALS)
        self.send = self._channel.send

    def ready(self) -> None:
        """Say that this process has everything it needs; it may be told to stop now."""
        self._loop.watch(self._signals, self._signalled)
        self.send(Ready())

    def _signalled(self) -> None:
        self.stopping = bool(self._signals.caught()) or self.stopping

    def _orphaned(self) -> None:
        """Stop: the end of the parent is the end of this process."""
        self.stopping = True

    def _told(self, message: object) -> None:
        if not isinstance(message, TakeConfig):
            self._heard(message)
            return
        self._log.say("Reloading")
        self._reload(unpack(message.config))
        self.send(Taken())
        self._log.say("Reload complete")
        self._log.flush()
