"""One story with every kind of advert: IPv6, unicast, other groups, authentication headers, auth_hmac."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

import pytest

from labkit.sim.world import World
from labkit.trace import SECOND, Kind
from labkit.vrrp.config import FileConfig, HmacConfig, Peer, ProcessConfig, RouterConfig, Track, TrackKind
from labkit.vrrp.events import Configure, State
from labkit.vrrp.packet import GROUP4
from tests.sim.conftest import GUIDE

FAST = replace(GUIDE, version=3, advert_interval=SECOND // 10, auth=None)
FOUR = (IPv4Address("192.168.1.21"), IPv4Address("192.168.1.22"))
SIX = (IPv6Address("fe80::ff:fe00:1"), IPv6Address("fe80::ff:fe00:2"))
VIP6 = IPv6Address("fe80::20")

KINDS = [
    pytest.param(replace(FAST, family=6, addresses=(VIP6,)), id="ipv6"),
    pytest.param(replace(FAST, destination=GROUP4 + 63), id="another-group"),
    pytest.param(replace(FAST, peers=tuple(Peer(address=address) for address in FOUR)), id="unicast"),
    pytest.param(
        replace(FAST, family=6, addresses=(VIP6,), peers=tuple(Peer(address=address) for address in SIX)),
        id="unicast-ipv6",
    ),
    pytest.param(replace(FAST, checksum_as_v2=True), id="checksum-as-v2"),
    pytest.param(replace(GUIDE, auth=None, ah=b"Venezuel"), id="ah"),
    pytest.param(replace(FAST, hmac=HmacConfig(keys={7: bytes(range(32))}, active=7)), id="hmac"),
]


class Pair:
    """Two servers; `like` names both as peers, and each leaves itself out."""

    def __init__(self, like: RouterConfig) -> None:
        self.world = World()
        self.segment = self.world.add_segment("lan")
        self.configurations = []
        for number, priority in enumerate((150, 120)):
            node = self.world.add_node(f"server{number + 1}")
            port = node.attach("eth0", "lan", FOUR[number])
            assert port.link_local == SIX[number]
            node.set_clock(1_800_000_000 * SECOND)
            peers = tuple(peer for peer in like.peers if peer.address not in (FOUR[number], SIX[number]))
            self.configurations.append(replace(like, priority=priority, peers=peers))
            self.start(number)

    def start(self, number: int, **changes: object) -> None:
        router = replace(self.configurations[number], **changes)  # type: ignore[arg-type]
        files, processes = (FileConfig(name="load"),), (ProcessConfig(name="nginx", quorum=2),)
        configuration = Configure(routers=(router,), files=files, processes=processes)
        self.world.nodes[f"server{number + 1}"].start(configuration)

    def states(self) -> list[State]:
        speakers = [node.speaker for node in self.world.nodes.values()]
        return [speaker.routers[GUIDE.name].state for speaker in speakers if speaker is not None]

    def run(self, seconds: float) -> None:
        self.world.run_for(int(seconds * SECOND))


MASTER_BACKUP = [State.MASTER, State.BACKUP]


@pytest.mark.parametrize("like", KINDS)
def test_elected_crashed_returned_stopped(like: RouterConfig) -> None:
    pair = Pair(like)
    pair.run(5)
    assert pair.states() == MASTER_BACKUP
    pair.world.nodes["server1"].crash()
    pair.run(5)
    assert pair.states() == [State.MASTER]
    pair.start(0)
    pair.run(10)
    assert pair.states() == MASTER_BACKUP
    pair.world.nodes["server1"].stop()
    pair.run(1)
    assert pair.states() == [State.MASTER]
    assert all(record.kind is not Kind.REJECTED for record in pair.world.trace)


@pytest.mark.parametrize("like", KINDS)
def test_both_were_master_and_meet_again(like: RouterConfig) -> None:
    pair = Pair(like)
    pair.run(5)
    pair.segment.partition(["server1"], ["server2"])
    pair.run(5)
    assert pair.states() == [State.MASTER, State.MASTER]
    pair.segment.heal()
    pair.run(3)
    assert pair.states() == MASTER_BACKUP


@pytest.mark.parametrize("like", KINDS)
def test_a_hundred_reloads_in_a_second(like: RouterConfig) -> None:
    """What does not change the wire disturbs nobody; the same file disturbs nothing at all."""
    pair = Pair(like)
    pair.run(5)
    before = [record for record in pair.world.trace if record.kind is Kind.STATE]
    for step in range(100):
        pair.start(step % 2, refresh_repeat=1 + step % 3)
        pair.run(0.01)
    pair.run(5)
    assert [record for record in pair.world.trace if record.kind is Kind.STATE] == before
    adverts = [record.at for record in pair.world.trace if record.kind is Kind.ADVERT and record.at > 5 * SECOND]
    assert {later - earlier for earlier, later in pairwise(adverts)} <= {0, like.advert_interval}


def test_unicast_is_heard_by_its_peer_only() -> None:
    pair = Pair(replace(FAST, peers=tuple(Peer(address=address) for address in FOUR)))
    eavesdropper = pair.world.add_node("server3")
    eavesdropper.attach("eth0", "lan", IPv4Address("192.168.1.23"))
    eavesdropper.start(Configure(routers=(FAST,)))
    pair.run(5)
    speaker = eavesdropper.speaker
    assert speaker is not None
    assert (speaker.routers[GUIDE.name].state, speaker.errors) == (State.MASTER, {})


def test_a_file_and_the_operator_move_the_master() -> None:
    pair = Pair(FAST)
    tracks = (Track(kind=TrackKind.FILE, name="load", weight=-1),)
    first = pair.world.nodes["server1"]
    first.set_file("load", 0)
    pair.start(0, tracks=tracks)
    pair.run(2)
    first.set_file("load", 40)
    pair.run(2)
    assert pair.states() == [State.BACKUP, State.MASTER]
    first.set_file("load", None)
    pair.run(2)
    assert pair.states() == MASTER_BACKUP
    pair.world.nodes["server2"].set_priority(GUIDE.name, 200)
    pair.run(2)
    assert pair.states() == [State.BACKUP, State.MASTER]
    pair.world.nodes["server2"].set_priority(GUIDE.name, None)
    pair.run(2)
    assert pair.states() == MASTER_BACKUP


def test_processes_are_counted_anew_by_a_daemon_that_starts() -> None:
    pair = Pair(FAST)
    node = pair.world.nodes["server1"]
    node.crash()
    node.set_processes("nginx", 1)
    pair.start(0, tracks=(Track(kind=TrackKind.PROCESS, name="nginx"),))
    pair.run(2)
    assert pair.states() == [State.FAULT, State.MASTER]
    node.set_processes("nginx", 2)
    pair.run(2)
    assert pair.states() == MASTER_BACKUP
