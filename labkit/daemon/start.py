"""Starting the daemon, by the options of keepalived(8).

Exit statuses (docs/adr/0006): 0 all is well, 1 the daemon failed, 2 wrong options or something the machine refuses,
3 it runs already, 4 the configuration cannot be read, 5 the configuration has errors.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from labkit.conf.loader import Loaded, load
from labkit.conf.model import Config
from labkit.daemon.log import Level, Log
from labkit.daemon.parent import Parent, Settings, log_diagnostics
from labkit.daemon.pidfile import PidFile
from labkit.daemon.places import PID_FILE, control_path
from labkit.daemon.release import version
from labkit.diagnostics import LabkitError
from labkit.kernel.process import set_process_name

PROCESS_NAME = "keepalived"
EX_FAILED, EX_USAGE, EX_UNREADABLE, EX_REFUSED = 1, 2, 4, 5
_READY = b"\0"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pykeepalived", description="VRRP from a keepalived.conf.")
    add = parser.add_argument
    add("-f", "--use-file", type=Path, default=Path("/etc/keepalived/keepalived.conf"), metavar="FILE")
    add("-n", "--dont-fork", action="store_true", help="stay in the foreground")
    add("-l", "--log-console", action="store_true", help="log to standard error as well")
    add("-D", "--log-detail", action="store_true", help="log more")
    add("-t", "--config-test", action="store_true", help="check the configuration and exit")
    add("-p", "--pid", type=Path, default=PID_FILE, metavar="FILE")
    add("-r", "--vrrp_pid", type=Path, default=Path("/run/keepalived/vrrp.pid"), metavar="FILE")
    add("--control", type=Path, metavar="SOCKET", help="where to answer `pykeepalived status` and its kin")
    add("--trace", metavar="SOCKET", help="send the trace to this unix datagram socket, one JSON record each")
    add("-v", "--version", action="store_true", help="say the version and exit")
    return parser


def run(argv: Sequence[str]) -> int:
    """Run the daemon with the options `argv` (without the program's name); return its exit status.

    May be called in a forked process that has loaded everything already.  Without -n it returns twice: in the caller's
    process when the daemon is ready or has failed, and in the daemon when that ends.
    """
    try:
        options = _parser().parse_args(argv)
    except SystemExit as exit_:  # argparse has said what is wrong
        return exit_.code if isinstance(exit_.code, int) else EX_USAGE
    if options.version:
        sys.stderr.write(f"Keepalived (labkit {version()})\n")
        return os.EX_OK
    loaded = load(options.use_file)
    if options.config_test:
        for diagnostic in loaded.diagnostics:
            sys.stderr.write(f"{diagnostic}\n")
        return _status(loaded, options.use_file)
    for name in ("use_file", "pid", "vrrp_pid", "control"):  # the daemon changes its folder
        path = getattr(options, name)
        setattr(options, name, path.absolute() if path is not None else None)
    if options.dont_fork:
        return _serve(options, argv, loaded, _nothing)
    return _daemonise(options, argv, loaded)


def _status(loaded: Loaded, file: Path) -> int:
    if loaded.config is not None:
        return os.EX_OK
    return EX_REFUSED if os.access(file, os.R_OK) and file.is_file() else EX_UNREADABLE


def _nothing() -> None:
    """Tell nobody that the daemon is ready: it runs in the foreground."""


def _serve(options: argparse.Namespace, argv: Sequence[str], loaded: Loaded, ready: Callable[[], None]) -> int:
    """Be the parent process until the daemon ends."""
    set_process_name(PROCESS_NAME)
    log = Log("Keepalived", console=sys.stderr.fileno() if options.log_console else None, detail=options.log_detail)
    try:
        return _keep(options, argv, loaded, ready, log)
    except LabkitError as error:
        log.say(str(error), Level.ERROR)
        if not options.log_console:
            sys.stderr.write(f"pykeepalived: {error}\n")
            sys.stderr.flush()
        return error.exit_code
    finally:
        log.flush()


def _keep(options: argparse.Namespace, argv: Sequence[str], loaded: Loaded, ready: Callable[[], None], log: Log) -> int:
    system = os.uname()
    log.say("Starting Keepalived (labkit)")
    log.say(f"Running on {system.sysname} {system.release} {system.version}")
    log.say("Command line: " + " ".join(f"'{word}'" for word in ("pykeepalived", *argv)))
    log.explain(f"Opening file '{options.use_file}'.")
    log.say(f"Configuration file {options.use_file}")
    log_diagnostics(loaded.diagnostics, log)
    if loaded.config is None:
        if not options.log_console:
            for diagnostic in loaded.diagnostics:
                sys.stderr.write(f"{diagnostic}\n")
            sys.stderr.flush()
        return _status(loaded, options.use_file)
    pid_file = PidFile.take(options.pid)
    try:
        return _parent(options, loaded.config, ready, log)
    finally:
        pid_file.remove()


def _parent(options: argparse.Namespace, config: Config, ready: Callable[[], None], log: Log) -> int:
    control = options.control or control_path(options.pid)
    settings = Settings(file=options.use_file, vrrp_pid=options.vrrp_pid, control=control, trace=options.trace)
    parent = Parent(settings, log, ready)
    try:
        return parent.run(config)
    finally:
        parent.close()


def _daemonise(options: argparse.Namespace, argv: Sequence[str], loaded: Loaded) -> int:
    """Run the daemon in a session of its own; return here when it is ready (0) or has failed (its status)."""
    told, tell = os.pipe()
    first = os.fork()
    if first:
        os.close(tell)
        os.waitpid(first, 0)
        answer = os.read(told, 1)
        os.close(told)
        return answer[0] if answer else EX_FAILED
    os.close(told)
    os.setsid()
    if os.fork():
        os._exit(os.EX_OK)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    waiting = True

    def ready() -> None:
        nonlocal waiting
        waiting = False
        if not options.log_console:
            os.dup2(null, 2)
        os.write(tell, _READY)
        os.close(tell)

    status = _serve(options, argv, loaded, ready)
    if waiting:
        os.write(tell, bytes([status or EX_FAILED]))
        os.close(tell)
    return status
