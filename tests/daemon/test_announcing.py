"""Announcements on the network: their pace, and when they are repeated unasked."""

import subprocess
from ipaddress import ip_interface
from itertools import pairwise

import pytest

from labkit.conf.model import Config, GarpGroup, GlobalDefs, VirtualAddress, Vmac, VrrpInstance
from labkit.daemon.announcing import paces
from labkit.diagnostics import Span
from labkit.vrrp.config import RouterConfig
from labkit.vrrp.pacing import Pace
from tests.daemon.conftest import Start
from tests.daemon.daemon import REALTIME, instance
from tests.kernel.lan import Frame, Lan, Namespace


def configuration(settings: GlobalDefs, *devices: str, vmac: Vmac | None = None) -> Config:
    """Return one router on eth0 with an address on each device."""
    addresses = tuple(VirtualAddress(address=ip_interface("192.0.2.1/32"), device=device) for device in devices)
    router = RouterConfig(name="X", interface="eth0", vrid=21, addresses=())
    one = VrrpInstance(router=router, addresses=addresses, vmac=vmac, span=Span(file="f", line=1, column=1))
    return Config(file="f", global_defs=settings, instances=(one,))


class TestPaces:
    def test_no_interval_no_pace(self) -> None:
        assert paces(configuration(GlobalDefs(), "eth0")) == {}

    def test_each_interface_has_the_global_intervals(self) -> None:
        settings = GlobalDefs(garp_interval=7, gna_interval=9)
        assert paces(configuration(settings, "eth0", "eth1")) == {
            "eth0": Pace("eth0", 7, 9),
            "eth1": Pace("eth1", 7, 9),
        }

    def test_a_macvlan_shares_that_of_the_interface_below(self) -> None:
        config = configuration(GlobalDefs(garp_interval=7), "vrrp.21", vmac=Vmac(name="vrrp.21"))
        assert paces(config) == {"vrrp.21": Pace("eth0", 7, 0)}

    def test_a_group_has_what_it_says_and_the_rest_from_the_global_ones(self) -> None:
        group = GarpGroup(interfaces=("eth0", "eth1"), garp_interval=3)
        settings = GlobalDefs(gna_interval=9, garp_groups=(group,))
        shared = Pace("group of eth0", 3, 9)
        assert paces(configuration(settings, "eth0", "eth1", "eth2")) == {
            "eth0": shared,
            "eth1": shared,
            "eth2": Pace("eth2", 0, 9),
        }


def announced(lan: Lan, count: int) -> list[Frame]:
    return [lan.sniffer.wait(lambda frame: frame.announced) for _ in range(count)]


def plug(lan: Lan, host: Namespace, interface: str) -> None:
    """Give a host another cable to the same network."""
    lan.segment.netlink.ask([lan.cable(host, "q1", interface, 1)])
    host.set_link(interface, up=True)


@pytest.mark.kernel
class TestOnTheNetwork:
    def test_every_round_goes_out_with_pauses(self, lan: Lan, start: Start) -> None:
        settings = "global_defs {\n vrrp_garp_interval 0.02\n}\n"
        start(0, settings + instance(150, vip="192.168.1.20\n192.168.1.30", more="garp_master_repeat 3"))
        frames = announced(lan, 6)
        assert [frame.announced for frame in frames] == ["192.168.1.20", "192.168.1.30"] * 3
        pauses = [later.at - earlier.at for earlier, later in pairwise(frames)]
        assert min(pauses) > 0.0195

    def test_without_an_interval_they_go_out_together(self, lan: Lan, start: Start) -> None:
        start(0, REALTIME + instance(150, vip="192.168.1.20\n192.168.1.30"))
        frames = announced(lan, 10)
        assert [frame.announced for frame in frames] == ["192.168.1.20", "192.168.1.30"] * 5
        assert frames[-1].at - frames[0].at < 0.02

    def test_who_stops_announces_nothing_more(self, lan: Lan, start: Start) -> None:
        daemon = start(0, "global_defs {\n vrrp_garp_interval 0.2\n}\n" + instance(150))
        announced(lan, 1)
        daemon.process.terminate()
        released = lan.sniffer.wait_advert("192.168.1.21", priority=0)
        daemon.process.wait()
        lan.sniffer.drain()
        assert [frame for frame in lan.sniffer.frames if frame.announced and frame.at > released.at] == []

    def test_an_interface_that_comes_up_hears_of_the_addresses(self, lan: Lan, start: Start) -> None:
        host = lan.hosts[0]
        plug(lan, host, "eth1")
        host.set_link("eth1", up=False)
        start(0, instance(150, vip="192.168.1.20\n192.168.1.30 dev eth1"))
        lan.sniffer.wait_advert("192.168.1.21")
        assert {frame.announced for frame in announced(lan, 5)} == {"192.168.1.20"}
        host.set_link("eth1", up=True)
        later = [lan.sniffer.wait(lambda frame: frame.announced == "192.168.1.30") for _ in range(5)]
        assert {frame.lladdr for frame in later} == {"02:00:00:00:01:01"}

    def test_another_link_layer_address_is_announced_and_used(self, lan: Lan, start: Start) -> None:
        host = lan.hosts[0]
        start(0, instance(150))
        announced(lan, 5)
        with host.entered():
            subprocess.run(["ip", "link", "set", "eth0", "address", "02:00:00:00:00:77"], check=True)
        frame = lan.sniffer.wait(lambda frame: frame.announced and frame.lladdr == "02:00:00:00:00:77")
        assert frame.data[22:28].hex(":") == "02:00:00:00:00:77"

    def test_addresses_on_other_interfaces_are_announced_periodically(self, lan: Lan, start: Start) -> None:
        plug(lan, lan.hosts[0], "eth1")
        vips = "192.168.1.20\n192.168.1.30 dev eth1"
        start(
            0,
            REALTIME + instance(150, vip=vips, more="garp_extra_if all 1\n garp_master_delay 0\n garp_master_repeat 1"),
        )
        first = announced(lan, 2)
        assert [frame.announced for frame in first] == ["192.168.1.20", "192.168.1.30"]
        again = announced(lan, 2)
        assert [frame.announced for frame in again] == ["192.168.1.30"] * 2
        assert 0.9 < again[1].at - again[0].at < 1.5

    def test_by_default_only_those_with_a_virtual_mac_address_are(self, lan: Lan, start: Start) -> None:
        plug(lan, lan.hosts[0], "eth1")
        vips = "192.168.1.20\n192.168.1.30 dev eth1\n192.168.1.40 dev eth1 use_vmac"
        start(0, instance(150, vip=vips, more="garp_extra_if 1\n garp_master_delay 0\n garp_master_repeat 1"))
        announced(lan, 3)
        assert [frame.announced for frame in announced(lan, 2)] == ["192.168.1.40"] * 2

    def test_a_router_of_ipv6_says_that_it_is_one(self, lan: Lan, start: Start) -> None:
        host = lan.hosts[0]
        with host.entered():
            subprocess.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/eth0/forwarding"], check=True)
        start(0, instance(150, vip="fe80::1:20"))
        frames = announced(lan, 5)
        assert {frame.data[58] for frame in frames} == {0xA0}  # router and override
