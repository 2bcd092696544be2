"""The supervisor: one process that owns a running lab and answers on one unix socket.

    client ── {"id", "verb", ...} ──>  supervisor  ── verbs ──>  provider ── nodes, segments
           <── {"id", "ok" | "error"}      │
           <── {"record": ...} ...  <──  Lab.emit  <── records ──┘

A request and an answer are one JSON object a line.  Every record goes into the lab's trace and to every client that
follows it.  The lab dies with this process; an `owned` lab dies when the process that raised it goes away.
"""

import array
import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import NoReturn

from labkit.diagnostics import LabkitError, did_you_mean
from labkit.lab import actions
from labkit.lab.actions import ALL, Action
from labkit.lab.daemons import kind_of
from labkit.lab.faults import FAULTS, HEALS, configuration
from labkit.lab.hands import Hands, Undo
from labkit.lab.heart import heartbeat
from labkit.lab.holding import hear_owner, hold
from labkit.lab.plan import Plan
from labkit.lab.probes import kinds
from labkit.lab.probes.probe import Probe, ProbeSpec
from labkit.lab.provider import Completed, LackingError, Provider
from labkit.lab.session import Session
from labkit.lab.status import Watch
from labkit.lab.topology import PYKEEPALIVED_OPTIONS, Daemon, Node
from labkit.trace import Kind, Micros, Record

_TRACE_LIMIT = 200_000  # records kept for `events` and for scenarios
_LINE_LIMIT = 1 << 20
_BACKLOG = 16 << 20  # bytes that a following client may be behind
_FRAMES = 1 << 19  # bytes of frames in one answer


def _now() -> Micros:
    return time.monotonic_ns() // 1000


@dataclass(slots=True, eq=False)
class _Follower:
    writer: asyncio.StreamWriter
    kinds: frozenset[str] | None = None
    following: bool = False
    probes: list[str] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    attached: set[asyncio.Task[int]] = field(default_factory=set)

    def session(self, name: str) -> Session:
        """Return a session of this client's.

        Raises:
            LabkitError: it has none of that name, or it has ended.
        """
        if name not in self.sessions:
            raise LabkitError(f"no session '{name}'; it has ended")
        return self.sessions[name]

    def send(self, line: bytes) -> None:
        """Send a record; a client that does not read is let go, or its backlog would fill the memory."""
        self.writer.write(line)
        if self.writer.transport.get_write_buffer_size() > _BACKLOG:
            self.following = False
            self.writer.transport.abort()


