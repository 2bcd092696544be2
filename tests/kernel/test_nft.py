"""The nftables data plane with real connections: a client, a director and three servers in namespaces."""

import ast
import contextlib
import itertools
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from labkit.kernel.nft.helper import Nft, NftError
from labkit.kernel.nft.tables import TABLES
from labkit.lvs.model import Change, Destination, Endpoint, Forwarding, Protocol, Scheduler, ServiceKey, ServiceState
from tests.kernel.balanced import DR, FAMILY, INSIDE, NAT, OUTSIDE, Balanced, run
from tests.kernel.lan import why_not

pytestmark = pytest.mark.kernel

DATAGRAM = socket.SOCK_DGRAM
CLIENTS = range(110, 120)


def raised(kind: Forwarding, version: int) -> Iterator[Balanced]:
    if why_not():
        pytest.skip(why_not())
    made = Balanced(kind, version)
    yield made
    made.close()


@pytest.fixture(params=[(NAT, 4), (DR, 4), (NAT, 6), (DR, 6)], ids=["nat4", "dr4", "nat6", "dr6"])
def balanced(request: pytest.FixtureRequest) -> Iterator[Balanced]:
    yield from raised(*request.param)


@pytest.fixture(params=[4, 6])
def nat(request: pytest.FixtureRequest) -> Iterator[Balanced]:
    yield from raised(NAT, request.param)


@pytest.fixture(params=[4, 6])
def dr(request: pytest.FixtureRequest) -> Iterator[Balanced]:
    yield from raised(DR, request.param)


def test_every_scheduler_one_after_the_other(balanced: Balanced) -> None:
    """Also that a service's scheduler changes in place, and that nft can still list what it was told."""
    now = balanced.become(None, balanced.state(1, 1, 1))
    assert balanced.share(12) == {"1": 4, "2": 4, "3": 4}
    now = balanced.become(now, balanced.state(3, 2, 1, scheduler=Scheduler.WRR))
    assert balanced.share(12) == {"1": 6, "2": 4, "3": 2}
    now = balanced.become(now, balanced.state(3, 3, 1, scheduler=Scheduler.SED))
    assert balanced.share(7) == {"1": 3, "2": 3, "3": 1}
    now = balanced.become(now, balanced.state(3, 1, 1, scheduler=Scheduler.NQ))
    assert balanced.share(3) == {"1": 1, "2": 1, "3": 1}
    now = balanced.become(now, balanced.state(1, 5, 1, scheduler=Scheduler.FO))
    assert balanced.share(3) == {"2": 3}
    for scheduler in (Scheduler.SH, Scheduler.MH, Scheduler.DH):
        now = balanced.become(now, balanced.state(1, 1, 1, scheduler=scheduler))
        assert len(balanced.share(4, [110])) == 1
        spread = balanced.share(10, CLIENTS)
        assert (len(spread) > 1) is (scheduler is not Scheduler.DH)
        before = [balanced.ask(client) for client in CLIENTS]
        now = balanced.become(now, balanced.state(1, 1, 1, scheduler=scheduler, persistence_s=60))
        assert [balanced.ask(client) for client in CLIENTS] == before
        now = balanced.become(now, balanced.state(1, 1, 1, scheduler=scheduler, with_port=True))
        spread = balanced.share(12, [110])
        assert (len(spread) > 1) is (scheduler is not Scheduler.DH)
    run(balanced.director, "nft list ruleset")
    run(balanced.director, "nft -j list ruleset")


def test_connections_that_others_mark_are_left_alone(nat: Balanced) -> None:
    nat.become(None, nat.state(1, 1, 1))
    chain = "type filter hook prerouting priority -150\ntcp dport 81 ct mark set 7\n"
    run(nat.director, "nft -f -", input=f"table inet other {{\nchain pre {{\n{chain}}}\n}}\n")
    inside, director = INSIDE[nat.version].format(50), OUTSIDE[nat.version].format(30)
    run(nat.client, f"ip route add {inside} via {director}")
    with nat.client.entered(), socket.socket(FAMILY[nat.version]) as one:
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            one.connect((inside, 81))
        assert nat.hear(one) == "1"
    assert nat.share(3) == {"1": 1, "2": 1, "3": 1}


