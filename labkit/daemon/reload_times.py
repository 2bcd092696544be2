"""`reload_time_file`: a file that says when the configuration is to be read again (keepalived.conf(5)).

Its first line is HH:MM:SS, YY-MM-DD HH:MM:SS or YYYY-MM-DD HH:MM:SS, in local time or, with a Z behind it, in UTC.  The
parent looks at the file once a second; after the reload the file is removed, so that all routers of a group that got it
reload at the same moment and once.
"""

import time
from collections.abc import Callable
from pathlib import Path

from labkit.daemon.log import Level
from labkit.trace import SECOND, Micros

_FORM = r"(?a)(?:((?:\d\d)?\d\d)-(\d\d)-(\d\d) )?(\d\d):(\d\d):(\d\d)(Z?)"
_CENTURY = 2000
_LONGEST = 64


def next_moment(line: str, at: float) -> float | None:
    """Return when `line` says to reload, in seconds of the epoch; None: that is past.  `at` is now.

    Raises:
        ValueError: it is not one of the forms, or there is no such time.
    """
    import re  # few have such a file
    from datetime import UTC, datetime, timedelta

    match = re.fullmatch(_FORM, line)
    if match is None:
        raise ValueError("not HH:MM:SS or YYYY-MM-DD HH:MM:SS, with or without a Z")
    zone = UTC if match[7] else None
    now = datetime.fromtimestamp(at, zone)
    hour, minute, second = (int(match[group]) for group in (4, 5, 6))
    if match[1] is None:
        today = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        return (today if today.timestamp() > at else today + timedelta(days=1)).timestamp()
    year = int(match[1]) + (_CENTURY if len(match[1]) == 2 else 0)
    moment = datetime(year, int(match[2]), int(match[3]), hour, minute, second, tzinfo=zone).timestamp()
    return moment if moment > at else None


class ReloadTimes:
    """Looks at the file, and says when a reload is due."""

    def __init__(self, say: Callable[[str, Level], None]) -> None:
        self._say = say
        self._path: Path | None = None
        self._repeat = False
        self._seen: tuple[int, int, int] | None = None
        self._due: float | None = None
        self._look_at: Micros = 0
        self._looked: float | None = None

    def configure(self, path: str | None, *, repeat: bool) -> None:
        """Look at this file from now on, or at none."""
        new = Path(path) if path else None
        if new != self._path:
            self._path, self._seen, self._due, self._look_at, self._looked = new, None, None, 0, None
        self._repeat = repeat

    @property
    def deadline(self) -> Micros | None:
        """When to look again."""
        return self._look_at if self._path is not None else None

    def is_due(self, now: Micros, wall: float) -> bool:
        """Look at the file where it is time for that; whether a reload is due."""
        if self._path is None or now < self._look_at:
            return False
        self._look_at = now + SECOND
        since, self._looked = self._looked, wall
        self._look(self._path, wall if since is None else since)  # what was to come when we looked last is not past
        if self._due is None or wall < self._due:
            return False
        self._due = None
        if self._repeat:
            self._seen = None  # to be read again, for the day after
        else:
            self._path.unlink(missing_ok=True)
        return True

    def _look(self, path: Path, since: float) -> None:
        """Read the file anew where it is another one."""
        try:
            status = path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return
            with path.open(encoding="ascii", errors="replace") as file:
                line = file.readline(_LONGEST).rstrip("\n")
        except OSError:
            if self._due is not None:
                self._say("The reload that was scheduled is cancelled", Level.INFO)
            self._seen = self._due = None
            return
        self._seen = seen
        try:
            self._due = next_moment(line, since)
        except ValueError as error:
            self._due = None
            self._say(f"{path}: no reload is scheduled: {error}", Level.WARNING)
            return
        if self._due is None:
            self._say(f"{path}: no reload is scheduled: {line} is past", Level.WARNING)
        else:
            self._say(f"Scheduling reload at {time.strftime('%F %T', time.localtime(self._due))}", Level.INFO)
