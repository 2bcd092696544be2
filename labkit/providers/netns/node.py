"""A node's first process: makes its namespaces, keeps its syslog, runs commands, and buries its dead.

It is forked from the supervisor, so that everything labkit runs in a node (the daemon, the web server) starts from
memory by another fork.  It talks to the supervisor over one SOCK_SEQPACKET pair, a JSON object a message:

    from the supervisor                              to the supervisor
    {"do": "run", "id", "argv", "program"?}          {"id", "status", "output"}
    {"do": "attach", "id", "argv", "environment"}    {"id", "status"}
        with descriptors of input, output, errors
    {"do": "hang up", "id"}                          nothing; an attached command gets SIGHUP
    {"do": "signal", "id", "name", "number"}         {"id", "count"}
                                                     {"sockets": [names]} with descriptors, once
                                                     {"ready": true} with the trace mailbox; or {"failed": "..."}
                                                     {"log": line, "at"}
                                                     {"started": name, "pid", "at"}
                                                     {"exited": name, "pid", "status", "at"}

When it dies, the kernel ends every process of the node and with them its namespaces.
"""

import array
import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import termios
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol, TypeAlias

from labkit.kernel import links
from labkit.kernel.netlink import Netlink
from labkit.kernel.process import set_process_name
from labkit.lab.provider import File
from labkit.providers.netns import linux, root

Program: TypeAlias = Callable[[Sequence[str]], int]


class _Descriptor(Protocol):
    def fileno(self) -> int: ...

    def close(self) -> None: ...


MAILBOX_LENGTH = ("net.unix.max_dgram_qlen", "1024")
"""A kernel setting of every node: so many records and log lines may wait for who reads them."""

OUTPUT_LIMIT = 60_000  # bytes of a command's output that are kept
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}
_FACILITY_MASK = 0x7
_LOG_ROTATE = 8_000_000  # bytes; a class that lets a lab run for a week shall not fill the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """What the node's first process must know."""

    name: str
    hosts: str
    files: tuple[File, ...]
    programs: Mapping[str, Program]
    root: Path | None = None  # an empty directory, covered by the node's own tmpfs; none: in a container already
    one_user: bool = False  # made without root: there is no other user to change to
    sysctls: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Command:
    request: int
    output: int | None  # a memory file; none: it is attached


def main(spec: NodeSpec, channel: socket.socket) -> NoReturn:
    """Become the node; called in a child forked into a new PID namespace, never returns."""
    status = 1
    try:
        _let_go_of_the_supervisor(channel)
        node = _Node(spec, channel)
        node.build()
        node.serve()
        status = 0
    except BaseException as error:  # the last frame of a process: it says why, then ends
        with contextlib.suppress(OSError):
            reason = str(error) if isinstance(error, linux.NamespaceError | OSError) else traceback.format_exc()
            channel.send(json.dumps({"failed": reason}).encode())
    finally:
        os._exit(status)


def _let_go_of_the_supervisor(channel: socket.socket) -> None:
    """Close what was inherited: another node's channel held open here would hide that node's end."""
    keep = channel.fileno()
    os.closerange(3, keep)
    os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 65536 else 65536)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _now() -> int:
    return time.monotonic_ns() // 1000


