"""Announcements are spread over time, and none is lost."""

from labkit.vrrp.pacing import Frame, Pace, Pacer

A, B = Frame("eth0", 4, b"a"), Frame("eth0", 4, b"b")
SIX = Frame("eth0", 6, b"six")
ELSEWHERE = Frame("eth1", 4, b"elsewhere")
MS = 1_000


def paced(**paces: Pace) -> Pacer:
    pacer = Pacer()
    pacer.configure(paces)
    return pacer


def run(pacer: Pacer, begin: int) -> list[tuple[int, Frame]]:
    """Wake the pacer at its deadlines until nothing waits; return when each frame went out, since `begin`."""
    sent: list[tuple[int, Frame]] = []
    while pacer.deadline is not None:
        now = pacer.deadline
        sent += [(now - begin, frame) for frame in pacer.wake(now)]
    return sent


def test_without_an_interval_all_rounds_go_out_at_once() -> None:
    pacer = paced()
    assert pacer.announce("X", [A, ELSEWHERE], 2, 5) == [A, ELSEWHERE, A, ELSEWHERE]
    assert pacer.deadline is None


def test_with_an_interval_every_round_goes_out_one_frame_at_a_time() -> None:
    pacer = paced(eth0=Pace("eth0", interval4=10 * MS))
    begin = 1_000_000
    assert pacer.announce("X", [A, B], 2, begin) == [A]
    assert pacer.deadline == begin + 10 * MS
    assert pacer.wake(begin + 10 * MS - 1) == []
    assert run(pacer, begin) == [(10 * MS, B), (20 * MS, A), (30 * MS, B)]


def test_families_and_interfaces_have_lanes_of_their_own() -> None:
    pacer = paced(eth0=Pace("eth0", interval4=10 * MS, interval6=30 * MS), eth1=Pace("eth1", interval4=50 * MS))
    assert pacer.announce("X", [A, SIX, ELSEWHERE], 2, 0) == [A, SIX, ELSEWHERE]
    assert run(pacer, 0) == [(10 * MS, A), (30 * MS, SIX), (50 * MS, ELSEWHERE)]


def test_interfaces_of_a_group_share_an_interval() -> None:
    pacer = paced(eth0=Pace("g", interval4=10 * MS), eth1=Pace("g", interval4=10 * MS))
    assert pacer.announce("X", [A, ELSEWHERE], 1, 0) == [A]
    assert run(pacer, 0) == [(10 * MS, ELSEWHERE)]


def test_only_the_family_with_an_interval_waits() -> None:
    pacer = paced(eth0=Pace("eth0", interval6=10 * MS))
    assert pacer.announce("X", [A, SIX], 2, 0) == [A, A, SIX]
    assert run(pacer, 0) == [(10 * MS, SIX)]


def test_routers_take_turns() -> None:
    pacer = paced(eth0=Pace("eth0", interval4=10 * MS))
    assert pacer.announce("X", [A], 3, 0) == [A]
    assert pacer.announce("Y", [B], 2, 0) == []
    assert [frame for _, frame in run(pacer, 0)] == [A, B, A, B]


def test_the_interval_holds_between_two_announcements_far_apart() -> None:
    pacer = paced(eth0=Pace("eth0", interval4=10 * MS))
    pacer.announce("X", [A], 1, 0)
    assert pacer.announce("X", [A], 1, 4 * MS) == []
    assert run(pacer, 0) == [(10 * MS, A)]
    assert pacer.announce("X", [A], 1, 25 * MS) == [A]


def test_asking_again_and_again_adds_no_rounds_and_starves_no_address() -> None:
    pacer = paced(eth0=Pace("eth0", interval4=10 * MS))
    sent = pacer.announce("X", [A, B], 2, 0)
    for _ in range(5):
        sent += pacer.announce("X", [A, B], 2, 1 * MS)
    assert sent == [A]
    assert [frame for _, frame in run(pacer, 0)] == [B, A, B, A]


def test_who_is_master_no_more_announces_nothing_more() -> None:
    pacer = paced(eth0=Pace("eth0", interval4=10 * MS))
    pacer.announce("X", [A], 3, 0)
    pacer.announce("Y", [B], 1, 0)
    pacer.forget("X")
    assert [frame for _, frame in run(pacer, 0)] == [B]


def test_what_waits_goes_out_without_pauses_when_the_interval_is_taken_away() -> None:
    pacer = paced(eth0=Pace("eth0", interval4=10 * MS))
    pacer.announce("X", [A, B], 2, 0)
    pacer.configure({})
    assert run(pacer, 0) == [(10 * MS, B), (10 * MS, A), (10 * MS, B)]