class Lab:
    """A running lab: deploys it, keeps its trace, obeys its clients."""

    def __init__(self, plan: Plan, provider: Provider, now: Callable[[], Micros] = _now) -> None:
        """Prepare it; `now` is its clock."""
        self.plan = plan
        self.now = now
        self.provider = provider
        self.trace: deque[Record] = deque(maxlen=_TRACE_LIMIT)
        self.watch = Watch(plan.topology)
        self.followers: set[_Follower] = set()
        self.probes: dict[str, Probe] = {}
        self.hands = Hands(plan, provider)
        self.broken: list[tuple[Action, Undo]] = []
        self.ended = asyncio.Event()
        self.beat = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        self.times: dict[str, Micros] = {}

    def emit(self, record: Record) -> None:
        """Add a record to the trace and tell whoever follows."""
        self.trace.append(record)
        self.watch.take(record)
        if self.followers:
            line = _line(record)
            for follower in self.followers:
                if follower.following and (follower.kinds is None or record.kind in follower.kinds):
                    follower.send(line)

    def tell_of_error(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Put an error of the supervisor itself into the trace, as a log line; nobody reads its standard error."""
        line = f"labkit: {context.get('message')}: {context.get('exception')!r}"
        self.emit(Record(at=self.now(), kind=Kind.LOG, data={"line": line}))

    def beaten(self) -> None:
        """Let those go on who wait for the next beat."""
        self.beat.set()
        self.beat = asyncio.Event()

    async def raise_up(self) -> None:
        """Deploy the topology, then start services and daemons of all nodes at once.

        Raises:
            DeployError: the provider could not make the lab.
            LabkitError: a service or daemon did not start; says what it printed.
        """
        began = self.now()
        await self.provider.deploy(self.plan.topology, self.plan.files, self.emit)
        self.times["built_us"] = self.now() - began
        async with asyncio.TaskGroup() as group:
            for node in self.plan.topology.nodes:
                if node.services:
                    group.create_task(self._start_web(node.name))
        async with asyncio.TaskGroup() as group:
            for node in self.plan.topology.routers:
                group.create_task(self._start_daemon(node))
        self.times["ready_us"] = self.now() - began

    async def _start_daemon(self, node: Node) -> None:
        if node.daemon is Daemon.LABKIT:
            done = await self.provider.start(node.name, "pykeepalived", PYKEEPALIVED_OPTIONS)
        else:
            done = await self.provider.run(node.name, [kind_of(node).script, "start"])
        _must(done, f"{node.name}: {kind_of(node).processes[-1]} did not start")

    async def _start_web(self, node: str) -> None:
        web = self.plan.topology.variables.get("web", "labkit")
        if web == "labkit":
            done = await self.provider.start(node, "web", ["--name", "apache2"])
        else:
            done = await self.provider.run(node, [f"/etc/init.d/{web}", "start"])
        _must(done, f"{node}: the web server {web} did not start")

    # --- clients ------------------------------------------------------------------------------------------------------

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Obey one client until it leaves."""
        follower = _Follower(writer)
        self.followers.add(follower)
        try:
            async for line in _lines(reader):
                task = asyncio.ensure_future(self._answer(follower, line))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
        finally:
            self.followers.discard(follower)
            for name in follower.probes:
                self._stop_probe(name)
            for attached in follower.attached:
                attached.cancel()
            writer.close()

    async def _answer(self, follower: _Follower, line: bytes) -> None:
        identity: object = None
        try:
            request = json.loads(line)
            identity = request.pop("id")
            verb = _VERBS.get(request.pop("verb"))
            if verb is None:
                raise LabkitError(f"the supervisor has no such verb; it has: {', '.join(sorted(_VERBS))}")
            answer = {"id": identity, "ok": await verb(self, follower, **request)}
        except (LabkitError, OSError) as error:
            answer = {"id": identity, "error": str(error), "lacking": isinstance(error, LackingError)}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            answer = {"id": identity, "error": f"a request is a JSON object with id, verb and its arguments: {error}"}
        follower.writer.write(json.dumps(answer).encode() + b"\n")

    def _node(self, name: str) -> str:
        known = [node.name for node in self.plan.topology.nodes]
        if name not in known:
            raise LabkitError(f"no node '{name}' in lab {self.plan.instance}; {did_you_mean(name, known)}")
        return name

    def _interface(self, node: str, interface: str) -> str:
        found = self.plan.topology.node(self._node(node))
        if found.link(interface) is None:
            hint = did_you_mean(interface, [link.interface for link in found.links])
            raise LabkitError(f"node {node} has no interface '{interface}'; {hint}")
        return interface

    async def info(self, _: _Follower) -> dict[str, object]:
        """Answer what this lab is and how long it took to raise."""
        topology = self.plan.topology
        return {
            "instance": self.plan.instance,
            "lab": topology.name,
            "variant": topology.variant,
            "title": topology.title,
            "nodes": [node.name for node in topology.nodes],
            "networks": [network.name for network in topology.networks],
            "slack_us": self.provider.slack,
            **self.times,
        }

    async def status(self, _: _Follower) -> dict[str, object]:
        """Answer the state of every node, and why."""
        broken = [str(action) for action, _ in self.broken]
        return {"instance": self.plan.instance, **self.watch.snapshot(self.now()), "broken": broken}

    async def sync(self, _: _Follower) -> dict[str, object]:
        """Answer when whatever has happened by now is told, and with it whether the host stalled meanwhile."""
        await self.beat.wait()
        await self.beat.wait()
        return {"at": self.now()}

    async def down(self, _: _Follower) -> dict[str, object]:
        """End the lab."""
        self.ended.set()
        return {}

    async def run(self, _: _Follower, node: str, argv: list[str]) -> dict[str, object]:
        """Run a command in a node to its end."""
        return asdict(await self.provider.run(self._node(node), argv))

    async def clock(self, _: _Follower) -> dict[str, object]:
        """Answer what time it is here; the lab's kernel need not be the client's."""
        return {"at": _now()}

    async def enter(self, follower: _Follower, node: str) -> dict[str, object]:
        """Hand the client a pidfd of the node's first process; it comes as a message of its own before the answer.

        None comes where the nodes are not this kernel's; `attach` does there.
        """
        pidfd = self.provider.pidfd(self._node(node))
        if pidfd is None:
            return {}
        handle = follower.writer.get_extra_info("socket")
        await follower.writer.drain()
        with socket.socket(fileno=os.dup(handle.fileno())) as plain:
            plain.sendmsg([b"\n"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pidfd]).tobytes())])
        return {}

    async def attach(
        self,
        follower: _Follower,
        node: str,
        session: str,
        argv: list[str],
        environment: dict[str, str],
        rows: int = 0,
        columns: int = 0,
    ) -> dict[str, object]:
        """Run a command in a node, over a terminal of that size or over pipes; answer when it ended."""
        self._node(node)
        if session in follower.sessions:
            raise LabkitError(f"there is a session '{session}' already")
        made = follower.sessions[session] = Session(session, follower.writer, rows=rows, columns=columns)
        attached = asyncio.ensure_future(made.run(self.provider, node, argv, environment))
        follower.attached.add(attached)
        try:
            return {"status": await attached}
        except asyncio.CancelledError:
            return {"status": -signal.SIGHUP}
        finally:
            follower.attached.discard(attached)
            del follower.sessions[session]

    async def input(self, follower: _Follower, session: str, data: str) -> dict[str, object]:
        """Give a session's command input, in base64; none is the end of it."""
        follower.session(session).feed(data)
        return {}

    async def resize(self, follower: _Follower, session: str, rows: int, columns: int) -> dict[str, object]:
        """Tell a session's terminal its size."""
        follower.session(session).resize(rows, columns)
        return {}

    async def follow(self, follower: _Follower, kinds: list[str] | None = None, past: bool = True) -> dict[str, object]:
        """Send the trace so far (`past`) and every record from now on; `kinds` narrows it."""
        follower.kinds = frozenset(kinds) if kinds is not None else None
        for record in self.trace if past else ():
            if follower.kinds is None or record.kind in follower.kinds:
                follower.writer.write(_line(record))
        follower.following = True
        return {"at": self.now()}

    async def fault(self, _: _Follower, do: str, value: object) -> dict[str, object]:
        """Do what a scenario's verb says; answer when it was done, and what bounds are to be computed from now."""
        try:
            action = actions.read(do, value, self.plan.topology)
        except actions.Mistake as mistake:
            raise LabkitError(str(mistake)) from mistake
        if do in FAULTS:
            self._tell(Kind.FAULT if do not in HEALS else Kind.HEAL, action)
            undo = await FAULTS[do](self.hands, action)
            self.broken = [each for each in self.broken if do not in HEALS or not _heals(action, each[0])]
            if undo is not None:
                self.broken.append((action, undo))
        elif not await self._heal(action) and action.node != ALL:
            raise LabkitError(f"nothing is broken at {action.node}{action.interface and '.'}{action.interface}")
        return {"at": self.now(), "config": configuration(self.hands, action.node) if do == "reload" else ""}

    def _tell(self, kind: Kind, action: Action) -> None:
        data = {"fault": action.verb, "target": action.interface, "what": str(action)}
        self.emit(Record(at=self.now(), kind=kind, node=action.node, data=data))

    async def _heal(self, wanted: Action) -> int:
        """Undo, last first, what an action heals; return how many there were."""
        found = [each for each in self.broken if _heals(wanted, each[0])]
        for action, undo in reversed(found):
            self.broken.remove((action, undo))
            self._tell(Kind.HEAL, action)
            await undo()
        return len(found)

    async def tap(self, _: _Follower) -> dict[str, object]:
        """Keep the frames of every network from now on."""
        for network in self.plan.topology.networks:
            self.provider.tap(network.name)
        return {}

    async def frames(self, _: _Follower, network: str, after: int = 0) -> dict[str, object]:
        """Answer frames kept of a network with a number above `after`: the first ones; none when there are no more."""
        known = [each.name for each in self.plan.topology.networks]
        if network not in known:
            raise LabkitError(f"no network '{network}' in lab {self.plan.instance}; {did_you_mean(network, known)}")
        answer: list[list[object]] = []
        size = 0
        for frame in self.provider.frames(network, after):
            data = base64.b64encode(frame.data).decode()
            answer.append([frame.number, frame.at_ns, frame.port, frame.length, data])
            size += len(data)
            if size > _FRAMES:
                break
        return {"frames": answer}

    async def probe(self, follower: _Follower, **spec: object) -> dict[str, object]:
        """Start a probe, by the fields of `ProbeSpec`; it goes on until `unprobe` or until the client leaves."""
        wanted = ProbeSpec(**spec)  # type: ignore[arg-type]
        if wanted.name in self.probes:
            raise LabkitError(f"there is a probe '{wanted.name}' already; give this one another name")
        if wanted.kind not in kinds.KINDS:
            raise LabkitError(f"no probe '{wanted.kind}'; {did_you_mean(wanted.kind, kinds.KINDS)}")
        IPv4Address(wanted.target)
        open_socket = partial(self.provider.socket, self._node(wanted.node))
        make = kinds.KINDS[wanted.kind].make
        made = self.probes[wanted.name] = make(wanted, open_socket, self.emit, self.plan.topology)
        follower.probes.append(wanted.name)
        made.start()
        return {"probe": wanted.name}

    async def unprobe(self, follower: _Follower, probe: str) -> dict[str, object]:
        """Stop a probe of this client; answer what it saw."""
        if probe not in follower.probes:
            raise LabkitError(f"no probe '{probe}'; {did_you_mean(probe, follower.probes)}")
        follower.probes.remove(probe)
        return self._stop_probe(probe)

    def _stop_probe(self, name: str) -> dict[str, object]:
        return self.probes.pop(name).stop()


