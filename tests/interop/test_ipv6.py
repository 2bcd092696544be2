"""IPv6: adverts from link-local addresses, neighbour advertisements, the same life."""

from tests.interop.configs import block, vi
from tests.interop.situation import Run, Script, situation

LOCAL, GLOBAL = "fe80::20", "2001:db8::20"
VIPS = (LOCAL, f"{GLOBAL}/64")


def six(priority: int, *lines: str) -> str:
    return vi(priority, *lines, vips=VIPS)


def settled(s: Run) -> Script:
    yield from s.settled()
    yield s.owner(1, LOCAL)
    yield s.owner(1, GLOBAL)


@situation(six(150), six(120))
def test_a_stop_is_taken_up_after_the_skew(s: Run) -> Script:
    yield from settled(s)
    s.stop(1)
    released = yield s.advert(1, priority=0)
    taken = yield s.advert(2)
    s.apart(released, taken, 0.053)
    yield s.owner(2, LOCAL)
    yield s.owner(2, GLOBAL)
    assert taken.advert.destination == "ff02::12"
    assert taken.advert.ttl == 255


@situation(six(150), six(120))
def test_a_crash_is_taken_up_after_the_master_down_interval(s: Run) -> Script:
    yield from settled(s)
    s.crash(1)
    taken = yield s.advert(2)
    s.apart(s.last_advert(1), taken, 0.353)


@situation(six(150), six(120), loose=("announced",))
def test_a_split_brain_ends_when_the_cut_is_healed(s: Run) -> Script:
    yield from settled(s)
    s.cut(1)
    yield s.entered(2, "MASTER")
    yield s.quiet()
    s.cut(1, healed=True)
    yield s.owner(1, LOCAL)
    yield s.owner(1, GLOBAL)


@situation(six(150), six(120))
def test_the_better_one_returns_and_preempts(s: Run) -> Script:
    s.start(2)
    yield s.owner(2, GLOBAL)
    yield s.quiet()
    s.start(1)
    yield s.owner(1, GLOBAL)
    yield s.entered(2, "BACKUP")


@situation(*(vi(p) + vi(p, name="VI6", vips=VIPS) for p in (150, 120)))
def test_both_families_on_one_interface_with_one_number(s: Run) -> Script:
    yield from s.settled()
    yield s.owner(1)
    yield s.owner(1, GLOBAL)
    s.stop(1)
    yield s.owner(2)
    yield s.owner(2, GLOBAL)


@situation(*(vi(p, block("virtual_ipaddress_excluded", (GLOBAL,))) for p in (150, 120)))
def test_addresses_of_the_other_family_are_excluded_ones(s: Run) -> Script:
    yield from s.settled()
    yield s.owner(1, GLOBAL)
    s.stop(1)
    yield s.owner(2)
    yield s.owner(2, GLOBAL)


# The kernel takes IPv6 addresses off before it says that the link is down: ours puts them back for that moment
@situation(six(150), six(120), loose=("held 1",))
def test_a_link_that_is_set_down_is_a_fault_until_it_is_up(s: Run) -> Script:
    yield from settled(s)
    s.link(1, up=False)
    yield s.entered(1, "FAULT")
    yield s.owner(2, LOCAL)
    s.link(1, up=True)
    yield s.owner(1, LOCAL)
    yield s.owner(1, GLOBAL)
