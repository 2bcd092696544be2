"""Routes and rules of a router, and what is static: there when it should be, put back, and removed."""

import re
import subprocess
from collections.abc import Callable
from ipaddress import IPv4Interface, IPv4Network
from itertools import pairwise
from pathlib import Path

import pytest

from labkit.conf.model_routes import Hop, Route
from labkit.daemon.asking import Connection
from labkit.kernel.links import add_address, remove_address
from labkit.kernel.netlink import Netlink
from labkit.kernel.routes import GROUP_ROUTES, GROUP_RULES, route_requests
from tests.daemon.daemon import REALTIME, Daemon, instance
from tests.kernel.lan import Lan, Namespace, eventually

pytestmark = pytest.mark.kernel
Start = Callable[[int, str], Daemon]
VIP = "192.168.1.20"
MANY = list(IPv4Network("172.16.0.0/12").subnets(new_prefix=25))
ROUTE, UNTRACKED = "10.1.0.0/16 via 192.168.1.254", "10.2.0.0/16 via 192.168.1.254 dev eth0 no_track"
OF_VIP, RULE = f"10.3.0.0/16 src {VIP} dev eth0", "from 10.0.0.0/8 table 7 preference 5"


def paths(*routes: str, rules: tuple[str, ...] = ()) -> str:
    lines = ["virtual_routes {", *routes, "}", "virtual_rules {", *rules, "}"]
    return "\n".join(lines)


def ip(host: Namespace, *words: str) -> str:
    process = host.start(["ip", *words], stdout=subprocess.PIPE)
    return process.communicate(timeout=5)[0].decode()


def routes(host: Namespace) -> list[str]:
    """Return the networks of the routes that keepalived made, in every table."""
    lines = ip(host, "-d", "route", "show", "table", "all").splitlines()
    return sorted(line.split()[1] for line in lines if "proto keepalived" in line)


def rules(host: Namespace) -> list[int]:
    """Return the preferences of the rules that are not the kernel's."""
    found = re.findall(r"(?m)^(\d+):.*proto keepalived", ip(host, "-d", "rule"))
    return [int(number) for number in found]


def held(daemon: Daemon) -> dict[str, bool]:
    with Connection(daemon.home / "pid.sock") as connection:
        return {one.address: one.held for router in connection.status().routers for one in router.addresses}


def test_an_address_whose_interface_is_missing_is_told_and_set_when_it_comes(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150, vip=f"{VIP}/24\n192.168.2.20/24 dev later0"))
    daemon.wait_log("(VI) 192.168.2.20 not set: interface later0 doesn't exist")
    assert held(daemon) == {f"{VIP}/24": True, "192.168.2.20/24": False}
    ip(lan.hosts[0], "link", "add", "later0", "type", "bridge")
    ip(lan.hosts[0], "link", "set", "later0", "up")
    eventually(lambda: "192.168.2.20/24" in ip(lan.hosts[0], "address"))
    eventually(lambda: held(daemon)["192.168.2.20/24"])
    assert daemon.stop() == 0
    assert "192.168.2.20" not in ip(lan.hosts[0], "address")


def test_an_owner_s_real_address_stays_when_a_reload_made_it_the_owner(lan: Lan, start: Start) -> None:
    daemon, host = start(0, instance(150)), lan.hosts[0]
    host.wait_address(VIP)
    daemon.reload(instance(255, vip=f"192.168.1.21/24\n{VIP}"))
    daemon.wait_log("Reload complete")
    assert daemon.stop() == 0
    assert "192.168.1.21" in host.addresses()
    assert VIP not in host.addresses()


def test_addresses_and_routes_go_from_an_interface_that_is_renamed(lan: Lan, start: Start) -> None:
    daemon = start(0, instance(150, more=paths("10.4.0.0/16 via 192.168.1.254 dev eth0")))
    host = lan.hosts[0]
    host.wait_address(VIP)
    eventually(lambda: routes(host) == ["10.4.0.0/16"])
    ip(host, "link", "set", "eth0", "name", "other0")
    daemon.wait_log("(VI) FAULT because interface eth0 does not exist")
    eventually(lambda: VIP not in host.addresses() and not routes(host))
    ip(host, "link", "set", "other0", "name", "eth0")
    host.wait_address(VIP)
    eventually(lambda: routes(host) == ["10.4.0.0/16"])


