"""The netns provider: builds the topology, speaks to the nodes' first processes, hears what the kernel tells."""

import asyncio
import contextlib
import errno
import gc
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from labkit.kernel import links
from labkit.kernel.netlink import KernelRefusedError, Netlink
from labkit.lab import supervisor
from labkit.lab.daemons import programs
from labkit.lab.provider import SLACK, Completed, DeployError, Drop, Emit, File, Frame, Impairment
from labkit.lab.topology import Node, Topology
from labkit.providers.netns import impairing, linux, node
from labkit.providers.netns.programs import PROGRAMS
from labkit.providers.netns.segment import Segment
from labkit.providers.netns.tap import Tap
from labkit.trace import Kind, Micros, Record

if TYPE_CHECKING:  # it takes long to import, and who raises a lab has it already
    from labkit.lab.plan import Plan

_ANYWHERE = IPv4Network("0.0.0.0/0")
_LOOPBACK = 1
_READY_WITHIN_S = 10.0
_DRAIN_S = 0.1  # a tap's ring holds 1024 frames
_DEATH_S = 0.1
_SCRATCH = Path("/run")  # covered while nodes are made, in a mount namespace that only the supervisor sees


class NetnsNode:
    """The supervisor's side of one node: its first process, the channel to it and the sockets in its namespace."""

    def __init__(self, topology: Node, channel: socket.socket, pidfd: int | None) -> None:
        self.topology = topology
        self.pidfd = pidfd
        self.channel = channel
        self.descriptors: dict[str, int] = {}
        self.interfaces = {2 + n: link.interface for n, link in enumerate(topology.links)} | {_LOOPBACK: "lo"}
        self.waiting: dict[int, asyncio.Future[dict[str, object]]] = {}
        self.requests = 0
        self.daemons: dict[int, str] = {}  # those that run, by process id
        self.addresses: set[tuple[int, IPv4Interface | IPv6Interface]] = set()  # as told, by the interface's index
        self.netlink: Netlink

    def index(self, interface: str) -> int:
        """Return the interface's index in the node: links count from 2 in the order of the lab file."""
        return next(index for index, name in self.interfaces.items() if name == interface)

    def impair(self, interface: str, impairment: Impairment | None) -> str:
        """Put netem on an interface of the node, or take it away; return what is missing."""
        linux.setns(self.descriptors["namespace"], linux.CLONE_NEWNET)
        return impairing.apply(interface, impairment)

    def receive(self) -> dict[str, object] | None:
        """Take one message of the node's first process; None when it is gone."""
        data, ancillary, _, _ = self.channel.recvmsg(1 << 18, socket.CMSG_SPACE(32))
        if not data:
            return None
        message: dict[str, object] = json.loads(data)
        received = [
            int.from_bytes(payload[n : n + 4], sys.byteorder)
            for _, _, payload in ancillary
            for n in range(0, len(payload), 4)
        ]
        names = message.get("sockets", ["trace"])
        if received and isinstance(names, list):
            self.descriptors |= dict(zip(names, received, strict=True))
        return message

    async def ask(self, *descriptors: int, **request: object) -> dict[str, object]:
        """Send a request, with descriptors that are then closed here, and wait for its answer.

        Raises:
            DeployError: the node is gone.
        """
        self.requests += 1
        identity = self.requests
        answer: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        self.waiting[identity] = answer
        try:
            socket.send_fds(self.channel, [json.dumps({"id": identity, **request}).encode()], descriptors)
        except OSError as error:
            raise DeployError(f"node {self.topology.name} is gone ({error.strerror})") from error
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        try:
            return await answer
        except asyncio.CancelledError:
            if descriptors:
                self.channel.send(json.dumps({"id": identity, "do": "hang up"}).encode())
            raise


