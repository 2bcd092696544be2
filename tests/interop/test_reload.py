"""Another configuration and SIGHUP: what changed takes effect, what did not is left alone."""

from tests.interop.configs import PASSWORD, SLOW, VIP, script, tracking, vi
from tests.interop.situation import Run, Script, situation

SECOND = "192.168.1.30"


def reloaded(s: Run, number: int, config: str) -> Script:
    s.reload(number, config)
    yield s.logged(number, "Reload complete") if s.casting[number - 1] == "ours" else s.logged(number, "Reload")


@situation(vi(150), vi(120))
def test_the_same_file_changes_nothing(s: Run) -> Script:
    yield from s.settled()
    before = s.last_advert(1)
    yield from reloaded(s, 1, vi(150))
    after = yield s.advert(1)
    assert after.at - before.at < 0.25
    yield from reloaded(s, 2, vi(120))
    yield s.adverts(1, 5)
    yield s.owner(1)


@situation(vi(150), vi(120), loose=("priorities",))
def test_a_lower_priority_gives_the_address_away(s: Run) -> Script:
    yield from s.settled()
    yield from reloaded(s, 1, vi(110))
    yield s.advert(1, priority=110)
    yield s.owner(2)
    yield s.entered(1, "BACKUP")


@situation(vi(150), vi(120), loose=("announced",))
def test_a_higher_priority_takes_the_address(s: Run) -> Script:
    yield from s.settled()
    yield from reloaded(s, 2, vi(200))
    yield s.owner(2)
    yield s.advert(2, priority=200)


# C keepalived takes over if its master does not have the second address, too, within a third of a second
@situation(vi(150, vips=(VIP,)), vi(120, vips=(VIP,)), loose=("announced", "states", "priorities", "held 2"))
def test_an_added_address_appears_on_the_master(s: Run) -> Script:
    yield from s.settled()
    for host, priority in ((2, 120), (1, 150)):
        yield from reloaded(s, host, vi(priority, vips=(VIP, SECOND)))
    yield s.owner(1, SECOND)
    yield s.owner(1)


@situation(
    vi(150, vips=(VIP, SECOND)), vi(120, vips=(VIP, SECOND)), loose=("announced", "states", "priorities", "held 2")
)
def test_a_removed_address_disappears(s: Run) -> Script:
    yield from s.settled()
    yield s.owner(1, SECOND)
    for host, priority in ((2, 120), (1, 150)):
        yield from reloaded(s, host, vi(priority))
    yield s.holds(1, SECOND, present=False)
    yield s.holds(2, SECOND, present=False)
    yield s.owner(1)


@situation(vi(150), vi(120))
def test_an_added_instance_runs_beside_the_old_one(s: Run) -> Script:
    yield from s.settled()
    more = vi(150, name="W", vrid=22, vips=(SECOND,))
    yield from reloaded(s, 1, vi(150) + more)
    yield s.owner(1, SECOND)
    yield s.entered(1, "MASTER", "W")
    yield s.owner(1)


@situation(vi(150) + vi(150, name="W", vrid=22, vips=(SECOND,)), vi(120))
def test_a_removed_instance_withdraws(s: Run) -> Script:
    yield from s.settled()
    yield s.owner(1, SECOND)
    yield from reloaded(s, 1, vi(150))
    yield s.holds(1, SECOND, present=False)
    yield s.adverts(1, 3)
    yield s.owner(1)


@situation(vi(150), vi(120))
def test_another_interval_is_learned_by_the_backup(s: Run) -> Script:
    yield from s.settled()
    yield from reloaded(s, 1, vi(150, timing="version 3\n advert_int 0.3"))
    yield s.adverts(1, 2)
    first = yield s.advert(1)
    second = yield s.advert(1)
    s.apart(first, second, 0.3, late=0.05)
    yield s.adverts(1, 2)
    yield s.owner(1)


@situation(*(vi(p, PASSWORD % "old", timing=SLOW) for p in (150, 120)), loose=("priorities", "announced"))
def test_another_password_parts_the_pair_until_both_have_it(s: Run) -> Script:
    s.start(1)
    yield s.entered(1, "MASTER")
    s.start(2)
    yield s.entered(2, "BACKUP")
    yield from reloaded(s, 2, vi(120, PASSWORD % "new", timing=SLOW))
    yield s.entered(2, "MASTER", within=10)
    yield s.holds(1)
    yield from reloaded(s, 1, vi(150, PASSWORD % "new", timing=SLOW))
    yield s.owner(1, within=10)
    yield s.entered(2, "BACKUP")


def weighted(weight: int) -> str:
    return script("check", f"weight {weight}") + vi(150, tracking())


@situation(weighted(-10), vi(120))
def test_another_weight_of_a_script_counts_at_once(s: Run) -> Script:
    s.flag(1, "ok", up=True)
    yield from s.settled()
    s.flag(1, "ok", up=False)
    yield s.advert(1, priority=140)
    yield from reloaded(s, 1, weighted(-40))
    yield s.advert(1, priority=110)
    yield s.owner(2)
    yield s.entered(1, "BACKUP")