def test_an_address_that_the_kernel_refused_is_set_when_it_can_be(lan: Lan, start: Start) -> None:
    host, disabled = lan.hosts[0], Path("/proc/sys/net/ipv6/conf/eth0/disable_ipv6")
    with host.entered():
        disabled.write_text("1")
    daemon = start(0, instance(150, more="virtual_ipaddress_excluded {\n fd00::7/64\n}"))
    daemon.wait_log("(VI) addresses not set: the kernel refused")
    with host.entered():
        disabled.write_text("0")
    eventually(lambda: "fd00::7" in ip(host, "address"))
    with Connection(daemon.home / "pid.sock") as connection:
        assert connection.status().routers[0].problem == ""


def test_they_are_there_while_the_router_is_master(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, instance(150, more=paths(ROUTE, OF_VIP, rules=(RULE,))))
    eventually(lambda: routes(host) == ["10.1.0.0/16", "10.3.0.0/16"] and rules(host) == [5])
    daemon.stop()
    assert (routes(host), rules(host)) == ([], [])
    log = daemon.log
    order = ["setting VIPs", "setting Virtual Routes", "setting Virtual Rules"]
    order += ["removing Virtual Rules", "removing Virtual Routes"]
    places = [log.rindex(text) for text in order]
    assert places == sorted(places)


def test_a_backup_has_none_and_one_that_loses_gives_up(lan: Lan, start: Start) -> None:
    first, second = lan.hosts[:2]
    start(0, instance(100, more=paths(ROUTE, rules=(RULE,))))
    eventually(lambda: routes(first) == ["10.1.0.0/16"])
    start(1, instance(150, more=paths(ROUTE, rules=(RULE,))))
    eventually(lambda: routes(second) == ["10.1.0.0/16"] and rules(second) == [5])
    eventually(lambda: not routes(first) and not rules(first))


def test_what_somebody_removes_is_put_back_unless_it_is_not_tracked(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, instance(150, more=paths(ROUTE, UNTRACKED, rules=(RULE,))))
    eventually(lambda: routes(host) == ["10.1.0.0/16", "10.2.0.0/16"] and rules(host) == [5])
    for network in ("10.2.0.0/16", "10.1.0.0/16"):
        ip(host, "route", "del", network)
    ip(host, "rule", "del", "preference", "5")
    daemon.wait_log("(VI) Restoring deleted rule from 10.0.0.0/8 priority 5 lookup 7")
    daemon.wait_log("(VI) Restoring deleted route 10.1.0.0/16 via 192.168.1.254")
    assert (routes(host), rules(host)) == (["10.1.0.0/16"], [5])
    assert "Entering BACKUP STATE\n" not in daemon.log


