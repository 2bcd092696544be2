"""One kind of child process of the parent: started, watched, started again when it dies, ended in the end.

Each kind is a line in the parent's table: what the process is called, what it runs, and whether a configuration needs
it.  How a child dies and comes back is the same for all of them.
"""

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from labkit.daemon.channel import Channel
from labkit.daemon.log import Level, Log
from labkit.daemon.loop import SIGNALS, Loop
from labkit.daemon.messages import Ready, TakeConfig
from labkit.daemon.packed import Packed, unpack
from labkit.daemon.pidfile import PidFileError, note
from labkit.diagnostics import LabkitError
from labkit.hints import TYPE_CHECKING
from labkit.kernel.process import now
from labkit.trace import SECOND, Micros
from labkit.values import dataclass

if TYPE_CHECKING:
    from labkit.conf.model import Config

_WAIT: Micros = 5 * SECOND
_LONGEST_DELAY: Micros = 60 * SECOND
_LONG_RUN: Micros = 60 * SECOND
PERMANENT = LabkitError.exit_code
"""The status of a child that will not do better the next time."""


class ForkError(LabkitError):
    """The machine has no room for another process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildKind:
    """A kind of child: `name` as the log has it, `tag` in syslog; `run` is the process and returns its status.

    `part` is what it is given of a configuration.  Without an `essential` child the daemon is worth nothing: it ends
    when that one fails for good.
    """

    name: str
    tag: str
    run: "Callable[[Config, socket.socket, Log], int]"
    wanted: Callable[[Packed], bool]
    part: Callable[[Packed], bytes]
    pid_file: Path | None = None
    essential: bool = False


@dataclass(slots=True, kw_only=True)
class _Process:
    """The process that runs now."""

    pid: int
    descriptor: int
    channel: Channel
    started: Micros
    ready: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What all children share: the loop and log of the parent, what a child lets go of first, whom its doings are told.

    `heard` gets every message but `Ready`; `changed` is called when a child became ready, ended, or failed for good
    (with its status).
    """

    loop: Loop
    log: Log
    release: Callable[[], None]
    heard: Callable[["Offspring", object], None]
    changed: Callable[["Offspring", int | None], None]
    respawn: bool = True


