"""Watches the files of vrrp_track_file: the kernel tells of changes, and the number in the file is told to the core.

The folder is watched, because files are replaced by renaming as often as they are written, and the file itself, which
may be reached by a link.  Where a folder is not there yet, or cannot be watched, it is looked at once a second.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from labkit.conf.model import TrackFile
from labkit.daemon.loop import Appointment, Loop
from labkit.kernel.inotify import Change, Inotify
from labkit.kernel.process import now
from labkit.trace import SECOND, Micros
from labkit.vrrp.events import FileChanged

_PAUSE: Micros = SECOND
_LONGEST = 64  # bytes; a number is shorter
_NUMBER = re.compile(rb"\s*([+-]?\d{1,20})\s*(\n|$)")
_LIMIT = 2**31 - 1
_IN_FOLDER = (
    Change.WRITTEN
    | Change.MOVED_FROM
    | Change.MOVED_TO
    | Change.CREATED
    | Change.DELETED
    | Change.SELF_DELETED
    | Change.SELF_MOVED
)
_OF_FILE = Change.WRITTEN | Change.SELF_DELETED | Change.SELF_MOVED


def number(content: bytes) -> int | None:
    """Return the number that a file begins with (a line of its own, bounded to 32 bits), or None."""
    match = _NUMBER.match(content)
    return None if match is None else max(-_LIMIT, min(int(match[1]), _LIMIT))


def read_number(path: str) -> tuple[int | None, str]:
    """Return the number in a file, and what is wrong where there is none and a person should know."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, error.strerror or str(error)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None, "not a file"
        value = number(os.read(descriptor, _LONGEST))
    except OSError as error:
        return None, error.strerror or str(error)
    finally:
        os.close(descriptor)
    return value, "" if value is not None else "no number in it, 0 is taken"


class Files:
    """The tracked files of one node."""

    def __init__(self, loop: Loop, tell: Callable[[FileChanged], None], say: Callable[[str], None]) -> None:
        self._loop = loop
        self._tell = tell
        self._say = say
        self._files: dict[str, TrackFile] = {}
        self._values: dict[str, tuple[int | None, str]] = {}
        self._inotify: Inotify | None = None
        self._watches: dict[int, set[str]] = {}  # names of files, by watch
        self._unwatched: set[str] = set()
        self._next_look: Appointment | None = None

    def configure(self, files: Iterable[TrackFile]) -> None:
        """Watch these files from now on, and tell the number in each that was not watched before."""
        before, self._files = self._files, {file.check.name: file for file in files}
        for name, file in self._files.items():
            if name not in before and file.init is not None:
                self._initialise(file, file.init)
        self._values = {
            name: value
            for name, value in self._values.items()
            if name in self._files and self._files[name].path == before[name].path
        }
        self._watch_anew()
        for name in self._files:
            self._look(name)

    def _initialise(self, file: TrackFile, value: int) -> None:
        """Write the first number (init_file); a file that is there keeps its own, unless it is to be overwritten."""
        existing = os.O_TRUNC if file.overwrite else os.O_EXCL
        try:
            descriptor = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | existing, 0o644)
        except FileExistsError:
            return
        except OSError as error:
            self._say(f"track file {file.check.name}: {file.path} cannot be initialised: {error.strerror}")
            return
        try:
            os.write(descriptor, f"{value}\n".encode())
        except OSError as error:
            self._say(f"track file {file.check.name}: {file.path} cannot be initialised: {error.strerror}")
        finally:
            os.close(descriptor)

    # --- watching -----------------------------------------------------------------------------------------------------

    def _watch_anew(self) -> None:
        """Begin with an empty set of watches: simpler than finding out which of the old ones are still right."""
        self.close()
        self._unwatched = set(self._files)
        if not self._files:
            return
        try:
            self._inotify = Inotify()
        except OSError as error:
            self._say(f"tracked files are looked at once a second: {error.strerror}")
        else:
            self._loop.watch(self._inotify, self._changed)
        self._try_to_watch()

    def _try_to_watch(self) -> None:
        for name in list(self._unwatched):
            if self._watch(name):
                self._unwatched.discard(name)
        if self._unwatched and self._next_look is None:
            self._next_look = self._loop.at(now() + _PAUSE, self._look_again)

    def _watch(self, name: str) -> bool:
        """Watch the folder of a file, and the file where it is there; return whether the folder is watched."""
        if self._inotify is None:
            return False
        path = Path(self._files[name].path)
        try:
            watch = self._inotify.add(str(path.parent), _IN_FOLDER)
        except OSError:
            return False
        self._watches.setdefault(watch, set()).add(name)
        try:
            watch = self._inotify.add(str(path), _OF_FILE)
        except OSError:
            return True  # the folder tells when it comes
        self._watches.setdefault(watch, set()).add(name)
        return True

    def _changed(self) -> None:
        if self._inotify is None:
            return
        names: set[str] = set()
        lost: set[str] = set()
        for seen in self._inotify.read():
            if seen.change & Change.OVERFLOW:
                names |= set(self._files)
                continue
            watched = self._watches.get(seen.watch, set())
            if seen.change & Change.IGNORED:
                self._watches.pop(seen.watch, None)
            if seen.change & (Change.IGNORED | Change.SELF_MOVED | Change.SELF_DELETED) or not seen.name:
                lost |= watched
                names |= watched
            else:
                names |= {name for name in watched if self._is_meant(name, seen.name)}
        for name in names:
            if name in self._files:
                self._look(name)
        self._unwatched |= {name for name in names | lost if name in self._files}
        self._try_to_watch()

    def _is_meant(self, name: str, entry: str) -> bool:
        """Tell whether a change of this entry may change the file: it is the file, or the file is reached by a link."""
        path = Path(self._files[name].path) if name in self._files else None
        return path is not None and (path.name == entry or path.is_symlink())

    def _look_again(self) -> None:
        self._next_look = None
        for name in list(self._unwatched):
            self._look(name)
        self._try_to_watch()

    def _look(self, name: str) -> None:
        """Read a file, and tell its number if that changed."""
        found = read_number(self._files[name].path)
        before = self._values.get(name)
        if found == before:
            return
        self._values[name] = found
        value, problem = found
        if problem and (before is None or before[1] != problem):
            self._say(f"track file {name}: {self._files[name].path}: {problem}")
        if before is None or before[0] != value:
            self._tell(FileChanged(file=name, value=value))

    def close(self) -> None:
        """Watch nothing any more."""
        self._watches.clear()
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        if self._inotify is not None:
            self._loop.unwatch(self._inotify)
            self._inotify.close()
            self._inotify = None
