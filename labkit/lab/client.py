"""Raising a lab, finding the labs that run, and talking to one: what every user interface is made of."""

import base64
import contextlib
import json
import os
import select
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from labkit.diagnostics import LabkitError, did_you_mean
from labkit.lab.catalog import lab_names
from labkit.lab.provider import Completed, Frame, LackingError, World
from labkit.trace import Micros, Record

if TYPE_CHECKING:  # what a plan holds takes long to import, and most commands raise nothing
    from labkit.lab.plan import Plan

_ANSWER_WITHIN_S = 30.0
_END_WITHIN_S = 5.0
_CLOCK_TRIES = 8
_SOCKET_PATH_LIMIT = 107  # bytes, unix(7)


def runtime_folder() -> Path:
    """Return the folder of this user's control sockets, made with mode 0700.

    Raises:
        LabkitError: the folder belongs to somebody else or is open to others.
    """
    user = os.geteuid()
    base = os.environ.get("XDG_RUNTIME_DIR") or ("/run" if user == 0 else f"/run/user/{user}")
    folder = Path(base, "labkit") if Path(base).is_dir() and os.access(base, os.W_OK) else Path(f"/tmp/labkit-{user}")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    state = folder.lstat()
    if state.st_uid != user or not stat.S_ISDIR(state.st_mode) or state.st_mode & 0o077:
        raise LabkitError(f"{folder} must be a folder of yours with mode 0700; remove it, labkit makes it anew")
    return folder


def running() -> list[str]:
    """Return the names of this user's running labs; sockets whose supervisor is dead are swept away."""
    found = []
    for path in sorted(runtime_folder().glob("*.sock")):
        with socket.socket(socket.AF_UNIX) as attempt:
            try:
                attempt.connect(str(path))
                found.append(path.stem)
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                continue
    return found


def choose(instance: str | None) -> str:
    """Return the named running lab, or the only one.

    Raises:
        LabkitError: it does not run, or none was named and there is not exactly one.
    """
    labs = running()
    if instance is None:
        if len(labs) == 1:
            return labs[0]
        if not labs:
            raise LabkitError("no lab is up; start one: labkit up failover")
        raise LabkitError(f"several labs are up, name one with --name: {', '.join(labs)}")
    instance = instance.replace("/", "-")  # as `up` names a lab
    if instance not in labs:
        raise _not_up(instance, labs)
    return instance


def _not_up(instance: str, labs: Sequence[str] = ()) -> LabkitError:
    """Return what to say of a lab that is not among those that are up."""
    startable = {name.replace("/", "-"): name for name in lab_names()}
    if labs:
        hint = did_you_mean(instance, labs)
    elif instance in startable:
        hint = f"start it: labkit up {startable[instance]}"
    else:
        hint = "none is; `labkit labs` shows which there are"
    return LabkitError(f"lab '{instance}' is not up; {hint}")


