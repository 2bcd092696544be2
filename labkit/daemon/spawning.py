"""Starting a command in the surroundings that keepalived.conf(5) describes, at a cost that does not grow.

A fork copies the page tables of its process: 0.4 ms for a small daemon, 1.5 ms for one of 96 MB, and every page written
afterwards costs a fault more.  posix_spawn(3) borrows the memory of the caller instead (0.1 ms whatever its size), but
knows neither users nor the death of a parent: setpriv(1) of util-linux does, and becomes the command.  Where there is
none (BusyBox has another program of that name), the child is forked and does the same itself.
"""

import os
import signal
from functools import cache
from pathlib import Path

from labkit.daemon.programs import Account, find_program
from labkit.kernel.process import die_with_parent

NOT_FOUND, NOT_EXECUTABLE = 127, 126  # what shells say, and setpriv
_RESTORED = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


@cache
def setpriv() -> str | None:
    """Return the path of util-linux's setpriv, None where this machine has none."""
    found = find_program("setpriv")
    return found if found is not None and Path(found).resolve().name == "setpriv" else None


def spawn(argv: tuple[str, ...], who: Account | None, *, source: int | None = None, output: int | None = None) -> int:
    """Start a command as `who` in a process group of its own and return its process number.

    It gets SIGTERM when this process ends, and has /dev/null for input and output but for `source` and `output`.

    Raises:
        OSError: no process or descriptor is left.
    """
    launcher = setpriv()
    if launcher is None:
        return _fork(argv, who, source, output)
    user = ("--reuid", str(who.user), "--regid", str(who.group), "--init-groups") if who is not None else ()
    whole = (launcher, *user, "--pdeathsig", "TERM", "--", *argv)
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0)
    sink = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_RDWR, 0)
    actions = [
        null if source is None else (os.POSIX_SPAWN_DUP2, source, 0),
        sink if output is None else (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(
        launcher, whole, os.environ, file_actions=actions, setpgroup=0, setsigmask=(), setsigdef=_RESTORED
    )


def _fork(argv: tuple[str, ...], who: Account | None, source: int | None, output: int | None) -> int:
    pid = os.fork()
    if pid == 0:
        _become(argv, who, source, output)
    return pid


def _become(argv: tuple[str, ...], who: Account | None, source: int | None, output: int | None) -> None:
    """Turn the forked child into the command; never returns."""
    status = NOT_EXECUTABLE
    try:
        os.setpgid(0, 0)
        die_with_parent(signal.SIGTERM)
        signal.set_wakeup_fd(-1)
        for number in _RESTORED:
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        sink = null if output is None else output
        for descriptor, ours in enumerate((null if source is None else source, sink, sink)):
            os.dup2(ours, descriptor)
        if who is not None:
            os.initgroups(who.name, who.group)
            os.setgid(who.group)
            os.setuid(who.user)
            die_with_parent(signal.SIGTERM)  # forgotten when the user changes (prctl(2))
        os.execvp(argv[0], argv)
    except FileNotFoundError:
        status = NOT_FOUND
    finally:
        os._exit(status)
