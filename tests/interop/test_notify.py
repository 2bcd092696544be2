"""Whom the daemon tells, with which words."""

from tests.interop.configs import global_defs, pair, script, tracking, vi
from tests.interop.forge import Forged
from tests.interop.situation import Run, Script, situation

NOTIFY = "notify %HOME%/notify"
STATES = ("master", "backup", "fault", "stop")
EACH = tuple(f"notify_{state} \"%HOME%/notify {state} 'two words' $HOME a&b|c\"" for state in STATES)


@situation(vi(150, NOTIFY), vi(120, NOTIFY))
def test_one_script_for_every_state(s: Run) -> Script:
    yield from s.settled()
    yield s.notified(1, 2)
    s.stop(1)
    yield s.owner(2)
    yield s.notified(1, 3)
    yield s.notified(2, 2)
    yield s.ended(1)


@situation(script() + vi(150, tracking(), *EACH), vi(120, *EACH))
def test_a_script_for_each_state_with_arguments_of_its_own(s: Run) -> Script:
    s.flag(1, "ok", up=True)
    yield from s.settled()
    s.flag(1, "ok", up=False)
    yield s.owner(2)
    yield s.notified(1, 3)
    s.flag(1, "ok", up=True)
    yield s.owner(1)
    yield s.notified(1, 5)
    s.stop(1)
    yield s.ended(1)
    yield s.notified(1, 6)


@situation(vi(150, NOTIFY, *EACH[:2]), vi(120, NOTIFY, *EACH[:2]))
def test_the_general_script_runs_beside_the_particular_one(s: Run) -> Script:
    yield from s.settled()
    yield s.notified(1, 4)
    s.crash(1)
    yield s.entered(2, "MASTER")
    yield s.notified(2, 4)


@situation(vi(150, """notify_backup '%HOME%/notify "two words"'""", "notify_master '%HOME%/notify one two'"))
def test_a_command_in_single_quotes(s: Run) -> Script:
    s.start(1)
    yield s.owner(1)
    yield s.notified(1, 2)


FIFO = global_defs("vrrp_notify_fifo %HOME%/fifo")


@situation(FIFO + vi(150), FIFO + vi(120))
def test_a_fifo_is_told_every_state_in_order(s: Run) -> Script:
    yield from s.settled()
    s.stop(1)
    yield s.owner(2)
    yield s.ended(1)


EVERYTHING = global_defs("notify_fifo %HOME%/fifo")


@situation(EVERYTHING + script() + vi(150, tracking()), vi(120))
def test_a_fifo_is_told_of_a_fault(s: Run) -> Script:
    s.flag(1, "ok", up=True)
    yield from s.settled()
    s.flag(1, "ok", up=False)
    yield s.owner(2)
    s.flag(1, "ok", up=True)
    yield s.owner(1)


@situation(FIFO + pair(150), FIFO + pair(120), interfaces=2, loose=("notified",))
def test_a_fifo_is_told_of_groups(s: Run) -> Script:
    s.start(1)
    yield s.owner(1)
    yield s.owner(1, "192.168.2.20")
    yield s.quiet()
    s.note(1, "FIFO", sorted(s.programs[1].fifo.splitlines()))  # C keepalived tells of A and B in either order


CHANGES = global_defs("vrrp_notify_fifo %HOME%/fifo", "vrrp_notify_priority_changes")


@situation(CHANGES + script("check", "weight -40") + vi(150, tracking()), vi(120))
def test_a_fifo_is_told_of_priorities(s: Run) -> Script:
    s.flag(1, "ok", up=True)
    yield from s.settled()
    s.flag(1, "ok", up=False)
    yield s.owner(2)


DELETED = ("notify %HOME%/notify", "notify_deleted")


@situation(vi(150) + vi(150, *DELETED, name="W", vrid=22, vips=("192.168.1.30",)))
def test_a_removed_instance_is_told_as_deleted(s: Run) -> Script:
    s.start(1)
    yield s.owner(1, "192.168.1.30")
    yield s.notified(1, 2)
    s.reload(1, vi(150))
    yield s.holds(1, "192.168.1.30", present=False)
    yield s.notified(1, 3)


LOWER = 'notify_master_rx_lower_pri "%HOME%/notify lower"'


@situation(vi(150, LOWER), vi(120), loose=("announced", "priorities"))
def test_a_master_that_hears_a_lower_one_tells(s: Run) -> Script:
    yield from s.settled()
    s.stray(Forged(priority=50))
    yield s.notified(1, 1)
    yield s.adverts(1, 3)


@situation(vi(150, "notify %HOME%/notify root", 'notify_master "%HOME%/notify by root" root root'))
def test_a_script_may_name_its_user(s: Run) -> Script:
    s.start(1)
    yield s.owner(1)
    yield s.notified(1, 3)
