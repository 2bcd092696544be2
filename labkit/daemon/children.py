"""Commands that the daemon runs: check scripts and notify scripts, as keepalived.conf(5) describes their surroundings.

A command inherits the daemon's environment and working directory, runs as its script user in a process group of its own
with /dev/null for input and output, and without a shell.  Starting one never waits for it, not even for its exec.
"""

import contextlib
import grp
import os
import pwd
import signal
from collections.abc import Callable
from dataclasses import dataclass

from labkit.conf.model import Command, GlobalDefs
from labkit.daemon.loop import Loop
from labkit.diagnostics import LabkitError
from labkit.kernel.process import die_with_parent

_DEFAULT_USER = "keepalived_script"
_RESTORED = (signal.SIGPIPE, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # what shells say


class NoSuchAccountError(LabkitError):
    """The configuration names a user or group that this machine does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user and group to run commands as."""

    user: int
    group: int
    name: str


def account(user: tuple[str, str | None] | None, defaults: GlobalDefs) -> Account | None:
    """Return whom to run a command as: `user`, else script_user, else keepalived_script where there is such a user.

    None: as the daemon itself, because nobody is named or because it is not root.

    Raises:
        NoSuchAccountError: the configuration names a user or group that does not exist.
    """
    if os.geteuid() != 0:
        return None
    named = user or defaults.script_user
    name, group_name = named or (_DEFAULT_USER, None)
    try:
        entry = pwd.getpwnam(name)
        group = grp.getgrnam(group_name).gr_gid if group_name else entry.pw_gid
    except KeyError as error:
        if named is None:
            return None
        who = f"user '{name}'" + (f" or group '{group_name}'" if group_name else "")
        raise NoSuchAccountError(f"{who} does not exist") from error
    return Account(user=entry.pw_uid, group=group, name=entry.pw_name)


class Children:
    """The commands that run now; each one's end is told through the loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._running: dict[int, int] = {}

    def start(self, command: Command, who: Account | None, ended: Callable[[int], None]) -> int:
        """Start a command and return its process number; `ended` is called with its status (negative: the signal).

        Raises:
            OSError: no process or descriptor is left.
        """
        pid = os.fork()
        if pid == 0:
            _become(command, who)
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            self.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        self._running[pid] = descriptor
        self._loop.watch(descriptor, lambda: self._reap(pid, ended))
        return pid

    def _reap(self, pid: int, ended: Callable[[int], None]) -> None:
        descriptor = self._running.pop(pid)
        self._loop.unwatch(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(pid, 0)  # it has ended: its pidfd is readable
        ended(os.waitstatus_to_exitcode(status))

    def kill(self, pid: int, number: int) -> None:
        """Send a signal to a command and to whatever it has started in its process group."""
        for send in (os.killpg, os.kill):  # the group does not exist before the child has made it
            with contextlib.suppress(ProcessLookupError, PermissionError):
                send(pid, number)

    def kill_all(self) -> None:
        """Ask all that still run to end."""
        for pid in self._running:
            self.kill(pid, signal.SIGTERM)

    def __len__(self) -> int:
        return len(self._running)


def _become(command: Command, who: Account | None) -> None:
    """Turn the forked child into the command; never returns."""
    status = _NOT_EXECUTABLE
    try:
        os.setpgid(0, 0)
        die_with_parent(signal.SIGTERM)
        signal.set_wakeup_fd(-1)
        for number in _RESTORED:
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        if who is not None:
            os.initgroups(who.name, who.group)
            os.setgid(who.group)
            os.setuid(who.user)
            die_with_parent(signal.SIGTERM)  # forgotten when the user changes (prctl(2))
        os.execvp(command.argv[0], command.argv)
    except FileNotFoundError:
        status = _NOT_FOUND
    finally:
        os._exit(status)
