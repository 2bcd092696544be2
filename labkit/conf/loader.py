"""A keepalived.conf from text to `Config`: read, checked against the keyword table, and checked for what it means.

Nothing in the file is ever ignored: a line that is wrong, or that labkit does not support, refuses the whole file, and
all that is wrong is told at once.  What is legal but odd is a warning.
"""

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from labkit.conf.complaints import Complaints
from labkit.conf.include import ALL, BY_DEFAULT, UnreadableError, read_text
from labkit.conf.instance import Surroundings, build_instance, shared_fields
from labkit.conf.model import Config
from labkit.conf.names import ETC_DIR, USR_DIR, read_from
from labkit.conf.pacing import check_delays
from labkit.conf.preprocess import Outside, Source, own_id, preprocess
from labkit.conf.process import build_global_defs
from labkit.conf.reader import Document, SharedPlaceError, Statement, read
from labkit.conf.schema import ROUTING, Block, process, root_for, trackers, vrrp
from labkit.conf.section import Section, bind
from labkit.conf.shared import unique_titles
from labkit.conf.statics import assign_preferences, build_statics, track_statics
from labkit.conf.trackers import build_files, build_processes, build_scripts
from labkit.conf.tracking import Known, check_tracks_in_groups, known_trackers
from labkit.conf.vrrp import build_groups, check_shared_addresses, check_vrids
from labkit.diagnostics import Diagnostic, Span
from labkit.hints import Any
from labkit.values import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of a file: its configuration (None when it is refused) and all diagnostics, in the file's order.

    `files` are all that were read, the file itself first; `document` is the tree, once it could be read.
    """

    config: Config | None
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[str, ...] = ()
    document: Document | None = field(default=None, repr=False, compare=False)


def load(
    path: str | os.PathLike[str],
    *,
    config_id: str | None = None,
    environment: Mapping[str, str] | None = None,
    all_files: bool = False,
) -> Loaded:
    """Load a file; one that is missing, unreadable or not UTF-8 is a diagnostic at line 1, column 1.

    `config_id` is what `@conditions` are about (the first part of the host name), `environment` where `${_ENV X}` is
    looked up (the process's own); with `all_files` every pattern of an `include` must find a file.
    """
    try:
        text = read_text(os.fspath(path))
    except UnreadableError as error:
        return _refused(os.fspath(path), error.message, error.hint)
    return loads(text, file=os.fspath(path), config_id=config_id, environment=environment, all_files=all_files)


def loads(
    text: str,
    *,
    file: str,
    config_id: str | None = None,
    environment: Mapping[str, str] | None = None,
    all_files: bool = False,
) -> Loaded:
    """Load the text of a file; `file` is what diagnostics call it, and where includes are looked for."""
    outside = Outside(
        config_id=own_id() if config_id is None else config_id,
        environment=os.environ if environment is None else environment,
        checks=ALL if all_files else BY_DEFAULT,
    )
    with _collector_paused():
        source = preprocess(text, file, outside)
        try:
            return _loaded(source, file, shared=not source.diagnostics)
        except SharedPlaceError:  # something is to be said of one of many places that look alike
            return _loaded(source, file, shared=False)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from walking a growing tree without garbage: more than half of a big file's time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.freeze()
            gc.unfreeze()  # all of it counts as old now, and is not walked once more because it is new
            gc.enable()


def _loaded(source: Source, file: str, *, shared: bool) -> Loaded:
    document = read(source.lines, source.diagnostics, shared=shared)
    complaints = Complaints(document.diagnostics)
    tree_is_right = complaints.errors == 0  # else most of what could be said about its meaning would be wrong
    root = root_for({statement.words[0] for statement in document.statements})
    with read_from(*_folders_of_names(document)):
        top = bind(document, root, complaints, apart="virtual_server")
    config = _build(top, file, complaints) if tree_is_right else None
    if root is not ROUTING:
        from labkit.conf.lvs import build_balancing  # most files have none of it

        config = build_balancing(top, config, complaints)
    if config is not None and not (config.instances or config.virtual_servers or complaints.errors):
        message = "nothing is configured here"
        complaints.warning(Span(file=file, line=1, column=1), message, "add a vrrp_instance or a virtual_server")
    return Loaded(
        config=None if complaints.errors else config,
        diagnostics=complaints.by_place(),
        files=source.files,
        document=document,
    )


def _folders_of_names(document: Document) -> tuple[str, str]:
    """Return where iproute2's names are, which has to be known before any block is read."""
    blocks = (block for block in document.statements if block.words[0] == process.GLOBAL_DEFS.name)
    lines = (line.words for block in blocks for line in block.body or ())
    written = {words[0]: words[1] for words in lines if len(words) == 2}
    return written.get(process.IPROUTE_USR_DIR.name, USR_DIR), written.get(process.IPROUTE_ETC_DIR.name, ETC_DIR)


def _refused(file: str, message: str, hint: str) -> Loaded:
    diagnostic = Diagnostic(span=Span(file=file, line=1, column=1), message=message, hint=hint)
    return Loaded(config=None, diagnostics=(diagnostic,))


def _build(top: Section, file: str, complaints: Complaints) -> Config:
    """Build every block but those of load balancing, whatever is wrong; a result with errors is not to be used."""
    scripts, instances = top.sections(trackers.VRRP_SCRIPT), top.sections(vrrp.VRRP_INSTANCE)
    files, processes = top.sections(trackers.TRACK_FILE_BLOCK), top.sections(trackers.VRRP_TRACK_PROCESS)
    groups = top.sections(vrrp.VRRP_SYNC_GROUP)
    for sections in (scripts, files, processes, instances, groups):
        unique_titles(sections, complaints)
    known = known_trackers(top)
    _check_together(instances, groups, known, complaints)
    global_defs = next(iter(top.sections(process.GLOBAL_DEFS)), _absent(top.document, process.GLOBAL_DEFS))
    preferences = assign_preferences(top, complaints)
    shared = shared_fields(global_defs)
    around = Surroundings(global_defs=global_defs, shared=shared, known=known, preferences=preferences)
    built_instances = [build_instance(section, around, complaints) for section in instances]
    names = [str(section.title) for section in instances if section.title is not None]
    values = build_global_defs(global_defs, top, shared, complaints)
    statics = build_statics(top, names, preferences, values.default_interface, complaints)
    check_delays(top, (instance for instance in built_instances if instance is not None), complaints)
    return Config(
        file=file,
        global_defs=values,
        scripts=build_scripts(scripts, complaints),
        track_files=build_files(files, complaints),
        track_processes=build_processes(processes, complaints),
        track_groups=statics.groups,
        static_addresses=statics.addresses,
        static_routes=statics.routes,
        static_rules=statics.rules,
        instances=track_statics((instance for instance in built_instances if instance is not None), statics),
        sync_groups=build_groups(groups, instances, around, complaints),
    )


def _check_together(
    instances: Sequence[Section], groups: Sequence[Section], known: Known, complaints: Complaints
) -> None:
    """Complain about what is right in each instance and wrong in several."""
    check_vrids(instances, complaints)
    check_shared_addresses(instances, complaints)
    check_tracks_in_groups(groups, instances, known, complaints)


def _absent(document: Document, block: Block[Any]) -> Section:
    return Section(document, Statement([block.name], 0, 0, []), None)