def test_a_hash_without_fallback_refuses_for_a_drained_server(balanced: Balanced) -> None:
    now = balanced.become(None, balanced.state(1, 1, 0, scheduler=Scheduler.SH))
    assert set(balanced.share(10, CLIENTS)) <= {"1", "2", "refused"}
    now = balanced.become(now, balanced.state(1, 0, 0, scheduler=Scheduler.SH, with_port=True))
    assert set(balanced.share(20)) == {"1", "refused"}
    balanced.become(now, balanced.state(1, 0, 0, scheduler=Scheduler.SH, with_port=True, fallback=True))
    assert set(balanced.share(10)) == {"1"}


def test_persistence_keeps_a_client_and_spreads_clients(balanced: Balanced) -> None:
    now = balanced.become(None, balanced.state(1, 1, 1, persistence_s=7200))
    for client in (110, 111, 112):
        assert len(balanced.share(4, [client])) == 1
    assert balanced.share(3, [110, 111, 112]) == {"1": 1, "2": 1, "3": 1}
    (reading,) = balanced.plane.read()
    assert [one.persistent for one in reading.destinations] == [1, 1, 1]
    templates = [one for one in balanced.plane.connections() if one.state == "NONE"]
    assert {one.client.port for one in templates} == {0}
    assert all(7100 < one.expires_s <= 7200 for one in templates)
    held = balanced.ask(110)
    weights = [0 if str(number) == held else 1 for number in (1, 2, 3)]
    now = balanced.become(now, balanced.state(*weights, persistence_s=7200))
    assert balanced.share(3, [110]) == {held: 3}  # as IPVS does while expire_quiescent_template is 0
    left = tuple(one for one in now.destinations if one.weight)  # the client's server is removed, and comes back
    now = balanced.become(now, ServiceState(service=now.service, destinations=left))
    assert len(balanced.share(6, [110])) == 1
    other = balanced.ask(110)
    now = balanced.become(now, balanced.state(1, 1, 1, persistence_s=7200))
    assert balanced.share(3, [110]) == {other: 3}
    whole = {"persistence_s": 60, "persistence_prefix": 24 if balanced.version == 4 else 64}
    balanced.become(now, balanced.state(1, 1, 1, **whole))
    assert len(balanced.share(10, CLIENTS)) == 1


def test_chains_stay_when_how_clients_are_remembered_changes(balanced: Balanced) -> None:
    """In a chain that is new a packet that is under way would find nothing, and be for the director itself."""
    prefix = 24 if balanced.version == 4 else 64
    table = TABLES[balanced.version, balanced.kind is NAT]

    def handles() -> set[str]:
        said = run(balanced.director, f"nft -a list table {table}")
        return {line for line in said.splitlines() if line.startswith("\tchain")}

    now = balanced.become(None, balanced.state(1, 1, 1))
    before = handles()
    assert len(before) > 1
    for options in (
        {"persistence_s": 60},
        {"persistence_s": 50},
        {"persistence_s": 50, "persistence_prefix": prefix},
        {},
    ):
        now = balanced.become(now, balanced.state(1, 1, 1, **options))
        assert handles() == before
        assert len(balanced.share(3, [110])) == (1 if options else 3)


_CONNECT = """
import socket, sys, time
end = time.monotonic() + 2
answers = {0: 0}
while time.monotonic() < end:
    with socket.socket(int(sys.argv[1])) as one:
        one.settimeout(0.9)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        said = one.connect_ex((sys.argv[2], 90))
        answers[said] = answers.get(said, 0) + 1
print(answers)
"""


