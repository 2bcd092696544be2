"""Being the daemon: in the foreground or in a session of its own, with log, pid file and namespace."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from labkit.daemon.log import SYSLOG, Level, Log
from labkit.daemon.options import Options
from labkit.daemon.packed import Packed
from labkit.daemon.parent import Parent, log_diagnostics
from labkit.daemon.pidfile import PidFile
from labkit.daemon.places import Places, places
from labkit.daemon.reading import Reading
from labkit.daemon.settings import Settings
from labkit.diagnostics import LabkitError
from labkit.kernel.process import NETWORK_NAMESPACES, enter_network_namespace, set_process_name
from labkit.kernel.scheduling import CORE_PATTERN, allow_core_dumps, set_core_pattern

PROCESS_NAME = "keepalived"
EX_FAILED = 1
_READY = b"\0"


class NamespaceError(LabkitError):
    """The network namespace to run in is not there, or may not be entered."""


def _nothing() -> None:
    """Tell nobody that the daemon is ready: it runs in the foreground."""


def serve(
    options: Options, argv: Sequence[str], file: Path, reading: Reading, ready: Callable[[], None] = _nothing
) -> int:
    """Be the parent process until the daemon ends."""
    if options.umask is not None:
        os.umask(options.umask)
    set_process_name(PROCESS_NAME)
    log = Log(
        "Keepalived",
        console=sys.stderr.fileno() if options.console else None,
        syslog=SYSLOG if options.syslog else None,
        facility=options.facility,
        file=Path(options.log_file).absolute() if options.log_file else None,
        detail=options.detail,
    )
    try:
        return _keep(options, argv, file, reading, ready, log)
    except LabkitError as error:
        log.say(str(error), Level.ERROR)
        if not options.console:
            sys.stderr.write(f"pykeepalived: {error}\n")
            sys.stderr.flush()
        return error.exit_code
    finally:
        log.flush()


def _keep(
    options: Options, argv: Sequence[str], file: Path, reading: Reading, ready: Callable[[], None], log: Log
) -> int:
    system = os.uname()
    log.say("Starting Keepalived (labkit)")
    log.say(f"Running on {system.sysname} {system.release} {system.version}")
    log.say("Command line: " + " ".join(f"'{word}'" for word in ("pykeepalived", *argv)))
    log.explain(f"Opening file '{file}'.")
    log.say(f"Configuration file {file}")
    log_diagnostics(reading.diagnostics, log)
    if reading.config is None:
        if not options.console:
            for diagnostic in reading.diagnostics:
                sys.stderr.write(f"{diagnostic}\n")
            sys.stderr.flush()
        return reading.status
    return _locate(options, file, reading.config, ready, log)


def _locate(options: Options, file: Path, config: Packed, ready: Callable[[], None], log: Log) -> int:
    """Find the files and the namespace of this daemon among several, and be it."""
    defs = config.global_defs
    namespace = options.namespace or defs.net_namespace
    if name := "_".join(part for part in (defs.instance, namespace) if part):
        log.set_instance(name)
    if defs.umask is not None and options.umask is None:
        os.umask(defs.umask)
    set_process_name(defs.process_name or PROCESS_NAME)
    where = places(
        pid=_path(options.pid),
        vrrp_pid=_path(options.vrrp_pid),
        checkers_pid=_path(options.checkers_pid),
        control=_path(options.control),
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


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _enter(namespace: str) -> None:
    try:
        enter_network_namespace(namespace)
    except OSError as error:
        problem = f"network namespace {namespace} ({NETWORK_NAMESPACES / namespace}): {error.strerror}"
        raise NamespaceError(f"cannot run in {problem}") from error


def _parent(options: Options, file: Path, where: Places, config: Packed, ready: Callable[[], None], log: Log) -> int:
    settings = Settings(
        file=file,
        places=where,
        config_id=options.config_id,
        all_files=options.all_files,
        trace=options.trace,
        vrrp=not options.check,
        checkers=not options.vrrp,
        keep_addresses=options.keep_addresses,
        keep_services=options.keep_services,
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


def daemonise(options: Options, argv: Sequence[str], file: Path, reading: Reading) -> int:
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

    status = serve(options, argv, file, reading, ready)
    if waiting:
        os.write(tell, bytes([status or EX_FAILED]))
        os.close(tell)
    return status
