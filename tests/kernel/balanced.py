"""A client, a director with a data plane, and three servers in namespaces; IPv4 and IPv6, NAT and DR."""

import contextlib
import select
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface

from labkit.kernel.dataplane import DataPlane
from labkit.kernel.links import add_address, remove_address
from labkit.kernel.nft.plane import NftPlane
from labkit.lvs.model import Change, Destination, Forwarding, Protocol, Scheduler, Service, ServiceKey, ServiceState
from tests.kernel.lan import Lan, Namespace

NAT, DR = Forwarding.NAT, Forwarding.DR
VIP = {4: "192.168.1.20", 6: "fd00:1::20"}
INSIDE = {4: "10.0.0.{}", 6: "fd00::{}"}
OUTSIDE = {4: "192.168.1.{}", 6: "fd00:1::{}"}
PREFIX = {4: 24, 6: 64}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


class Web:
    """Three servers that answer with their number; they live in this process, their sockets in the namespaces.

    With `keep` they leave the connection open.
    """

    def __init__(self, hosts: list[Namespace]) -> None:
        self._epoll = select.epoll()
        self._sockets: dict[int, tuple[socket.socket, int]] = {}
        self.kept: list[socket.socket] = []
        self.keep = False
        for number, host in enumerate(hosts, 1):
            with host.entered():
                for port in (80, 81):
                    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
                    self._watch(listener, number)
                for version in (4, 6):  # bound so that the answer comes from where the question went to
                    for address in (VIP[version], INSIDE[version].format(49 + number)):
                        one = socket.socket(FAMILY[version], socket.SOCK_DGRAM)
                        one.bind((address, 53))
                        self._watch(one, number)

    def _watch(self, one: socket.socket, number: int) -> None:
        one.setblocking(False)
        self._sockets[one.fileno()] = one, number
        self._epoll.register(one, select.EPOLLIN)

    def serve(self, wanted: socket.socket, within: float) -> None:
        """Serve until `wanted` is readable."""
        deadline = time.monotonic() + within
        self._epoll.register(wanted, select.EPOLLIN)
        try:
            while (left := deadline - time.monotonic()) > 0:
                for descriptor, _ in self._epoll.poll(left):
                    if descriptor == wanted.fileno():
                        return
                    self._answer(*self._sockets[descriptor])
        finally:
            self._epoll.unregister(wanted)

    def _answer(self, one: socket.socket, number: int) -> None:
        if one.type == socket.SOCK_DGRAM:
            _, source = one.recvfrom(64)
            one.sendto(b"%d" % number, source)
            return
        connection, _ = one.accept()
        connection.sendall(b"%d" % number)
        if self.keep:
            self.kept.append(connection)
        else:
            connection.close()

    def heard(self, kept: socket.socket, within: float) -> bytes:
        """Return what a connection that is kept open is told in time; nothing if nothing is."""
        kept.setblocking(False)
        return kept.recv(64) if select.select([kept], [], [], within)[0] else b""

    def close(self) -> None:
        for one in (*(one for one, _ in self._sockets.values()), *self.kept):
            one.close()
        self._epoll.close()