class Offspring:
    """The child of one kind, present or not."""

    def __init__(self, kind: ChildKind, family: Family) -> None:
        self.kind = kind
        self.was_ready = False
        self.failed = False  # the last one did not come to its own end
        self._family = family
        self._config: bytes | None = None
        self._process: _Process | None = None
        self._delay: Micros = 0
        self._respawn_at: Micros | None = None
        self._kill_at: Micros | None = None
        self._wanted = False
        self._told_to_end = False
        self._noted = False

    # --- asked --------------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return self._process.pid if self._process is not None else None

    @property
    def ready(self) -> bool:
        """Whether it runs and has said so."""
        return self._process is not None and self._process.ready

    @property
    def deadline(self) -> Micros | None:
        """When to call `fire`."""
        return self._kill_at or self._respawn_at

    # --- told ---------------------------------------------------------------------------------------------------------

    def configure(self, config: Packed) -> None:
        """Take the configuration that the next start is to run.

        Raises:
            ForkError: no process is left for a child that was not needed before.
        """
        self._config = self.kind.part(config)
        self._wanted = self.kind.wanted(config)
        if not self._wanted:
            self._dismiss(0)
        elif self._process is None and self._respawn_at is None:
            self._start()

    def reconfigure(self) -> bool:
        """Have the process run the configuration that it was given last; False: there is none, or it does not read."""
        return self._config is not None and self.send(TakeConfig(config=self._config))

    def send(self, message: object) -> bool:
        """Send a message to the process; False: there is none, or it does not read."""
        return self._process is not None and self._process.channel.send(message)

    def stop(self, wait: Micros) -> None:
        """Tell the process to end, which it has `wait` microseconds for, and start no other."""
        self._wanted = False
        self._dismiss(wait)

    def _dismiss(self, wait: Micros) -> None:
        self._respawn_at = None
        if self._process is not None and not self._told_to_end:
            self._told_to_end = True
            self._kill_at = now() + (wait or _WAIT)
            os.kill(self._process.pid, signal.SIGTERM)

    def fire(self) -> None:
        """Do what is due."""
        moment = now()
        if self._respawn_at is not None and self._respawn_at <= moment:
            self._respawn_at = None
            try:
                self._start()
            except ForkError as error:
                self._family.log.say(str(error), Level.ERROR)
                self._delay_respawn()
        if self._kill_at is not None and self._kill_at <= moment:
            self._kill_at = None
            if self._process is not None:
                self._family.log.say(f"{self.kind.name} process failed to die - forcing termination", Level.ERROR)
                os.kill(self._process.pid, signal.SIGKILL)

    def release(self) -> None:
        """Let go of the socket to the process, in another process that was forked from the parent."""
        if self._process is not None:
            self._process.channel.abandon()

    def forget(self) -> None:
        """Take the number away again, at the end."""
        if self._noted and self.kind.pid_file is not None:
            with suppress(OSError):
                self.kind.pid_file.unlink()

    # --- the process --------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        family = self._family
        family.log.flush()
        ours, theirs = socket.socketpair()
        pid = -1
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # the child unblocks them when it can catch them
        try:
            pid = os.fork()
        except OSError as error:
            ours.close()
            theirs.close()
            raise ForkError(f"cannot start the {self.kind.name} process: {error.strerror}") from error
        finally:
            if pid != 0:
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        if pid == 0:
            ours.close()
            self._become(theirs)
        theirs.close()
        descriptor = os.pidfd_open(pid)
        channel = Channel(family.loop, ours, heard=self._heard, ended=_nothing)  # its end is told by its pidfd
        self._process = _Process(pid=pid, descriptor=descriptor, channel=channel, started=now())
        family.loop.watch(descriptor, self._ended)
        family.log.say(f"Starting {self.kind.name} child process, pid={pid}")
        self._note(pid)

    def _note(self, pid: int) -> None:
        """Write the number where `-r` or `-c` says."""
        if self.kind.pid_file is None:
            return
        try:
            note(self.kind.pid_file, pid)
            self._noted = True
        except PidFileError as error:
            self._family.log.say(str(error), Level.WARNING)

    def _become(self, end: socket.socket) -> None:
        """Go on as the child; never returns."""
        status = 1
        try:
            family, config = self._family, self._config
            family.release()
            family.log.rename(self.kind.tag)
            if not family.log.on_console:  # or whoever waits for the end of our caller's output waits for ours
                os.dup2(os.open(os.devnull, os.O_RDWR), 2)
            if config is not None:
                status = self.kind.run(unpack(config), end, family.log)
        finally:
            os._exit(status)

    def _heard(self, message: object) -> None:
        if not isinstance(message, Ready):
            self._family.heard(self, message)
        elif self._process is not None and not self._process.ready:
            self._process.ready = self.was_ready = True
            self._family.changed(self, None)

    def _ended(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _, status = os.waitpid(process.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self.failed = code != 0
        self._family.loop.unwatch(process.descriptor)
        os.close(process.descriptor)
        process.channel.close()
        told, self._told_to_end, self._kill_at = self._told_to_end, False, None
        if told or not self._wanted:
            self._respawn_at = now() if self._wanted else None  # wanted again since it was told to end
            self._family.changed(self, None)
        elif code == PERMANENT or not self.was_ready or not self._family.respawn:
            self._give_up(process, code)
        else:
            self._plan_respawn(process, code)
            self._family.changed(self, None)

    def _give_up(self, process: _Process, code: int) -> None:
        ending = "exited with permanent error" if code == PERMANENT else _ending(code)
        consequence = ". Terminating" if self.kind.essential else ""
        self._family.log.say(f"pid {process.pid} {ending}{consequence}", Level.ERROR)
        self._family.changed(self, code if code > 0 else 1)

    def _plan_respawn(self, process: _Process, code: int) -> None:
        """Start another at once, and ever later when they keep dying."""
        log = self._family.log
        log.say(f"pid {process.pid} {_ending(code)}", Level.WARNING)
        log.say(f"{self.kind.name} child process({process.pid}) died: Respawning", Level.WARNING)
        if now() - process.started > _LONG_RUN:
            self._delay = 0
        self._delay_respawn()

    def _delay_respawn(self) -> None:
        self._respawn_at = now() + self._delay
        self._delay = min(max(2 * self._delay, SECOND), _LONGEST_DELAY)


def _ending(code: int) -> str:
    return f"exited with status {code}" if code >= 0 else f"exited due to signal {-code}"


def _nothing() -> None:
    """Wait for the pidfd."""
