"""What is right by itself and does nothing in its file: trackers that nobody tracks, mail without a way.

Loading does not look for it, `-t` does.
"""

from collections.abc import Iterator

from labkit.conf.complaints import Complaints
from labkit.conf.model import Config
from labkit.diagnostics import Diagnostic, Span
from labkit.vrrp.config import Track, TrackKind


def in_vain(config: Config) -> tuple[Diagnostic, ...]:
    """Return warnings of what the author will wait for in vain; keepalived does no more with it."""
    complaints = Complaints()
    used = {(track.kind, track.name) for track in _tracks(config)}
    for script in config.scripts:
        if (TrackKind.SCRIPT, script.check.name) not in used:
            message = f"nobody tracks `{script.check.name}`: it does not run"
            complaints.warning(script.span, message, "name it in a `track_script`, or remove it")
    for process in config.track_processes:
        if (TrackKind.PROCESS, process.check.name) not in used:
            message = f"nobody tracks `{process.check.name}`: it is not watched"
            complaints.warning(process.span, message, "name it in a `track_process`, or remove it")
    defaults = config.global_defs
    if not (defaults.smtp_server and defaults.notification_email):
        missing = "`notification_email`" if defaults.smtp_server else "`smtp_server`"
        for span in _alerts(config):
            message = f"`smtp_alert`, but nobody gets mail: there is no {missing}"
            complaints.warning(span, message, f"add {missing} to `global_defs`")
    return complaints.by_place()


def _tracks(config: Config) -> Iterator[Track]:
    for instance in config.instances:
        yield from instance.router.tracks
    for group in config.sync_groups:
        yield from group.tracks


def _alerts(config: Config) -> Iterator[Span]:
    yield from (instance.span for instance in config.instances if instance.smtp_alert)
    yield from (group.span for group in config.sync_groups if group.smtp_alert)
