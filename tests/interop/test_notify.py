"""Whom the daemon tells, with which words."""

from tests.interop.configs import script, tracking, vi
from tests.interop.situation import Run, Script, situation

NOTIFY = "notify %HOME%/notify"
EACH = tuple(f"notify_{state} \"%HOME%/notify {state} 'two words'\"" for state in ("master", "backup", "fault", "stop"))


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