class NetnsProvider:
    """Implements `labkit.lab.provider.Provider` with namespaces; see design.md, section 5."""

    slack: Micros = SLACK
    python = sys.executable

    def __init__(self) -> None:
        self.nodes: dict[str, NetnsNode] = {}
        self.segments: dict[str, Segment] = {}
        self._ports: dict[tuple[str, str], tuple[Segment, int]] = {}
        self._taps: dict[str, Tap] = {}
        self._emit: Emit = lambda _: None
        self._one_user = False

    def missing(self) -> list[str]:
        """Return what keeps this machine from making namespaces, in words."""
        return why_no_namespaces()

    def capabilities(self) -> dict[str, str]:
        """Return what the kernel can do, tried in namespaces that vanish with the child, and which daemons are here."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                if not linux.can_be_root():
                    linux.enter_user_namespace()
                linux.unshare(linux.CLONE_NEWNET)
                from labkit.kernel import capabilities  # pyroute2, in the child only

                os.write(writer, json.dumps(capabilities.probe()).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answer:
            found: dict[str, str] = json.loads(answer.read() or "{}")
        os.waitpid(pid, 0)
        return found | programs()

    def supervise(self, plan: "Plan", listener: socket.socket, path: Path, leash: socket.socket) -> NoReturn:
        """Turn this forked process into the supervisor of a lab."""
        supervisor.become(plan, self, listener, path, leash)

    def enclose(self) -> None:
        """Put the supervisor into namespaces of its own: as PID 1 there it takes all with it when it dies.

        Raises:
            NamespaceError: the kernel refused.
        """
        self._one_user = linux.become_first_process()
        self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    async def deploy(self, topology: Topology, files: Mapping[str, Sequence[File]], emit: Emit) -> None:
        """Make segments and nodes, cable them, wait until every switch port forwards, and listen from then on."""
        self._emit = emit
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._bury)
        try:
            self.build(topology, files)
        except (KernelRefusedError, linux.NamespaceError, OSError) as error:
            raise DeployError(f"the lab could not be built: {error}") from error
        self._listen()

    def build(self, topology: Topology, files: Mapping[str, Sequence[File]]) -> None:
        """Fork the nodes, and connect them.

        Raises:
            KernelRefusedError, NamespaceError, OSError: the kernel refused something.
            DeployError: a node could not be made.
        """
        gc.freeze()  # a collector that looked at what the nodes share would have every page of it copied
        linux.mount("tmpfs", _SCRATCH, "tmpfs", linux.MS_NOSUID, "mode=755")  # only this process sees it
        try:
            hosts = hosts_file(topology)
            for each in topology.nodes:
                self.nodes[each.name] = self._fork(each, hosts, tuple(files.get(each.name, ())))
            self.connect(topology)
        finally:
            linux.unmount(_SCRATCH)

    def connect(self, topology: Topology) -> None:
        """Make the networks, cable the nodes, and wait until all is ready.

        Raises:
            KernelRefusedError, NamespaceError, OSError: the kernel refused something.
            DeployError: a node could not be made, or a network does not forward.
        """
        for network in topology.networks:
            self.segments[network.name] = Segment(network.name)
        for made in self.nodes.values():
            _expect(made, "sockets")
        self._cable(topology)
        for segment in self.segments.values():
            segment.wait_until_it_forwards(_READY_WITHIN_S)
        for made in self.nodes.values():
            _expect(made, "ready")

    def _fork(self, topology: Node, hosts: str, files: tuple[File, ...]) -> NetnsNode:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own_root = _SCRATCH / topology.name
        own_root.mkdir()
        linux.unshare(linux.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            spec = node.NodeSpec(
                name=topology.name,
                hosts=hosts,
                root=own_root,
                files=files,
                programs=PROGRAMS,
                one_user=self._one_user,
                sysctls=topology.sysctls,
            )
            node.main(spec, theirs)
        linux.setns(self._own_pids, linux.CLONE_NEWPID)
        theirs.close()
        return NetnsNode(topology, ours, os.pidfd_open(pid))

    def _cable(self, topology: Topology) -> None:
        """Make every veth, then set up each node's end by one batch.

        Raises:
            KernelRefusedError: the kernel refused an interface, an address or a route.
        """
        for segment in self.segments.values():
            for each in self.nodes.values():
                for link in each.topology.links:
                    if link.network == segment.name:
                        peer = links.Peer(
                            link.interface, each.index(link.interface), each.descriptors["namespace"], link.lladdr
                        )
                        self._ports[each.topology.name, link.interface] = segment, segment.add_port(peer)
            segment.connect()
        for each in self.nodes.values():
            each.netlink = Netlink.adopt(each.descriptors["requests"])
            requests = [links.set_link(_LOOPBACK, up=True)]
            requests += [links.add_address(_LOOPBACK, IPv4Interface(address)) for address in each.topology.loopback]
            for link in each.topology.links:
                index = each.index(link.interface)
                requests += [links.set_link(index, up=True), links.add_address(index, link.address)]
            if each.topology.gateway:
                requests.append(links.add_route(_ANYWHERE, gateway=each.topology.gateway))
            each.netlink.ask(requests)

    # --- what happens in the lab --------------------------------------------------------------------------------------

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for segment in self.segments.values():
            loop.add_reader(segment.sniffer.fileno(), segment.hear, self._emit)
        for each in self.nodes.values():
            loop.add_reader(each.channel.fileno(), self._hear_node, each)
            os.set_blocking(each.descriptors["events"], False)
            loop.add_reader(each.descriptors["events"], self._hear_kernel, each)
            loop.add_reader(each.descriptors["trace"], self._hear_daemon, each)

    def _tell(self, each: NetnsNode, kind: Kind, at: int | None = None, **data: str | int | bool | None) -> None:
        self._emit(Record(at=_now() if at is None else at, kind=kind, node=each.topology.name, data=data))

    def _hear_node(self, each: NetnsNode) -> None:
        message = each.receive()
        if message is None:
            self._lose(each)
        elif "id" in message:
            answer = each.waiting.pop(int(str(message["id"])))
            if not answer.done():  # nobody waits for a command that was hung up
                answer.set_result(message)
        elif "log" in message:
            self._tell(each, Kind.LOG, int(str(message["at"])), line=str(message["log"]))
        elif "started" in message:
            name, pid = str(message["started"]), int(str(message["pid"]))
            each.daemons[pid] = name
            self._tell(each, Kind.PROCESS, int(str(message["at"])), name=name, pid=pid, event="start", status=None)
        elif "exited" in message:
            status = int(str(message["status"]))
            name, pid = str(message["exited"]), int(str(message["pid"]))
            each.daemons.pop(pid, None)
            self._tell(each, Kind.PROCESS, int(str(message["at"])), name=name, pid=pid, event="exit", status=status)

    def _lose(self, each: NetnsNode) -> None:
        """Learn that a node's first process is gone; the kernel kills all others in a moment."""
        asyncio.get_running_loop().remove_reader(each.channel.fileno())
        for answer in each.waiting.values():
            if not answer.done():
                answer.set_exception(DeployError(f"node {each.topology.name} is gone"))
        each.waiting.clear()
        asyncio.get_running_loop().call_later(_DEATH_S, self._end_node, each)

    def _end_node(self, each: NetnsNode) -> None:
        """Tell that a node's daemons ended; and what its network would still answer, it answers no more."""
        for pid, name in each.daemons.items():
            self._tell(each, Kind.PROCESS, name=name, pid=pid, event="exit", status=-signal.SIGKILL)
        for link in each.topology.links:
            self.set_link(each.topology.name, link.interface, up=False)

    def _hear_kernel(self, each: NetnsNode) -> None:
        try:
            while True:
                data = os.read(each.descriptors["events"], 1 << 16)
                for event in links.decode(data):
                    self._tell_event(each, event)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
        self._look_anew(each)

    def _look_anew(self, each: NetnsNode) -> None:
        """Tell how a node is now, after it had more to tell than fits."""
        with contextlib.suppress(OSError):  # what is queued is older than what is seen now
            while True:
                os.read(each.descriptors["events"], 1 << 16)
        there = links.links(each.netlink)
        for index in each.interfaces.keys() - {event.index for event in there}:
            self._tell(each, Kind.LINK, interface=each.interfaces[index], up=False)
        held = [event for event in links.addresses(each.netlink) if event.address.version == 4]
        for index, address in each.addresses - {(event.index, event.address) for event in held}:
            gone = links.AddressEvent(index=index, address=address, secondary=False, present=False)
            self._tell_event(each, gone)
        found: list[links.LinkMessage] = [*there, *held, *links.neighbours(each.netlink)]
        for event in found:
            self._tell_event(each, event)

    def _tell_event(self, each: NetnsNode, event: links.LinkMessage) -> None:
        name = event.name if isinstance(event, links.LinkEvent) else each.interfaces.get(event.index, str(event.index))
        match event:
            case links.LinkEvent():
                each.interfaces[event.index] = name
                self._tell(each, Kind.LINK, interface=name, up=event.running and event.present)
            case links.AddressEvent():
                (each.addresses.add if event.present else each.addresses.discard)((event.index, event.address))
                self._tell(each, Kind.ADDRESS, interface=name, address=str(event.address.ip), present=event.present)
            case links.NeighbourEvent():
                lladdr = event.lladdr if event.present else ""
                self._tell(each, Kind.NEIGHBOUR, interface=name, address=str(event.address), lladdr=lladdr)

    def _hear_daemon(self, each: NetnsNode) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                line = os.read(each.descriptors["trace"], 1 << 16)
                with contextlib.suppress(ValueError):  # whoever writes into the mailbox; only records count
                    record = Record.from_json(line)
                    self._emit(Record(at=record.at, kind=record.kind, node=each.topology.name, data=record.data))

    def _bury(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    # --- verbs --------------------------------------------------------------------------------------------------------

    async def run(self, node: str, argv: Sequence[str]) -> Completed:
        """Run a command in a node to its end."""
        return await self._complete(node, argv=list(argv))

    async def start(self, node: str, program: str, argv: Sequence[str]) -> Completed:
        """Run one of `PROGRAMS` in a node by a fork of its first process."""
        return await self._complete(node, argv=[program, *argv], program=program)

    async def _complete(self, node: str, **request: object) -> Completed:
        answer = await self.nodes[node].ask(do="run", **request)
        return Completed(status=int(str(answer["status"])), output=str(answer["output"]))

    async def attach(
        self, node: str, argv: Sequence[str], stdio: tuple[int, int, int], environment: Mapping[str, str]
    ) -> int:
        """Run a command in a node with these descriptors to its end; a cancelled one gets SIGHUP."""
        answer = await self.nodes[node].ask(*stdio, do="attach", argv=list(argv), environment=dict(environment))
        return int(str(answer["status"]))

    async def signal(self, node: str, name: str, number: int) -> int:
        """Signal every process of the node whose name starts with `name`; return how many."""
        answer = await self.nodes[node].ask(do="signal", name=name, number=number)
        return int(str(answer["count"]))

    def set_link(self, node: str, interface: str, *, up: bool) -> None:
        """Set a node's interface down or up."""
        each = self.nodes[node]
        each.netlink.ask([links.set_link(each.index(interface), up=up)])

    def cut(self, node: str, interface: str, *, cut: bool) -> None:
        """Pull the port out of the switch or put it back; the node's carrier stays."""
        segment, port = self._ports[node, interface]
        segment.plug(port, connected=not cut)

    def set_port(self, node: str, interface: str, *, up: bool) -> None:
        """Set the switch port of a node's interface down or up."""
        segment, port = self._ports[node, interface]
        segment.set_port(port, up=up)

    def drop(self, network: str, drops: Sequence[Drop]) -> None:
        """Have the bridge's packet filter drop frames."""
        ports = {node: port for (node, _), (segment, port) in self._ports.items() if segment.name == network}
        self.segments[network].drop(drops, ports)

    def impair(self, node: str, interface: str, impairment: Impairment | None) -> str:
        """Put netem on both ends of the cable, or take it away."""
        segment, port = self._ports[node, interface]
        return segment.impair(port, impairment) or self.nodes[node].impair(interface, impairment)

    def socket(self, node: str, family: int, kind: int, protocol: int) -> socket.socket:
        """Return a new socket of the node's; the supervisor stays in that namespace and needs none of its own."""
        linux.setns(self.nodes[node].descriptors["namespace"], linux.CLONE_NEWNET)
        return socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)

    def pidfd(self, node: str) -> int | None:
        """Return a descriptor of the node's first process."""
        return self.nodes[node].pidfd

    def tap(self, network: str) -> None:
        """Keep the network's frames from now on; the tap stays in the segment's namespace."""
        if network not in self._taps:
            segment = self.segments[network]
            names = {
                port: f"{node}.{interface}" for (node, interface), (at, port) in self._ports.items() if at is segment
            }
            linux.setns(segment.namespace, linux.CLONE_NEWNET)
            self._taps[network] = Tap(names)
            if len(self._taps) == 1:
                self._drain()

    def _drain(self) -> None:
        for tap in self._taps.values():
            tap.drain()
        asyncio.get_running_loop().call_later(_DRAIN_S, self._drain)

    def frames(self, network: str, after: int) -> Sequence[Frame]:
        """Return the kept frames with a number above `after`."""
        return self._taps[network].frames(after) if network in self._taps else ()