def test_no_connection_is_refused_while_the_rules_change(balanced: Balanced) -> None:
    """Some thousands of them, and of changes; nor does anybody have to ask again, which takes a second."""
    family = FAMILY[balanced.version]
    with contextlib.ExitStack() as open_sockets:
        for server in balanced.servers:
            run(server, "sysctl -qw net.core.somaxconn=65535")
            with server.entered():
                listener = open_sockets.enter_context(socket.socket(family))
            listener.bind(("", 90))
            listener.listen(65535)
        now = balanced.become(None, balanced.state(1, 1, 1, port=90))
        command = [sys.executable, "-c", _CONNECT, str(int(family)), balanced.vip]
        client = balanced.client.start(command, stdout=subprocess.PIPE)
        changes = itertools.cycle([{"persistence_s": 60}, {"persistence_s": 50}, {"scheduler": Scheduler.WRR}, {}])
        while client.poll() is None:
            now = balanced.become(now, balanced.state(1, 1, 1, port=90, **next(changes)))
        answers = ast.literal_eval(client.communicate()[0].decode())
    assert answers.keys() == {0}
    assert answers[0] > 100


def test_draining_and_sorry(balanced: Balanced) -> None:
    now = balanced.become(None, balanced.state(1, 0, 1))
    assert balanced.share(12) == {"1": 6, "3": 6}
    service = balanced.state().service
    sorry = ServiceState(service=service, destinations=(balanced.destination(3),))
    now = balanced.become(now, sorry)
    assert balanced.share(2) == {"3": 2}
    now = balanced.become(now, balanced.state())
    assert balanced.ask() == "refused"
    now = balanced.become(now, balanced.state(1, 1))
    assert balanced.share(6) == {"1": 3, "2": 3}
    balanced.plane.apply([Change(now, None)])
    assert balanced.ask() == "refused"  # the director's own stack answers for the address now


def test_datagrams(balanced: Balanced) -> None:
    """Those of one socket stay together; with one-packet scheduling (DR) each goes its own way."""
    now = balanced.become(None, balanced.state(1, 1, 1, protocol=Protocol.UDP))
    assert balanced.share(6, kind=DATAGRAM) == {"1": 2, "2": 2, "3": 2}
    first, one = balanced.open(kind=DATAGRAM)
    again = []
    for _ in range(4):
        one.send(b"?")
        again.append(balanced.hear(one))
    assert set(again) == {first}
    (reading,) = balanced.plane.read()
    assert sum(d.inactive for d in reading.destinations) == 7  # IPVS counts datagrams as inactive, too
    assert {c.state for c in balanced.plane.connections()} == {"UDP"}
    if balanced.kind is DR:
        balanced.become(now, balanced.state(1, 1, 1, protocol=Protocol.UDP, one_packet=True))
        answers = []
        for _ in range(6):
            one.send(b"?")
            answers.append(balanced.hear(one))
        assert Counter(answers) == {"1": 2, "2": 2, "3": 2}
    one.close()


def test_counters_and_connections(balanced: Balanced) -> None:
    balanced.become(None, balanced.state(1, 1, 1))
    balanced.web.keep = True
    held = [balanced.open() for _ in range(3)]
    balanced.web.keep = False
    assert balanced.share(6) == {"1": 2, "2": 2, "3": 2}
    (reading,) = balanced.plane.read()
    assert [d.traffic.connections for d in reading.destinations] == [3, 3, 3]
    assert [d.active for d in reading.destinations] == [1, 1, 1]
    assert [d.inactive for d in reading.destinations] == [2, 2, 2]
    assert reading.traffic.connections == 9
    assert reading.traffic.packets_in >= 27
    assert (reading.traffic.packets_out > 0) is (balanced.kind is NAT)
    running = [one for one in balanced.plane.connections() if one.state == "ESTABLISHED"]
    assert {one.client.port for one in running} == {one.getsockname()[1] for _, one in held}
    for one in running:
        assert str(one.virtual) == str(Endpoint(address=one.virtual.address, port=80))
        assert str(one.virtual.address) == balanced.vip
        assert any(one.server.address == d.destination.address for d in reading.destinations)
        assert (one.protocol, one.server.port) == (Protocol.TCP, 80)
    for _, one in held:
        one.close()


