"""What the nftables data plane looks after: connections that are counted, thresholds, interfaces, a plane before it."""

from collections.abc import Iterator

import pytest

from labkit.kernel.links import set_link
from labkit.kernel.nft.helper import NftError
from labkit.kernel.nft.plane import NftPlane
from labkit.lvs.model import Change, Protocol, Scheduler, ServiceState
from tests.kernel.balanced import DR, NAT, OUTSIDE, PREFIX, Balanced, run, settings
from tests.kernel.lan import eventually, why_not

pytestmark = pytest.mark.kernel


@pytest.fixture(params=[(NAT, 4), (DR, 4), (NAT, 6), (DR, 6)], ids=["nat4", "dr4", "nat6", "dr6"])
def balanced(request: pytest.FixtureRequest) -> Iterator[Balanced]:
    if why_not():
        pytest.skip(why_not())
    made = Balanced(*request.param)
    yield made
    made.close()


def test_new_connections_go_where_fewest_are(balanced: Balanced) -> None:
    now = balanced.become(None, balanced.state(1, 1, 1, scheduler=Scheduler.LC))
    assert balanced.plane.tend() < 1  # soon again
    balanced.web.keep = True
    held = [balanced.open() for _ in range(6)]
    assert sorted(answer for answer, _ in held) == ["1", "1", "2", "2", "3", "3"]
    for answer, one in held:
        if answer != "1":
            one.close()

    def counted() -> list[int]:
        balanced.plane.tend()
        (reading,) = balanced.plane.read()
        return [one.active for one in reading.destinations]

    eventually(lambda: counted() == [2, 0, 0])
    held += [balanced.open() for _ in range(4)]
    assert sorted(answer for answer, _ in held[6:]) == ["2", "2", "3", "3"]
    now = balanced.become(now, balanced.state(4, 1, 1, scheduler=Scheduler.WLC))
    balanced.plane.tend()
    assert balanced.ask() == "1"
    balanced.become(now, balanced.state(4, 1, 1, scheduler=Scheduler.RR))
    assert balanced.plane.tend() >= 1
    for _, one in held:
        one.close()


def test_a_server_at_its_threshold_is_left_out(balanced: Balanced) -> None:
    plain = balanced.state(1, 1)
    servers = (balanced.destination(1, upper=2, lower=1), balanced.destination(2))
    balanced.become(None, ServiceState(service=plain.service, destinations=servers))
    balanced.web.keep = True
    held = [balanced.open() for _ in range(4)]
    balanced.plane.tend()
    assert [balanced.ask() for _ in range(3)] == ["2"] * 3
    (reading,) = balanced.plane.read()
    assert reading.destinations[0].active == 2
    for _, one in held:
        one.close()


def test_a_plane_takes_over_from_the_one_before(balanced: Balanced) -> None:
    """With NAT the connections of a director whose process was killed go on under the next one; DR begins anew."""
    state = balanced.state(1, 1, 1)
    balanced.become(None, state)
    balanced.web.keep = True
    held = dict(balanced.open(client) for client in (110, 111, 112))
    assert set(held) == {"1", "2", "3"}
    gone = balanced.plane
    with balanced.director.entered():
        balanced.plane = NftPlane()
        balanced.plane.probe()
        other = "ip6" if balanced.version == 4 else "ip"
        run(balanced.director, f"nft add table {other} lvs")  # of a service that is not configured any more
    gone.close()
    balanced.web.keep = False
    assert balanced.ask() in {"1", "2", "3"}  # nobody is refused before the next one serves
    balanced.plane.apply([Change(None, state), Change(None, balanced.state(1, protocol=Protocol.UDP))])
    if balanced.kind is NAT:
        for kept, one in zip(balanced.web.kept, held.values(), strict=True):
            one.send(b"more")
            assert balanced.web.heard(kept, within=10) == b"more"
    assert f"table {other} lvs" not in run(balanced.director, "nft list tables")
    assert balanced.share(6) == {"1": 2, "2": 2, "3": 2}
    assert sum(one.traffic.connections for one in balanced.plane.read()) == 6
    for one in held.values():
        one.close()


def test_interfaces_come_and_go(balanced: Balanced) -> None:
    """A client's packets come in by an interface that was not there when the service began, and by one that left."""
    if balanced.kind is NAT:
        pytest.skip("NAT does not ask by which interface a packet comes")
    lan, director = balanced.lan, balanced.director
    balanced.become(None, balanced.state(1, 1, 1))
    balanced.plane.tend()
    settings(director, "ipv4/conf/all/arp_ignore=1")
    lan.segment.netlink.ask([lan.cable(director, "q2", "eth1", 2)])
    settings(director, "ipv6/conf/eth1/accept_dad=0", "ipv4/conf/all/rp_filter=0", "ipv4/conf/eth1/rp_filter=0")
    director.netlink.ask([set_link(director.index("eth1"), up=True)])
    lan.remove_port("p2")
    address = f"{OUTSIDE[balanced.version].format(30)}/{PREFIX[balanced.version]}"
    for one in (address, f"{balanced.vip}/{32 if balanced.version == 4 else 128}"):
        run(director, f"ip address add {one} dev eth1 " + ("nodad" if balanced.version == 6 else ""))
    run(balanced.client, f"ip neigh flush {balanced.vip}")
    eventually(lambda: balanced.plane.tend() and balanced.share(3) == {"1": 1, "2": 1, "3": 1}, within=20)


def test_tables_that_somebody_deletes_are_noticed_and_made_again(balanced: Balanced) -> None:
    wanted = balanced.become(None, balanced.state(1, 1))
    for flushed in (balanced.plane.tend, lambda: balanced.become(wanted, balanced.state(1, 0))):
        run(balanced.director, "nft flush ruleset")
        with pytest.raises(NftError, match=r"somebody else deleted (ip|ip6|netdev) lvs"):
            flushed()
        assert balanced.plane.read() == ()
        balanced.become(None, wanted)
        balanced.plane.tend()
        assert balanced.share(4) == {"1": 2, "2": 2}
