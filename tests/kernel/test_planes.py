"""Both data planes do the same with real connections: IPVS where the kernel has it, and nftables."""

import re
from collections.abc import Iterator

import pytest

from labkit.daemon.table import compose_table
from labkit.daemon.table_text import connections_text
from labkit.kernel.dataplane import DataPlane
from labkit.kernel.ipvs import Ipvs, NoIpvsError
from labkit.kernel.nft.plane import NftPlane
from labkit.lvs.model import Scheduler, ServiceState
from tests.kernel.balanced import DR, NAT, Balanced, run
from tests.kernel.lan import eventually, why_not

pytestmark = pytest.mark.kernel

CLIENTS = range(110, 120)
PLANES: dict[str, type[DataPlane]] = {"nft": NftPlane, "ipvs": Ipvs}


@pytest.fixture(params=PLANES)
def plane(request: pytest.FixtureRequest) -> type[DataPlane]:
    name: str = request.param
    if name == "ipvs":
        try:
            Ipvs().close()
        except NoIpvsError as error:
            pytest.skip(str(error))
    return PLANES[name]


@pytest.fixture(params=[NAT, DR], ids=["nat", "dr"])
def balanced(request: pytest.FixtureRequest, plane: type[DataPlane]) -> Iterator[Balanced]:
    if why_not():
        pytest.skip(why_not())
    made = Balanced(request.param, 4, plane)
    yield made
    made.close()


def test_who_is_asked(balanced: Balanced) -> None:
    """By turns, by weight, by client; the same after each change, and nobody where there is nobody."""
    now = balanced.become(None, balanced.state(1, 1, 1))
    assert [balanced.share(30), balanced.share(3)] == [{"1": 10, "2": 10, "3": 10}, {"1": 1, "2": 1, "3": 1}]

    def counted() -> list[int]:
        (reading,) = balanced.plane.read()
        return [reading.traffic.connections, *(one.traffic.connections for one in reading.destinations)]

    eventually(lambda: counted() == [33, 11, 11, 11])  # IPVS adds up every two seconds
    now = balanced.become(now, balanced.state(3, 2, 1, scheduler=Scheduler.WRR))
    assert balanced.share(12) == {"1": 6, "2": 4, "3": 2}
    now = balanced.become(now, balanced.state(1, 5, 1, scheduler=Scheduler.FO))
    assert balanced.share(3) == {"2": 3}
    now = balanced.become(now, balanced.state(1, 1, 1, scheduler=Scheduler.SH))
    assert len(balanced.share(4, [110])) == 1
    assert len(balanced.share(10, CLIENTS)) > 1
    now = balanced.become(now, balanced.state(1, 1, 1, persistence_s=60))
    assert [len(balanced.share(4, [client])) for client in (110, 111, 112)] == [1, 1, 1]
    assert balanced.share(3, [110, 111, 112]) == {"1": 1, "2": 1, "3": 1}
    held = int(balanced.ask(110))
    weights = [0 if number == held else 1 for number in (1, 2, 3)]
    now = balanced.become(now, balanced.state(*weights, persistence_s=60))
    assert balanced.share(3, [110]) == {str(held): 3}  # expire_quiescent_template is 0
    now = balanced.become(now, balanced.state())
    # IPVS says so by ICMP, which a client overlooks that is told within its own connect()
    eventually(lambda: balanced.ask() == "refused", within=20)
    sorry = ServiceState(service=now.service, destinations=(balanced.destination(3),))
    balanced.become(now, sorry)
    assert balanced.share(2) == {"3": 2}


def test_what_is_open_goes_on(balanced: Balanced) -> None:
    """A drained server keeps who is there, and fewest connections count those that are open."""
    now = balanced.become(None, balanced.state(1, 1, 1))
    balanced.web.keep = True
    held = [balanced.open() for _ in range(3)]
    assert sorted(answer for answer, _ in held) == ["1", "2", "3"]
    now = balanced.become(now, balanced.state(0, 1, 1))
    assert balanced.share(6) == {"2": 3, "3": 3}
    for kept in balanced.web.kept[:3]:
        kept.sendall(b"still")
    assert [balanced.hear(one) for _, one in held] == ["still"] * 3

    def counted() -> list[int]:
        balanced.plane.tend()
        (reading,) = balanced.plane.read()
        return [one.active for one in sorted(reading.destinations, key=lambda one: one.destination.address)]

    now = balanced.become(now, balanced.state(1, 1, 1, scheduler=Scheduler.LC))
    for answer, one in held:
        if answer != "1":
            one.close()
    for kept in balanced.web.kept[3:]:
        kept.close()
    print(counted(), [(str(c.client), str(c.server), c.state) for c in balanced.plane.connections()])
    eventually(lambda: counted() == [1, 0, 0])
    assert balanced.share(2) == {"2": 1, "3": 1}
    ((_, first), *_) = [both for both in held if both[0] == "1"]
    mine = [one for one in balanced.plane.connections() if one.client.port == first.getsockname()[1]]
    assert [(one.state, one.virtual.port, one.server.port) for one in mine] == [("ESTABLISHED", 80, 80)]
    if isinstance(balanced.plane, Ipvs):
        ours = connections_text(compose_table("IPVS", {}, [], balanced.plane.connections(), {})).splitlines()
        theirs = run(balanced.director, "ipvsadm -Lnc").splitlines()
        assert [without_expiry(line) for line in ours] == [without_expiry(line) for line in theirs]
    for _, one in held:
        one.close()


def without_expiry(line: str) -> str:
    """The second that it was asked in does not matter."""
    return re.sub(r"\d\d:\d\d ", "", line, count=1).rstrip()


def test_changes_lose_nobody(balanced: Balanced) -> None:
    now = balanced.become(None, balanced.state(1, 1))
    balanced.web.keep = True
    answer, held = balanced.open()
    balanced.web.keep = False
    (kept,) = balanced.web.kept
    answers = set()
    for turn in range(60):
        now = balanced.become(
            now, balanced.state(*(1,) * (2 + turn % 2), scheduler=(Scheduler.RR, Scheduler.WRR)[turn % 2])
        )
        answers |= {balanced.ask(), balanced.ask(), balanced.ask()}
    assert answers == {"1", "2", "3"}
    kept.sendall(answer.encode())
    assert balanced.hear(held) == answer
    held.close()
