"""What a configuration names and this machine has not got: interfaces, accounts and programs, as warnings of `-t`.

keepalived: `-t` tells of the same.  They are warnings, for an interface may come later and a script be installed.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from labkit.conf.loader import Loaded
from labkit.conf.model import Command, Config, SyncGroup, User, VrrpInstance
from labkit.conf.reader import Document, Statement
from labkit.diagnostics import Diagnostic, Severity, Span
from labkit.hints import TYPE_CHECKING, TypeAlias
from labkit.values import dataclass
from labkit.vrrp.config import Track, TrackKind

if TYPE_CHECKING:
    from labkit.conf.model_routes import Route

_INTERFACES = "/proc/self/net/dev"  # of our network namespace, which /sys/class/net need not be
_WAITS = "until it is there the instance waits in FAULT"
_NOWHERE = "until it is there the address is nowhere"
_PUT_RIGHT = "put that right, if it is not meant so"
_Path: TypeAlias = tuple[tuple[str, ...], ...]  # words of a statement, words of one in its body, and so on
_Lack: TypeAlias = tuple[_Path, str, str, str]  # where it is named, the interface, what it is, what if it is not there


@dataclass(frozen=True, slots=True)
class _Run:
    """A command of the configuration: what it is called and where it is named."""

    command: Command
    what: str
    path: _Path
    user: User | None = None


def missing(loaded: Loaded, *, interfaces: bool) -> tuple[Diagnostic, ...]:
    """Return warnings, in the order of the file; those of `interfaces` count in the daemon's own namespace."""
    config, document = loaded.config, loaded.document
    assert config is not None, "asked about a file that was refused"
    assert document is not None
    places = _Places(document)
    found = [*_programs(config, places), *(_missing_interfaces(config, places) if interfaces else ())]
    return tuple(sorted(found, key=lambda diagnostic: diagnostic.span))


# --- interfaces -------------------------------------------------------------------------------------------------------


def _missing_interfaces(config: Config, places: "_Places") -> Iterator[Diagnostic]:
    try:
        with open(_INTERFACES) as file:  # noqa: PTH123 - see labkit.conf.include
            lines = file.readlines()
    except OSError:  # no /proc: nothing is known
        return
    present = {line.partition(":")[0].strip() for line in lines}
    present.update(instance.vmac.name for instance in config.instances if instance.vmac)
    for path, name, what, then in dict.fromkeys(_interfaces(config)):
        if name not in present:
            yield _warning(places.of(path), f"{what.format(name)} does not exist on this machine", then)


def _interfaces(config: Config) -> Iterator[_Lack]:
    """Yield what must be there before an instance, a group or an address is."""
    for instance in config.instances:
        router, block = instance.router, ("vrrp_instance", instance.router.name)
        title = f"({' '.join(block)})"
        yield (block, ("interface", router.interface)), router.interface, title + " interface {}", _WAITS
        yield from _tracked(block, router.tracks)
        for virtual in instance.addresses:
            if virtual.device != router.interface:
                what = title + " interface {} of a virtual address"
                yield (block, (), ("dev", virtual.device)), virtual.device, what, _NOWHERE
        yield from _routes((block, ("virtual_routes",)), f"{title} ", instance.routes)
    for group in config.sync_groups:
        yield from _tracked(("vrrp_sync_group", group.name), group.tracks)
    yield from _routes((("static_routes",),), "", config.static_routes)
    for static in config.static_addresses:
        path = (("static_ipaddress",), ("dev", static.device))
        yield path, static.device, "interface {} of a static address", _NOWHERE


def _tracked(block: tuple[str, str], tracks: Iterable[Track]) -> Iterator[_Lack]:
    for track in tracks:
        if track.kind is TrackKind.INTERFACE:
            then = "it counts as failed until it is there" if track.weight else _WAITS
            path = (block, ("track_interface",), (track.name,))
            yield path, track.name, f"({' '.join(block)}) tracked interface {{}}", then


def _routes(block: _Path, title: str, routes: "Iterable[Route]") -> Iterator[_Lack]:
    for route in routes:
        for name in sorted(route.devices):
            yield (*block, ("dev", name)), name, title + "interface {} of a route", "until it is there the route is not"


# --- programs ---------------------------------------------------------------------------------------------------------


