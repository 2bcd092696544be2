"""Reading the configuration in a process of its own, which takes with it what only reading needs.

The keyword table, the text and its tree are twice what the values are, and Python does not give memory back.  So a
child reads the file, hands over what became of it, and ends; whoever asked waits meanwhile, as if it read itself.
"""

import os

from labkit.diagnostics import Diagnostic, Span
from labkit.hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from labkit.conf.loader import Loaded
    from labkit.daemon.packed import Packed

EX_FAILED, EX_UNREADABLE, EX_REFUSED = 1, 4, 5


class Reading(NamedTuple):
    """What became of the configuration file, and the exit status if it was refused."""

    config: "Packed | None"
    diagnostics: tuple[Diagnostic, ...]
    status: int


def check(file: str, config_id: str | None, *, all_files: bool, elsewhere: bool) -> tuple[tuple[Diagnostic, ...], int]:
    """Read a file here; return what is to be said of it and of what it names on this machine, and the exit status.

    The arguments are those of `labkit.conf.loader.load`, and whether the file is for another network namespace.
    """
    loaded, status = _load(file, config_id, all_files=all_files)
    if loaded.config is None:
        return loaded.diagnostics, status
    from labkit.conf.in_vain import in_vain  # of a test only
    from labkit.daemon.at_hand import missing

    here = not elsewhere and loaded.config.global_defs.net_namespace is None
    return (*loaded.diagnostics, *in_vain(loaded.config), *missing(loaded, interfaces=here)), status


def read(file: str, config_id: str | None, *, all_files: bool) -> Reading:
    """Read a file here."""
    from labkit.daemon.packed import pack

    loaded, status = _load(file, config_id, all_files=all_files)
    return Reading(pack(loaded.config) if loaded.config is not None else None, loaded.diagnostics, status)


def _load(file: str, config_id: str | None, *, all_files: bool) -> "tuple[Loaded, int]":
    from labkit.conf.loader import load  # its memory is the point of this module

    loaded = load(file, config_id=config_id, all_files=all_files)
    if loaded.config is not None:
        return loaded, os.EX_OK
    from pathlib import Path  # for files with mistakes

    return loaded, EX_REFUSED if os.access(file, os.R_OK) and Path(file).is_file() else EX_UNREADABLE


def read_apart(file: str, config_id: str | None, *, all_files: bool) -> Reading:
    """Read a file in a child process; one that cannot be had, or dies, is a diagnostic too."""
    import pickle
    import signal

    source, sink = os.pipe()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the caller
    try:
        pid = os.fork()
        if pid == 0:
            _hand_over(sink, file, config_id, all_files=all_files)
    except OSError as error:
        os.close(source)
        return _failed(file, f"no process to read it in: {error.strerror}")
    finally:
        os.close(sink)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    with os.fdopen(source, "rb") as answer:
        content = answer.read()
    _, status = os.waitpid(pid, 0)
    if status:
        return _failed(file, f"the process that read it ended with {os.waitstatus_to_exitcode(status)}")
    reading: Reading = pickle.loads(content)
    return reading


def unless_empty(reading: Reading, before: "Packed", file: str) -> Reading:
    """Refuse a file in which nothing is left of what was configured before: it is cut off, and nobody's wish."""
    if reading.config is None or reading.config.does_something or not before.does_something:
        return reading
    message = "nothing is left in this file of what is configured"
    hint = "write it again, or end the daemon with `pykeepalived stop`"
    diagnostic = Diagnostic(span=Span(file=file, line=1, column=1), message=message, hint=hint)
    return Reading(None, (diagnostic,), EX_REFUSED)


def _failed(file: str, message: str) -> Reading:
    diagnostic = Diagnostic(span=Span(file=file, line=1, column=1), message=message, hint="try again")
    return Reading(None, (diagnostic,), EX_FAILED)


def _hand_over(sink: int, file: str, config_id: str | None, *, all_files: bool) -> None:
    """Be the child: read and tell; never returns."""
    status = EX_FAILED
    try:
        try:
            reading = read(file, config_id, all_files=all_files)
        except Exception as error:  # the task boundary: a file must never end the daemon
            reading = _failed(file, f"internal error: {error!r}")
        import pickle

        content = pickle.dumps(reading)
        with os.fdopen(sink, "wb") as answer:
            answer.write(content)
        status = os.EX_OK
    finally:
        os._exit(status)
