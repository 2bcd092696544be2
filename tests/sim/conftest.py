"""The failover guide's lab in the simulator: three servers, a host, one segment, one virtual address."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

import pytest

from labkit.sim.node import Node
from labkit.sim.world import World
from labkit.trace import SECOND, Kind, Micros
from labkit.vrrp.config import RouterConfig, ScriptConfig
from labkit.vrrp.events import Configure

VIP = IPv4Address("192.168.1.20")
GUIDE = RouterConfig(name="MY-FAILOVER", interface="eth0", vrid=21, addresses=(VIP,), auth=b"Venezuel")
PRIORITIES = (150, 120, 100)


@dataclass
class Lab:
    """A running lab; nodes are server1, server2, server3 with addresses .21, .22, .23, and host."""

    world: World
    configurations: dict[str, Configure]

    def __getitem__(self, name: str) -> Node:
        return self.world.nodes[name]

    def start(self, *names: str) -> None:
        for name in names or self.configurations:
            self[name].start(self.configurations[name])

    def states(self) -> dict[str, str]:
        return {
            name: "-" if (speaker := self[name].speaker) is None else speaker.routers[GUIDE.name].state.value
            for name in self.configurations
        }

    def owners(self) -> list[str]:
        return [name for name in self.configurations if str(VIP) in self[name].held]

    def history(self) -> list[tuple[Micros, str, str, str]]:
        """Every change of state but those to BACKUP at a start and to INIT at a stop."""
        return [
            (record.at, record.node, str(record.data["state"]), str(record.data["reason"]))
            for record in self.world.trace
            if record.kind is Kind.STATE and record.data["reason"] not in ("started", "stopped")
        ]

    def host_sees(self) -> str | None:
        """The server whose MAC address the host's ARP table has for the virtual address."""
        lladdr = self["host"].neighbours.get(str(VIP))
        return next((name for name in self.configurations if self[name].ports["eth0"].lladdr == lladdr), None)


LabMaker = Callable[..., Lab]


@pytest.fixture
def make_lab() -> LabMaker:
    def make(
        *priorities: int,
        like: RouterConfig = GUIDE,
        scripts: tuple[ScriptConfig, ...] = (),
        seed: int = 0,
        loss: float = 0.0,
    ) -> Lab:
        world = World(seed=seed)
        world.add_segment("lan", loss=loss)
        configurations = {}
        for number, priority in enumerate(priorities or PRIORITIES, start=1):
            name = f"server{number}"
            world.add_node(name).attach("eth0", "lan", IPv4Address(f"192.168.1.{20 + number}"))
            configurations[name] = Configure(routers=(replace(like, priority=priority),), scripts=scripts)
        world.add_node("host").attach("eth0", "lan", IPv4Address("192.168.1.10"))
        return Lab(world, configurations)

    return make


@pytest.fixture
def lab(make_lab: LabMaker) -> Lab:
    """The guide's lab, all servers started at 0 and 10 s later: server1 is MASTER since 3.414062 s."""
    lab = make_lab()
    lab.start()
    lab.world.run_until(10 * SECOND)
    return lab
