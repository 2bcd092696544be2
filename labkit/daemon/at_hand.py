"""What a configuration names and this machine has not got: interfaces, accounts and programs, as warnings of `-t`.

keepalived: `-t` tells of the same.  They are warnings, for an interface may come later and a script be installed.
"""

from collections.abc import Iterator

from labkit.conf.model import Command, Config, SyncGroup, User, VrrpInstance
from labkit.diagnostics import Diagnostic, Severity, Span
from labkit.hints import TypeAlias
from labkit.vrrp.config import TrackKind

_INTERFACES = "/proc/self/net/dev"  # of our network namespace, which /sys/class/net need not be
_WAITS = "until it is there the instance waits in FAULT"
_Run: TypeAlias = tuple[Command, User | None, str, Span]  # a command, its user, what it is called, where it stands


def missing(config: Config, *, interfaces: bool) -> tuple[Diagnostic, ...]:
    """Return warnings, in the order of the file; those of `interfaces` count in the daemon's own namespace."""
    found = [*_programs(config), *(_missing_interfaces(config) if interfaces else ())]
    return tuple(sorted(found, key=lambda diagnostic: diagnostic.span))


def _missing_interfaces(config: Config) -> Iterator[Diagnostic]:
    try:
        with open(_INTERFACES) as file:  # noqa: PTH123 - see labkit.conf.include
            lines = file.readlines()
    except OSError:  # no /proc: nothing is known
        return
    present = {line.partition(":")[0].strip() for line in lines}
    for instance in config.instances:
        for name, what, then in dict.fromkeys(_interfaces(instance)):
            if name not in present:
                text = f"(vrrp_instance {instance.router.name}) {what.format(name)} does not exist on this machine"
                yield _warning(instance.span, text, then)


def _interfaces(instance: VrrpInstance) -> Iterator[tuple[str, str, str]]:
    """Yield the names of interfaces that must be there before the instance is, what each is, and what if it is not."""
    router = instance.router
    yield router.interface, "interface {}", _WAITS
    for track in router.tracks:
        if track.kind is TrackKind.INTERFACE:
            then = "it counts as failed until it is there" if track.weight else _WAITS
            yield track.name, "tracked interface {}", then
    made = instance.vmac.name if instance.vmac else ""
    for virtual in instance.addresses:
        if virtual.device not in (router.interface, made):
            yield virtual.device, "interface {} of a virtual address", "until it is there the address is nowhere"


def _programs(config: Config) -> Iterator[Diagnostic]:
    runs = list(_runs(config))
    if not runs:
        return
    from labkit.daemon.programs import Program, prepare  # few files have commands

    seen: dict[tuple[Command, User | None], Program] = {}
    for command, user, what, span in runs:
        if (command, user) not in seen:
            seen[command, user] = prepare(command, config.global_defs, user)
        program = seen[command, user]
        if program.refused:
            yield _warning(span, f"{what} will not run: {program.refused}", "put that right, or remove the script")
        for doubt in program.doubts:
            yield _warning(span, f"{what}: {doubt}", "put that right, if it is not meant so")


def _runs(config: Config) -> Iterator[_Run]:
    defaults, top = config.global_defs, Span(file=config.file, line=1, column=1)
    for name in ("startup_script", "shutdown_script"):
        if (command := getattr(defaults, name)) is not None:
            yield command, None, name, top
    for fifo in (defaults.notify_fifo, defaults.vrrp_notify_fifo):
        if fifo is not None and fifo.script is not None:
            yield fifo.script, None, f"the reader of {fifo.path}", top
    for script in config.scripts:
        yield script.command, script.user, f"vrrp_script {script.check.name}", script.span
    for instance in config.instances:
        yield from _notifies(instance, f"vrrp_instance {instance.router.name}")
    for group in config.sync_groups:
        yield from _notifies(group, f"vrrp_sync_group {group.name}")


def _notifies(owner: VrrpInstance | SyncGroup, block: str) -> Iterator[_Run]:
    for name in _NOTIFIES:
        if (command := getattr(owner, name, None)) is not None:
            yield command, None, f"({block}) {name}", owner.span


_NOTIFIES = (
    "notify",
    "notify_master",
    "notify_backup",
    "notify_fault",
    "notify_stop",
    "notify_master_rx_lower_pri",
    "notify_deleted_script",
)


def _warning(span: Span, message: str, hint: str) -> Diagnostic:
    return Diagnostic(span=span, message=message, hint=hint, severity=Severity.WARNING)
