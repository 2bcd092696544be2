"""Who claims a virtual address without having it."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from labkit.trace import SECOND
from labkit.vrrp.config import RouterConfig
from labkit.vrrp.duplicates import CAPACITY, Duplicates, Stand
from labkit.vrrp.events import Configure, DuplicateFound, DuplicateSeen, State
from labkit.vrrp.speaker import Speaker

VIP, PEER, OTHER_PEER = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.22"), IPv4Address("192.0.2.23")
OWN, PEERS, STRANGER = bytes([2, 0, 0, 0, 0, 1]), bytes([2, 0, 0, 0, 0, 2]), bytes([2, 0, 0, 0, 0, 9])
MASTER = Stand(state=State.MASTER, since=0, master=None, own=frozenset({OWN}))
BACKUP = Stand(state=State.BACKUP, since=0, master=PEER, own=frozenset({OWN}))
SEEN = DuplicateSeen(router="A", address=VIP, lladdr=STRANGER)


class Room:
    """A judge and the one router that it asks about."""

    def __init__(self, stand: Stand | None) -> None:
        self.stand = stand
        self.judge = Duplicates(lambda name: self.stand if name == "A" else None)

    def claim(self, lladdr: bytes, now: int) -> None:
        self.judge.claimed("A", VIP, lladdr, now)


def test_a_claim_while_we_are_master_is_told_a_second_later() -> None:
    room = Room(MASTER)
    room.claim(STRANGER, 5 * SECOND)
    assert room.judge.deadline == 6 * SECOND
    assert room.judge.judge(5_999_999) == []
    assert room.judge.judge(6 * SECOND) == [SEEN]
    assert room.judge.deadline is None


def test_many_claims_of_one_stranger_are_judged_once() -> None:
    room = Room(MASTER)
    for moment in range(5):
        room.claim(STRANGER, 5 * SECOND + moment)
    assert room.judge.judge(7 * SECOND) == [SEEN]


@pytest.mark.parametrize(
    ("stand", "lladdr", "now"),
    [
        pytest.param(MASTER, OWN, 5 * SECOND, id="our-own"),
        pytest.param(MASTER, STRANGER, SECOND - 1, id="too-early"),
        pytest.param(replace(MASTER, state=State.FAULT), STRANGER, 5 * SECOND, id="fault"),
        pytest.param(None, STRANGER, 5 * SECOND, id="no-router"),
        pytest.param(BACKUP, PEERS, 5 * SECOND, id="the-first-while-backup"),
    ],
)
def test_what_is_no_duplicate(stand: Stand | None, lladdr: bytes, now: int) -> None:
    room = Room(stand)
    room.claim(lladdr, now)
    assert room.judge.deadline is None


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(BACKUP, id="backup"),
        pytest.param(replace(MASTER, since=5_500_000), id="master-again"),
        pytest.param(None, id="gone"),
    ],
)
def test_a_change_within_the_second_explains_the_claim(later: Stand | None) -> None:
    room = Room(MASTER)
    room.claim(STRANGER, 5 * SECOND)
    room.stand = later
    assert room.judge.judge(6 * SECOND) == []


def test_while_we_are_backup_the_master_may_and_nobody_else() -> None:
    room = Room(BACKUP)
    room.claim(PEERS, 5 * SECOND)
    room.claim(PEERS, 6 * SECOND)
    room.claim(STRANGER, 7 * SECOND)
    assert room.judge.judge(8 * SECOND) == [SEEN]


def test_a_new_master_is_the_holder_whatever_comes_first() -> None:
    room = Room(BACKUP)
    room.claim(PEERS, 5 * SECOND)
    room.claim(STRANGER, 6 * SECOND)  # the new master's announcement, before its advert is heard
    room.stand = replace(BACKUP, master=OTHER_PEER)
    assert room.judge.judge(7 * SECOND) == []
    room.claim(STRANGER, 8 * SECOND)
    assert room.judge.deadline is None
    room.stand = BACKUP
    room.claim(PEERS, 9 * SECOND)  # the old one is back, its advert is heard first
    assert room.judge.deadline is None


def test_our_own_interface_of_a_backup_has_the_address() -> None:
    room = Room(BACKUP)
    assert room.judge.present("A", VIP, OWN, 5 * SECOND)
    assert room.judge.present("A", VIP, OWN, 5 * SECOND + 1)
    assert room.judge.judge(6 * SECOND) == [DuplicateSeen(router="A", address=VIP, lladdr=OWN, here=True)]


@pytest.mark.parametrize(
    "stand", [pytest.param(MASTER, id="master"), pytest.param(replace(BACKUP, owner=True), id="owner")]
)
def test_who_may_have_its_address(stand: Stand) -> None:
    room = Room(stand)
    assert not room.judge.present("A", VIP, OWN, 5 * SECOND)
    assert room.judge.deadline is None


def test_only_so_many_claims_wait() -> None:
    room = Room(MASTER)
    for number in range(CAPACITY + 1):
        room.claim(bytes([4, 0, 0, 0, 0, number]), 5 * SECOND)
    assert len(room.judge.judge(6 * SECOND)) == CAPACITY


def test_a_router_that_is_gone_is_forgotten() -> None:
    room = Room(BACKUP)
    room.claim(PEERS, 5 * SECOND)
    room.judge.forget(lambda name: name != "A")
    room.claim(STRANGER, 6 * SECOND)  # as good as the first
    assert room.judge.deadline is None


def test_the_speaker_tells_of_a_claimant_once_a_minute() -> None:
    speaker = Speaker()
    speaker.handle(Configure(routers=(RouterConfig(name="A", interface="eth0", vrid=7, addresses=(VIP,)),)), 0)
    found = DuplicateFound(router="A", address=VIP, lladdr=STRANGER)
    assert speaker.handle(SEEN, SECOND) == [found]
    assert speaker.handle(SEEN, 60 * SECOND) == []
    assert speaker.handle(SEEN, 61 * SECOND) == [found]
    assert speaker.handle(replace(SEEN, router="B"), SECOND) == []


def test_how_it_stands_with_one_router() -> None:
    speaker = Speaker()
    speaker.handle(Configure(routers=(RouterConfig(name="A", interface="eth0", vrid=7, addresses=(VIP,)),)), 0)
    assert speaker.status("A") == speaker.routers["A"]
    assert speaker.status("B") is None


def test_a_claim_that_comes_too_early_waits_for_nothing() -> None:
    room = Room(replace(BACKUP, state=State.INIT))
    room.claim(STRANGER, 5 * SECOND)
    room.judge.present("A", VIP, OWN, 5 * SECOND)
    assert room.judge.judge(9 * SECOND) == []
