"""The parent process: reads the configuration, keeps the VRRP process running, hands signals and reloads to it.

It does nothing that could delay an advert, because it sends none: a slow disk under the configuration file or a big
reload is felt here only.  When it dies, the end of the socket between the two tells the VRRP process to withdraw.
"""

import contextlib
import os
import pickle
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from labkit.conf.loader import load
from labkit.conf.model import Config
from labkit.daemon.log import Level, Log
from labkit.daemon.loop import Loop, Signals
from labkit.daemon.runner import LENGTH_BYTES, run_vrrp
from labkit.diagnostics import Diagnostic, LabkitError, Severity
from labkit.kernel.process import now
from labkit.trace import SECOND, Micros

_CHILD_WAIT: Micros = 5 * SECOND
_LONGEST_DELAY: Micros = 60 * SECOND
_LONG_RUN: Micros = 60 * SECOND
_PERMANENT = LabkitError.exit_code
_SEND_TIMEOUT_S = 5.0


class ForkError(LabkitError):
    """The machine has no room for another process."""


@dataclass(slots=True, kw_only=True)
class _Child:
    """The VRRP process that runs now."""

    pid: int
    descriptor: int
    control: socket.socket
    started: Micros
    ready: bool = False


def log_diagnostics(diagnostics: tuple[Diagnostic, ...], log: Log) -> None:
    """Say everything that is to be said of a configuration file."""
    for diagnostic in diagnostics:
        log.say(str(diagnostic), Level.WARNING if diagnostic.severity is Severity.WARNING else Level.ERROR)


class Parent:
    """Keeps one VRRP process running until it is told to stop."""

    def __init__(self, *, file: Path, vrrp_pid: Path, trace: str | None, log: Log, ready: Callable[[], None]) -> None:
        """Be ready to run; `ready` is called once, when the VRRP process has everything it needs.

        Where the log has no console, the VRRP process lets go of the caller's standard error.
        """
        self._file = file
        self._vrrp_pid = vrrp_pid
        self._trace = trace
        self._log = log
        self._tell_ready = ready
        self._loop = Loop()
        caught = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
        self._signals = Signals(caught)
        self._loop.watch(self._signals, self._signalled)
        self._child: _Child | None = None
        self._delay: Micros = 0
        self._respawn_at: Micros | None = None
        self._kill_at: Micros | None = None
        self._stopping = False
        self._started_once = False
        self._status: int | None = None

    def run(self, config: Config) -> int:
        """Run `config`, and what a reload brings, until told to stop; return the exit status."""
        self._config = config
        self._mention(config)
        self._start()
        while self._status is None:
            self._log.flush()
            self._loop.step(self._kill_at or self._respawn_at)
            self._fire()
        self._vrrp_pid.unlink(missing_ok=True)
        self._log.say("Stopped Keepalived")
        self._log.flush()
        return self._status

    def _mention(self, config: Config) -> None:
        if config.virtual_servers:
            text = "virtual_server blocks are checked only: balancing is not part of this version, VRRP runs"
            self._log.say(text, Level.WARNING)

    # --- the VRRP process ---------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._log.flush()
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError as error:
            raise ForkError(f"cannot start the VRRP process: {error.strerror}") from error
        if pid == 0:
            ours.close()
            self._become_vrrp(theirs)
        theirs.close()
        ours.settimeout(_SEND_TIMEOUT_S)
        descriptor = os.pidfd_open(pid)
        self._child = _Child(pid=pid, descriptor=descriptor, control=ours, started=now())
        self._loop.watch(descriptor, self._ended)
        self._loop.watch(ours, self._told)
        self._log.say(f"Starting VRRP child process, pid={pid}")
        with contextlib.suppress(OSError):
            self._vrrp_pid.parent.mkdir(parents=True, exist_ok=True)
            self._vrrp_pid.write_text(f"{pid}\n")

    def _become_vrrp(self, control: socket.socket) -> None:
        """Go on as the VRRP process; never returns."""
        status = 1
        try:
            self._loop.close()
            self._log.rename("Keepalived_vrrp")
            if not self._log.on_console:  # or whoever waits for the end of our caller's output waits for ours
                os.dup2(os.open(os.devnull, os.O_RDWR), 2)
            status = run_vrrp(self._config, control, self._log, self._trace)
        finally:
            os._exit(status)

    def _told(self) -> None:
        """Hear that the VRRP process is ready; its end is told by its pidfd."""
        child = self._child
        if child is None:
            return
        try:
            answer = child.control.recv(16)
        except OSError:
            answer = b""
        if not answer:
            self._loop.unwatch(child.control)
        elif not child.ready:
            child.ready = True
            if not self._started_once:
                self._started_once = True
                self._log.say("Startup complete")
                self._tell_ready()

    def _ended(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        _, status = os.waitpid(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._loop.unwatch(child.descriptor)
        os.close(child.descriptor)
        child.control.close()
        if self._stopping:
            self._status = os.EX_OK
        elif code == _PERMANENT or not self._started_once:
            self._log.say(f"pid {child.pid} exited with permanent error. Terminating", Level.ERROR)
            self._status = code if code > 0 else 1
        else:
            self._plan_respawn(child, code)

    def _plan_respawn(self, child: _Child, code: int) -> None:
        """Start another at once, and ever later when they keep dying."""
        ending = f"exited with status {code}" if code >= 0 else f"exited due to signal {-code}"
        self._log.say(f"pid {child.pid} {ending}", Level.WARNING)
        self._log.say(f"VRRP child process({child.pid}) died: Respawning", Level.WARNING)
        if now() - child.started > _LONG_RUN:
            self._delay = 0
        self._delay_respawn()

    def _delay_respawn(self) -> None:
        self._respawn_at = now() + self._delay
        self._delay = min(max(2 * self._delay, SECOND), _LONGEST_DELAY)

    def _fire(self) -> None:
        moment = now()
        if self._respawn_at is not None and self._respawn_at <= moment and not self._stopping:
            self._respawn_at = None
            try:
                self._start()
            except ForkError as error:
                self._log.say(str(error), Level.ERROR)
                self._delay_respawn()
        if self._kill_at is not None and self._kill_at <= moment and self._child is not None:
            self._log.say("VRRP process failed to die - forcing termination", Level.ERROR)
            os.kill(self._child.pid, signal.SIGKILL)
            self._kill_at = None

    # --- signals ------------------------------------------------------------------------------------------------------

    def _signalled(self) -> None:
        for number in self._signals.caught():
            match number:
                case signal.SIGTERM | signal.SIGINT:
                    self._stop()
                case signal.SIGHUP:
                    self._reload()

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._log.say("Stopping")
        self._log.flush()
        self._respawn_at = None
        if self._child is None:
            self._status = os.EX_OK
            return
        self._kill_at = now() + _CHILD_WAIT
        os.kill(self._child.pid, signal.SIGTERM)

    def _reload(self) -> None:
        """Read the file again; a file with errors changes nothing."""
        self._log.say("Reloading ...")
        self._log.explain(f"Opening file '{self._file}'.")
        loaded = load(self._file)
        log_diagnostics(loaded.diagnostics, self._log)
        if loaded.config is None:
            self._log.say(f"{self._file} is refused, the configuration before it runs on", Level.ERROR)
            return
        self._config = loaded.config
        self._mention(loaded.config)
        message = pickle.dumps(replace(loaded.config, virtual_servers=()))
        if self._child is not None:
            try:
                self._child.control.sendall(len(message).to_bytes(LENGTH_BYTES) + message)
            except OSError as error:
                self._log.say(f"the VRRP process does not take the configuration: {error}", Level.ERROR)
