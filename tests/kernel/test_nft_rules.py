"""What of the nftables data plane is pure: what it refuses, and how schedulers become slots."""

from collections import Counter
from ipaddress import ip_address

import pytest

from labkit.kernel.nft.census import is_full
from labkit.kernel.nft.refusals import refusal
from labkit.kernel.nft.slots import REFUSE, Candidate, slots
from labkit.lvs.model import Destination, Forwarding, Protocol, Scheduler, Service, ServiceKey, ServiceState

VIP = ServiceKey(protocol=Protocol.TCP, address=ip_address("192.168.1.20"), port=80)
NAT, DR, TUN = Forwarding.NAT, Forwarding.DR, Forwarding.TUN
IPVS = "it needs IPVS: a kernel with the module ip_vs, or a lab with `--provider uml`"


def state(*methods: Forwarding, key: ServiceKey = VIP, server: str = "10.0.0.5", **options: object) -> ServiceState:
    options = {"scheduler": Scheduler.RR, **options}
    destinations = tuple(
        Destination(address=ip_address(server) + number, port=80, forwarding=method)
        for number, method in enumerate(methods)
    )
    return ServiceState(service=Service(key=key, **options), destinations=destinations)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        pytest.param(state(TUN), "lb_kind TUN wraps packets, which nftables cannot", id="tun"),
        pytest.param(
            state(NAT, scheduler=Scheduler.LBLC),
            "lb_algo lblc remembers a real server for each destination, which nftables cannot",
            id="lblc",
        ),
        pytest.param(
            state(NAT, scheduler=Scheduler.LBLCR),
            "lb_algo lblcr remembers real servers for each destination, which nftables cannot",
            id="lblcr",
        ),
        pytest.param(
            state(DR, scheduler=Scheduler.OVF),
            "lb_algo ovf looks at the connections of the heaviest server for each new one, which nftables cannot",
            id="ovf",
        ),
        pytest.param(
            state(DR, scheduler=Scheduler.TWOS),
            "lb_algo twos compares the connections of two random servers for each new one, which nftables cannot",
            id="twos",
        ),
        pytest.param(
            state(NAT, persistence_s=60, persistence_engine="sip"),
            "persistence_engine sip reads what packets carry, which nftables cannot",
            id="persistence-engine",
        ),
        pytest.param(
            state(NAT, one_packet=True),
            "one-packet scheduling with NAT needs a translation without connections, which nftables cannot",
            id="one-packet-nat",
        ),
        pytest.param(
            state(NAT, DR), "NAT and DR in one service are scheduled at different places of nftables", id="mixed"
        ),
        pytest.param(
            state(DR, key=ServiceKey(fwmark=7)),
            "lb_kind DR takes packets before a firewall mark is put on them",
            id="dr-by-mark",
        ),
        pytest.param(
            state(NAT, server="fd00::5"), "a real server of the other address family needs a tunnel", id="families"
        ),
    ],
)
def test_what_nftables_cannot_do_is_said_with_who_can(wanted: ServiceState, reason: str) -> None:
    assert refusal(wanted) == f"{reason}; {IPVS}"


@pytest.mark.parametrize(
    "wanted",
    [
        state(),
        state(NAT, NAT, key=ServiceKey(fwmark=7), persistence_s=60),
        state(DR, one_packet=True),
        state(DR, scheduler=Scheduler.NQ),
    ],
)
def test_what_nftables_can_do_is_not_refused(wanted: ServiceState) -> None:
    assert refusal(wanted) == ""


def one(mark: int, weight: int = 1, **options: object) -> Candidate:
    return Candidate(mark=mark, weight=weight, name=f"10.0.0.{mark}", **options)  # type: ignore[arg-type]


def picks(scheduler: Scheduler, *candidates: Candidate, **options: object) -> list[int]:
    return slots(Service(key=VIP, scheduler=scheduler, **options), candidates)  # type: ignore[arg-type]


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_nobody_takes_new_connections(scheduler: Scheduler) -> None:
    assert picks(scheduler, one(1, 0), one(2, full=True)) == picks(scheduler) == []


@pytest.mark.parametrize(
    ("scheduler", "candidates", "first"),
    [
        pytest.param(Scheduler.RR, [one(1, 5), one(2), one(3, 0)], [1, 2], id="rr"),
        pytest.param(Scheduler.WRR, [one(1, 6), one(2, 4), one(3, 2)], [1, 1, 2, 1, 2, 3], id="wrr"),
        pytest.param(Scheduler.FO, [one(1, 1), one(2, 9), one(3, 10, full=True)], [2], id="fo"),
        pytest.param(Scheduler.LC, [one(1, 9, active=3), one(2, active=1)], [2, 2, 1, 2, 1, 2], id="lc"),
        pytest.param(
            Scheduler.LC, [one(1, inactive=255), one(2, active=1)], [1, 2, 1, 2], id="lc-inactive-counts-1/256"
        ),
        pytest.param(Scheduler.WLC, [one(1, 2, active=4), one(2, 1, active=1)], [2, 1, 2, 1, 1, 2], id="wlc"),
        pytest.param(Scheduler.SED, [one(1, 3), one(2, 1)], [1, 1, 1, 2, 1, 1, 1, 2], id="sed"),
        pytest.param(Scheduler.NQ, [one(1, 3), one(2, 1)], [1, 2, 1, 1, 1, 1], id="nq-takes-the-idle-first"),
    ],
)
def test_the_order_of_picks(scheduler: Scheduler, candidates: list[Candidate], first: list[int]) -> None:
    assert picks(scheduler, *candidates)[: len(first)] == first


def test_hash_tables_weigh_as_ipvs_does() -> None:
    assert Counter(picks(Scheduler.SH, one(1, 3), one(2, 1))) == {1: 192, 2: 64}
    assert Counter(picks(Scheduler.DH, one(1, 3), one(2, 1))) == {1: 128, 2: 128}
    mh = Counter(picks(Scheduler.MH, one(1, 3), one(2, 1), one(3, 0)))
    assert set(mh) == {1, 2}
    assert 2.9 < mh[1] / mh[2] < 3.1


def test_a_hash_refuses_for_who_takes_nothing_or_falls_back() -> None:
    assert picks(Scheduler.SH, one(1), one(2, 0))[:4] == [1, REFUSE, 1, REFUSE]
    assert set(picks(Scheduler.SH, one(1), one(2, 0), one(3), fallback=True)) == {1, 3}
    assert REFUSE in picks(Scheduler.MH, one(1), one(2, full=True))


def test_maglev_moves_few_clients() -> None:
    three, two = (picks(Scheduler.MH, *(one(mark) for mark in marks)) for marks in ((1, 2, 3), (1, 3)))
    moved = sum(before != after for before, after in zip(three, two, strict=True) if before != 2)
    assert moved < len(three) / 4


def test_large_weights_need_few_slots() -> None:
    assert len(picks(Scheduler.WRR, one(1, 65535), one(2, 65534))) <= 4100


@pytest.mark.parametrize(
    ("upper", "lower", "connections", "was_full", "full"),
    [
        (0, 0, 99, True, False),
        (4, 0, 3, False, False),
        (4, 0, 4, False, True),
        (4, 0, 3, True, True),
        (4, 0, 2, True, False),
        (4, 1, 1, True, True),
        (4, 1, 0, True, False),
    ],
)
def test_thresholds(upper: int, lower: int, connections: int, was_full: bool, full: bool) -> None:
    destination = Destination(address=ip_address("10.0.0.5"), port=80, forwarding=NAT, upper=upper, lower=lower)
    assert is_full(destination, connections, was_full=was_full) is full
