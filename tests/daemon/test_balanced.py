"""The kernel's table as the director wants it, where the kernel refuses a part."""

import errno
from collections.abc import Iterable
from ipaddress import IPv4Address

import pytest

from labkit.daemon import balanced
from labkit.daemon.log import Log
from labkit.kernel.netlink import KernelRefusedError
from labkit.lvs.events import SetService
from labkit.lvs.model import (
    Change,
    Destination,
    DestinationReading,
    Forwarding,
    Protocol,
    Scheduler,
    Service,
    ServiceKey,
    ServiceReading,
    ServiceState,
)
from labkit.lvs.traffic import Traffic
from labkit.values import replace


class Kernel:
    """Keeps services as IPVS does: what it does not refuse is carried out; it has no scheduler `twos`."""

    def __init__(self) -> None:
        self.table: dict[ServiceKey, ServiceState] = {}

    def refusal(self, state: ServiceState) -> str:
        return ""

    def apply(self, changes: Iterable[Change]) -> None:
        codes = [self._make(change) for change in changes]
        if refused := next((code for code in codes if code), 0):
            raise KernelRefusedError(refused)

    def _make(self, change: Change) -> int:
        new, old = change.new, change.old
        if new is None:
            assert old is not None
            return 0 if self.table.pop(old.service.key, None) else errno.ESRCH
        if old is None and new.service.key in self.table:
            return errno.EEXIST
        if old is not None and new.service.key not in self.table:
            return errno.ESRCH
        if new.service.scheduler is Scheduler.TWOS:
            return errno.ENOENT
        had = old.destinations if old is not None else ()
        held = [*self.table[new.service.key].destinations] if old is not None else []
        held += [one for one in new.destinations if one not in had]
        gone = [one for one in had if one not in new.destinations]
        self.table[new.service.key] = replace(new, destinations=tuple(one for one in held if one not in gone))
        return 0 if all(one in held for one in gone) else errno.ENOENT

    def read(self) -> tuple[ServiceReading, ...]:
        return tuple(_reading(state) for state in self.table.values())


def _reading(state: ServiceState) -> ServiceReading:
    read = (
        DestinationReading(destination=one, active=0, inactive=0, persistent=0, traffic=Traffic())
        for one in state.destinations
    )
    return ServiceReading(service=state.service, traffic=Traffic(), destinations=tuple(read))


def state(port: int, scheduler: Scheduler = Scheduler.RR, servers: int = 2) -> ServiceState:
    key = ServiceKey(protocol=Protocol.TCP, address=IPv4Address("192.168.1.20"), port=port)
    places = (IPv4Address(f"10.0.0.{number}") for number in range(1, servers + 1))
    destinations = tuple(Destination(address=place, port=port, forwarding=Forwarding.NAT) for place in places)
    return ServiceState(service=Service(key=key, scheduler=scheduler), destinations=destinations)


def told(*states: ServiceState) -> list[SetService]:
    return [SetService(key=one.service.key, state=one) for one in states]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(balanced, "choose", lambda: made)
    return made


class Told:
    """Services, with what they were told so far as what is wanted."""

    def __init__(self) -> None:
        self._wanted: dict[ServiceKey, ServiceState] = {}
        self.log = Log("test", console=2, syslog=None)
        self.services = balanced.Services(self.log, lambda: self._wanted)
        self.services.start(flush=False)
        self.mend = self.services.mend

    @property
    def refused(self) -> dict[ServiceKey, str]:
        return self.services.refused

    def take(self, actions: list[SetService]) -> None:
        told = {action.key: action.state for action in actions}
        self._wanted = {key: one for key, one in (self._wanted | told).items() if one is not None}
        self.services.take(actions)


@pytest.fixture
def services(kernel: Kernel) -> Told:
    return Told()


def test_a_service_that_the_kernel_refuses_holds_up_no_other(kernel: Kernel, services: Told) -> None:
    first, bad, last = state(80), state(81, Scheduler.TWOS), state(82)
    services.take(told(first, bad, last))
    assert list(kernel.table.values()) == [first, last]
    assert list(services.refused) == [bad.service.key]
    services.take(told(state(80, servers=1)))  # a real server of the first dies
    assert kernel.table[first.service.key] == state(80, servers=1)
    assert list(services.refused) == [bad.service.key]


def test_a_service_that_was_refused_comes_when_it_is_another(kernel: Kernel, services: Told) -> None:
    services.take(told(state(80, Scheduler.TWOS)))
    assert kernel.table == {}
    services.take(told(state(80)))
    assert (list(kernel.table.values()), services.refused) == ([state(80)], {})


def test_what_somebody_else_has_put_there_meanwhile_is_taken_over(kernel: Kernel, services: Told) -> None:
    kernel.table[state(80).service.key] = state(80, servers=1)
    services.take(told(state(80)))
    assert (list(kernel.table.values()), services.refused) == ([state(80)], {})


def test_what_somebody_else_takes_out_is_put_back(kernel: Kernel, services: Told) -> None:
    bad, untouched = state(81, Scheduler.TWOS), state(82)
    services.take(told(state(80), bad, untouched))
    kernel.table.clear()  # ipvsadm -C
    services.take(told(state(80, servers=1)))
    assert list(kernel.table.values()) == [state(80, servers=1), untouched]
    kernel.table.clear()
    services.mend()
    assert list(kernel.table.values()) == [state(80, servers=1), untouched]
    assert list(services.refused) == [bad.service.key]
    services.take([SetService(key=untouched.service.key, state=None)])
    kernel.table.clear()
    services.mend()
    assert list(kernel.table.values()) == [state(80, servers=1)]


def test_a_real_server_that_somebody_else_takes_out_is_put_back(
    kernel: Kernel, services: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    key = state(80).service.key
    services.take(told(state(80, servers=3), state(81)))
    kernel.table[key] = state(80, servers=1)  # ipvsadm -d, twice
    services.take(told(state(80, servers=2)))  # and one of them dies
    assert list(kernel.table.values()) == [state(80, servers=2), state(81)]
    kernel.table[key] = state(80, servers=1)
    services.mend()
    assert kernel.table[key] == state(80, servers=2)
    services.log.flush()
    said = "[10.0.0.2]:tcp:80 of VS [192.168.1.20]:tcp:80 was taken out of the kernel's table"
    assert capfd.readouterr().err.count(said) == 2