class Balanced:
    """Host 0 is the client, host 1 the director, hosts 2 to 4 the servers: 10.0.0.50 or 192.168.1.23 and on."""

    def __init__(self, kind: Forwarding, version: int, plane: Callable[[], DataPlane] = NftPlane) -> None:
        self.kind, self.version = kind, version
        self.vip = VIP[version]
        self.lan = Lan(5)
        self.client, self.director, *self.servers = self.lan.hosts
        for host in self.lan.hosts:  # so that a link-local address, which asks for neighbours, is usable at once
            settings(
                host, *(f"ipv6/conf/eth0/{setting}" for setting in ("accept_dad=0", "disable_ipv6=1", "disable_ipv6=0"))
            )
        self._prepare_director()
        for number, server in enumerate(self.servers):
            self._prepare_server(number, server)
        for version in (4, 6):
            for number in range(10):
                put(self.client, f"{OUTSIDE[version].format(110 + number)}/{PREFIX[version]}")
        with self.director.entered():
            self.plane = plane()
        self.web = Web(self.servers)

    def _prepare_director(self) -> None:
        settings(self.director, "ipv4/ip_forward=1", "ipv6/conf/all/forwarding=1", "ipv4/conf/all/send_redirects=0")
        for version in (4, 6):
            put(self.director, f"{VIP[version]}/{32 if version == 4 else 128}")
            put(self.director, f"{INSIDE[version].format(20)}/{PREFIX[version]}")
            put(self.director, f"{OUTSIDE[version].format(30)}/{PREFIX[version]}")

    def _prepare_server(self, number: int, server: Namespace) -> None:
        settings(server, "ipv4/conf/all/arp_ignore=1", "ipv4/conf/all/arp_announce=2")
        settings(server, "ipv6/conf/all/accept_redirects=0", "ipv6/conf/eth0/accept_redirects=0")
        for version in (4, 6):
            put(server, f"{INSIDE[version].format(50 + number)}/{PREFIX[version]}")
            put(server, f"{OUTSIDE[version].format(23 + number)}/{PREFIX[version]}", there=version == 4)
            server.netlink.ask([add_address(1, ip_interface(VIP[version]))])
            if self.kind is NAT:  # the answers go back through the director
                outside, gateway = OUTSIDE[version].format(0), INSIDE[version].format(20)
                for half in ip_interface(f"{outside}/{PREFIX[version]}").network.subnets():
                    run(server, f"ip route add {half} via {gateway}")

    def destination(self, number: int, weight: int = 1, port: int = 80, **options: object) -> Destination:
        address = (INSIDE if self.kind is NAT else OUTSIDE)[self.version].format(
            number + (49 if self.kind is NAT else 22)
        )
        where = {"address": ip_address(address), "port": port, "forwarding": self.kind, "weight": weight}
        return Destination(**where, **options)  # type: ignore[arg-type]

    def state(self, *weights: int, protocol: Protocol = Protocol.TCP, port: int = 0, **options: object) -> ServiceState:
        """Return a service, round robin if nothing else is said, with servers of these weights."""
        port = port or (80 if protocol is Protocol.TCP else 53)
        key = ServiceKey(protocol=protocol, address=ip_address(self.vip), port=port, family=self.version)
        service = Service(**{"key": key, "scheduler": Scheduler.RR, **options})  # type: ignore[arg-type]
        servers = tuple(self.destination(number, weight, port) for number, weight in enumerate(weights, 1))
        return ServiceState(service=service, destinations=servers)

    def become(self, old: ServiceState | None, new: ServiceState) -> ServiceState:
        self.plane.apply([Change(old, new)])
        return new

    def open(self, source: int = 0, kind: int = socket.SOCK_STREAM, port: int = 0) -> tuple[str, socket.socket]:
        """Make one new connection (datagram) from client address `source`; return who answers, or what became of it."""
        with self.client.entered():
            one = socket.socket(FAMILY[self.version], kind)
        one.setblocking(False)
        if source:
            one.bind((OUTSIDE[self.version].format(source), 0))
        with contextlib.suppress(BlockingIOError):
            one.connect((self.vip, port or (80 if kind == socket.SOCK_STREAM else 53)))
        if kind == socket.SOCK_DGRAM:
            one.send(b"?")
        return self.hear(one), one

    def hear(self, one: socket.socket, within: float = 2.0) -> str:
        """Return what a connection is told, or what became of it."""
        self.web.serve(one, within)
        try:
            return one.recv(64).decode()
        except ConnectionRefusedError:
            return "refused"
        except BlockingIOError:
            return "no answer"

    def ask(self, source: int = 0, kind: int = socket.SOCK_STREAM, port: int = 0) -> str:
        """Return who answers one new connection (datagram), or what became of it."""
        answer, one = self.open(source, kind, port)
        one.close()
        return answer

    def share(self, times: int, sources: Iterable[int] = (), **options: int) -> dict[str, int]:
        """Return how many of a number of new connections each server answered."""
        froms = [*sources] or [0]
        return dict(Counter(self.ask(froms[turn % len(froms)], **options) for turn in range(times)))

    def close(self) -> None:
        self.web.close()
        self.plane.close()
        self.lan.close()


def put(host: Namespace, address: str, *, there: bool = False) -> None:
    """Put an address on eth0, if it is not `there`."""
    parsed: IPv4Interface | IPv6Interface = ip_interface(address)
    if not there:
        host.netlink.ask([add_address(host.index("eth0"), parsed)])


def take(host: Namespace, address: str) -> None:
    host.netlink.ask([remove_address(host.index("eth0"), ip_interface(address))])


def settings(host: Namespace, *wanted: str) -> None:
    with host.entered():
        for setting in wanted:
            name, value = setting.split("=")
            with open(f"/proc/sys/net/{name}", "w") as file:  # noqa: PTH123  of this thread's namespace
                file.write(value)


def run(host: Namespace, command: str, **options: object) -> str:
    """Run a program in a namespace; return what it prints."""
    with host.entered():
        ended = subprocess.run(command.split(), capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert ended.returncode == 0, ended.stderr
    return str(ended.stdout)
