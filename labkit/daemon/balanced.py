"""The kernel's table as the director wants it: services put in, changed and taken out, and looked after."""

import contextlib
from collections.abc import Callable, Iterable, Mapping

from labkit.daemon.balancing_words import server_name
from labkit.daemon.log import Level, Log
from labkit.diagnostics import LabkitError
from labkit.kernel.dataplane import choose
from labkit.kernel.ipvs import Ipvs
from labkit.kernel.process import now
from labkit.lvs.config import VirtualServerConfig
from labkit.lvs.events import Action, SetService
from labkit.lvs.model import Change, Connection, ServiceKey, ServiceReading, ServiceState, Table
from labkit.trace import SECOND, Micros


class Services:
    """What the data plane of this machine holds for us.

    A service that the plane cannot do is refused by name and left out; the others run.
    """

    def __init__(self, log: Log, wanted: Callable[[], Table]) -> None:
        """Find out what this kernel balances by; `wanted` tells all that the director wants in the table.

        Raises:
            NoDataPlaneError: by nothing.
        """
        self._log = log
        self._plane = choose()
        self._table: dict[ServiceKey, ServiceState] = {}
        self._wanted = wanted
        self._refused: dict[ServiceKey, str] = {}
        self._tend_at: Micros | None = None

    @property
    def by(self) -> str:
        """IPVS or nftables."""
        return "IPVS" if isinstance(self._plane, Ipvs) else "nftables"

    @property
    def ipvs(self) -> Ipvs | None:
        """IPVS, where it is what balances."""
        return self._plane if isinstance(self._plane, Ipvs) else None

    @property
    def refused(self) -> dict[ServiceKey, str]:
        """Why services are left out, in words."""
        return self._refused

    @property
    def deadline(self) -> Micros | None:
        """When to call `tend`."""
        return self._tend_at

    def start(self, *, flush: bool) -> None:
        """Begin; services that a predecessor left are taken over where they are configured again."""
        self._log.say("Initializing ipvs" if self.by == "IPVS" else "this kernel has no IPVS: nftables balance")
        if flush:
            self._plane.flush()
        else:
            self.adopt()

    def adopt(self) -> None:
        """Take for the table what the kernel has."""
        self._table = self._held()

    def _held(self) -> dict[ServiceKey, ServiceState]:
        """Return what the kernel has."""
        return {
            reading.service.key: ServiceState(
                service=reading.service, destinations=tuple(one.destination for one in reading.destinations)
            )
            for reading in self._plane.read()
        }

    def configure(self, servers: Iterable[VirtualServerConfig]) -> None:
        """Forget refusals of services that are not configured any more."""
        wanted = {key for server in servers for key in server.keys}
        self._refused = {key: why for key, why in self._refused.items() if key in wanted}

    def take(self, actions: Iterable[Action]) -> None:
        """Bring the table to what the director says."""
        wanted = {action.key: action.state for action in actions if isinstance(action, SetService)}
        changes: list[Change] = []
        for key, state in wanted.items():
            change = Change(self._table.get(key), self._possible(key, state))
            if change.old != change.new:
                changes.append(change)
        if not changes:
            return
        try:
            self._apply(changes)
        except LabkitError:
            self._apply_each(wanted)
        self._tend_at = self._tend_at or now()

    def _possible(self, key: ServiceKey, state: ServiceState | None) -> ServiceState | None:
        """Return the state, or None after saying why the plane cannot do it."""
        why = self._plane.refusal(state) if state is not None else ""
        if why and self._refused.get(key) != why:
            self._log.say(f"VS {key} is left out: {why}", Level.ERROR)
        if why:
            self._refused[key] = why
            return None
        self._refused.pop(key, None)
        return state

    def _apply(self, changes: list[Change]) -> None:
        self._plane.apply(changes)
        for change in changes:
            if change.new is not None:
                self._table[change.new.service.key] = change.new
            elif change.old is not None:
                self._table.pop(change.old.service.key, None)

    def _apply_each(self, wanted: Mapping[ServiceKey, ServiceState | None]) -> None:
        """Something was refused: find out what, and make the rest; IPVS has carried out a part already."""
        wanted = {**self._lost(), **wanted}
        for key, state in wanted.items():
            change = Change(self._table.get(key), None if key in self._refused else state)
            if change.old == change.new:
                continue
            try:
                self._apply([change])
            except LabkitError as error:
                self._log.say(f"VS {key} is not as it should be: {error}", Level.ERROR)
                self._refused[key] = str(error)
        if self._refused.keys() & wanted.keys():
            self._look()

    def mend(self) -> None:
        """Put back what somebody else took out of the kernel's table."""
        self._apply_each({})

    def _lost(self) -> dict[ServiceKey, ServiceState]:
        """Look what the kernel has; return, after saying so, the services that lack what they had and are to have."""
        before = self._table
        self._look()
        held = self._table.get
        less = [key for key, state in before.items() if _gone(state, held(key), state)]
        wanted = self._wanted() if less else {}
        lost = {key: wanted[key] for key in less if key in wanted}
        for what in (what for key in lost for what in _gone(before[key], held(key), lost[key])):
            self._log.say(f"{what} was taken out of the kernel's table by somebody else: put back", Level.WARNING)
        return lost

    def _look(self) -> None:
        """Take for the table what the kernel has, where it tells."""
        with contextlib.suppress(LabkitError):
            self.adopt()

    def tend(self) -> None:
        """Look after what rules cannot do by themselves, when that is due."""
        if self._tend_at is None or self._tend_at > now():
            return
        pause = 1.0
        try:
            pause = self._plane.tend()
        except LabkitError as error:
            self._log.say(str(error), Level.WARNING)
            self.mend()
        self._tend_at = now() + int(pause * SECOND) if self._table else None

    def read(self) -> tuple[ServiceReading, ...]:
        """Return every service with its counters, as the kernel has it now."""
        return self._plane.read()

    def connections(self) -> tuple[Connection, ...]:
        """Return the connections that the kernel remembers."""
        return self._plane.connections()

    def flush(self) -> None:
        """Take out every service, whoever put it there."""
        self._plane.flush()

    def close(self) -> None:
        """Let go of the kernel; of nftables an empty table goes too."""
        if self.by == "nftables" and not self._table:
            self._plane.flush()
        self._plane.close()


def _gone(before: ServiceState, held: ServiceState | None, wanted: ServiceState) -> list[str]:
    """Name what a service had, is to have and does not hold: itself, or real servers."""
    key = wanted.service.key
    if held is None:
        return [f"VS {key}"]
    gone = {one.key for one in before.destinations} - {one.key for one in held.destinations}
    return [f"{server_name(key, one)} of VS {key}" for one in wanted.destinations if one.key in gone]
