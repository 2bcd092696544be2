"""What the table holds while real servers fail and return; told as dialogues."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.lvs.check import CheckConfig, Failing, Result, Run, Settled
from labkit.lvs.config import RealServerConfig, VirtualServerConfig
from labkit.lvs.director import Director
from labkit.lvs.events import (
    Action,
    AddressesChanged,
    Answered,
    CheckId,
    Configure,
    QuorumChanged,
    ServerChanged,
    SetService,
    Stirred,
    Stop,
    Wake,
    WeightChanged,
)
from labkit.lvs.model import Destination, Forwarding, Protocol, Scheduler, Service, ServiceKey, ServiceState
from labkit.lvs.service import VirtualServer
from labkit.trace import SECOND

VIP = IPv4Address("192.168.1.20")
KEY = ServiceKey(protocol=Protocol.TCP, address=VIP, port=80)
GOOD, BAD = Result(ok=True), Result(ok=False)
CHECK = CheckConfig(delay_loop=10 * SECOND, retry=0, warmup=0)


def real(number: int, weight: int = 1) -> Destination:
    return Destination(address=IPv4Address(f"10.0.0.{number}"), port=80, forwarding=Forwarding.NAT, weight=weight)


def virtual(*servers: RealServerConfig, scheduler: Scheduler = Scheduler.RR, **options: object) -> VirtualServerConfig:
    service = Service(key=KEY, scheduler=scheduler)
    return VirtualServerConfig(service=service, servers=servers, **options)  # type: ignore[arg-type]


def server(number: int, *, weight: int = 1, inhibit: bool = False, check: CheckConfig = CHECK) -> RealServerConfig:
    return RealServerConfig(destination=real(number, weight), checks=(check,), inhibit=inhibit)


SORRY = real(99)


class Dialogue:
    """A director and what it said; `table` is what the data plane would hold."""

    def __init__(self, *configs: VirtualServerConfig) -> None:
        self.director = Director()
        self.now = 0
        self.table: dict[str, int] = {}
        self.said: list[Action] = []
        self.running: set[CheckId] = set()
        self.tell(Configure(servers=configs))

    def tell(self, event: Configure | Answered | AddressesChanged | Stirred | Wake | Stop) -> list[Action]:
        actions = self.director.handle(event, self.now)
        self.said = actions
        self.running |= {action.check for action in actions if isinstance(action, Run)}
        for action in actions:
            if isinstance(action, SetService):
                held = action.state.destinations if action.state else ()
                self.table = {str(d.address): d.weight for d in held}
        return actions

    def answer(self, number: int, result: Result) -> list[object]:
        """Let the check of a server run and answer; return the changes of servers and quorum in short."""
        identity = CheckId(KEY, (IPv4Address(f"10.0.0.{number}"), 80), 0)
        while identity not in self.running:
            self.now = max(self.now, self.director.deadline or 0)
            self.tell(Wake())
        self.running.remove(identity)
        told = self.tell(Answered(check=identity, result=result))
        return [
            f"{'up' if a.up else 'down'} {a.destination.address}"
            if isinstance(a, ServerChanged)
            else f"quorum {'gained' if a.up else 'lost'} {a.weight}"
            for a in told
            if isinstance(a, ServerChanged | QuorumChanged)
        ]


def test_servers_are_in_the_table_from_the_start() -> None:
    talk = Dialogue(virtual(server(1), server(2, weight=3)))
    assert talk.table == {"10.0.0.1": 1, "10.0.0.2": 3}
    assert [action.check.server[0] for action in talk.tell(Wake()) if isinstance(action, Run)] == [
        IPv4Address("10.0.0.1"),
        IPv4Address("10.0.0.2"),
    ]


def test_the_start_tells_the_quorum() -> None:
    director = Director()
    first, second = director.handle(Configure(servers=(virtual(server(1), server(2)),)), 0)
    assert first == QuorumChanged(service=KEY, up=True, weight=2, quorum=1, hysteresis=0, first=True)
    assert isinstance(second, SetService)
    assert director.table == {KEY: second.state}
    assert set(director.services) == {KEY}


def test_a_failed_server_leaves_and_returns() -> None:
    talk = Dialogue(virtual(server(1), server(2)))
    assert talk.answer(1, BAD) == ["down 10.0.0.1"]
    assert talk.table == {"10.0.0.2": 1}
    assert talk.answer(1, GOOD) == ["up 10.0.0.1"]
    assert talk.table == {"10.0.0.1": 1, "10.0.0.2": 1}


def test_an_inhibited_server_stays_with_weight_0() -> None:
    talk = Dialogue(virtual(server(1, weight=5, inhibit=True), server(2)))
    talk.answer(1, BAD)
    assert talk.table == {"10.0.0.1": 0, "10.0.0.2": 1}


def test_the_last_server_takes_the_quorum_with_it() -> None:
    talk = Dialogue(virtual(server(1)))
    assert talk.answer(1, BAD) == ["down 10.0.0.1", "quorum lost 0"]
    assert talk.table == {}
    assert talk.answer(1, GOOD) == ["up 10.0.0.1", "quorum gained 1"]


def test_quorum_and_hysteresis_of_the_reference() -> None:
    """Quorum 2, hysteresis 1: lost below 1, regained at 3 (measured with keepalived 2.2.7)."""
    talk = Dialogue(virtual(server(1), server(2), server(3), quorum=2, hysteresis=1, sorry=SORRY))
    assert talk.answer(1, BAD) == ["down 10.0.0.1"]
    assert talk.answer(2, BAD) == ["down 10.0.0.2"]
    assert talk.table == {"10.0.0.3": 1}
    assert talk.answer(3, BAD) == ["down 10.0.0.3", "quorum lost 0"]
    assert talk.table == {"10.0.0.99": 1}
    assert talk.answer(1, GOOD) == ["up 10.0.0.1"]
    assert talk.answer(2, GOOD) == ["up 10.0.0.2"]
    assert talk.table == {"10.0.0.99": 1}
    assert talk.answer(3, GOOD) == ["up 10.0.0.3", "quorum gained 3"]
    assert talk.table == {"10.0.0.1": 1, "10.0.0.2": 1, "10.0.0.3": 1}


def test_a_quorum_not_reached_at_the_start_is_told_and_the_sorry_server_serves() -> None:
    talk = Dialogue(virtual(server(1), quorum=2, sorry=SORRY))
    assert talk.table == {"10.0.0.99": 1}


def test_an_inhibited_sorry_server_waits_with_weight_0() -> None:
    talk = Dialogue(virtual(server(1, inhibit=True), sorry=SORRY, sorry_inhibit=True))
    assert talk.table == {"10.0.0.1": 1, "10.0.0.99": 0}
    talk.answer(1, BAD)
    assert talk.table == {"10.0.0.1": 0, "10.0.0.99": 1}


def test_a_real_server_may_be_the_sorry_server_too() -> None:
    talk = Dialogue(virtual(server(1), server(2, inhibit=True), quorum=2, sorry=real(2), sorry_inhibit=True))
    state = talk.director.table[KEY]
    assert state.destinations == (real(1), real(2))
    talk.answer(2, BAD)
    assert talk.director.table[KEY].destinations == (real(2),)  # once, with the weight of a sorry server


def test_alpha_waits_for_the_first_good_answer() -> None:
    alpha = CheckConfig(delay_loop=10 * SECOND, retry=0, warmup=0, alpha=True)
    talk = Dialogue(virtual(server(1, check=alpha)))
    assert talk.table == {}
    assert talk.answer(1, GOOD) == ["up 10.0.0.1", "quorum gained 1"]


def test_a_check_may_set_the_weight() -> None:
    talk = Dialogue(virtual(server(1, weight=3), server(2)))
    talk.answer(1, Result(ok=True, weight=10))
    assert talk.table == {"10.0.0.1": 10, "10.0.0.2": 1}
    assert WeightChanged(service=KEY, destination=real(1, 3), old=3, new=10, up=True) in talk.said
    talk.answer(1, BAD)
    talk.answer(1, Result(ok=True))
    assert talk.table["10.0.0.1"] == 3


def test_retries_are_told_and_change_nothing() -> None:
    patient = CheckConfig(delay_loop=10 * SECOND, retry=1, warmup=0)
    talk = Dialogue(virtual(server(1, check=patient), server(2)))
    assert talk.answer(1, BAD) == []
    assert [type(action) for action in talk.said] == [Failing]
    assert talk.table == {"10.0.0.1": 1, "10.0.0.2": 1}


def test_a_server_without_checks_is_always_up() -> None:
    talk = Dialogue(virtual(RealServerConfig(destination=real(1))))
    assert talk.table == {"10.0.0.1": 1}
    assert talk.director.deadline is None


def test_two_checks_must_both_be_good() -> None:
    both = RealServerConfig(destination=real(1), checks=(CHECK, CHECK))
    talk = Dialogue(virtual(both, server(2)))
    second = CheckId(KEY, (IPv4Address("10.0.0.1"), 80), 1)
    talk.tell(Wake())
    talk.tell(Answered(check=second, result=BAD))
    assert talk.table == {"10.0.0.2": 1}
    talk.tell(Answered(check=CheckId(KEY, second.server, 0), result=GOOD))
    assert talk.table == {"10.0.0.2": 1}


# --- suspension -------------------------------------------------------------------------------------------------------


def test_ha_suspend_checks_only_where_the_address_is() -> None:
    director = Director()
    director.handle(Configure(servers=(virtual(server(1), suspend=True),)), 0)
    assert director.deadline is None
    director.handle(AddressesChanged(present=frozenset({VIP})), 7)
    assert director.deadline == 7
    director.handle(AddressesChanged(present=frozenset()), 8)
    assert director.deadline is None


def test_ha_suspend_of_a_group_waits_for_any_of_its_addresses() -> None:
    other = IPv4Address("192.168.1.99")
    director = Director()
    also = (ServiceKey(protocol=Protocol.TCP, address=other, port=80),)
    director.handle(Configure(servers=(virtual(server(1), also=also, suspend=True),)), 0)
    assert director.deadline is None
    director.handle(AddressesChanged(present=frozenset({other})), 7)
    assert director.deadline == 7
    director.handle(AddressesChanged(present=frozenset({VIP})), 8)
    assert director.deadline == 7
    director.handle(Configure(servers=(virtual(server(1), also=(ServiceKey(fwmark=7),), suspend=True),)), 9)
    director.handle(AddressesChanged(present=frozenset()), 9)
    assert director.deadline == 7  # a mark is everywhere


def test_a_reload_without_ha_suspend_begins_to_check() -> None:
    director = Director()
    director.handle(Configure(servers=(virtual(server(1), suspend=True),)), 0)
    assert director.deadline is None
    director.handle(Configure(servers=(virtual(server(1)),)), 7)
    assert director.deadline == 7


def test_what_a_check_looks_at_has_changed() -> None:
    talk = Dialogue(virtual(server(1)))
    talk.answer(1, Result(ok=True))
    talk.now = 3
    talk.tell(Stirred(check=CheckId(KEY, (IPv4Address("10.0.0.1"), 80), 0)))
    assert talk.director.deadline == 3
    assert talk.answer(1, Result(ok=False, final=True)) == ["down 10.0.0.1", "quorum lost 0"]
    talk.tell(Stirred(check=CheckId(KEY, (IPv4Address("10.0.0.7"), 80), 0)))  # of a server that is gone
    assert talk.director.deadline == CHECK.delay_loop


def test_a_service_by_mark_is_never_suspended() -> None:
    service = Service(key=ServiceKey(fwmark=7))
    config = VirtualServerConfig(service=service, servers=(server(1),), suspend=True)
    director = Director()
    director.handle(Configure(servers=(config,)), 0)
    director.handle(AddressesChanged(present=frozenset()), 0)
    assert director.deadline == 0


# --- reload and stop --------------------------------------------------------------------------------------------------


def test_a_reload_keeps_health_and_touches_only_what_changed() -> None:
    talk = Dialogue(virtual(server(1), server(2)))
    talk.answer(1, BAD)
    assert talk.tell(Configure(servers=(virtual(server(1), server(2)),))) == []
    talk.tell(Configure(servers=(virtual(server(1), server(2, weight=7), server(3)),)))
    assert talk.table == {"10.0.0.2": 7, "10.0.0.3": 1}
    assert talk.answer(1, GOOD) == ["up 10.0.0.1"]


def test_a_reload_tells_of_another_weight() -> None:
    talk = Dialogue(virtual(server(1), server(2)))
    first, _ = talk.tell(Configure(servers=(virtual(server(1, weight=3), server(2), server(3, weight=5)),)))
    assert first == WeightChanged(service=KEY, destination=real(1, 3), old=1, new=3, up=True)
    assert talk.table == {"10.0.0.1": 3, "10.0.0.2": 1, "10.0.0.3": 5}


def test_a_reload_with_a_shorter_loop_asks_soon() -> None:
    slow, fast = (CheckConfig(delay_loop=seconds * SECOND, warmup=0) for seconds in (600, 2))
    talk = Dialogue(virtual(server(1, check=slow)))
    talk.answer(1, GOOD)
    assert talk.director.deadline == 600 * SECOND
    talk.now = SECOND
    talk.tell(Configure(servers=(virtual(server(1, check=fast)),)))
    assert talk.director.deadline == 2 * SECOND


def test_a_check_that_changes_its_place_keeps_what_is_known() -> None:
    web, mail = (CheckConfig(spec=spec, delay_loop=10 * SECOND, retry=0, warmup=0) for spec in ("web", "mail"))
    both, mail_alone, web_alone = (
        virtual(RealServerConfig(destination=real(1), checks=checks)) for checks in ((web, mail), (mail,), (web,))
    )
    talk = Dialogue(both)
    talk.tell(Wake())
    talk.tell(Answered(check=CheckId(KEY, real(1).key, 0), result=GOOD))
    talk.tell(Answered(check=CheckId(KEY, real(1).key, 1), result=BAD))
    assert talk.table == {}
    for config in (mail_alone, both, web_alone):  # in the end `web` stands where `mail` stood, and is asked soon
        talk.tell(Configure(servers=(config,)))
        assert talk.table == {}


def test_a_reload_may_change_the_scheduler() -> None:
    talk = Dialogue(virtual(server(1)))
    (action,) = talk.tell(Configure(servers=(virtual(server(1), scheduler=Scheduler.WRR),)))
    assert isinstance(action, SetService)
    assert isinstance(action.state, ServiceState)
    assert action.state.service.scheduler is Scheduler.WRR


def test_a_reload_takes_away_what_is_gone() -> None:
    talk = Dialogue(virtual(server(1)))
    late = CheckId(KEY, (IPv4Address("10.0.0.1"), 80), 0)
    assert talk.tell(Configure(servers=())) == [SetService(key=KEY, state=None)]
    assert talk.tell(Answered(check=late, result=BAD)) == []
    assert talk.director.deadline is None


def test_a_stop_empties_the_table_in_silence() -> None:
    talk = Dialogue(virtual(server(1)))
    assert talk.tell(Stop()) == [SetService(key=KEY, state=None)]
    assert talk.director.deadline is None


def test_omega_tells_the_stop_as_a_loss() -> None:
    talk = Dialogue(virtual(server(1), server(2), omega=True))
    talk.answer(2, BAD)
    assert talk.tell(Stop()) == [
        ServerChanged(service=KEY, destination=real(1), up=False),
        QuorumChanged(service=KEY, up=False, weight=0, quorum=1, hysteresis=0),
        SetService(key=KEY, state=None),
    ]


def test_omega_without_a_quorum_tells_the_servers_only() -> None:
    talk = Dialogue(virtual(server(1), quorum=2, omega=True))
    assert talk.tell(Stop()) == [
        ServerChanged(service=KEY, destination=real(1), up=False),
        SetService(key=KEY, state=None),
    ]


def test_one_set_of_checks_serves_many_services() -> None:
    """A virtual_server_group: what happens to a server happens in each of its services."""
    mark, other = ServiceKey(fwmark=7), ServiceKey(fwmark=8)
    director = Director()
    actions = director.handle(Configure(servers=(virtual(server(1), also=(mark, other)),)), 0)
    assert [action.key for action in actions if isinstance(action, SetService)] == [KEY, mark, other]
    assert set(director.table) == {KEY, mark, other}
    assert director.table[mark].service.key == mark
    assert len(director.handle(Wake(), 0)) == 1
    (gone, *told) = director.handle(Configure(servers=(virtual(server(1), also=(other,)),)), 0)
    assert gone == SetService(key=mark, state=None)
    assert [action.key for action in told if isinstance(action, SetService)] == [KEY, other]
    assert {a.key for a in director.handle(Stop(), 0) if isinstance(a, SetService)} == {KEY, other}


def test_nothing_is_told_before_the_start() -> None:
    assert VirtualServer(virtual(server(1)), []).retell() == []


# --- spreading --------------------------------------------------------------------------------------------------------


def test_first_runs_are_spread_over_the_warmup() -> None:
    """1000 checks in 10 s: in every second about 100 of them begin."""
    slow = CheckConfig(delay_loop=10 * SECOND, warmup=10 * SECOND)
    servers = [
        RealServerConfig(
            destination=Destination(address=IPv4Address(n), port=1, forwarding=Forwarding.NAT), checks=(slow,)
        )
        for n in range(1, 1001)
    ]
    director = Director()
    director.handle(Configure(servers=(virtual(*servers),)), 0)
    for second in range(1, 11):
        runs = director.handle(Wake(), second * SECOND - 1)
        assert 98 <= len(runs) <= 102


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"quorum": 0}, "quorum must be positive"),
        ({"quorum": 2, "hysteresis": 2}, "hysteresis below it"),
        ({"hysteresis": -1}, "hysteresis below it"),
    ],
)
def test_quorums_that_cannot_be(wrong: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        virtual(server(1), **wrong)


def test_names_are_used_once() -> None:
    with pytest.raises(ValueError, match="stands there twice"):
        virtual(server(1), server(1))
    with pytest.raises(ValueError, match="two virtual servers"):
        Configure(servers=(virtual(server(1)), virtual(server(2))))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"fwmark": 1, "address": VIP},
        {"fwmark": 1, "protocol": Protocol.TCP},
        {"address": VIP},
        {"address": VIP, "protocol": Protocol.TCP, "family": 6},
        {"address": VIP, "protocol": Protocol.TCP, "port": 65536},
    ],
)
def test_services_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"virtual service|family|port"):
        ServiceKey(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (KEY, "[192.168.1.20]:tcp:80"),
        (ServiceKey(protocol=Protocol.UDP, address=IPv6Address("fd00::1"), port=53, family=6), "[fd00::1]:udp:53"),
        (ServiceKey(fwmark=7), "FWM 7"),
        (ServiceKey(fwmark=7, family=6), "FWM 7 IPv6"),
    ],
)
def test_a_service_in_words(key: ServiceKey, words: str) -> None:
    assert str(key) == words


# --- whatever happens -------------------------------------------------------------------------------------------------


@given(
    answers=st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=40),
    quorum=st.integers(1, 3),
    hysteresis=st.integers(0, 2),
    sorry=st.booleans(),
)
def test_the_table_holds_who_is_up_or_the_sorry_server(
    answers: list[tuple[int, bool]], quorum: int, hysteresis: int, *, sorry: bool
) -> None:
    hysteresis = min(hysteresis, quorum - 1)
    options = {"quorum": quorum, "hysteresis": hysteresis, "sorry": SORRY if sorry else None}
    talk = Dialogue(virtual(server(1), server(2), server(3), **options))
    up = {1, 2, 3}
    for number, ok in answers:
        talk.answer(number, Result(ok=ok))
        (up.add if ok else up.discard)(number)
        healthy = {f"10.0.0.{n}": 1 for n in up}
        assert talk.table in (healthy, {"10.0.0.99": 1} if sorry else healthy)
        if len(up) >= quorum + hysteresis:
            assert talk.table == healthy
        if sorry and len(up) < quorum - hysteresis:
            assert talk.table == {"10.0.0.99": 1}


def test_settled_is_told_with_its_result() -> None:
    talk = Dialogue(virtual(server(1)))
    talk.answer(1, GOOD)
    assert [type(action) for action in talk.said] == [Settled]


def test_a_check_is_known_by_what_it_checks() -> None:
    one, same = (CheckId(KEY, (IPv4Address("10.0.0.1"), 80), 0) for _ in range(2))
    others = {CheckId(KEY, (IPv4Address("10.0.0.1"), 80), 1), CheckId(KEY, (IPv4Address("10.0.0.2"), 80), 0)}
    assert (one == same, {one, same} == {one}, one in others, one == "one") == (True, True, False, False)
    assert repr(one) == f"CheckId({KEY!r}, (IPv4Address('10.0.0.1'), 80), 0)"
