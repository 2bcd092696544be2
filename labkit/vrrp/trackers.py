"""Everything that the routers of one node depend on, by name: told what happened, asked what is known.

What no router and no group tracks is not watched: its script does not run, and what is told of it is forgotten.
"""

from collections.abc import Iterable, Mapping

from labkit.agenda import Agenda, Timed
from labkit.hints import Protocol
from labkit.trace import Micros
from labkit.vrrp.config import InterfaceDelay, ProcessConfig, ScriptConfig, TrackKind
from labkit.vrrp.events import (
    Action,
    Configure,
    FileChanged,
    InterfaceChanged,
    ProcessesChanged,
    ScriptChanged,
    ScriptExited,
    StaticChanged,
    TrackerChanged,
)
from labkit.vrrp.judging import Known
from labkit.vrrp.status import ScriptStatus, TrackerStatus
from labkit.vrrp.track import InterfaceCheck, ProcessCheck, ScriptCheck


class Machine(Timed, Protocol):
    """What is woken at its deadline."""

    def wake(self, now: Micros) -> list[Action]:
        """Do what is due."""


class Trackers:
    """The check scripts, files, processes, static entries and interfaces of one node."""

    def __init__(self, agenda: Agenda[Machine]) -> None:
        self._agenda = agenda
        self._scripts: dict[str, ScriptCheck] = {}
        self._files: dict[str, int | None] = {}
        self._processes: dict[str, ProcessCheck] = {}
        self._counts: dict[str, int] = {}  # of processes that are not configured yet
        self._statics: dict[str, bool] = {}
        self._interfaces: dict[str, InterfaceCheck] = {}
        self._delays: dict[str, InterfaceDelay] = {}

    # --- asked --------------------------------------------------------------------------------------------------------

    @property
    def known(self) -> Known:
        """What is known now."""
        return Known(
            interfaces={name: check.seen for name, check in self._interfaces.items()},
            scripts={name: script.healthy for name, script in self._scripts.items()},
            files=self._files,
            processes={name: check.healthy for name, check in self._processes.items()},
            statics=self._statics,
        )

    @property
    def scripts(self) -> Mapping[str, ScriptStatus]:
        """A snapshot of every check script that is tracked."""
        return {name: script.status for name, script in self._scripts.items()}

    @property
    def others(self) -> tuple[TrackerStatus, ...]:
        """A snapshot of tracked files, processes and static entries."""
        files = [
            TrackerStatus(kind=TrackKind.FILE, name=name, healthy=not value, value=value)
            for name, value in self._files.items()
        ]
        processes = [
            TrackerStatus(kind=TrackKind.PROCESS, name=name, healthy=check.healthy, value=check.count)
            for name, check in self._processes.items()
        ]
        statics = [
            TrackerStatus(kind=TrackKind.STATIC, name=name, healthy=present) for name, present in self._statics.items()
        ]
        return (*files, *processes, *statics)

    # --- told ---------------------------------------------------------------------------------------------------------

    def interface_changed(self, event: InterfaceChanged, now: Micros) -> bool:
        """Take what the kernel says; return whether routers are to see anything otherwise than before."""
        check = self._interfaces.get(event.interface)
        if check is None:
            delay = self._delays.get(event.interface, InterfaceDelay(interface=event.interface))
            self._interfaces[event.interface] = InterfaceCheck(delay, event)
            return True
        before = check.seen
        check.told(event, now)
        self._agenda.touch(check)
        return check.seen != before

    def script_exited(self, event: ScriptExited, now: Micros) -> list[Action]:
        """Take the end of a run."""
        script = self._scripts.get(event.script)
        if script is None:
            return []
        actions = script.exited(event.status, now)
        self._agenda.touch(script)
        return actions

    def file_changed(self, event: FileChanged) -> list[Action]:
        """Take the number in a file."""
        if event.file in self._files and self._files[event.file] == event.value:
            return []
        self._files[event.file] = event.value
        healthy = not event.value
        return [TrackerChanged(kind=TrackKind.FILE, name=event.file, healthy=healthy, value=event.value)]

    def processes_changed(self, event: ProcessesChanged, now: Micros) -> list[Action]:
        """Take how many of a process run."""
        check = self._processes.get(event.process)
        if check is None:
            self._counts[event.process] = event.count
            return []
        actions = check.counted(event.count, now)
        self._agenda.touch(check)
        return actions

    def static_changed(self, event: StaticChanged) -> list[Action]:
        """Take whether a static address, route or rule is there."""
        if self._statics.get(event.name) is event.present:
            return []
        self._statics[event.name] = event.present
        return [TrackerChanged(kind=TrackKind.STATIC, name=event.name, healthy=event.present)]

    # --- configuration ------------------------------------------------------------------------------------------------

    def configure(self, event: Configure, now: Micros) -> list[Action]:
        """Keep, add and abandon; what stays keeps what is known of it."""
        names = {kind: {track.name for track in event.tracks if track.kind is kind} for kind in TrackKind}
        self._files = {name: value for name, value in self._files.items() if name in names[TrackKind.FILE]}
        self._statics = {name: value for name, value in self._statics.items() if name in names[TrackKind.STATIC]}
        self._delays = {delay.interface: delay for delay in event.delays}
        for name, check in self._interfaces.items():
            check.delay = self._delays.get(name, InterfaceDelay(interface=name))
        actions = self._take_scripts([s for s in event.scripts if s.name in names[TrackKind.SCRIPT]], now)
        return actions + self._take_processes([p for p in event.processes if p.name in names[TrackKind.PROCESS]], now)

    def _take_scripts(self, configs: Iterable[ScriptConfig], now: Micros) -> list[Action]:
        wanted = {config.name: config for config in configs}
        old, self._scripts = self._scripts, {}
        actions: list[Action] = []
        for name, script in old.items():
            if name not in wanted:
                actions += self._abandon(script)
        for name, config in wanted.items():
            script = self._scripts[name] = old[name] if name in old else ScriptCheck(config, now)
            if script.config != config:
                script.reconfigure(config)
            elif name not in old:
                actions += script.wake(now)
            self._agenda.touch(script)
        return actions

    def _take_processes(self, configs: Iterable[ProcessConfig], now: Micros) -> list[Action]:
        wanted = {config.name: config for config in configs}
        old, self._processes = self._processes, {}
        actions: list[Action] = []
        for name, check in old.items():
            if name not in wanted:
                self._agenda.remove(check)
        for name, config in wanted.items():
            check = self._processes[name] = old[name] if name in old else ProcessCheck(config)
            if check.config != config:
                actions += check.reconfigure(config)
            elif name in self._counts:
                actions += check.counted(self._counts[name], now)
        self._counts = {}
        return actions

    def stop(self) -> list[Action]:
        """Abandon all scripts."""
        actions = [action for script in self._scripts.values() for action in self._abandon(script)]
        self._scripts = {}
        return actions

    def _abandon(self, script: ScriptCheck) -> list[Action]:
        self._agenda.remove(script)
        return script.abandon()


def health_changed(actions: Iterable[Action]) -> bool:
    """Whether routers are to be judged anew."""
    return any(
        action.settled if isinstance(action, ScriptChanged) else isinstance(action, TrackerChanged)
        for action in actions
    )
