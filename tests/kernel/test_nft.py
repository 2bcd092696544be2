"""The nftables data plane with real connections: a client, a director and three servers in namespaces."""

import contextlib
import select
import socket
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_address

import pytest

from labkit.kernel.links import add_address, add_route
from labkit.kernel.nft.helper import Nft, NftError
from labkit.kernel.nft.plane import NftPlane
from labkit.lvs.model import Change, Destination, Forwarding, Protocol, Scheduler, Service, ServiceKey, ServiceState
from tests.kernel.lan import Lan, Namespace, why_not

pytestmark = pytest.mark.kernel

VIP = IPv4Address("192.168.1.20")
NAT, DR = Forwarding.NAT, Forwarding.DR


class Web:
    """Three servers that answer with their number; they live in this process, their sockets in the namespaces."""

    def __init__(self, hosts: list[Namespace]) -> None:
        self._epoll = select.epoll()
        self._sockets: dict[int, tuple[socket.socket, int]] = {}
        for number, host in enumerate(hosts, 1):
            with host.entered():
                listener = socket.create_server(("0.0.0.0", 80), backlog=64)
                datagrams = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
                for one, address in zip(datagrams, (str(VIP), f"10.0.0.{49 + number}"), strict=True):
                    one.bind((address, 53))  # so that the answer comes from where the question went to
            for one in (listener, *datagrams):
                self._watch(one, number)

    def _watch(self, one: socket.socket, number: int) -> None:
        one.setblocking(False)
        self._sockets[one.fileno()] = one, number
        self._epoll.register(one, select.EPOLLIN)

    def serve(self, wanted: socket.socket, within: float = 1.0) -> None:
        """Serve until `wanted` is readable."""
        self._epoll.register(wanted, select.EPOLLIN)
        try:
            while ready := self._epoll.poll(within):
                if any(descriptor == wanted.fileno() for descriptor, _ in ready):
                    return
                for descriptor, _ in ready:
                    self._answer(*self._sockets[descriptor])
        finally:
            self._epoll.unregister(wanted)

    def _answer(self, one: socket.socket, number: int) -> None:
        if one.type == socket.SOCK_DGRAM:
            _, source = one.recvfrom(64)
            one.sendto(b"%d" % number, source)
            return
        connection, _ = one.accept()
        with connection:
            connection.sendall(b"%d" % number)

    def close(self) -> None:
        for one, _ in self._sockets.values():
            one.close()
        self._epoll.close()


class Balanced:
    """Host 0 is the client, host 1 the director, hosts 2 to 4 the servers 10.0.0.50 or 192.168.1.23 and on."""

    def __init__(self) -> None:
        self.lan = Lan(5)
        self.client, self.director, *self.servers = self.lan.hosts
        self._put(self.director, f"{VIP}/32")
        self._put(self.director, "10.0.0.20/24")
        self._set(self.director, "ipv4/ip_forward", "1")
        for number, server in enumerate(self.servers):
            self._put(server, f"10.0.0.{50 + number}/24")
            self._set(server, "ipv4/conf/all/arp_ignore", "1")
            self._set(server, "ipv4/conf/all/arp_announce", "2")
            server.netlink.ask([add_address(1, IPv4Interface(f"{VIP}/32"))])
        for number in range(10):
            self._put(self.client, f"192.168.1.{110 + number}/24")
        with self.director.entered():
            self.plane = NftPlane()
        self.web = Web(self.servers)

    def _put(self, host: Namespace, address: str) -> None:
        host.netlink.ask([add_address(host.index("eth0"), IPv4Interface(address))])

    def _set(self, host: Namespace, name: str, value: str) -> None:
        with host.entered(), open(f"/proc/sys/net/{name}", "w") as file:  # noqa: PTH123  of this thread's namespace
            file.write(value)

    def route_back(self) -> None:
        """Let the servers answer through the director, as NAT needs."""
        for server in self.servers:
            client = IPv4Network("192.168.1.0/24")
            server.netlink.ask([add_route(client, gateway=IPv4Address("10.0.0.20"), index=server.index("eth0"))])

    def ask(self, source: str = "", kind: int = socket.SOCK_STREAM) -> str:
        """Return who answers one new connection (datagram), or what became of it."""
        with self.client.entered():
            one = socket.socket(socket.AF_INET, kind)
        with one:
            one.setblocking(False)
            if source:
                one.bind((source, 0))
            with contextlib.suppress(BlockingIOError):
                one.connect((str(VIP), 80 if kind == socket.SOCK_STREAM else 53))
            if kind == socket.SOCK_DGRAM:
                one.send(b"?")
            self.web.serve(one)
            try:
                return one.recv(64).decode()
            except ConnectionRefusedError:
                return "refused"
            except BlockingIOError:
                return "no answer"

    def close(self) -> None:
        self.web.close()
        self.plane.close()
        self.lan.close()


@pytest.fixture
def balanced() -> Iterator[Balanced]:
    if why_not():
        pytest.skip(why_not())
    made = Balanced()
    yield made
    made.close()


def real(number: int, kind: Forwarding, weight: int = 1, port: int = 80) -> Destination:
    address = f"10.0.0.{49 + number}" if kind is NAT else f"192.168.1.{22 + number}"
    return Destination(address=ip_address(address), port=port, forwarding=kind, weight=weight)


def state(kind: Forwarding, *weights: int, protocol: Protocol = Protocol.TCP, **options: object) -> ServiceState:
    port = 80 if protocol is Protocol.TCP else 53
    key = ServiceKey(protocol=protocol, address=VIP, port=port)
    service = Service(key=key, **{"scheduler": Scheduler.RR, **options})  # type: ignore[arg-type]
    servers = tuple(real(number, kind, weight, port) for number, weight in enumerate(weights, 1))
    return ServiceState(service=service, destinations=servers)


