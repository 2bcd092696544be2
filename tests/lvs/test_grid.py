"""Thousands of checks a second stay where they began, however late the clock and the answers are."""

from collections import defaultdict
from heapq import heappop, heappush
from ipaddress import IPv4Address
from itertools import count
from random import Random

from labkit.lvs.check import CheckConfig, Result, Run
from labkit.lvs.config import RealServerConfig, VirtualServerConfig
from labkit.lvs.director import Director
from labkit.lvs.events import Action, Answered, CheckId, Configure, Wake
from labkit.lvs.model import Destination, Forwarding, Protocol, Scheduler, Service, ServiceKey
from labkit.trace import SECOND

SERVICES, SERVERS, SECONDS = 50, 100, 5
LATE = SECOND // 20


def service(number: int) -> VirtualServerConfig:
    key = ServiceKey(protocol=Protocol.TCP, address=IPv4Address(f"192.0.2.{number}"), port=80)
    check = CheckConfig(delay_loop=SECOND, warmup=SECOND)
    servers = tuple(
        RealServerConfig(
            destination=Destination(address=IPv4Address(f"10.0.{number}.{one}"), port=80, forwarding=Forwarding.NAT),
            checks=(check,),
        )
        for one in range(1, SERVERS + 1)
    )
    return VirtualServerConfig(service=Service(key=key, scheduler=Scheduler.RR), servers=servers)


def test_five_thousand_servers_are_asked_every_second_without_drift() -> None:
    random, numbers = Random(21), count()
    director, now = Director(), 0
    starts: dict[CheckId, list[int]] = defaultdict(list)
    answers: list[tuple[int, int, CheckId]] = []

    def handle(actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Run):
                starts[action.check].append(now)
                heappush(answers, (now + random.randrange(SECOND // 2), next(numbers), action.check))

    handle(director.handle(Configure(servers=tuple(service(number) for number in range(SERVICES))), now))
    while now < SECONDS * SECOND:
        if answers and (director.deadline is None or answers[0][0] <= director.deadline):
            now = max(now, answers[0][0])
            handle(director.handle(Answered(check=heappop(answers)[2], result=Result(ok=True)), now))
        else:
            now = max(now, (director.deadline or 0) + random.randrange(LATE))
            handle(director.handle(Wake(), now))

    assert len(starts) == SERVICES * SERVERS
    in_a_tenth = [0] * 10
    for times in starts.values():
        assert len(times) in (SECONDS, SECONDS + 1)
        assert all(abs(later - times[0] - number * SECOND) <= LATE for number, later in enumerate(times))
        in_a_tenth[times[0] % SECOND * 10 // SECOND] += 1
    assert max(in_a_tenth) < 2 * SERVICES * SERVERS / 10  # and they are spread over the second
