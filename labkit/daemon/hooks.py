"""Runs startup_script before anything else and shutdown_script after everything else, and waits for them."""

import signal
from functools import partial

from labkit.conf.model import Command, GlobalDefs
from labkit.daemon.log import Level, Log
from labkit.daemon.loop import Loop
from labkit.hints import TYPE_CHECKING
from labkit.kernel.process import now
from labkit.trace import SECOND, Micros

if TYPE_CHECKING:
    from labkit.daemon.programs import Program

_KILL_AFTER: Micros = SECOND


def startup(defaults: GlobalDefs, log: Log) -> None:
    """Run startup_script, if there is one."""
    _run("startup script", defaults.startup_script, defaults.startup_script_timeout, defaults, log)


def shutdown(defaults: GlobalDefs, log: Log) -> None:
    """Run shutdown_script, if there is one."""
    _run("shutdown script", defaults.shutdown_script, defaults.shutdown_script_timeout, defaults, log)


def _run(what: str, command: Command | None, timeout: Micros, defaults: GlobalDefs, log: Log) -> None:
    if command is None:
        return
    from labkit.daemon.programs import prepare  # few have such a script

    program = prepare(command, defaults)
    for doubt in program.doubts:
        log.say(f"{what}: {doubt}", Level.WARNING)
    if program.refused:
        log.say(f"Disabling {what} {program.text}: {program.refused}", Level.WARNING)
        return
    log.say(f"Running {what} {program.text}")
    log.flush()
    loop = Loop()
    try:
        ending = _wait(loop, program, timeout)
    finally:
        loop.close()
    if ending:
        log.say(f"{what} {program.text} {ending}", Level.WARNING)


def _wait(loop: Loop, program: "Program", timeout: Micros) -> str:
    """Run a program to its end, or end it; return what went wrong."""
    from labkit.daemon.children import Children
    from labkit.daemon.wording import exit_words

    children = Children(loop)
    statuses: list[int | OSError] = []
    number = children.start(program.argv, program.who, lambda _, status: statuses.append(status))
    begin = now()
    loop.at(begin + timeout, partial(children.kill, number, signal.SIGTERM))
    loop.at(begin + timeout + _KILL_AFTER, partial(children.kill, number, signal.SIGKILL))
    while not statuses:
        loop.step(None)
    status = statuses[0]
    if isinstance(status, OSError):
        return f"could not be started: {status.strerror}"
    if status and now() - begin >= timeout:
        return f"was ended after {timeout / SECOND:g} s"
    return exit_words(status) if status else ""
