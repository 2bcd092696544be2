"""The world itself: clock, segments, sync groups on two segments."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from labkit.sim.network import Rank, Segment
from labkit.sim.world import World
from labkit.trace import SECOND, Kind, Record
from labkit.vrrp.config import GroupConfig, RouterConfig
from labkit.vrrp.events import Configure
from tests.sim.conftest import GUIDE, Lab


def test_at_equal_times_frames_come_before_timers() -> None:
    world = World()
    said: list[str] = []
    world.call_at(5, Rank.TIMER, lambda: said.append("timer"))
    world.call_at(5, Rank.FRAME, lambda: said.append("frame"))
    world.call_at(6, Rank.FRAME, lambda: said.append("late"))
    world.run_until(5)
    assert said == ["frame", "timer"]
    world.run_for(1)
    assert (said[-1], world.now) == ("late", 6)


@pytest.mark.parametrize(
    "figures", [pytest.param({"latency": -1}, id="latency"), pytest.param({"loss": 1.1}, id="loss")]
)
def test_a_segment_refuses_impossible_figures(figures: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="segment lan"):
        World().add_segment("lan", **figures)


def test_names_are_unique() -> None:
    world = World()
    world.add_segment("lan")
    world.add_node("a")
    with pytest.raises(ValueError, match="segment lan already"):
        world.add_segment("lan")
    with pytest.raises(ValueError, match="node a already"):
        world.add_node("a")
    with pytest.raises(KeyError):
        world.nodes["a"].attach("eth0", "wan")


def test_everything_lost() -> None:
    world = World()
    segment: Segment = world.add_segment("lan", loss=1.0)
    ports = [world.add_node(name).attach("eth0", "lan") for name in ("a", "b")]
    assert segment.hearers(ports[0]) == []
    segment.loss = 0.0
    assert segment.hearers(ports[0]) == [ports[1]]
    assert segment.ports() == tuple(ports)


def test_nodes_outside_a_partition_hear_all_sides() -> None:
    world = World()
    segment = world.add_segment("lan")
    one, other, host = (world.add_node(name).attach("eth0", "lan") for name in ("a", "b", "host"))
    segment.partition(["a"], ["b"])
    assert segment.hearers(one) == [host]
    assert segment.hearers(host) == [one, other]


def test_a_port_that_is_down_sends_nothing_and_drops_what_is_on_its_way(lab: Lab) -> None:
    port = lab["server1"].ports["eth0"]
    host = lab["host"].ports["eth0"]
    before = len(lab.world.trace)
    lab.world.send_announcement(port, "192.168.1.99")
    host.up = False
    lab.world.run_for(200)
    assert "192.168.1.99" not in lab["host"].neighbours
    port.up = False
    lab.world.send_announcement(port, "192.168.1.98")
    lab.world.send_packet(port, b"")
    assert [record.kind for record in lab.world.trace[before:]][:1] == [Kind.ANNOUNCE]
    assert "192.168.1.98" not in str(lab.world.trace[before:])


def test_records_survive_their_json(lab: Lab) -> None:
    assert [Record.from_json(record.to_json()) for record in lab.world.trace] == lab.world.trace


def test_the_nat_guide_moves_both_addresses_together() -> None:
    """The director's inner link goes down: the outer router is released, but waits for the inner one to time out."""
    world = World()
    world.add_segment("outside")
    world.add_segment("inside")
    outer = replace(GUIDE, name="externa")
    inner = replace(GUIDE, name="interna", interface="eth1", vrid=22, addresses=(IPv4Address("10.0.0.20"),))

    def director(name: str, host: int, priority: int) -> None:
        node = world.add_node(name)
        node.attach("eth0", "outside", IPv4Address(f"192.168.1.{host}"))
        node.attach("eth1", "inside", IPv4Address(f"10.0.0.{host}"))
        routers: tuple[RouterConfig, ...] = (replace(outer, priority=priority), replace(inner, priority=priority))
        node.start(Configure(routers=routers, groups=(GroupConfig(name="VRRP1", members=("externa", "interna")),)))

    director("master", 21, 150)
    director("backup", 22, 100)
    world.run_until(10 * SECOND)
    assert world.nodes["master"].held == {"192.168.1.20", "10.0.0.20"}
    world.nodes["master"].set_link("eth1", up=False)
    world.run_until(20 * SECOND)
    assert world.nodes["master"].held == frozenset()
    assert world.nodes["backup"].held == {"192.168.1.20", "10.0.0.20"}
    # inner adverts ended at 9.414062 s: + 100 us + 3.609375 s; the outer skew would have been over at 10.609475 s
    moves = [record.at for record in world.trace if record.kind is Kind.ADDRESS and record.node == "backup"]
    assert moves == [13_023_537, 13_023_537]
    world.nodes["master"].set_link("eth1", up=True)
    world.run_until(30 * SECOND)
    assert world.nodes["master"].held == {"192.168.1.20", "10.0.0.20"}
    assert world.nodes["backup"].held == frozenset()
