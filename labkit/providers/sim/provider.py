"""The sim provider: nodes are the pure machines under a fake clock; no time passes but what a scenario waits for.

What a node can do is what is modelled here: the daemon with its init script, signals, interfaces, check scripts (the
web server's, and any by `fail_check`), ping.  All else is refused by name, and a scenario that needs it is skipped.
"""

import re
import shlex
import signal
import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import NoReturn

from labkit.conf import loader
from labkit.conf.model import Config
from labkit.daemon.runner import configure_event
from labkit.lab.provider import Completed, Drop, Emit, File, Frame, Impairment, LackingError
from labkit.lab.topology import CONFIG, Daemon, Topology
from labkit.providers.sim.wire import reaches
from labkit.sim import network
from labkit.sim.node import ScriptBehaviour
from labkit.sim.world import World

_INIT = "/etc/init.d/keepalived"
_WEB_SERVERS = ("apache2", "nginx")
_NOT_RUNNING = 3  # LSB: status of a service that does not run
_DONE = Completed(status=0, output="")


class SimProvider:
    """Implements `labkit.lab.provider.Provider` with a `World`; its coroutines never wait."""

    slack = 5_000  # frames take 0.1 ms and check scripts 1 ms
    world: World
    topology: Topology

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._files: dict[tuple[str, str], str] = {}
        self._failing: dict[str, set[tuple[str, ...]]] = {}
        self._serving: set[str] = set()  # nodes whose web server runs

    def missing(self) -> list[str]:
        """Return nothing: it runs anywhere."""
        return []

    def capabilities(self) -> dict[str, str]:
        """Return what can be modelled of what labs may need: nothing of a kernel."""
        return {}

    def enclose(self) -> None:
        """There is nothing to enclose."""

    async def deploy(self, topology: Topology, files: Mapping[str, Sequence[File]], emit: Emit) -> None:
        """Make the world.

        Raises:
            LackingError: a node is something that is not modelled.
        """
        self.world, self.topology = World(seed=self._seed, tell=emit), topology
        for segment in topology.networks:
            self.world.add_segment(segment.name)
        for node in topology.nodes:
            made = self.world.add_node(node.name)
            for link in node.links:
                made.attach(link.interface, link.network, link.address.ip, link.lladdr.hex(":"))
            self._files |= {(node.name, file.path): file.text for file in files.get(node.name, ())}
            if node.services:
                self._serving.add(node.name)
        for router in topology.routers:
            if router.daemon is not Daemon.LABKIT:
                raise LackingError(f"{router.name} runs {router.daemon}; the simulator has labkit's own daemon only")
            _must_be_modelled(router.name, self._config(router.name))

    def _config(self, node: str) -> Config:
        loaded = loader.loads(self._files[node, CONFIG], file=f"{node}:{CONFIG}")
        assert loaded.config is not None  # it was checked when it was rendered
        return loaded.config

    # --- commands -----------------------------------------------------------------------------------------------------

    async def run(self, node: str, argv: Sequence[str]) -> Completed:
        """Do what a command would do.

        Raises:
            LackingError: that is not modelled.
        """
        match list(argv):
            case ["/bin/sh", "-c", _, "sh", "fail" | "mend" as verb, *check]:
                failing = self._failing.setdefault(node, set())
                (failing.add if verb == "fail" else failing.discard)(tuple(check))
                self._tell_scripts(node)
            case ["/bin/sh", "-c", _, "sh", text, path] if path.startswith("/"):
                self._files[node, path] = text
            case ["/bin/sh", "-c", line] if not re.search(r"[|&;<>()$`\\*?{}~#]", line):
                return await self.run(node, shlex.split(line))
            case [path, verb] if path == _INIT:
                return self._init(node, verb)
            case [path, "start" | "stop" as verb] if path.removeprefix("/etc/init.d/") in _WEB_SERVERS:
                self._serve(node, verb == "start")
            case ["killall", name] if name in _WEB_SERVERS:
                self._serve(node, False)
            case ["ping", *_, target] if re.fullmatch(r"[0-9.]+", address := self.topology.hosts.get(target, target)):
                answered = reaches(self.world, self.topology, node, IPv4Address(address))
                return Completed(status=0 if answered else 1, output="")
            case other:
                _refuse(f"`{shlex.join(other)}`")
        return _DONE

    async def start(self, node: str, program: str, argv: Sequence[str]) -> Completed:
        """Start the daemon; the web server is modelled by who asks for it."""
        return self._init(node, "start") if program == "pykeepalived" else _DONE

    def _init(self, node: str, verb: str) -> Completed:
        simulated = self.world.nodes[node]
        runs = simulated.speaker is not None
        if verb == "status":
            return Completed(status=0 if runs else _NOT_RUNNING, output="")
        if verb in ("stop", "restart") and runs:
            simulated.stop()
        if (verb in ("start", "restart") and not (verb == "start" and runs)) or verb == "reload":
            self._tell_scripts(node)
            simulated.start(configure_event(self._config(node)))
        return _DONE

    def _serve(self, node: str, serving: bool) -> None:
        (self._serving.add if serving else self._serving.discard)(node)
        self._tell_scripts(node)

    def _tell_scripts(self, node: str) -> None:
        """Set how runs of check scripts end from now on: `killall -0` of a web server by whether it runs."""
        for script in self._config(node).scripts:
            argv = script.command.argv
            asks_for_web = argv[:2] == ("killall", "-0") and argv[-1] in _WEB_SERVERS
            bad = argv in self._failing.get(node, ()) or (asks_for_web and node not in self._serving)
            self.world.nodes[node].scripts[script.check.name] = ScriptBehaviour(status=1 if bad else 0)

    async def attach(
        self, node: str, argv: Sequence[str], stdio: tuple[int, int, int], environment: Mapping[str, str]
    ) -> int:
        """Refuse."""
        _refuse("terminals")

    async def signal(self, node: str, name: str, number: int) -> int:
        """Kill, freeze or thaw the daemon."""
        simulated = self.world.nodes[node]
        if name != "keepalived" or simulated.speaker is None:
            return 0
        match number:
            case signal.SIGKILL:
                simulated.kill()
            case signal.SIGSTOP:
                simulated.pause()
            case signal.SIGCONT:
                simulated.resume()
            case _:
                _refuse(f"signal {number} to {name}")
        return 1

    # --- links and switches -------------------------------------------------------------------------------------------

    def set_link(self, node: str, interface: str, *, up: bool) -> None:
        """Set a node's interface down or up."""
        self.world.nodes[node].set_link(interface, up=up)

    def set_port(self, node: str, interface: str, *, up: bool) -> None:
        """The carrier goes or comes, which is the same to the daemon."""
        self.set_link(node, interface, up=up)

    def cut(self, node: str, interface: str, *, cut: bool) -> None:
        """Stop all frames of an interface while the carrier stays."""
        segment = self.world.segments[self.world.nodes[node].ports[interface].segment]
        segment.isolate(node, interface, isolated=cut)

    def drop(self, network_name: str, drops: Sequence[Drop]) -> None:
        """Have a network drop these frames, instead of those that it dropped before."""
        self.world.segments[network_name].drop(
            network.Drop(source=drop.source, target=drop.target, adverts=drop.adverts, share=drop.share)
            for drop in drops
        )

    def impair(self, node: str, interface: str, impairment: Impairment | None) -> str:
        """Return what is missing: loss is modelled by `drop`, the rest is not."""
        return "the simulator has none"

    # --- what is not modelled -----------------------------------------------------------------------------------------

    def socket(self, node: str, family: int, kind: int, protocol: int) -> socket.socket:
        """Refuse."""
        _refuse("sockets of a node")

    def pidfd(self, node: str) -> int:
        """Refuse."""
        _refuse("processes of a node")

    def tap(self, network: str) -> None:
        """Nothing is kept: the trace has every advert."""

    def frames(self, network: str, after: int) -> Sequence[Frame]:
        """Return nothing."""
        return ()


def _must_be_modelled(node: str, config: Config) -> None:
    if config.virtual_servers:
        _refuse(f"load balancing, which {node} does")
    for instance in config.instances:
        if instance.vmac is not None:
            _refuse(f"virtual MAC addresses (use_vmac), which {node} has")
    if config.track_files or config.track_processes:
        _refuse(f"tracked files and processes, which {node} has")


def _refuse(what: str) -> NoReturn:
    raise LackingError(f"the simulator does not model {what}")
