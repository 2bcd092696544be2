"""Scripts and interfaces: weights, FAULT and recovery."""

from tests.interop.configs import script, tracking, vi
from tests.interop.situation import Run, Script, situation

ONCE = script("check", "rise 1", "fall 1")


def tracked(*lines: str, priority: int = 150, more: tuple[str, ...] = ()) -> str:
    return script("check", *lines) + vi(priority, tracking(), *more)


def good_pair(s: Run) -> Script:
    """Both hosts' checks succeed, host 1 is MASTER."""
    for host in s.programs:
        s.flag(host, "ok", up=True)
    yield from s.settled()


@situation(tracked(), vi(120))
def test_a_failed_script_is_a_fault_until_it_succeeds_again(s: Run) -> Script:
    yield from good_pair(s)
    s.flag(1, "ok", up=False)
    yield s.entered(1, "FAULT")
    released = yield s.advert(1, priority=0)
    taken = yield s.advert(2)
    s.apart(released, taken, 0.053)
    yield s.owner(2)
    s.flag(1, "ok", up=True)
    yield s.owner(1)
    yield s.entered(2, "BACKUP")


@situation(tracked("weight -40"), vi(120))
def test_a_failed_script_with_a_weight_lowers_the_priority(s: Run) -> Script:
    yield from good_pair(s)
    s.flag(1, "ok", up=False)
    yield s.advert(1, priority=110)
    taken = yield s.advert(2)
    s.apart(s.last_advert(1, priority=150), taken, 0.353)  # a lower priority is discarded, not answered
    yield s.owner(2)
    s.flag(1, "ok", up=True)
    yield s.owner(1)


@situation(tracked("weight 40", priority=100), vi(120))
def test_a_positive_weight_counts_while_the_script_succeeds(s: Run) -> Script:
    yield from good_pair(s)
    yield s.advert(1, priority=140)
    s.flag(1, "ok", up=False)
    yield s.advert(1, priority=100)
    yield s.owner(2)


@situation(tracked("weight 40 reverse"), vi(120), loose=("announced",))
def test_a_reversed_weight_is_taken_off_while_the_script_succeeds(s: Run) -> Script:
    yield from s.settled()
    s.flag(1, "ok", up=True)
    yield s.advert(1, priority=110)
    yield s.owner(2)
    s.flag(1, "ok", up=False)
    yield s.owner(1)
    yield s.advert(1, priority=150)


@situation(tracked("fall 2", "rise 2"), vi(120))
def test_a_script_falls_and_rises_after_so_many_results(s: Run) -> Script:
    yield from good_pair(s)
    s.flag(1, "ok", up=False)
    yield s.logged(1, "Script `check` now returning 1")
    yield s.logged(1, "VRRP_Script(check) failed (exited with status 1)")
    yield s.owner(2)
    s.flag(1, "ok", up=True)
    yield s.logged(1, "Script `check` now returning 0")
    yield s.logged(1, "VRRP_Script(check) succeeded")
    yield s.owner(1)


@situation(tracked("init_fail"), vi(120), loose=("states 1",))
def test_a_script_that_fails_at_the_start_keeps_the_router_out(s: Run) -> Script:
    s.start(1, 2)
    yield s.owner(2)
    yield s.adverts(2, 5)
    s.flag(1, "ok", up=True)
    yield s.owner(1)


@situation(
    ONCE + script("second", "weight -30", flag="second") + vi(150, tracking("script", "check weight -20", "second")),
    vi(120),
    loose=("priorities",),
)
def test_weights_of_two_scripts_add_up(s: Run) -> Script:
    for flag in ("ok", "second"):
        s.flag(1, flag, up=True)
    yield from s.settled()
    s.flag(1, "ok", up=False)
    yield s.advert(1, priority=130)
    s.flag(1, "second", up=False)
    yield s.advert(1, priority=100)
    yield s.owner(2)


@situation(vi(150, tracking("interface", "eth1")), vi(120), interfaces=2)
def test_a_tracked_interface_that_is_down_is_a_fault(s: Run) -> Script:
    yield from s.settled()
    s.link(1, "eth1", up=False)
    yield s.advert(1, priority=0)
    yield s.entered(1, "FAULT")
    yield s.owner(2)
    s.link(1, "eth1", up=True)
    yield s.owner(1)


@situation(vi(150, tracking("interface", "eth1 weight -50")), vi(120), interfaces=2)
def test_a_tracked_interface_with_a_weight_lowers_the_priority(s: Run) -> Script:
    yield from s.settled()
    s.port(1, "eth1", up=False)
    yield s.advert(1, priority=100)
    taken = yield s.advert(2)
    s.apart(s.last_advert(1, priority=150), taken, 0.353)
    yield s.owner(2)
    s.port(1, "eth1", up=True)
    yield s.owner(1)


@situation(vi(150), vi(120))
def test_a_link_that_is_set_down_is_a_fault_until_it_is_up(s: Run) -> Script:
    yield from s.settled()
    s.link(1, up=False)
    yield s.entered(1, "FAULT")
    taken = yield s.advert(2)
    s.apart(s.last_advert(1), taken, 0.353)
    yield s.owner(2)
    s.link(1, up=True)
    yield s.owner(1)


@situation(vi(150), vi(120))
def test_a_lost_carrier_is_a_fault_until_it_is_back(s: Run) -> Script:
    yield from s.settled()
    s.port(1, up=False)
    yield s.entered(1, "FAULT")
    yield s.owner(2)
    s.port(1, up=True)
    yield s.owner(1)


@situation(vi(150), vi(120))
def test_a_backup_s_lost_link_disturbs_nobody(s: Run) -> Script:
    yield from s.settled()
    s.link(2, up=False)
    yield s.entered(2, "FAULT")
    yield s.adverts(1, 5)
    s.link(2, up=True)
    yield s.entered(2, "BACKUP")
    yield s.adverts(1, 5)
    yield s.owner(1)
