"""Who becomes MASTER, and who takes over when it ends, dies, is paused or cannot be heard."""

import os
import signal

from tests.interop.configs import vi
from tests.interop.situation import VIP, Run, Script, situation
from tests.interop.story import Differs

STATES = ("states", "held", "priorities", "announced")


@situation(vi(150), vi(120))
def test_a_stop_is_taken_up_after_the_skew(s: Run) -> Script:
    yield from s.settled()
    s.stop(1)
    released = yield s.advert(1, priority=0)
    taken = yield s.advert(2)
    s.apart(released, taken, 0.053)
    yield s.owner(2)
    yield s.ended(1)


@situation(vi(150), vi(120))
def test_a_crash_is_taken_up_after_the_master_down_interval(s: Run) -> Script:
    yield from s.settled()
    s.crash(1)
    taken = yield s.advert(2)
    s.apart(s.last_advert(1), taken, 0.353)


@situation(vi(150), vi(120))
def test_the_better_one_returns_and_preempts(s: Run) -> Script:
    yield from s.settled()
    s.stop(1)
    yield s.owner(2)
    yield s.ended(1)
    s.start(1)
    yield s.owner(1)
    yield s.entered(2, "BACKUP")


@situation(vi(150), vi(120), vi(100))
def test_three_routers_go_one_after_the_other(s: Run) -> Script:
    yield from s.settled()
    s.stop(1)
    yield s.owner(2)
    yield s.adverts(2, 4)
    s.stop(2)
    released = yield s.advert(2, priority=0)
    taken = yield s.advert(3)
    s.apart(released, taken, 0.061)
    yield s.owner(3)


@situation(vi(100), vi(150))
def test_a_better_one_that_starts_late_preempts(s: Run) -> Script:
    s.start(1)
    yield s.owner(1)
    yield s.quiet()
    s.start(2)
    yield s.owner(2)
    yield s.entered(1, "BACKUP")


@situation(vi(120), vi(120))
def test_an_equal_one_that_starts_late_waits_though_its_address_is_higher(s: Run) -> Script:
    yield from s.settled()
    yield s.adverts(1, 6)
    yield s.owner(1)


@situation(vi(150), vi(120), vi(100), loose=STATES)
def test_started_together_the_best_one_wins(s: Run) -> Script:
    s.start(1, 2, 3)
    yield s.owner(1)
    yield s.adverts(1, 6)
    yield s.owner(1)


@situation(vi(120), vi(120), loose=("announced", "priorities"))
def test_of_two_equal_masters_the_higher_address_stays(s: Run) -> Script:
    yield from s.settled()
    s.cut(1)
    yield s.entered(2, "MASTER")
    yield s.quiet()
    s.cut(1, healed=True)
    yield s.owner(2)
    yield s.entered(1, "BACKUP")


@situation(vi(150), vi(120), loose=("announced",))
def test_a_split_brain_ends_when_the_cut_is_healed(s: Run) -> Script:
    yield from s.settled()
    s.cut(1)
    yield s.entered(2, "MASTER")
    assert s.host(1).holds(VIP)
    assert s.host(2).holds(VIP)
    yield s.quiet()
    s.cut(1, healed=True)
    yield s.owner(1)
    yield s.entered(2, "BACKUP")


@situation(vi(150, "nopreempt"), vi(120, "nopreempt"))
def test_with_nopreempt_the_better_one_returns_as_backup_until_it_is_needed(s: Run) -> Script:
    yield from s.settled()
    s.stop(1)
    yield s.owner(2)
    yield s.ended(1)
    s.start(1)
    yield s.entered(1, "BACKUP")
    yield s.adverts(2, 6)
    yield s.owner(2)
    s.stop(2)
    released = yield s.advert(2, priority=0)
    taken = yield s.advert(1)
    s.apart(released, taken, 0.041)
    yield s.owner(1)


@situation(vi(150, "preempt_delay 1"), vi(120))
def test_a_preempt_delay_puts_the_return_off(s: Run) -> Script:
    s.start(2)
    yield s.owner(2)
    yield s.quiet()
    s.start(1)
    yield s.logged(1, "start preempt delay")
    before = s.last_advert(2)
    taken = yield s.advert(1)
    s.apart(before, taken, 1.2, early=0.3, late=0.3)
    yield s.owner(1)


@situation(vi(255, state="MASTER"), vi(120))
def test_the_owner_does_not_wait(s: Run) -> Script:
    s.start(2)
    yield s.owner(2)
    yield s.quiet()
    s.start(1)
    yield s.owner(1)
    yield s.entered(2, "BACKUP")


@situation(
    vi(255),
    vi(120),
    differs=[Differs(host=1, facet="states", subject="VI", ours="MASTER", why="RFC 9568 6.4.1 (110): 255 is enough")],
)
def test_the_owner_is_known_by_its_priority_not_by_a_word(s: Run) -> Script:
    s.start(2)
    yield s.owner(2)
    yield s.quiet()
    s.start(1)
    yield s.owner(1)
    yield s.entered(2, "BACKUP")


@situation(vi(150), vi(120), loose=("priorities", "announced"))
def test_a_paused_master_is_replaced_and_comes_back(s: Run) -> Script:
    yield from s.settled()
    s.freeze(1)
    yield s.entered(2, "MASTER")
    yield s.quiet()
    s.freeze(1, frozen=False)
    yield s.entered(2, "BACKUP")
    yield s.owner(1)


@situation(vi(150), vi(120))
def test_without_its_parent_the_vrrp_process_withdraws(s: Run) -> Script:
    yield from s.settled()
    s.signal(1, signal.SIGKILL)
    yield s.advert(1, priority=0)
    yield s.owner(2)


@situation(vi(150), vi(120), loose=("priorities", "announced"))
def test_a_killed_vrrp_process_is_started_again_and_preempts(s: Run) -> Script:
    yield from s.settled()
    os.kill(s.programs[1].pids()[1], signal.SIGKILL)
    yield s.entered(2, "MASTER")
    yield s.entered(2, "BACKUP")
    yield s.owner(1)


@situation(vi(150), vi(120))
def test_a_killed_predecessor_s_address_is_taken_off_at_start(s: Run) -> Script:
    yield from s.settled()
    s.crash(1)
    yield s.entered(2, "MASTER")
    assert s.host(1).holds(VIP)
    s.start(1)
    yield s.holds(1, present=False)
    yield s.owner(1)
    yield s.entered(2, "BACKUP")


@situation(vi(100), vi(100, vrid=22, vips=("192.168.1.30",)))
def test_routers_of_other_numbers_do_not_meet(s: Run) -> Script:
    s.start(1, 2)
    yield s.owner(1)
    yield s.owner(2, "192.168.1.30")


@situation(
    vi(150) + vi(120, name="W", vrid=22, vips=("192.168.1.30",)),
    vi(120) + vi(150, name="W", vrid=22, vips=("192.168.1.30",)),
)
def test_two_instances_share_the_load_and_cover_for_each_other(s: Run) -> Script:
    s.start(1)
    yield s.owner(1)
    yield s.owner(1, "192.168.1.30")
    yield s.quiet()
    s.start(2)
    yield s.owner(2, "192.168.1.30")
    yield s.owner(1)
    yield s.quiet()
    s.stop(1)
    yield s.owner(2)
    yield s.owner(2, "192.168.1.30")
