"""Options of an instance that change when it speaks, how often it announces, and whom it believes."""

from tests.interop.configs import global_defs, vi
from tests.interop.forge import Forged
from tests.interop.frames import Frame
from tests.interop.network import STRANGER
from tests.interop.situation import VIP, Run, Script, Until, situation
from tests.interop.story import Differs


def announcements(s: Run, host: int, count: int) -> Until:
    return s.heard(f"announcement of host {host}", lambda frame: _announces(frame, host), count)


def _announces(frame: Frame, host: int) -> bool:
    return frame.host == host and frame.announced == VIP


def lone(*lines: str) -> str:
    return vi(150, *lines)


@situation(lone("garp_master_repeat 2", "garp_master_delay 1"))
def test_announcements_are_repeated_after_the_delay(s: Run) -> Script:
    s.start(1)
    first = yield announcements(s, 1, 2)
    last = yield announcements(s, 1, 2)
    s.apart(first, last, 1.0)


@situation(
    lone("garp_master_repeat 1", "garp_master_refresh 1", "garp_master_refresh_repeat 2", "garp_master_delay 0"),
)
def test_announcements_are_refreshed(s: Run) -> Script:
    s.start(1)
    first = yield announcements(s, 1, 1)
    second = yield announcements(s, 1, 2)
    s.apart(first, second, 1.0, early=0.15)
    third = yield announcements(s, 1, 2)
    s.apart(second, third, 1.0, early=0.15)


ONCE = ("garp_master_repeat 1", "garp_master_delay 0")


@situation(
    vi(150, "garp_extra_if all 1", *ONCE, vips=(VIP, "192.168.1.30 dev eth1")), interfaces=2, loose=("announced",)
)
def test_addresses_elsewhere_are_announced_periodically(s: Run) -> Script:
    s.start(1)
    yield s.heard("first", lambda frame: frame.announced == "192.168.1.30")
    first = yield s.heard("again", lambda frame: frame.announced)
    second = yield s.heard("once more", lambda frame: frame.announced)
    s.note(1, "announced again", [first.announced, second.announced])
    s.apart(first, second, 1.0, early=0.15)


@situation(lone("garp_lower_prio_repeat 3", "garp_lower_prio_delay 1"))
def test_a_lower_stranger_is_answered_with_so_many_announcements(s: Run) -> Script:
    s.start(1)
    yield announcements(s, 1, 5)
    yield s.adverts(1, 2)
    s.stray(Forged(priority=50))
    first = yield announcements(s, 1, 3)
    last = yield announcements(s, 1, 3)
    s.apart(first, last, 1.0)


@situation(lone("lower_prio_no_advert"))
def test_a_lower_stranger_is_not_answered_where_that_is_asked_for(s: Run) -> Script:
    s.start(1)
    yield s.owner(1)
    yield s.quiet()
    before = s.last_advert(1)
    s.stray(Forged(priority=50))
    yield s.heard("stray", lambda frame: frame.host == STRANGER)
    after = yield s.advert(1)
    if s.casting[0] == "ours":  # C keepalived puts its next advert off by whatever it hears
        s.apart(before, after, 0.1, late=0.05)


@situation(vi(240, "higher_prio_send_advert"), vi(10), loose=("announced",))  # far apart: both miss the stranger
def test_a_better_stranger_is_told_once_more_where_that_is_asked_for(s: Run) -> Script:
    yield from s.settled()
    yield s.adverts(1, 1)
    s.stray(Forged(priority=254))
    yield s.entered(1, "BACKUP")
    yield s.entered(1, "MASTER")  # it may hold the address still when it says BACKUP
    yield s.owner(1)


@situation(vi(150), vi(120, "down_timer_adverts 6"))
def test_the_master_is_missed_after_so_many_adverts(s: Run) -> Script:
    yield from s.settled()
    s.crash(1)
    taken = yield s.advert(2)
    s.apart(s.last_advert(1), taken, 0.653)


@situation(global_defs("vrrp_startup_delay 0.2") + vi(150), vi(120))
def test_a_startup_delay_puts_the_election_off(s: Run) -> Script:
    s.start(2)
    yield s.owner(2)
    yield s.quiet()
    s.start(1)
    before = s.last_advert(2)
    taken = yield s.advert(1)
    s.apart(before, taken, 0.6, early=0.15, late=3.0)  # a busy machine starts daemons slowly
    yield s.owner(1)


OTHER = (VIP, "192.168.1.40")


@situation(
    vi(150, vips=(VIP, "192.168.1.30")),
    vi(120, "skip_check_adv_addr", vips=OTHER),
    loose=("priorities", "announced"),
    differs=[
        Differs(host=2, facet=facet, subject=subject, ours=ours, why="ADR 16: one address in common is enough")
        for facet, subject, ours in (
            ("states", "VI", "BACKUP"),
            ("held", f"{VIP}/32", None),
            ("held", "192.168.1.40/32", None),
        )
    ],
)
def test_other_addresses_are_looked_at_once(s: Run) -> Script:
    s.start(1)
    yield s.owner(1)
    s.start(2)
    yield s.entered(2, "BACKUP" if s.casting[1] == "ours" else "MASTER")
    yield s.adverts(1, 8)


@situation(vi(150, "mcast_src_ip 192.168.1.121"), vi(120))
def test_adverts_come_from_the_given_address(s: Run) -> Script:
    s.host(1).add_address("192.168.1.121/24")
    yield from s.settled()
    assert s.last_advert(1).advert.source == "192.168.1.121"
    s.stop(1)
    yield s.owner(2)


@situation(global_defs("vrrp_mcast_group4 224.0.0.81") + vi(150), vi(120, "mcast_dst_ip 224.0.0.81"))
def test_another_multicast_group(s: Run) -> Script:
    yield from s.settled()
    s.stop(1)
    yield s.owner(2)
    assert s.last_advert(2).advert.destination == "224.0.0.81"


@situation(
    global_defs("vrrp_garp_interval 0.05") + vi(150),
    loose=("announced",),
)
def test_announcements_are_spread_out(s: Run) -> Script:
    s.start(1)
    first = yield announcements(s, 1, 1)
    if s.casting[0] == "ours":  # C keepalived 2.2.7 sends two of the five
        last = yield announcements(s, 1, 4)
        s.apart(first, last, 0.2)


@situation(*(global_defs("vrrp_version 3") + vi(priority, timing="advert_int 0.1") for priority in (150, 120)))
def test_the_version_of_all_instances(s: Run) -> Script:
    yield from s.settled()
    s.stop(1)
    yield s.owner(2)


@situation(*(vi(priority, "strict_mode on") for priority in (150, 120)))
def test_strict_mode(s: Run) -> Script:
    yield from s.settled()
    s.stop(1)
    yield s.owner(2)


@situation(*(vi(priority, "dont_track_primary") for priority in (150, 120)), loose=("announced",))
def test_the_own_interface_is_not_watched_where_that_is_asked_for(s: Run) -> Script:
    yield from s.settled()
    s.port(1, up=False)
    yield s.entered(2, "MASTER")
    yield s.quiet()
    s.note(1, "state while the carrier is gone", s.programs[1].state("VI"))
    s.port(1, up=True)
    yield s.owner(1)