@pytest.fixture(params=[NAT, DR])
def kind(request: pytest.FixtureRequest, balanced: Balanced) -> Forwarding:
    chosen: Forwarding = request.param
    if chosen is NAT:
        balanced.route_back()
    return chosen


def test_round_robin(balanced: Balanced, kind: Forwarding) -> None:
    balanced.plane.apply([Change(None, state(kind, 1, 1, 1))])
    assert Counter(balanced.ask() for _ in range(12)) == {"1": 4, "2": 4, "3": 4}


def test_weights(balanced: Balanced, kind: Forwarding) -> None:
    balanced.plane.apply([Change(None, state(kind, 3, 2, 1, scheduler=Scheduler.WRR))])
    assert Counter(balanced.ask() for _ in range(12)) == {"1": 6, "2": 4, "3": 2}


@pytest.mark.parametrize("scheduler", [Scheduler.SH, Scheduler.DH, Scheduler.MH])
def test_a_hash_takes_a_client_to_one_server(balanced: Balanced, kind: Forwarding, scheduler: Scheduler) -> None:
    balanced.plane.apply([Change(None, state(kind, 1, 1, 1, scheduler=scheduler))])
    assert len({balanced.ask("192.168.1.110") for _ in range(6)}) == 1
    spread = {balanced.ask(f"192.168.1.{110 + number}") for number in range(10)}
    assert (len(spread) > 1) is (scheduler is not Scheduler.DH)


def test_persistence_keeps_a_client_and_spreads_clients(balanced: Balanced, kind: Forwarding) -> None:
    balanced.plane.apply([Change(None, state(kind, 1, 1, 1, persistence_s=7200))])
    for number in range(3):
        assert len({balanced.ask(f"192.168.1.{110 + number}") for _ in range(4)}) == 1
    assert len({balanced.ask(f"192.168.1.{110 + number}") for number in range(3)}) == 3


def test_a_weight_of_0_gets_nothing_new(balanced: Balanced, kind: Forwarding) -> None:
    balanced.plane.apply([Change(None, state(kind, 1, 0, 1))])
    assert Counter(balanced.ask() for _ in range(12)) == {"1": 6, "3": 6}


def test_a_service_without_servers_refuses(balanced: Balanced, kind: Forwarding) -> None:
    old = state(kind, 1)
    balanced.plane.apply([Change(None, old)])
    balanced.plane.apply([Change(old, state(kind))])
    assert balanced.ask() == "refused"


def test_changes_of_servers_and_scheduler(balanced: Balanced, kind: Forwarding) -> None:
    first, second = state(kind, 1, 1, 1), state(kind, 1, 1)
    third = state(kind, 1, 2, scheduler=Scheduler.WRR)
    balanced.plane.apply([Change(None, first)])
    balanced.plane.apply([Change(first, second)])
    assert Counter(balanced.ask() for _ in range(6)) == {"1": 3, "2": 3}
    balanced.plane.apply([Change(second, third)])
    assert Counter(balanced.ask() for _ in range(6)) == {"1": 2, "2": 4}
    balanced.plane.apply([Change(third, None)])
    assert balanced.ask() == "refused"  # the director's own stack answers for the address now


def test_datagrams_of_one_socket_stay_together(balanced: Balanced, kind: Forwarding) -> None:
    balanced.plane.apply([Change(None, state(kind, 1, 1, 1, protocol=Protocol.UDP))])
    assert Counter(balanced.ask(kind=socket.SOCK_DGRAM) for _ in range(6)) == {"1": 2, "2": 2, "3": 2}


def test_counters(balanced: Balanced, kind: Forwarding) -> None:
    balanced.plane.apply([Change(None, state(kind, 1, 1, 1))])
    for _ in range(9):
        balanced.ask()
    (reading,) = balanced.plane.read()
    assert [d.traffic.connections for d in reading.destinations] == [3, 3, 3]
    assert reading.traffic.connections == 9
    assert reading.traffic.packets_in >= 27
    assert (reading.traffic.packets_out > 0) is (kind is NAT)


def test_a_removed_server_s_connections_end(balanced: Balanced, kind: Forwarding) -> None:
    """What is under way when a server is taken out gets no further, and the others go on."""
    old = state(kind, 1)
    balanced.plane.apply([Change(None, old)])
    with balanced.client.entered():
        one = socket.socket()
    with one:
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            one.connect((str(VIP), 80))
        balanced.web.serve(one)
        assert one.recv(1) == b"1"
        balanced.plane.apply([Change(old, state(kind))])
        sniffer = balanced.lan.sniffer
        sniffer.drain()
        one.send(b"more")
        assert not any(frame.data[0:6].hex() == "020000000003" for frame in sniffer.listen(0.1))


def test_a_service_that_cannot_be_done_changes_nothing(balanced: Balanced) -> None:
    old = state(NAT, 1)
    balanced.plane.apply([Change(None, old)])
    wrapped = Destination(address=ip_address("10.0.0.50"), port=80, forwarding=Forwarding.TUN)
    wrong = ServiceState(service=old.service, destinations=(wrapped,))
    with pytest.raises(NftError, match="lb_kind TUN wraps packets"):
        balanced.plane.apply([Change(old, wrong)])
    balanced.route_back()
    assert balanced.ask() == "1"


def test_a_helper_that_dies_is_started_anew() -> None:
    nft = Nft()
    with pytest.raises(NftError, match="syntax error"):
        nft.run("table ip x { what }")
    nft.close()
    with pytest.raises(NftError, match="syntax error"):
        nft.run("table ip x { what }")
    nft.close()
