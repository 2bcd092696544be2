"""Adverts to named peers instead of a group."""

from tests.interop.configs import block, vi
from tests.interop.situation import Run, Script, situation


def named(priority: int, number: int, *peers: int, net: str = "192.168.1.2", **settings: object) -> str:
    lines = (f"unicast_src_ip {net}{number}", block("unicast_peer", [f"{net}{peer}" for peer in peers]))
    return vi(priority, *lines, **settings)  # type: ignore[arg-type]


@situation(named(150, 1, 2), named(120, 2, 1))
def test_a_stop_is_taken_up_after_the_skew(s: Run) -> Script:
    yield from s.settled()
    assert s.last_advert(1).advert.destination == "192.168.1.22"
    s.stop(1)
    released = yield s.advert(1, priority=0)
    taken = yield s.advert(2)
    s.apart(released, taken, 0.053)
    yield s.owner(2)


@situation(named(150, 1, 2, 3), named(120, 2, 1, 3), named(100, 3, 1, 2))
def test_three_peers(s: Run) -> Script:
    yield from s.settled()
    s.crash(1)
    taken = yield s.advert(2)
    s.apart(s.last_advert(1), taken, 0.353)
    yield s.entered(2, "MASTER")
    yield s.adverts(2, 6)
    yield s.holds(3, present=False)


SIX = "2001:db8::2"


@situation(*(named(p, n, 3 - n, net=SIX, vips=("fe80::20", "2001:db8::20")) for p, n in ((150, 1), (120, 2))))
def test_over_ipv6(s: Run) -> Script:
    yield from s.settled()
    yield s.owner(1, "2001:db8::20")
    s.stop(1)
    yield s.owner(2, "2001:db8::20")


@situation(named(150, 1, 7), named(120, 2, 7))
def test_peers_that_are_not_there(s: Run) -> Script:
    s.start(1, 2)
    yield s.entered(1, "MASTER")
    yield s.entered(2, "MASTER")
    yield s.quiet()


@situation(named(150, 1, 2), named(120, 2, 1), loose=("announced",))
def test_a_split_brain_ends_when_the_cut_is_healed(s: Run) -> Script:
    yield from s.settled()
    s.cut(1)
    yield s.entered(2, "MASTER")
    yield s.quiet()
    s.cut(1, healed=True)
    yield s.owner(1)


@situation(named(150, 1, 2), vi(120))
def test_a_multicast_router_does_not_hear_it(s: Run) -> Script:
    s.start(1, 2)
    yield s.entered(1, "MASTER")
    yield s.entered(2, "MASTER")
    yield s.quiet()