def _programs(config: Config, places: "_Places") -> Iterator[Diagnostic]:
    runs = list(_runs(config))
    if not runs:
        return
    from labkit.daemon.programs import NoSuchAccountError, Program, account, prepare  # few files have commands

    try:
        account(None, config.global_defs)
    except NoSuchAccountError as error:
        text = f"what names no user of its own will not run: {error}"
        yield _warning(places.of_value((_GLOBAL, ("script_user",))), text, "put that right")
        runs = [run for run in runs if run.user or run.command.user]
    seen: dict[tuple[Command, User | None], Program] = {}
    for run in runs:
        if (run.command, run.user) not in seen:
            seen[run.command, run.user] = prepare(run.command, config.global_defs, run.user)
        program = seen[run.command, run.user]
        if program.refused:
            text = f"{run.what} will not run: {program.refused}"
            yield _warning(places.of_value(run.path), text, "put that right, or remove the script")
        for doubt in program.doubts:
            yield _warning(places.of_value(run.path), f"{run.what}: {doubt}", _PUT_RIGHT)


def _runs(config: Config) -> Iterator[_Run]:
    defaults = config.global_defs
    for name in ("startup_script", "shutdown_script"):
        if (command := getattr(defaults, name)) is not None:
            yield _Run(command, name, (_GLOBAL, (name,)))
    for name in ("notify_fifo", "vrrp_notify_fifo"):
        fifo = getattr(defaults, name)
        if fifo is not None and fifo.script is not None:
            yield _Run(fifo.script, f"the reader of {fifo.path}", (_GLOBAL, (f"{name}_script",)))
    for script in config.scripts:
        block = ("vrrp_script", script.check.name)
        yield _Run(script.command, " ".join(block), (block, ("script",)), script.user)
    for instance in config.instances:
        yield from _notifies(instance, ("vrrp_instance", instance.router.name))
    for group in config.sync_groups:
        yield from _notifies(group, ("vrrp_sync_group", group.name))


def _notifies(owner: VrrpInstance | SyncGroup, block: tuple[str, str]) -> Iterator[_Run]:
    for field, name in _NOTIFIES.items():
        if (command := getattr(owner, field, None)) is not None:
            yield _Run(command, f"({' '.join(block)}) {name}", (block, (name,)))


_GLOBAL = ("global_defs",)
_NOTIFIES = {
    "notify": "notify",
    "notify_master": "notify_master",
    "notify_backup": "notify_backup",
    "notify_fault": "notify_fault",
    "notify_stop": "notify_stop",
    "notify_master_rx_lower_pri": "notify_master_rx_lower_pri",
    "notify_deleted_script": "notify_deleted",
}


# --- places -----------------------------------------------------------------------------------------------------------


class _Places:
    """Where words of a file stand, of which most are never asked for."""

    def __init__(self, document: Document) -> None:
        self._document = document

    @cached_property
    def _blocks(self) -> dict[tuple[str, ...], list[Statement]]:
        """The blocks outside of others, by their keyword, and by that and their name."""
        blocks: dict[tuple[str, ...], list[Statement]] = {}
        for statement in self._document.statements:
            for name in {tuple(statement.words[:1]), tuple(statement.words[:2])}:
                blocks.setdefault(name, []).append(statement)
        return blocks

    def of(self, path: _Path) -> Span:
        """Return where the last word of a path stands.

        A step without words is any block.  What the file leaves to a default stands nowhere; it is told at the block.
        """
        for length in range(len(path), 0, -1):
            if path[length - 1]:
                for statement in self._search(path[:length]):
                    return self._document.span(statement, statement.words.index(path[length - 1][-1]))
        return Span(file=self._document.lines[0].file, line=1, column=1)

    def of_value(self, path: _Path) -> Span:
        """Return where the value of the keyword at the end of a path stands."""
        for statement in self._search(path):
            return self._document.span(statement, 1)
        return self.of(path[:1])

    def _search(self, path: _Path) -> Iterator[Statement]:
        blocks = self._blocks.get(path[0], ())
        if len(path) == 1:
            yield from blocks
        for block in blocks if len(path) > 1 else ():
            yield from _search(block.body or (), path[1:])


def _search(statements: Sequence[Statement], path: _Path) -> Iterator[Statement]:
    for statement in statements:
        if all(word in statement.words for word in path[0]):
            if len(path) == 1:
                yield statement
            else:
                yield from _search(statement.body or (), path[1:])


def _warning(span: Span, message: str, hint: str) -> Diagnostic:
    return Diagnostic(span=span, message=message, hint=hint, severity=Severity.WARNING)