def test_a_route_that_went_with_its_address_comes_back_with_it(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    start(0, instance(150, more=paths(OF_VIP)))
    eventually(lambda: routes(host) == ["10.3.0.0/16"])
    host.netlink.ask([remove_address(host.index("eth0"), IPv4Interface(f"{VIP}/32"))])
    eventually(lambda: VIP in host.addresses() and routes(host) == ["10.3.0.0/16"])


def test_an_address_with_no_track_is_not_put_back(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, instance(150, vip=f"{VIP}\n192.168.1.30 no_track"))
    host.wait_address("192.168.1.30")
    eth0 = host.index("eth0")
    host.netlink.ask([remove_address(eth0, IPv4Interface(f"{address}/32")) for address in ("192.168.1.30", VIP)])
    daemon.wait_log(f"Netlink reflector reports IP {VIP} removed from eth0")
    host.wait_address(VIP)
    assert "192.168.1.30" not in host.addresses()


def test_a_reload_touches_what_changes_and_nothing_else(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, instance(150, more=paths(ROUTE, OF_VIP, rules=(RULE,))))
    eventually(lambda: rules(host) == [5] and len(routes(host)) == 2)
    with host.entered():
        monitor = Netlink(GROUP_ROUTES | GROUP_RULES)
    with monitor:
        daemon.reload(instance(150, more=paths(ROUTE, "10.4.0.0/16 dev eth0", rules=(RULE,))))
        daemon.wait_log("Reload complete")
        heard = monitor.socket.recv(1 << 16), monitor.socket.recv(1 << 16)
        assert [int.from_bytes(message[4:6], "little") for message in heard] == [25, 24]  # RTM_DELROUTE, RTM_NEWROUTE
        monitor.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            monitor.socket.recv(1 << 16)
    assert (routes(host), rules(host)) == (["10.1.0.0/16", "10.4.0.0/16"], [5])


def test_a_reload_that_takes_all_of_them_away(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, instance(150, more=paths(ROUTE, rules=(RULE,))))
    eventually(lambda: rules(host) == [5])
    daemon.reload(instance(150))
    eventually(lambda: not routes(host) and not rules(host))
    daemon.reload(instance(150, name="OTHER", vrid=22, more=paths(ROUTE)))
    eventually(lambda: routes(host) == ["10.1.0.0/16"])
    daemon.reload("static_rules {\ntable 7 preference 9\n}\n")
    eventually(lambda: not routes(host) and rules(host) == [9])


def test_what_a_killed_daemon_left_behind_is_removed(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, instance(150, more=paths(ROUTE, rules=(RULE,))))
    eventually(lambda: rules(host) == [5])
    daemon.crash()
    assert rules(host) == [5]
    start(1, instance(200))
    lan.sniffer.wait_advert("192.168.1.22", priority=200)
    daemon.restart()
    daemon.wait_log("Startup complete", times=2)
    eventually(lambda: not routes(host) and not rules(host))


def test_a_route_that_cannot_be_is_named_and_set_when_it_can(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, instance(150, more=paths(ROUTE, "10.5.0.0/16 via 172.16.0.1 dev eth0")))
    daemon.wait_log("(VI) not set: route 10.5.0.0/16 via 172.16.0.1 dev eth0: the kernel refused")
    assert routes(host) == ["10.1.0.0/16"]
    host.netlink.ask([add_address(host.index("eth0"), IPv4Interface("172.16.0.9/24"))])
    eventually(lambda: routes(host) == ["10.1.0.0/16", "10.5.0.0/16"])


def test_a_route_on_an_interface_that_comes_while_the_router_waits(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    other = start(1, instance(200))
    lan.sniffer.wait_advert("192.168.1.22", priority=200)
    daemon = start(0, instance(100, more=paths("10.6.0.0/16 dev eth1")))
    daemon.wait_log("Startup complete")
    lan.segment.netlink.ask([lan.cable(host, "p9", "eth1", 9)])
    host.set_link("eth1", up=True)
    other.stop()
    eventually(lambda: routes(host) == ["10.6.0.0/16"])
    assert "not set" not in daemon.log


def test_a_storm_of_routes_holds_no_advert_up(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    start(0, REALTIME + instance(150, more=paths(ROUTE, rules=(RULE,))))
    lan.sniffer.wait_advert("192.168.1.21")
    eventually(lambda: rules(host) == [5])
    storm = [route_requests(Route(network=network, hops=(Hop(device="lo"),)), {"lo": 1}) for network in MANY]
    lan.sniffer.drain()
    lan.sniffer.frames.clear()
    for request in storm:
        assert request is not None
        host.netlink.ask([request.add] * 4 + [request.remove], allow=(17,))
    ip(host, "route", "del", "10.1.0.0/16")
    eventually(lambda: routes(host) == ["10.1.0.0/16"])
    for _ in range(3):  # a quick machine is through with the storm between two adverts
        lan.sniffer.wait_advert("192.168.1.21")
    times = [heard.at for heard in lan.sniffer.frames if heard.advert]
    assert max(after - before for before, after in pairwise(times)) < 0.15


# --- statics ----------------------------------------------------------------------------------------------------------

STATICS = """static_ipaddress {
 10.9.0.1/24 dev eth0
 10.9.1.1/24 no_track
}
static_routes {
 10.10.0.0/16 via 10.9.0.254
 unreachable 10.11.0.0/16
}
static_rules {
 from 10.9.0.0/24 table 77 preference 9
}
"""


def wait_statics(host: Namespace) -> None:
    eventually(lambda: routes(host) == ["10.10.0.0/16", "10.11.0.0/16"] and rules(host) == [9])


def test_statics_are_there_from_start_to_stop(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, STATICS + instance(150))
    daemon.wait_log("Startup complete")
    assert {"10.9.0.1", "10.9.1.1"} < host.addresses()
    assert (routes(host), rules(host)) == (["10.10.0.0/16", "10.11.0.0/16"], [9])
    daemon.stop()
    assert (host.addresses() & {"10.9.0.1", "10.9.1.1"}, routes(host), rules(host)) == (set(), [], [])


def test_statics_are_put_back(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, STATICS + instance(150))
    wait_statics(host)
    eth0 = host.index("eth0")
    host.netlink.ask([remove_address(eth0, IPv4Interface(address)) for address in ("10.9.1.1/24", "10.9.0.1/24")])
    daemon.wait_log("Restoring deleted static address 10.9.0.1/24 dev eth0")
    ip(host, "route", "del", "10.10.0.0/16")
    ip(host, "rule", "del", "preference", "9")
    daemon.wait_log("Restoring deleted static route 10.10.0.0/16 via 10.9.0.254")
    daemon.wait_log("Restoring deleted static rule from 10.9.0.0/24 priority 9 lookup 77")
    wait_statics(host)
    assert "10.9.0.1" in host.addresses()
    assert "10.9.1.1" not in host.addresses()


def test_statics_come_back_after_an_interface_was_down(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    start(0, STATICS + instance(150))
    wait_statics(host)
    host.set_link("eth0", up=False)
    eventually(lambda: routes(host) == ["10.11.0.0/16"])
    host.set_link("eth0", up=True)
    wait_statics(host)


def test_a_reload_changes_statics_by_difference(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, STATICS + instance(150))
    wait_statics(host)
    changed = STATICS.replace("10.9.1.1/24", "10.9.2.1/24").replace("unreachable 10.11", "unreachable 10.12")
    daemon.reload(changed + instance(150))
    daemon.wait_log("Reload complete")
    assert host.addresses() & {"10.9.0.1", "10.9.1.1", "10.9.2.1"} == {"10.9.0.1", "10.9.2.1"}
    assert (routes(host), rules(host)) == (["10.10.0.0/16", "10.12.0.0/16"], [9])


def test_an_interface_that_comes_later_gets_its_statics(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    statics = "static_ipaddress {\n10.9.0.1/24 dev eth1\n}\nstatic_routes {\n10.10.0.0/16 dev eth1\n}\n"
    daemon = start(0, statics + instance(150))
    daemon.wait_log("static address 10.9.0.1/24 dev eth1 is missing: interface eth1 does not exist")
    daemon.wait_log("static route 10.10.0.0/16 dev eth1: interface eth1 does not exist")
    lan.segment.netlink.ask([lan.cable(host, "p9", "eth1", 9)])
    host.set_link("eth1", up=True)
    eventually(lambda: "10.9.0.1" in host.addresses() and routes(host) == ["10.10.0.0/16"])


GROUPED = """track_group G {
 group { VI }
}
static_routes {
 10.10.0.0/16 dev eth1 track_group G
}
"""


def test_a_static_route_that_is_lost_is_a_fault_until_it_is_back(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    lan.segment.netlink.ask([lan.cable(host, "p9", "eth1", 9)])
    host.set_link("eth1", up=True)
    daemon = start(0, GROUPED + instance(150))
    host.wait_address(VIP)
    host.set_link("eth1", up=False)
    daemon.wait_log("(VI) Entering FAULT STATE")
    assert "track_group G lost route 10.10.0.0/16 dev eth1" in daemon.log
    host.wait_address(VIP, present=False)
    host.set_link("eth1", up=True)
    host.wait_address(VIP)
    daemon.wait_log("track_group G is whole again")
    assert routes(host) == ["10.10.0.0/16"]


def test_a_router_whose_static_route_is_not_there_does_not_start(lan: Lan, start: Start) -> None:
    host = lan.hosts[0]
    daemon = start(0, GROUPED + instance(150))
    daemon.wait_log("(VI) Entering FAULT STATE")
    lan.segment.netlink.ask([lan.cable(host, "p9", "eth1", 9)])
    host.set_link("eth1", up=True)
    host.wait_address(VIP)
