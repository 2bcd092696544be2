"""Counts the processes of vrrp_track_process and tells the core.

The kernel tells of every fork, exec and exit where it will (root, first namespaces); a fork needs no look at /proc,
because the child is what its parent is until it executes something.  Elsewhere, in containers for example, /proc is
read once a second.  Reading is done in slices, between which adverts are sent and heard.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePath

from labkit.conf.model import ParamMatch, TrackProcess
from labkit.daemon.loop import Appointment, Loop
from labkit.kernel.process import now
from labkit.kernel.procevents import ProcessEvents, What
from labkit.trace import SECOND, Micros
from labkit.vrrp.events import ProcessesChanged

_PAUSE: Micros = SECOND
_A_SLICE = 32
_NAME_BYTES = 15  # what the kernel keeps of a name
_PROC = Path("/proc")


def needs_command_line(track: TrackProcess) -> bool:
    """Tell whether the command line decides, and not the name alone."""
    return track.full_command or track.parameters is not None or "/" in track.program


def matches(track: TrackProcess, name: str, words: tuple[str, ...]) -> bool:
    """Tell whether a process with this name and command line counts (keepalived.conf(5), vrrp_track_process).

    A program without a path is the name of the process, of which the kernel keeps 15 bytes; on a command line it is the
    last part of the first word.
    """
    if not needs_command_line(track):
        return name == track.program.encode()[:_NAME_BYTES].decode(errors="replace")
    if not words:
        return False
    if track.program not in (words[0], PurePath(words[0]).name):
        return False
    return track.parameters is None or _parameters_match(track.parameters, words[1:], track.match)


def _parameters_match(wanted: tuple[str, ...], given: tuple[str, ...], how: ParamMatch) -> bool:
    if how is ParamMatch.EXACT or not wanted:
        return given == wanted
    if how is ParamMatch.PARTIAL:
        return given[: len(wanted)] == wanted
    last = len(wanted) - 1
    return len(given) > last and given[:last] == wanted[:last] and given[last].startswith(wanted[last])


def read_process(pid: int, *, with_words: bool) -> tuple[str, tuple[str, ...]] | None:
    """Return the name and the command line of a process; None: it has ended."""
    folder = _PROC / str(pid)
    try:
        before, _, after = (folder / "stat").read_bytes().rpartition(b")")
        if after.split(maxsplit=1)[0] in (b"Z", b"X"):
            return None
        words = (folder / "cmdline").read_bytes() if with_words else b""
    except (OSError, IndexError):
        return None
    name = before.partition(b"(")[2].decode(errors="replace")
    return name, tuple(os.fsdecode(word) for word in words.rstrip(b"\0").split(b"\0")) if words else ()


class Processes:
    """The tracked processes of one node."""

    def __init__(self, loop: Loop, tell: Callable[[ProcessesChanged], None], say: Callable[[str], None]) -> None:
        self._loop = loop
        self._tell = tell
        self._say = say
        self._tracks: dict[str, TrackProcess] = {}
        self._with_words = False
        self._found: dict[int, frozenset[str]] = {}  # names of tracks, by process
        self._told: dict[str, int] = {}
        self._events: ProcessEvents | None = None
        self._scan: Iterator[int] | None = None
        self._seen: dict[int, frozenset[str]] = {}  # by the scan that is under way
        self._next: Appointment | None = None

    def configure(self, tracks: Iterable[TrackProcess]) -> None:
        """Count these from now on; the first count of each is told at once."""
        wanted = {track.check.name: track for track in tracks}
        if wanted == self._tracks:
            return
        self.close()
        self._tracks, self._told = wanted, {}
        self._with_words = any(needs_command_line(track) for track in wanted.values())
        if not wanted:
            return
        try:
            self._events = ProcessEvents()
        except OSError as error:
            self._say(f"processes are counted once a second, the kernel does not tell of them here: {error.strerror}")
        else:
            self._loop.watch(self._events, self._happened)
        self._found = {pid: names for pid in _pids() if (names := self._look(pid))}
        self._tell_counts()
        self._plan()

    def _look(self, pid: int) -> frozenset[str]:
        """Return the tracks that a process counts for."""
        process = read_process(pid, with_words=self._with_words)
        if process is None:
            return frozenset()
        return frozenset(name for name, track in self._tracks.items() if matches(track, *process))

    # --- told by the kernel -------------------------------------------------------------------------------------------

    def _happened(self) -> None:
        if self._events is None:
            return
        try:
            events = self._events.read()
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self._begin_scan()  # some were lost
            return
        for event in events:
            match event.what:
                case What.EXIT:
                    self._set(event.pid, frozenset())
                case What.FORK:
                    self._set(event.pid, self._found.get(event.parent, frozenset()))
                case What.EXEC | What.RENAME:
                    self._set(event.pid, self._look(event.pid))
        self._tell_counts()

    def _set(self, pid: int, names: frozenset[str]) -> None:
        for found in (self._found, self._seen):
            if names:
                found[pid] = names
            else:
                found.pop(pid, None)

    def _tell_counts(self) -> None:
        counts = dict.fromkeys(self._tracks, 0)
        for names in self._found.values():
            for name in names:
                counts[name] += 1
        for name, count in counts.items():
            if self._told.get(name) != count:
                self._told[name] = count
                self._tell(ProcessesChanged(process=name, count=count))

    # --- read from /proc ----------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        if self._events is None:
            self._next = self._loop.at(now() + _PAUSE, self._begin_scan)

    def _begin_scan(self) -> None:
        if self._next is not None:
            self._next.cancel()
        self._scan, self._seen = iter(_pids()), {}
        self._go_on()

    def _go_on(self) -> None:
        """Look at some processes; the rest comes after whatever is waiting."""
        if self._scan is None:
            return
        for _ in range(_A_SLICE):
            pid = next(self._scan, None)
            if pid is None:
                self._scan = None
                self._found, self._seen = self._seen, {}
                self._tell_counts()
                self._plan()
                return
            if names := self._look(pid):
                self._seen[pid] = names
        self._next = self._loop.at(now(), self._go_on)

    def close(self) -> None:
        """Count nothing any more."""
        self._scan = None
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._events is not None:
            self._loop.unwatch(self._events)
            self._events.close()
            self._events = None


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208 - many, and only names
