"""All virtual servers of one machine behind one `handle(event, now)`: when checks run, and what the table holds."""

from collections.abc import Iterable, Mapping
from typing import assert_never

from labkit.agenda import Agenda
from labkit.lvs.check import Check
from labkit.lvs.config import RealServerConfig, VirtualServerConfig
from labkit.lvs.events import (
    Action,
    AddressesChanged,
    Answered,
    CheckId,
    Configure,
    Event,
    SetService,
    Stirred,
    Stop,
    Wake,
)
from labkit.lvs.model import Address, ServiceKey, Table
from labkit.lvs.service import RealServer, VirtualServer
from labkit.trace import Micros

_GOLDEN = 0x9E3779B9  # 2**32 divided by the golden ratio: multiples of it spread evenly however many there are


class Director:
    """The balancing side of one node: told events, answers with actions, asked for its deadline."""

    def __init__(self) -> None:
        self._services: dict[ServiceKey, VirtualServer] = {}
        self._checks: dict[CheckId, tuple[Check[CheckId], VirtualServer]] = {}
        self._agenda: Agenda[Check[CheckId]] = Agenda()
        self._present: frozenset[Address] = frozenset()
        self._started = 0

    # --- asked --------------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> Micros | None:
        """When to send the next `Wake`, in absolute microseconds; None: nothing pending."""
        return self._agenda.earliest

    @property
    def table(self) -> Table:
        """What the data plane was told, by service."""
        told = [action for service in self._services.values() for action in service.retell()]
        return {action.key: action.state for action in told if action.state is not None}

    @property
    def services(self) -> Mapping[ServiceKey, VirtualServer]:
        """The virtual servers; to be looked at, not to be told anything."""
        return self._services

    # --- told ---------------------------------------------------------------------------------------------------------

    def handle(self, event: Event, now: Micros) -> list[Action]:
        """Take one event at the time `now` (absolute microseconds, never going back); return what to do, in order."""
        match event:
            case Wake():
                return self._wake(now)
            case Answered():
                return self._answered(event, now)
            case Configure():
                return self._configure(event.servers, now)
            case Stirred():
                return self._stirred(event, now)
            case AddressesChanged():
                self._present = event.present
                return self._suspend_and_resume(now)
            case Stop():
                return self._stop()
            case _ as never:
                assert_never(never)

    def _wake(self, now: Micros) -> list[Action]:
        due = self._agenda.due(now)
        actions: list[Action] = [action for check in due for action in check.wake(now)]
        for check in due:
            self._agenda.touch(check)
        return actions

    def _answered(self, event: Answered, now: Micros) -> list[Action]:
        known = self._checks.get(event.check)
        if known is None:  # of a check that a reload took away
            return []
        check, service = known
        before = check.healthy, check.weight
        actions: list[Action] = [*check.answered(event.result, now)]
        self._agenda.touch(check)
        return actions + (service.settle() if before != (check.healthy, check.weight) else [])

    def _stirred(self, event: Stirred, now: Micros) -> list[Action]:
        if event.check in self._checks:
            check = self._checks[event.check][0]
            check.hurry(now)
            self._agenda.touch(check)
        return []

    def _suspend_and_resume(self, now: Micros) -> list[Action]:
        for service in self._services.values():
            if not service.config.suspend:
                continue
            addresses = {key.address for key in service.config.keys}  # None of a mark, which is everywhere
            here = None in addresses or not self._present.isdisjoint(addresses)
            for server in service.servers:
                for check in server.checks:
                    if here:
                        check.resume(now)
                    else:
                        check.suspend()
                    self._agenda.touch(check)
        return []

    def _stop(self) -> list[Action]:
        actions = [action for one in self._services.values() for action in one.end(told=one.config.omega)]
        self._forget(self._checks)
        self._services = {}
        return actions

    # --- configuration ------------------------------------------------------------------------------------------------

    def _configure(self, configs: Iterable[VirtualServerConfig], now: Micros) -> list[Action]:
        """Start, or reload: a real server that stays keeps its health, one that is gone leaves the table."""
        old, self._services = self._services, {}
        before = set(self._checks)
        actions: list[Action] = []
        for config in configs:
            service = VirtualServer(config, [self._server(config, server, old, now) for server in config.servers])
            if config.key in old:
                service.take_over(old[config.key])
            self._services[config.key] = service
            for server in service.servers:
                for check in server.checks:
                    self._checks[check.identity] = check, service
                    self._agenda.touch(check)
        wanted = {check.identity for one in self._services.values() for s in one.servers for check in s.checks}
        self._forget(before - wanted)
        for key, service in old.items():
            if key not in self._services:
                actions += service.end(told=False)
            elif gone := set(service.config.also) - set(self._services[key].config.also):
                actions += [SetService(key=one, state=None) for one in service.config.also if one in gone]
        for service in self._services.values():
            actions += service.settle()
        return actions + self._suspend_and_resume(now)

    def _server(
        self,
        virtual: VirtualServerConfig,
        config: RealServerConfig,
        old: Mapping[ServiceKey, VirtualServer],
        now: Micros,
    ) -> RealServer:
        servers = old[virtual.key].servers if virtual.key in old else ()
        before = next((one for one in servers if one.config.destination.key == config.destination.key), None)
        looked_at = [(check.config.spec, check.known) for check in before.checks] if before else []
        checks = []
        for number, wanted in enumerate(config.checks):
            identity = CheckId(virtual.key, config.destination.key, number)
            known = self._checks.get(identity)
            begin = now + self._spread(wanted.warmup)
            moved = known is None or known[0].config.spec != wanted.spec
            if known is None:
                checks.append(Check(identity, wanted, begin))
            else:
                known[0].reconfigure(wanted, now, begin)
                if not virtual.suspend:
                    known[0].resume(now)
                checks.append(known[0])
            if moved:  # to another place among the checks, or it is new
                for what in [what for spec, what in looked_at if spec == wanted.spec]:
                    checks[-1].take_over(what)
        server = RealServer(config, checks)
        if before is not None:
            server.up = before.up
        return server

    def _spread(self, warmup: Micros) -> Micros:
        """Return when within `warmup` the next new check begins, so that many do not run at once."""
        self._started += 1
        return (self._started * _GOLDEN & 0xFFFFFFFF) * warmup >> 32

    def _forget(self, identities: Iterable[CheckId]) -> None:
        for identity in list(identities):
            self._agenda.remove(self._checks.pop(identity)[0])
