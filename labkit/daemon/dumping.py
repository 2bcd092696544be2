"""Writes keepalived's dumps when a signal asks for them: SIGUSR1, SIGUSR2, SIGRTMIN+2 and SIGRTMAX-1.

The parent writes all files: a slow disk is nothing to the VRRP process.  What knows their forms is loaded when somebody
asks, which few do.
"""

import os
import signal
import time
from collections.abc import Collection
from enum import IntEnum
from pathlib import Path

from labkit.conf.model import Config
from labkit.daemon.compose import About, compose
from labkit.daemon.inquiry import Snapshot
from labkit.daemon.log import Level, Log
from labkit.daemon.messages import ClearStatistics, WriteData
from labkit.daemon.packed import unpack
from labkit.daemon.release import version
from labkit.daemon.report import DuplicateReport, Report
from labkit.daemon.virtual_macs import settle
from labkit.hints import TYPE_CHECKING
from labkit.kernel.process import now
from labkit.trace import SECOND

if TYPE_CHECKING:
    from labkit.daemon.parent import Parent


class Dump(IntEnum):
    """The signals that ask for a dump."""

    DATA = signal.SIGUSR1
    STATS = signal.SIGUSR2
    JSON = signal.SIGRTMIN + 2
    STATS_CLEAR = signal.SIGRTMAX - 1


class Dumper:
    """Writes the dumps of one parent."""

    def __init__(self, parent: "Parent", log: Log) -> None:
        self._parent = parent
        self._log = log

    def asked(self, signals: Collection[int]) -> None:
        """Write what these signals ask for."""
        for which in Dump:
            if which in signals:
                self._dump(which)

    def _dump(self, which: Dump) -> None:
        """Write a dump as soon as the VRRP process has told what it knows."""
        pid = self._parent.vrrp.pid
        if pid is not None:
            what = {
                Dump.DATA: "VRRP data",
                Dump.STATS: "VRRP stats",
                Dump.JSON: "VRRP as json",
                Dump.STATS_CLEAR: "and clearing VRRP stats",
            }[which]
            self._log.say(f"Printing {what} for process({pid}) on signal")
        if which is Dump.DATA:
            self._write_parent_s()
            self._have_checkers_write()
        if self._parent.settings.vrrp:
            self._parent.inquiry.want(lambda snapshot: self._write(which, snapshot))

    def log_data(self) -> None:
        """Log what SIGUSR1 writes, as soon as the VRRP process has told what it knows (the option -d)."""

        from labkit.daemon.dump_data import data

        def told(snapshot: Snapshot | None) -> None:
            if snapshot is not None:
                text = data(self._config(), self.report(snapshot), snapshot.common)
                for line in text.splitlines():
                    self._log.say(line)

        self._parent.inquiry.want(told)

    def _config(self) -> Config:
        """Return what the VRRP process runs, with every address on its device."""
        return settle(unpack(self._parent.config.routing))[0]

    def _write(self, which: Dump, snapshot: Snapshot | None) -> None:
        from labkit.daemon.dump_data import data
        from labkit.daemon.dumps import as_json, statistics

        parent, defs = self._parent, self._parent.config.global_defs
        if snapshot is None:
            self._log.say("nothing is written: the VRRP process does not run at the moment", Level.WARNING)
            return
        report = self.report(snapshot)
        match which:
            case Dump.DATA:
                text = data(self._config(), report, snapshot.common)
                self._put(defs.state_dump_file, text)
            case Dump.JSON:
                self._put(defs.json_dump_file, as_json(self._config(), report, defs.json_version))
            case Dump.STATS | Dump.STATS_CLEAR:
                self._put(defs.stats_dump_file, statistics(report))
                if which is Dump.STATS_CLEAR:
                    parent.vrrp.send(ClearStatistics())

    def _write_parent_s(self) -> None:
        from labkit.daemon.dump_data import parent_data

        self._log.say(f"Printing parent data for process({os.getpid()}) on signal")
        self._put(str(self._beside("parent")), parent_data(self._parent.config.global_defs))

    def _have_checkers_write(self) -> None:
        """Have the process of checks write its own, if it runs."""
        if self._parent.checkers.pid is not None:
            self._log.say(f"Printing checker data for process({self._parent.checkers.pid}) on signal")
            self._parent.checkers.send(WriteData(path=str(self._beside("check"))))

    def _beside(self, part: str) -> Path:
        """Return where the data of another process goes."""
        path = Path(self._parent.config.global_defs.state_dump_file)
        name, dot, ending = path.name.partition(".")
        return path.with_name(f"{name}_{part}{dot}{ending}")

    def _put(self, path: str, text: str) -> None:
        from labkit.daemon.dump_files import DumpError, write

        try:
            write(Path(path), text)
        except DumpError as error:
            self._log.say(str(error), Level.WARNING)

    def report(self, snapshot: Snapshot, only: str = "") -> Report:
        """Return the report of the daemon at a snapshot."""
        parent = self._parent
        about = About(
            version=version(),
            node=os.uname().nodename,
            pid=os.getpid(),
            vrrp_pid=parent.vrrp.pid,
            file=str(parent.settings.file),
            started=parent.started,
        )
        return compose(self._config(), snapshot, time.time(), about, self._duplicates(), only)

    def _duplicates(self) -> dict[str, tuple[DuplicateReport, ...]]:
        found: dict[str, tuple[DuplicateReport, ...]] = {}
        for record in self._parent.duplicates:
            data, seen = record.data, time.time() - (now() - record.at) / SECOND
            told = DuplicateReport(
                address=str(data["address"]), lladdr=str(data["lladdr"]), here=bool(data["here"]), seen=seen
            )
            name = str(data["instance"])
            found[name] = (*found.get(name, ()), told)
        return found