class _Node:
    def __init__(self, spec: NodeSpec, channel: socket.socket) -> None:
        self.spec = spec
        self.channel = channel
        self.commands: dict[int, _Command] = {}
        self.left: set[int] = set()  # running processes that were told of

    def build(self) -> None:
        """Make the namespaces and the root, where they are not made, and hand the sockets over."""
        if self.spec.root is not None:
            self._unshare()
        set_process_name("init")
        handed = self._sockets()
        self._send({"sockets": list(handed)}, handed.values())
        if self.spec.root is not None:
            root.enter(self.spec.root, self.spec.name, self.spec.hosts, self.spec.files)
        else:
            root.furnish(self.spec.hosts, self.spec.files)
        self.log = _mailbox("/run/labkit/log")
        self.trace = _mailbox("/run/labkit/trace")
        self.syslog = Path("/var/log/syslog").open("ab", buffering=0)  # noqa: SIM115 - held for life
        self._send({"ready": True}, [self.trace])
        for each in (*handed.values(), self.trace):
            each.close()
        if self.spec.one_user:
            linux.pretend_to_change_users()

    def _unshare(self) -> None:
        namespaces = linux.CLONE_NEWNET | linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC
        linux.unshare(namespaces)
        socket.sethostname(self.spec.name)
        for name, value in (*self.spec.sysctls, MAILBOX_LENGTH):
            try:
                Path("/proc/sys", name.replace(".", "/")).write_text(value)
            except OSError as error:
                raise OSError(f"{name} cannot be set to '{value}': {error.strerror}") from error

    def _sockets(self) -> dict[str, _Descriptor]:
        """Open what the supervisor watches and drives the node by; a socket stays in the namespace it was made in."""
        requests = Netlink()
        events = Netlink(groups=links.GROUP_LINK | links.GROUP_NEIGHBOUR | links.GROUP_IPV4_ADDRESS)
        namespace = Path("/proc/self/ns/net").open("rb", buffering=0)  # noqa: SIM115 - handed over, then closed
        return {"namespace": namespace, "requests": requests, "events": events}

    def _send(self, message: Mapping[str, object], descriptors: Iterable[_Descriptor] = ()) -> None:
        rights = array.array("i", [each.fileno() for each in descriptors])
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights.tobytes())] if rights else []
        self.channel.sendmsg([json.dumps(message).encode()], ancillary)

    def serve(self) -> None:
        """Wait for requests, log lines and dead children until the supervisor goes away."""
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        poll = select.poll()
        for descriptor in (self.channel.fileno(), self.log.fileno(), reader):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self.channel.fileno():
                    request, handed, _, _ = socket.recv_fds(self.channel, 1 << 18, 3)
                    if not request:
                        return
                    self._obey(json.loads(request), handed)
                elif descriptor == self.log.fileno():
                    self._take_log()
                else:
                    with contextlib.suppress(BlockingIOError):
                        os.read(reader, 4096)
                    self._bury()

    def _obey(self, request: dict[str, object], handed: Sequence[int]) -> None:
        identity = int(str(request["id"]))
        if request["do"] == "signal":
            count = _signal(str(request["name"]), int(str(request["number"])))
            self._send({"id": identity, "count": count})
            return
        if request["do"] == "hang up":
            for pid, command in self.commands.items():
                if command.request == identity:
                    os.killpg(pid, signal.SIGHUP)
            return
        argv, program = request["argv"], request.get("program")
        if not isinstance(argv, list):
            raise TypeError("argv is a list")
        output = None if handed else os.memfd_create("output", os.MFD_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            stdio = handed if output is None else (os.open("/dev/null", os.O_RDWR), output, output)
            own = request.get("environment")
            environment = _ENVIRONMENT | (own if isinstance(own, dict) else {})
            _become(argv, stdio, environment, self.spec.programs[str(program)] if program else None)
        for descriptor in handed:
            os.close(descriptor)
        self.commands[pid] = _Command(identity, output)

    def _bury(self) -> None:
        """Reap every dead child, the orphans of the node among them; report what became of commands and daemons."""
        ended = len(self.commands)
        self._reap()
        if len(self.commands) < ended:
            self._tell_started()

    def _tell_started(self) -> None:
        """Report what commands left running, and what that has started since."""
        there = sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())  # noqa: PTH208 - names only
        self.left &= set(there)
        for pid in there:
            if pid == 1 or pid in self.left or pid in self.commands:
                continue
            parent, at = _origin(pid)
            if parent == 1 or parent in self.left:
                self.left.add(pid)
                self._send({"started": _comm(pid), "pid": pid, "at": at})

    def _reap(self) -> None:
        while True:
            try:
                dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if dead is None:
                return
            name = _comm(dead.si_pid)
            os.waitpid(dead.si_pid, 0)
            status = dead.si_status if dead.si_code == os.CLD_EXITED else -dead.si_status
            command = self.commands.pop(dead.si_pid, None)
            if command is not None and command.output is None:
                self._send({"id": command.request, "status": status})
            elif command is not None and command.output is not None:
                self._send({"id": command.request, "status": status, "output": _content(command.output)})
            else:
                self._send({"exited": name, "pid": dead.si_pid, "status": status, "at": _now()})

    def _take_log(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(256):
                line = _syslog_line(self.log.recv(8192), self.spec.name)
                if self.syslog.tell() > _LOG_ROTATE:
                    self.syslog.truncate(0)
                self.syslog.write(f"{line}\n".encode())
                self._send({"log": line, "at": _now()})


def _mailbox(path: str) -> socket.socket:
    mailbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    mailbox.bind(path)
    Path(path).chmod(0o666)
    return mailbox


def _syslog_line(datagram: bytes, hostname: str) -> str:
    """Turn a message as syslog(3) sends it into the line of /var/log/syslog (RFC 3164 form)."""
    line = datagram.decode(errors="replace").rstrip("\n\0")
    if line.startswith("<") and ">" in line[:5]:
        line = line[line.index(">") + 1 :]
    stamp, rest = time.strftime("%b %e %H:%M:%S"), line
    if len(line) > 16 and line[3] == " " and line[9] == ":" and line[15] == " ":
        rest = line[16:]
    return f"{stamp} {hostname} {rest}"


def _become(argv: list[str], stdio: Sequence[int], environment: dict[str, str], program: Program | None) -> NoReturn:
    """In a forked child: run a program of labkit's from memory, or execute a command."""
    status = 127
    try:
        os.setsid()
        for stream, descriptor in enumerate(stdio):
            os.dup2(descriptor, stream)
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.closerange(3, 1024)
        if program is None:
            os.execvpe(argv[0], argv, environment)
        os.environ.clear()
        os.environ.update(environment)
        status = program(argv)
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else 1
    except BaseException:  # the last frame of a process: it says why, then ends
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _content(output: int) -> str:
    size = os.fstat(output).st_size
    data = os.pread(output, OUTPUT_LIMIT, max(0, size - OUTPUT_LIMIT))
    os.close(output)
    return data.decode(errors="replace")


def _origin(pid: int) -> tuple[int, int]:
    """Return the parent of a process and when it was started, to 10 ms; zeros when it is gone (proc(5), stat)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    asleep = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return int(fields[1]), int(fields[19]) * 1_000_000 // os.sysconf("SC_CLK_TCK") - asleep // 1000


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().rstrip("\n")
    except OSError:
        return ""


def _signal(name: str, number: int) -> int:
    """Signal all at once: who is to die is stopped first, or a child would say goodbye when it sees its parent die."""
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and entry.name != "1"]
    found = [pid for pid in found if _comm(pid).lower().startswith(name)]
    for each in (signal.SIGSTOP, number) if number == signal.SIGKILL else (number,):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, each)
    return len(found)
