"""Starting the daemon, by the options of keepalived(8).

Exit statuses (docs/adr/0006): 0 all is well, 1 the daemon failed, 2 wrong options or something the machine refuses,
3 it runs already, 4 the configuration cannot be read, 5 the configuration has errors.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from labkit.conf.loader import Loaded, load
from labkit.conf.model import Config
from labkit.daemon.log import SYSLOG, Level, Log
from labkit.daemon.options import Options, parse
from labkit.daemon.parent import Parent, log_diagnostics
from labkit.daemon.pidfile import PidFile
from labkit.daemon.places import Places, places
from labkit.daemon.release import version
from labkit.daemon.settings import Settings
from labkit.diagnostics import LabkitError
from labkit.kernel.process import NETWORK_NAMESPACES, enter_network_namespace, set_process_name
from labkit.kernel.scheduling import CORE_PATTERN, allow_core_dumps, set_core_pattern

PROCESS_NAME = "keepalived"
EX_FAILED, EX_UNREADABLE, EX_REFUSED = 1, 4, 5
_READY = b"\0"


class NamespaceError(LabkitError):
    """The network namespace to run in is not there, or may not be entered."""


def run(argv: Sequence[str]) -> int:
    """Run the daemon with the options `argv` (without the program's name); return its exit status.

    May be called in a forked process that has loaded everything already.  Without -n it returns twice: in the caller's
    process when the daemon is ready or has failed, and in the daemon when that ends.
    """
    options = parse(argv)
    if isinstance(options, int):
        return options
    if options.version:
        sys.stderr.write(f"Keepalived (labkit {version()})\n")
        return os.EX_OK
    file = options.file.absolute()  # the daemon changes its folder
    loaded = load(options.file, config_id=options.config_id, all_files=options.all_files)
    if options.test:
        return _test(options, loaded)
    if options.foreground:
        return _serve(options, argv, file, loaded, _nothing)
    return _daemonise(options, argv, file, loaded)


def _test(options: Options, loaded: Loaded) -> int:
    """Say what is wrong with the configuration."""
    text = "".join(f"{diagnostic}\n" for diagnostic in loaded.diagnostics)
    if options.test_log is None:
        sys.stderr.write(text)
    else:
        try:
            options.test_log.write_text(text)
        except OSError as error:
            sys.stderr.write(f"{text}pykeepalived: cannot write {options.test_log}: {error.strerror}\n")
    return _status(loaded, options.file)


def _status(loaded: Loaded, file: Path) -> int:
    if loaded.config is not None:
        return os.EX_OK
    return EX_REFUSED if os.access(file, os.R_OK) and file.is_file() else EX_UNREADABLE


def _nothing() -> None:
    """Tell nobody that the daemon is ready: it runs in the foreground."""


def _serve(options: Options, argv: Sequence[str], file: Path, loaded: Loaded, ready: Callable[[], None]) -> int:
    """Be the parent process until the daemon ends."""
    if options.umask is not None:
        os.umask(options.umask)
    set_process_name(PROCESS_NAME)
    log = Log(
        "Keepalived",
        console=sys.stderr.fileno() if options.console else None,
        syslog=SYSLOG if options.syslog else None,
        facility=options.facility,
        file=options.log_file.absolute() if options.log_file else None,
        detail=options.detail,
    )
    try:
        return _keep(options, argv, file, loaded, ready, log)
    except LabkitError as error:
        log.say(str(error), Level.ERROR)
        if not options.console:
            sys.stderr.write(f"pykeepalived: {error}\n")
            sys.stderr.flush()
        return error.exit_code
    finally:
        log.flush()


def _keep(
    options: Options, argv: Sequence[str], file: Path, loaded: Loaded, ready: Callable[[], None], log: Log
) -> int:
    system = os.uname()
    log.say("Starting Keepalived (labkit)")
    log.say(f"Running on {system.sysname} {system.release} {system.version}")
    log.say("Command line: " + " ".join(f"'{word}'" for word in ("pykeepalived", *argv)))
    log.explain(f"Opening file '{file}'.")
    log.say(f"Configuration file {file}")
    log_diagnostics(loaded.diagnostics, log)
    if loaded.config is None:
        if not options.console:
            for diagnostic in loaded.diagnostics:
                sys.stderr.write(f"{diagnostic}\n")
            sys.stderr.flush()
        return _status(loaded, file)
    return _locate(options, file, loaded.config, ready, log)


def _locate(options: Options, file: Path, config: Config, ready: Callable[[], None], log: Log) -> int:
    """Find the files and the namespace of this daemon among several, and be it."""
    defs = config.global_defs
    namespace = options.namespace or defs.net_namespace
    if name := "_".join(part for part in (defs.instance, namespace) if part):
        log.set_instance(name)
    if defs.umask is not None and options.umask is None:
        os.umask(defs.umask)
    set_process_name(defs.process_name or PROCESS_NAME)
    where = places(
        pid=options.pid,
        vrrp_pid=options.vrrp_pid,
        control=options.control,
        instance=defs.instance,
        namespace=namespace,
        use_pid_dir=defs.use_pid_dir,
    )
    pid_file = PidFile.take(where.pid)
    try:
        if namespace:
            _enter(namespace)
        return _parent(options, file, where, config, ready, log)
    finally:
        pid_file.remove()


def _enter(namespace: str) -> None:
    try:
        enter_network_namespace(namespace)
    except OSError as error:
        problem = f"network namespace {namespace} ({NETWORK_NAMESPACES / namespace}): {error.strerror}"
        raise NamespaceError(f"cannot run in {problem}") from error


def _parent(options: Options, file: Path, where: Places, config: Config, ready: Callable[[], None], log: Log) -> int:
    settings = Settings(
        file=file,
        places=where,
        config_id=options.config_id,
        all_files=options.all_files,
        trace=options.trace,
        keep_addresses=options.keep_addresses,
        addresses_logged=options.addresses_logged,
        respawn=options.respawn,
        ignore_sigint=options.ignore_sigint,
        dump_config=options.dump_config,
    )
    restore = _prepare_core_dumps(options, log)
    parent = Parent(settings, log, ready)
    try:
        return parent.run(config)
    finally:
        parent.close()
        restore()


def _prepare_core_dumps(options: Options, log: Log) -> Callable[[], None]:
    """Allow core dumps where they are wanted; return what puts their names back."""
    if not options.core_dump:
        return _nothing
    before, refused = "", ""
    if options.core_pattern:
        before, refused = set_core_pattern(options.core_pattern)
    for text in (allow_core_dumps(), refused):
        if text:
            log.say(text, Level.WARNING)

    def restore() -> None:
        if before:
            try:
                CORE_PATTERN.write_text(f"{before}\n")
            except OSError as error:
                log.say(f"cannot put the names of core dumps back: {error.strerror}", Level.WARNING)

    return restore


def _daemonise(options: Options, argv: Sequence[str], file: Path, loaded: Loaded) -> int:
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
        if not options.console:
            os.dup2(null, 2)
        os.write(tell, _READY)
        os.close(tell)

    status = _serve(options, argv, file, loaded, ready)
    if waiting:
        os.write(tell, bytes([status or EX_FAILED]))
        os.close(tell)
    return status
