"""Sync groups: two instances on two interfaces move together, whatever one of them loses."""

from tests.interop.configs import pair, script, tracking
from tests.interop.situation import Run, Script, Until, situation

A, B = "192.168.1.20", "192.168.2.20"
# Ours: the member that gives way for its group's sake sends priority 0: nobody on its segment sent anything better
GIVES_WAY = "priorities 2"


def settled(s: Run) -> Script:
    """Host 1 has both addresses, host 2 waits."""
    s.start(1)
    yield s.owner(1, A)
    yield s.owner(1, B)
    yield s.quiet()
    s.start(2)
    yield Until("BACKUP", lambda: s.programs[2].state("A") == s.programs[2].state("B") == "BACKUP")
    yield s.adverts(1, 4)


def moved(s: Run, host: int) -> Script:
    yield s.owner(host, A)
    yield s.owner(host, B)


@situation(pair(150), pair(120), interfaces=2)
def test_a_stop_moves_both(s: Run) -> Script:
    yield from settled(s)
    s.stop(1)
    yield from moved(s, 2)


@situation(pair(150), pair(120), interfaces=2)
def test_a_crash_moves_both(s: Run) -> Script:
    yield from settled(s)
    s.crash(1)
    for name in ("A", "B"):
        yield s.entered(2, "MASTER", name)


@situation(pair(150), pair(120), interfaces=2, loose=(GIVES_WAY,))
def test_a_link_down_moves_both_and_both_return(s: Run) -> Script:
    yield from settled(s)
    s.link(1, "eth0", up=False)
    yield s.entered(1, "FAULT", "A")
    yield s.entered(1, "FAULT", "B")
    yield from moved(s, 2)
    yield s.quiet()
    s.link(1, "eth0", up=True)
    yield from moved(s, 1)


@situation(pair(150), pair(120), interfaces=2, loose=(GIVES_WAY,))
def test_the_second_member_s_lost_carrier_moves_both(s: Run) -> Script:
    yield from settled(s)
    s.port(1, "eth1", up=False)
    yield s.entered(1, "FAULT", "B")
    yield from moved(s, 2)
    yield s.quiet()
    s.port(1, "eth1", up=True)
    yield from moved(s, 1)


@situation(pair(150), pair(120), interfaces=2, loose=("announced", "priorities"))
def test_one_cut_member_cannot_become_master_alone(s: Run) -> Script:
    yield from settled(s)
    s.cut(1, "eth0")
    yield s.adverts(1, 12)
    assert s.programs[2].state("B") == "BACKUP"
    s.cut(1, "eth0", healed=True)
    yield s.quiet()
    yield from moved(s, 1)


@situation(script() + pair(150, tracking()), pair(120), interfaces=2, loose=(GIVES_WAY, "groups"))
def test_a_member_s_failed_script_moves_both(s: Run) -> Script:
    s.flag(1, "ok", up=True)
    yield from settled(s)
    s.flag(1, "ok", up=False)
    yield s.entered(1, "FAULT", "A")
    yield from moved(s, 2)
    s.flag(1, "ok", up=True)
    yield from moved(s, 1)


@situation(script() + pair(150, of_group=(tracking(),)), pair(120), interfaces=2, loose=(GIVES_WAY, "groups"))
def test_a_script_of_the_group_s_own_moves_both(s: Run) -> Script:
    s.flag(1, "ok", up=True)
    yield from settled(s)
    s.flag(1, "ok", up=False)
    yield s.entered(1, "FAULT", "A")
    yield s.entered(1, "FAULT", "B")
    yield from moved(s, 2)
    s.flag(1, "ok", up=True)
    yield from moved(s, 1)


@situation(pair(150, of_group=(tracking("interface", "eth2"),)), pair(120), interfaces=3, loose=(GIVES_WAY, "groups"))
def test_an_interface_of_the_group_s_own_moves_both(s: Run) -> Script:
    yield from settled(s)
    s.port(1, "eth2", up=False)
    yield s.entered(1, "FAULT", "A")
    yield s.entered(1, "FAULT", "B")
    yield from moved(s, 2)
    s.port(1, "eth2", up=True)
    yield from moved(s, 1)


WEIGHED = script("check", "weight -40") + pair(150, of_group=(tracking(), "sync_group_tracking_weight"))


@situation(WEIGHED, pair(120), interfaces=2, loose=("priorities", "announced"))
def test_weights_count_where_the_group_asks_for_that(s: Run) -> Script:
    s.flag(1, "ok", up=True)
    yield from settled(s)
    s.flag(1, "ok", up=False)
    yield s.advert(1, priority=110)
    yield from moved(s, 2)
    s.flag(1, "ok", up=True)
    yield from moved(s, 1)


@situation(pair(150), pair(120), interfaces=2, loose=(GIVES_WAY,))
def test_a_better_host_takes_both_back(s: Run) -> Script:
    s.start(2)
    yield from moved(s, 2)
    yield s.quiet()
    s.start(1)
    yield from moved(s, 1)


@situation(
    pair(150, "notify %HOME%/notify", of_group=("notify %HOME%/notify",)),
    pair(120, "notify %HOME%/notify", of_group=("notify %HOME%/notify",)),
    interfaces=2,
)
def test_a_group_notifies_as_its_members_do(s: Run) -> Script:
    yield from settled(s)
    yield s.notified(1, 4)
    s.stop(1)
    yield from moved(s, 2)
    yield s.notified(2, 4)
    yield s.ended(1)