def test_a_removed_server_s_connections_end(balanced: Balanced) -> None:
    """What is under way when a server is taken out gets no further; with NAT it goes on when the server is back."""
    balanced.web.keep = True
    now = balanced.become(None, balanced.state(1, 1))
    held = dict(balanced.open() for _ in range(2))
    now = balanced.become(now, balanced.state(1))
    for one in held.values():
        one.send(b"more")
    first, second = balanced.web.kept
    assert balanced.web.heard(first, within=5) == b"more"
    assert balanced.web.heard(second, within=0.1) == b""
    balanced.become(now, balanced.state(1, 1))
    if balanced.kind is NAT:
        assert balanced.web.heard(second, within=10) == b"more"
    for one in held.values():
        one.close()


def test_firewall_marks(nat: Balanced) -> None:
    """Two ports are one service, as with persistence for http and https together; port 0 keeps the port."""
    family = "ip" if nat.version == 4 else "ip6"
    marker = f"table {family} marker {{\n chain m {{\n type filter hook prerouting priority mangle;\n"
    marker += f" {family} daddr {nat.vip} tcp dport {{ 80, 81 }} meta mark set 7\n }}\n}}"
    run(nat.director, "nft -f -", input=marker)
    key = ServiceKey(fwmark=7, family=nat.version)
    plain = nat.state(1, 1, 1, key=key)
    any_port = ServiceState(
        service=plain.service, destinations=tuple(nat.destination(number, port=0) for number in (1, 2, 3))
    )
    now = nat.become(None, any_port)
    assert nat.share(6, port=81) == {"1": 2, "2": 2, "3": 2}
    assert nat.share(3, port=80) == {"1": 1, "2": 1, "3": 1}
    bound = nat.state(1, 1, 1, key=key, persistence_s=60)
    nat.become(now, bound)
    assert len({nat.ask(port=port) for port in (80, 81, 80, 81)}) == 1
    templates = [one for one in nat.plane.connections() if one.state == "NONE"]
    assert [(one.protocol, int(one.virtual.address)) for one in templates] == [(None, 7)]


def test_services_of_all_ports(balanced: Balanced) -> None:
    key = ServiceKey(protocol=Protocol.TCP, address=balanced.state().service.key.address, family=balanced.version)
    service = balanced.state(key=key).service
    servers = tuple(balanced.destination(number, port=0) for number in (1, 2, 3))
    now = balanced.become(None, ServiceState(service=service, destinations=servers))
    assert balanced.share(6, port=81) == {"1": 2, "2": 2, "3": 2}
    assert balanced.share(6) == {"1": 2, "2": 2, "3": 2}
    assert {one.virtual.port for one in balanced.plane.connections()} == {80, 81}
    persistent = balanced.state(key=key, persistence_s=60).service
    balanced.become(now, ServiceState(service=persistent, destinations=servers))
    assert len({balanced.ask(port=port) for port in (80, 81, 80, 81)}) == 1


def test_a_service_that_cannot_be_done_changes_nothing() -> None:
    for nat in raised(NAT, 4):
        now = nat.become(None, nat.state(1))
        wrapped = Destination(address=now.destinations[0].address, port=80, forwarding=Forwarding.TUN)
        with pytest.raises(NftError, match="lb_kind TUN wraps packets"):
            nat.become(now, ServiceState(service=now.service, destinations=(wrapped,)))
        assert nat.ask() == "1"


def test_a_helper_that_dies_is_started_anew() -> None:
    nft = Nft()
    with pytest.raises(NftError, match="syntax error"):
        nft.run("table ip x { what }")
    nft.close()
    with pytest.raises(NftError, match="syntax error"):
        nft.run("table ip x { what }")
    nft.close()