class Client:
    """One connection to a supervisor: requests with answers, and records in between."""

    def __init__(self, instance: str) -> None:
        """Connect.

        Raises:
            LabkitError: the lab is not up.
        """
        self.instance = instance
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.connect(str(runtime_folder() / f"{instance}.sock"))
        except OSError as error:
            self.socket.close()
            raise _not_up(instance) from error
        self.buffer = b""
        self.requests = 0
        self.records: list[Record] = []
        self.descriptors: list[int] = []
        self.ahead: Micros = 0  # of this machine's clock is the lab's, where its kernel is another

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _read(self, within_s: float) -> bool:
        """Read what is there within the time; False when nothing came.

        Raises:
            LabkitError: the supervisor is gone.
        """
        if not select.select([self.socket], [], [], max(0.0, within_s))[0]:
            return False
        try:
            data, descriptors, _, _ = socket.recv_fds(self.socket, 1 << 18, 1)
        except ConnectionResetError:
            data, descriptors = b"", []
        self.descriptors += descriptors
        if not data:
            raise LabkitError(f"lab '{self.instance}' has ended")
        self.buffer += data
        return True

    def _messages(self) -> list[dict[str, Any]]:
        """Take the whole lines read so far: records are kept, answers and a session's output are returned."""
        *lines, self.buffer = self.buffer.split(b"\n")
        answers = []
        for line in lines:
            if line.startswith(b'{"record":'):
                record = Record.from_json(line[10:-1])
                self.records.append(replace(record, at=record.at - self.ahead) if self.ahead else record)
            elif line:
                answers.append(json.loads(line))
        return answers

    def send(self, verb: str, **arguments: object) -> int:
        """Send a request without waiting for its answer; return its number."""
        self.requests += 1
        request = json.dumps({"id": self.requests, "verb": verb, **arguments})
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # then reading says that the lab has ended
            self.socket.sendall(request.encode() + b"\n")
        return self.requests

    def messages(self, within_s: float) -> list[dict[str, Any]]:
        """Return the answers and the output of sessions that came, waiting for the first at most so long.

        Raises:
            LabkitError: the lab has ended.
        """
        return self._messages() if self._read(within_s) else []

    def ask(self, verb: str, **arguments: object) -> dict[str, object]:
        """Send a request and wait for its answer; records that come meanwhile are kept for `next_records`.

        Raises:
            LackingError: this lab cannot do it at all.
            LabkitError: the supervisor refused, is gone, or does not answer.
        """
        if verb == "follow":
            self._compare_clocks()
        self.send(verb, **arguments)
        deadline = time.monotonic() + _ANSWER_WITHIN_S
        while self._read(deadline - time.monotonic()):
            for message in self._messages():
                if message.get("id") == self.requests:
                    if "error" in message:
                        refusal = LackingError if message.get("lacking") else LabkitError
                        raise refusal(str(message["error"]))
                    answer = message["ok"]
                    return answer if isinstance(answer, dict) else {}
        raise LabkitError(f"lab '{self.instance}' does not answer within {_ANSWER_WITHIN_S:.0f} s")

    def _compare_clocks(self) -> None:
        """Find how far the lab's clock is ahead, by the quickest of some answers; the same one is not ahead at all."""
        best = 0
        for _ in range(_CLOCK_TRIES):
            asked = time.monotonic_ns() // 1000
            at = int(str(self.ask("clock")["at"]))
            took = time.monotonic_ns() // 1000 - asked
            if asked <= at <= asked + took:
                self.ahead = 0
                return
            if not best or took < best:
                best, self.ahead = took, at - asked - took // 2

    def run(self, node: str, argv: Sequence[str]) -> Completed:
        """Run a command in a node to its end.

        Raises:
            LabkitError: no such node, or the lab is gone.
        """
        answer = self.ask("run", node=node, argv=list(argv))
        return Completed(status=int(str(answer["status"])), output=str(answer["output"]))

    def frames(self, network: str, after: int = 0) -> Iterator[Frame]:
        """Yield the frames that a tapped network has kept, those with a number above `after`.

        Raises:
            LabkitError: no such network, or the lab is gone.
        """
        while answer := self.ask("frames", network=network, after=after)["frames"]:
            assert isinstance(answer, list)
            for number, at_ns, port, length, data in answer:
                yield Frame(number=number, at_ns=at_ns, port=port, length=length, data=base64.b64decode(data))
            after = answer[-1][0]

    def next_records(self, within_s: float) -> list[Record]:
        """Return the records that came since the last call, waiting for the first at most so long.

        Raises:
            LabkitError: the lab has ended.
        """
        deadline = time.monotonic() + within_s
        while not self.records and self._read(deadline - time.monotonic()):
            self._messages()
        records, self.records = self.records, []
        return records

    def pidfd(self, node: str) -> int | None:
        """Return a descriptor of the node's first process; none where it is not this kernel's.

        Raises:
            LabkitError: no such node, or the lab is gone.
        """
        self.ask("enter", node=node)
        return self.descriptors.pop() if self.descriptors else None