def why_no_namespaces() -> list[str]:
    """Return what keeps this machine from making namespaces, in words; empty when it makes them."""
    if linux.can_be_root():
        return []
    pid = os.fork()
    if pid == 0:
        try:
            linux.enter_user_namespace()
            linux.unshare(linux.CLONE_NEWNET | linux.CLONE_NEWNS)
        except (linux.NamespaceError, OSError):
            os._exit(1)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0:
        return []
    return [f"user namespaces are not allowed here: {_why_no_user_namespaces()}, or run labkit as root"]


def _now() -> int:
    return time.monotonic_ns() // 1000


def _expect(each: NetnsNode, key: str) -> None:
    """Wait for the node's first process to have come so far.

    Raises:
        DeployError: it failed, and says why.
    """
    each.channel.settimeout(_READY_WITHIN_S)
    try:
        message = each.receive()
    except TimeoutError:
        message = {"failed": f"no answer within {_READY_WITHIN_S:.0f} s"}
    each.channel.settimeout(None)
    if message is None or key not in message:
        why = message.get("failed", "unexpected answer") if message else "it died"
        raise DeployError(f"node {each.topology.name} could not be made: {why}")


def hosts_file(topology: Topology) -> str:
    """Return the /etc/hosts of every node."""
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in topology.hosts.items())]
    return "\n".join(lines) + "\n"


def _why_no_user_namespaces() -> str:
    settings = {
        "/proc/sys/kernel/unprivileged_userns_clone": ("0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": (
            "1",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        "/proc/sys/user/max_user_namespaces": ("0", "sudo sysctl -w user.max_user_namespaces=10000"),
    }
    for path, (bad, cure) in settings.items():
        with contextlib.suppress(OSError):
            if Path(path).read_text().strip() == bad:
                return f"allow them with `{cure}`"
    return "allow them (a container needs --security-opt seccomp=unconfined --security-opt apparmor=unconfined)"
