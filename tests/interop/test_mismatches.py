"""Routers that do not agree: each drops what the other sends, and both are MASTER.  And what strangers send."""

from tests.interop.configs import PASSWORD, SLOW, VIP, vi
from tests.interop.forge import Forged
from tests.interop.network import STRANGER
from tests.interop.situation import Run, Script, situation
from tests.interop.story import Differs

SILENCED = ("priorities", "announced")  # C keepalived puts its own advert off by each refused one


def both_masters(s: Run, within: float = 8.0) -> Script:
    s.start(1, 2)
    yield s.entered(1, "MASTER", within=within)
    yield s.entered(2, "MASTER", within=within)
    for host in s.programs:
        yield s.holds(host)


@situation(
    vi(150, PASSWORD % "right", timing=SLOW),
    vi(120, PASSWORD % "wrong", timing=SLOW),
    loose=SILENCED,
)
def test_passwords_that_differ(s: Run) -> Script:
    yield from both_masters(s)
    yield s.logged(1, "received an invalid passwd!")
    yield s.logged(2, "received an invalid passwd!")


@situation(vi(150, PASSWORD % "right", timing=SLOW), vi(120, timing=SLOW), loose=SILENCED)
def test_only_one_has_a_password(s: Run) -> Script:
    yield from both_masters(s)


@situation(vi(150), vi(120, timing=SLOW), loose=SILENCED)
def test_versions_that_differ(s: Run) -> Script:
    yield from both_masters(s)


@situation(vi(150, vips=("192.168.1.30", "192.168.1.31")), vi(120), loose=SILENCED)
def test_addresses_of_another_cluster(s: Run) -> Script:
    s.start(1, 2)
    yield s.entered(1, "MASTER")
    yield s.entered(2, "MASTER")
    yield s.holds(2)


SHARED = "ADR 16: an advert that shares an address with us is ours, told and taken; C keepalived 2.2.7 drops it"


@situation(
    vi(150),
    vi(120, vips=(VIP, "192.168.1.30")),
    castings=(("C", "C"), ("ours", "ours"), ("ours", "C")),  # ours as the second one hears C and stays BACKUP
    loose=SILENCED,
    differs=[
        Differs(host=2, facet=facet, subject=subject, ours=ours, why=SHARED)
        for facet, subject, ours in (
            ("states", "VI", "BACKUP"),
            ("held", f"{VIP}/32", None),
            ("held", "192.168.1.30/32", None),
        )
    ],
)
def test_numbers_of_addresses_that_differ(s: Run) -> Script:
    s.start(1)
    yield s.owner(1)
    s.start(2)
    yield s.entered(2, "BACKUP" if s.casting[1] == "ours" else "MASTER")
    yield s.adverts(1, 8)


@situation(vi(150), vi(120, vips=("192.168.1.30",)), loose=SILENCED)
def test_no_address_in_common_is_another_cluster(s: Run) -> Script:
    s.start(1, 2)
    yield s.owner(1)
    yield s.owner(2, "192.168.1.30")


@situation(vi(150, PASSWORD % "right", timing=SLOW), vi(120, PASSWORD % "right", timing=SLOW))
def test_the_same_password_is_one_group(s: Run) -> Script:
    yield from s.settled()
    s.stop(1)
    released = yield s.advert(1, priority=0)
    taken = yield s.advert(2)
    s.apart(released, taken, 0.531)
    yield s.owner(2)


@situation(vi(150, timing="version 3\n advert_int 0.3"), vi(120))
def test_version_3_learns_the_master_s_interval(s: Run) -> Script:
    yield from s.settled()
    yield s.adverts(1, 3)
    s.crash(1)
    taken = yield s.advert(2)
    s.apart(s.last_advert(1), taken, 1.059)  # 3 x 0.3 s + (256 - 120) / 256 x 0.3 s


@situation(vi(150), vi(120))
def test_what_no_router_may_believe_changes_nothing(s: Run) -> Script:
    yield from s.settled()
    good = Forged(priority=200)
    for forged in (
        Forged(priority=200, ttl=64),
        Forged(priority=200, checksum=1),
        Forged(priority=200, kind=2),
        Forged(priority=200, version=4),
        Forged(priority=200, count=9),
        Forged(priority=200, vrid=99),
        Forged(priority=200, addresses=()),
    ):
        s.stray(forged)
    s.stray_bytes(good.ip()[:24])
    s.stray_bytes(good.ip()[:20])
    yield s.adverts(1, 6)
    yield s.owner(1)


@situation(vi(240), vi(10), loose=("announced",))  # far apart: both miss the stranger
def test_a_better_stranger_is_obeyed_while_it_speaks(s: Run) -> Script:
    yield from s.settled()
    s.stray(Forged(priority=254))
    yield s.entered(1, "BACKUP")
    yield s.entered(1, "MASTER")  # it may hold the address still when it says BACKUP
    yield s.owner(1)


@situation(vi(150), vi(120), loose=("announced", "priorities"))
def test_a_lower_stranger_is_answered_by_the_master(s: Run) -> Script:
    yield from s.settled()
    s.stray(Forged(priority=50))
    stray = yield s.heard("stray", lambda frame: frame.host == STRANGER)
    answer = yield s.advert(1)
    s.apart(stray, answer, 0, late=0.05)
    yield s.adverts(1, 4)
    yield s.owner(1)


@situation(vi(150), vi(120), loose=("announced", "priorities"))
def test_a_stranger_s_priority_zero_is_answered_by_the_master(s: Run) -> Script:
    yield from s.settled()
    s.stray(Forged(priority=0))
    yield s.advert(1)
    yield s.adverts(1, 4)
    yield s.owner(1)


@situation(vi(255, state="MASTER"), vi(255, state="MASTER"), loose=("announced", "priorities", "states"))
def test_of_two_owners_one_is_left(s: Run) -> Script:
    s.start(1)
    yield s.owner(1)
    yield s.quiet()
    s.start(2)
    yield s.owner(2)