def supervisor_pid(connection: socket.socket) -> int:
    """Return the process id of the supervisor at the other end, as this process sees it (SO_PEERCRED)."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[:4], "little")


def take_down(instance: str) -> None:
    """End a running lab and wait until its supervisor, and with it everything in the lab, is gone.

    A supervisor that does not hear is told by signals; the last one ends everything too.  With the last lab the folder
    of the sockets goes, if nothing is kept in it.

    Raises:
        LabkitError: the lab is not up.
    """
    with Client(instance) as client, contextlib.suppress(ProcessLookupError):  # it was about to end anyway
        _end(client)
    with contextlib.suppress(OSError):
        runtime_folder().rmdir()


def _end(client: Client) -> None:
    """Have a supervisor end, and wait for that.

    Raises:
        ProcessLookupError: it has ended meanwhile.
    """
    pidfd = os.pidfd_open(supervisor_pid(client.socket))
    try:
        client.send("down")
        for number in (signal.SIGTERM, signal.SIGKILL):
            if select.select([pidfd], [], [], _END_WITHIN_S)[0]:
                break
            signal.pidfd_send_signal(pidfd, number)
        select.select([pidfd], [], [], _END_WITHIN_S)
    finally:
        os.close(pidfd)


def start(
    plan: "Plan", world: World, say: Callable[[str], object] = lambda _: None
) -> tuple[dict[str, float], socket.socket]:
    """Raise a lab; return how long each part took (seconds), and the leash: an owned lab ends when it is closed.

    Where it takes more than a moment, `say` is told how far it is.

    Raises:
        LabkitError: a lab of that name is up, or it cannot be raised.
    """
    if plan.instance in running():
        raise _already_up(plan.instance)
    path = runtime_folder() / f"{plan.instance}.sock"
    listener = _listen(path)
    leash, theirs = socket.socketpair()
    if os.fork() == 0:
        leash.close()
        world.supervise(plan, listener, path, theirs)
    theirs.close()
    listener.close()
    try:
        answer = _answer(leash, say)
        if "error" in answer:
            raise LabkitError(str(answer["error"]))
        if not plan.owned:
            leash.sendall(b"stay")
    except BaseException:
        _await_end(leash)
        raise
    times = answer["ok"]
    return {key.removesuffix("_us"): value / 1e6 for key, value in times.items()}, leash


def _already_up(instance: str) -> LabkitError:
    cure = f"`labkit down {instance}` ends it, or give this one another --name"
    return LabkitError(f"lab '{instance}' is already up; {cure}")


def _listen(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, for this user alone.

    It gets its name when it listens already: one that does not would be taken for a dead supervisor's and swept away.

    Raises:
        LabkitError: somebody raises a lab of that name just now, or the name is too long for a socket.
    """
    if len(os.fsencode(path)) > _SOCKET_PATH_LIMIT:
        raise LabkitError(f"{path} is too long for a socket; give the lab a shorter --name")
    unnamed = path.with_name(f".{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        _bind(listener, unnamed)
        listener.listen(64)
        path.hardlink_to(unnamed)
    except FileExistsError as error:
        listener.close()
        raise _already_up(path.stem) from error
    finally:
        os.umask(mask)
        unnamed.unlink(missing_ok=True)
    return listener


def _bind(listener: socket.socket, path: Path) -> None:
    try:
        listener.bind(str(path))
    except FileNotFoundError:  # another lab ended just now, and the folder with it
        runtime_folder()
        listener.bind(str(path))


def _await_end(leash: socket.socket) -> None:
    """Let go of a supervisor that is raising a lab, and wait until it is gone; it removes what it has made."""
    leash.settimeout(_END_WITHIN_S)
    with contextlib.suppress(OSError):
        leash.shutdown(socket.SHUT_WR)
        while leash.recv(4096):
            pass
    leash.close()


def _answer(leash: socket.socket, say: Callable[[str], object]) -> dict[str, dict[str, int]]:
    """Return what the supervisor says when it is done with raising the lab."""
    with leash.makefile("rb") as lines:
        for line in lines:
            answer: dict[str, Any] = json.loads(line)
            if "progress" not in answer:
                return answer
            say(answer["progress"])
    raise LabkitError("the supervisor died while it raised the lab")
