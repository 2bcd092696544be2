"""A third router with a wrong password does not shake a healthy pair.

keepalived: C keepalived 2.2.7 postpones its own advert by each refused packet, so that this makes the pair flap.
"""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from labkit.vrrp.packet import Advert, encode
from tests.daemon.daemon import GUIDE, Daemon, instance
from tests.kernel.lan import Lan

pytestmark = [pytest.mark.kernel, pytest.mark.interop]
Start = Callable[[str, int, str], Daemon]
STRAY = Advert(
    version=2,
    vrid=21,
    priority=50,
    interval=1_000_000,
    addresses=(IPv4Address("192.168.1.20"),),
    auth=b"wrong",
)


@pytest.mark.parametrize("seconds", [pytest.param(2, id="two-seconds")])
def test_no_state_changes(lan: Lan, start: Start, seconds: int) -> None:
    servers = [start("ours", 0, instance(150, timing=GUIDE))]
    servers[0].wait_log("Entering MASTER STATE", within=8)
    servers.append(start("ours", 1, instance(120, timing=GUIDE)))
    servers[1].wait_log("Entering BACKUP STATE", within=8)
    before = [server.log.count("STATE") for server in servers]
    with lan.observer.entered():
        stray = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
    stray.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    stray.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.168.1.100"))
    message = encode(STRAY, IPv4Address("192.168.1.100"))
    adverts: list[float] = []
    lan.sniffer.drain()
    for _ in range(int(seconds / 0.4)):
        stray.sendto(message, ("224.0.0.18", 0))
        heard = lan.sniffer.listen(0.4)
        adverts += [frame.at for frame in heard if frame.advert and frame.source == "192.168.1.21"]
    stray.close()
    assert [server.log.count("STATE") for server in servers] == before
    assert seconds - 1 <= len(adverts) <= seconds + 1
    for server in servers:
        assert "received an invalid passwd! from 192.168.1.100 on eth0" in server.log