_VERBS = {
    verb.__name__: verb
    for verb in (
        Lab.info,
        Lab.status,
        Lab.sync,
        Lab.down,
        Lab.run,
        Lab.clock,
        Lab.enter,
        Lab.attach,
        Lab.input,
        Lab.resize,
        Lab.follow,
        Lab.fault,
        Lab.tap,
        Lab.frames,
        Lab.probe,
        Lab.unprobe,
    )
}


def _heals(wanted: Action, broken: Action) -> bool:
    """Whether an action heals a fault: by its own verb, and at its node and interface."""
    if wanted.verb != "heal" and broken.verb not in HEALS[wanted.verb]:
        return False
    if wanted.verb == "heal" and wanted.node == ALL:
        return True
    if wanted.word("script") not in ("", broken.word("script")):
        return False
    return broken.node == wanted.node and wanted.interface in ("", broken.interface)


def _line(record: Record) -> bytes:
    return b'{"record":' + record.to_json().encode() + b"}\n"


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    with contextlib.suppress(ConnectionError, asyncio.LimitOverrunError, ValueError):
        while line := await reader.readline():
            yield line


def _must(done: Completed, what: str) -> None:
    if done.status:
        said = done.output.strip() or f"exit status {done.status}"
        raise LabkitError(f"{what}: {said}")


async def _live(plan: Plan, provider: Provider, listener: socket.socket, leash: socket.socket) -> None:
    lab = Lab(plan, provider)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, lab.ended.set)
    loop.set_exception_handler(lab.tell_of_error)
    raising = asyncio.ensure_future(lab.raise_up())
    loop.add_reader(leash, raising.cancel)  # nothing is sent to us before we answer: who wanted the lab is gone
    await raising
    loop.remove_reader(leash)
    server = await asyncio.start_unix_server(lab.serve_client, sock=listener, limit=_LINE_LIMIT)
    leash.sendall(json.dumps({"ok": lab.times}).encode() + b"\n")
    loop.add_reader(leash, hear_owner, lab.ended, leash)
    heart = asyncio.ensure_future(heartbeat(lab.now, lab.emit, lab.beaten))
    await lab.ended.wait()
    heart.cancel()
    server.close()


def become(plan: Plan, provider: Provider, listener: socket.socket, path: Path, leash: socket.socket) -> NoReturn:
    """Turn this forked process into the supervisor; `leash` gets one JSON line when the lab is up.  Never returns."""
    hold(path, leash, provider.enclose, partial(_live, plan, provider, listener, leash))
