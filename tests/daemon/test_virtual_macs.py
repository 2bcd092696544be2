"""Routers with a virtual MAC address: the names of their macvlans, and what is on the network."""

import subprocess
from collections.abc import Callable
from ipaddress import ip_interface
from pathlib import Path

import pytest

from labkit.conf.model import Config, GlobalDefs, VirtualAddress, Vmac, VrrpInstance
from labkit.daemon.virtual_macs import settle
from labkit.diagnostics import Span
from labkit.kernel.links import addresses, links
from labkit.kernel.macvlan import remove
from labkit.vrrp.config import RouterConfig
from tests.daemon.conftest import Start
from tests.daemon.daemon import C, Daemon, instance
from tests.kernel.lan import Lan, Namespace, eventually

NOWHERE = Span(file="f", line=1, column=1)
VMAC4, VMAC6 = "00:00:5e:00:01:15", "00:00:5e:00:02:15"


def router(
    name: str, *addresses_: VirtualAddress, interface: str = "eth0", vrid: int = 21, family: int = 4, vmac: Vmac | None
) -> VrrpInstance:
    advertised = tuple(virtual.address.ip for virtual in addresses_ if virtual.address.version == family)
    config = RouterConfig(
        name=name,
        interface=interface,
        vrid=vrid,
        family=family,
        version=3,
        addresses=advertised,
        advert_interval=100_000,
    )
    return VrrpInstance(router=config, addresses=addresses_, vmac=vmac, span=NOWHERE)


def on(device: str, address: str, *, use_vmac: bool = False) -> VirtualAddress:
    return VirtualAddress(address=ip_interface(address), device=device, use_vmac=use_vmac)


def settled(*instances: VrrpInstance, **globals_: str) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Return the device of each address, and the base and MAC address of each macvlan."""
    config, macvlans = settle(Config(file="f", instances=instances, global_defs=GlobalDefs(**globals_)))  # type: ignore[arg-type]
    devices = {str(v.address.ip): v.device for one in config.instances for v in one.addresses}
    return devices, {made.name: (made.base, made.lladdr.hex(":")) for made in macvlans}


class TestNames:
    """As keepalived 2.2.7 gives them."""

    def test_without_use_vmac_nothing_is_made(self) -> None:
        assert settled(router("A", on("eth0", "192.0.2.1/32"), vmac=None)) == ({"192.0.2.1": "eth0"}, {})

    def test_prefix_and_vrid(self) -> None:
        devices, made = settled(router("A", on("eth0", "192.0.2.1/32"), vmac=Vmac()), vmac_prefix="vm")
        assert made == {"vm.21": ("eth0", VMAC4)}
        assert devices == {"192.0.2.1": "vm.21"}

    def test_a_name_and_an_address_that_are_configured(self) -> None:
        lladdr = bytes.fromhex("025e00000007")
        _, made = settled(router("A", vmac=Vmac(name="front", address=lladdr)))
        assert made == {"front": ("eth0", "02:5e:00:00:00:07")}

    def test_the_second_of_one_vrid_is_numbered_by_family_or_counted(self) -> None:
        four, six = router("A", vmac=Vmac()), router("B", vmac=Vmac(), family=6)
        other, third = router("C", vmac=Vmac(), interface="eth1"), router("D", vmac=Vmac(), interface="eth2")
        _, made = settled(four, six, other, third)
        assert made == {
            "vrrp.21": ("eth0", VMAC4),
            "vrrp6.21": ("eth0", VMAC6),
            "vrrp1.21": ("eth1", VMAC4),
            "vrrp2.21": ("eth2", VMAC4),
        }

    def test_a_configured_name_is_not_given_to_another(self) -> None:
        _, made = settled(router("A", vmac=Vmac()), router("B", vmac=Vmac(name="vrrp.21"), interface="eth1"))
        assert made == {"vrrp1.21": ("eth0", VMAC4), "vrrp.21": ("eth1", VMAC4)}

    def test_a_long_prefix_is_cut(self) -> None:
        _, made = settled(router("A", vmac=Vmac()), vmac_prefix="fifteen-letters")
        assert list(made) == ["fifteen-lett.21"]

    def test_addresses_elsewhere_stay_there(self) -> None:
        mine = [on("eth0", "192.0.2.1/32"), on("eth1", "192.0.2.2/32"), on("eth0", "2001:db8::1/64")]
        devices, made = settled(router("A", *mine, vmac=Vmac()))
        assert devices == {"192.0.2.1": "vrrp.21", "192.0.2.2": "eth1", "2001:db8::1": "eth0"}
        assert list(made) == ["vrrp.21"]

    def test_use_vmac_addr_makes_one_for_each_interface_and_family(self) -> None:
        mine = [on("eth0", "192.0.2.1/32"), on("eth1", "192.0.2.2/32"), on("eth0", "2001:db8::1/64")]
        devices, made = settled(router("A", *mine, vmac=Vmac(other_devices=True)), vmac_addr_prefix="va")
        assert devices == {"192.0.2.1": "vrrp.21", "192.0.2.2": "va.21", "2001:db8::1": "va6.21"}
        assert made == {"vrrp.21": ("eth0", VMAC4), "va.21": ("eth1", VMAC4), "va6.21": ("eth0", VMAC6)}

    def test_one_address_may_ask_for_it(self) -> None:
        mine = [on("eth0", "192.0.2.1/32"), on("eth1", "192.0.2.2/32", use_vmac=True)]
        devices, made = settled(router("A", *mine, vmac=None))
        assert devices == {"192.0.2.1": "eth0", "192.0.2.2": "vrrp.21"}
        assert made == {"vrrp.21": ("eth1", VMAC4)}


# --- on the network ---------------------------------------------------------------------------------------------------


def setting(host: Namespace, name: str) -> str:
    """Return a setting below /proc/sys/net."""
    return output(host, "cat", f"/proc/sys/net/{name}")


def output(host: Namespace, *command: str) -> str:
    with host.entered():
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def device_of(host: Namespace, address: str) -> str:
    """Return the interface that has an address; nothing when none has."""
    names = {link.index: link.name for link in links(host.netlink)}
    found = [names[event.index] for event in addresses(host.netlink) if str(event.address.ip) == address]
    return found[0] if found else ""


def settle_down(host: Namespace) -> None:
    """Wait until a host may use its IPv6 addresses."""
    eventually(lambda: all(event.usable for event in addresses(host.netlink)))


def vmac(priority: int, more: str = "use_vmac", **options: str) -> str:
    return instance(priority, more=more, **options)  # type: ignore[arg-type]


@pytest.mark.kernel
class TestOnTheNetwork:
    def test_it_is_private_settled_as_keepalived_s_and_gone_at_the_end(self, lan: Lan, start: Start) -> None:
        host = lan.hosts[0]
        daemon = start(0, vmac(150))
        advert = lan.sniffer.wait_advert("192.168.1.21")
        announced = lan.sniffer.wait(lambda frame: frame.announced == "192.168.1.20")
        assert (advert.lladdr, announced.lladdr) == (VMAC4, VMAC4)
        eventually(lambda: device_of(host, "192.168.1.20") == "vrrp.21")
        shown = output(host, "ip", "-d", "link", "show", "vrrp.21")
        assert "macvlan mode private" in shown
        assert "addrgenmode none" in shown
        expected = {"vrrp.21/arp_ignore": "1", "vrrp.21/rp_filter": "0", "vrrp.21/accept_local": "1"}
        expected |= {"vrrp.21/promote_secondaries": "1", "eth0/arp_ignore": "1", "eth0/arp_filter": "1"}
        expected |= {"eth0/arp_announce": "2"}
        assert {name: setting(host, f"ipv4/conf/{name}") for name in expected} == expected
        assert setting(host, "ipv6/conf/vrrp.21/disable_ipv6") == "1"
        assert daemon.stop() == 0
        assert [link.name for link in links(host.netlink)] == ["lo", "eth0"]
        changed = ("arp_ignore", "arp_filter", "arp_announce")
        assert [setting(host, f"ipv4/conf/eth0/{name}") for name in changed] == ["0", "0", "0"]
        assert output(host, "nft", "list", "tables") == ""

    def test_membership_is_reported_by_the_interface_below(self, lan: Lan, start: Start) -> None:
        start(0, vmac(150))
        reports = [lan.sniffer.wait(lambda frame: frame.data[23] == 2 and frame.data[12] == 8) for _ in range(2)]
        assert {report.lladdr for report in reports} == {"02:00:00:00:00:01"}

    def test_neighbours_learn_the_virtual_address_and_reach_it(self, lan: Lan, start: Start) -> None:
        start(0, vmac(150))
        lan.sniffer.wait(lambda frame: frame.announced)
        assert " 0% packet loss" in output(lan.observer, "ping", "-c1", "-W2", "192.168.1.20")
        assert VMAC4 in output(lan.observer, "ip", "neigh", "show", "192.168.1.20")

    @pytest.mark.parametrize(
        "program", [pytest.param("ours", id="ours"), pytest.param("C", id="C", marks=pytest.mark.interop)]
    )
    def test_a_backup_hears_a_master_with_its_own_mac_address(
        self, lan: Lan, start: Start, tmp_path: Path, program: str
    ) -> None:
        backup = start(0, vmac(100))
        master = start(1, vmac(150)) if program == "ours" else Daemon(lan.hosts[1], tmp_path / "C", vmac(150), C)
        lan.sniffer.wait_advert("192.168.1.22")
        backup.wait_log("Entering BACKUP STATE")
        before = len(lan.sniffer.frames)
        for _ in range(6):
            lan.sniffer.wait_advert("192.168.1.22")
        assert {frame.source for frame in lan.sniffer.frames[before:] if frame.advert} == {"192.168.1.22"}
        master.crash()
        assert lan.sniffer.wait_advert("192.168.1.21").lladdr == VMAC4

    def test_over_ipv6(self, lan: Lan, start: Start) -> None:
        start(0, vmac(150, vip="fe80::1:20\n2001:db8::20/64"))
        advert = lan.sniffer.wait(lambda frame: frame.advert)
        assert (advert.lladdr, advert.source) == (VMAC6, "fe80::ff:fe00:1")
        host = lan.hosts[0]
        eventually(lambda: device_of(host, "2001:db8::20") == device_of(host, "fe80::1:20") == "vrrp.21")
        settle_down(lan.observer)
        assert " 0% packet loss" in output(lan.observer, "ping", "-c1", "-W2", "fe80::1:20%eth0")
        strangers = [frame for frame in lan.sniffer.frames if frame.lladdr == VMAC6 and not frame.advert]
        assert {frame.data[54] for frame in strangers} <= {135, 136, 129}  # neighbour discovery and the echo only

    def test_adverts_may_leave_by_the_interface_below(self, lan: Lan, start: Start) -> None:
        start(0, vmac(150, "use_vmac front\n vmac_xmit_base"))
        assert lan.sniffer.wait_advert("192.168.1.21").lladdr == "02:00:00:00:00:01"
        assert lan.sniffer.wait(lambda frame: frame.announced).lladdr == VMAC4
        assert device_of(lan.hosts[0], "192.168.1.20") == "front"

    def test_two_on_one_interface_hear_their_own_peers_only(self, lan: Lan, start: Start) -> None:
        two = vmac(150) + vmac(150, name="VJ", vrid=22, vip="192.168.1.30")  # type: ignore[arg-type]
        master = start(0, two)
        lan.sniffer.wait(lambda frame: frame.announced == "192.168.1.30")
        backup = start(1, two.replace("150", "100"))
        backup.wait_log("Entering BACKUP STATE", times=2)
        for _ in range(10):
            lan.sniffer.wait_advert("192.168.1.21")
        assert "MASTER" not in backup.log
        assert "dropped" not in master.log + backup.log


@pytest.mark.kernel
class TestWhatHappensToIt:
    def test_what_a_killed_one_left_is_taken_over(self, lan: Lan, start: Start) -> None:
        host, daemon = lan.hosts[0], start(0, vmac(150))
        eventually(lambda: device_of(host, "192.168.1.20") == "vrrp.21")
        daemon.wait_log("Entering MASTER STATE")  # the line comes after the address
        daemon.crash()
        index = host.index("vrrp.21")
        daemon.restart()
        daemon.wait_log("Found matching interface vrrp.21")
        daemon.wait_log("Entering MASTER STATE", times=2)
        assert host.index("vrrp.21") == index
        assert daemon.stop() == 0
        assert [link.name for link in links(host.netlink)] == ["lo", "eth0"]

    @pytest.mark.parametrize("victim", ["vrrp.21", "eth0"])
    def test_it_is_made_anew_when_it_or_what_is_below_is_removed(self, lan: Lan, start: Start, victim: str) -> None:
        host, daemon = lan.hosts[0], start(0, vmac(150))
        eventually(lambda: device_of(host, "192.168.1.20") == "vrrp.21")
        if victim == "eth0":
            lan.remove_port("p1")
            daemon.wait_log("Entering FAULT STATE")
            lan.plug_anew(0)
        else:
            host.netlink.ask([remove(host.index(victim))])
        daemon.wait_log("Success creating VMAC interface vrrp.21", times=2)
        eventually(lambda: device_of(host, "192.168.1.20") == "vrrp.21")
        lan.sniffer.drain()
        assert lan.sniffer.wait_advert("192.168.1.21").lladdr == VMAC4

    def test_a_reload_adds_and_removes_it_while_the_router_stays_master(self, lan: Lan, start: Start) -> None:
        host, daemon = lan.hosts[0], start(0, instance(150))
        eventually(lambda: device_of(host, "192.168.1.20") == "eth0")
        daemon.reload(vmac(150))
        eventually(lambda: device_of(host, "192.168.1.20") == "vrrp.21")
        lan.sniffer.wait(lambda frame: frame.announced and frame.lladdr == VMAC4)
        lan.sniffer.wait(lambda frame: frame.advert and frame.lladdr == VMAC4)
        daemon.reload(instance(150))
        eventually(lambda: device_of(host, "192.168.1.20") == "eth0")
        lan.sniffer.wait(lambda frame: frame.announced and frame.lladdr == "02:00:00:00:00:01")
        eventually(lambda: [link.name for link in links(host.netlink)] == ["lo", "eth0"])
        assert daemon.log.count("MASTER STATE") == 1

    def test_an_interface_that_is_not_ours_is_left_alone_and_a_fault(self, lan: Lan, start: Start) -> None:
        host = lan.hosts[0]
        output(host, "ip", "link", "add", "vrrp.21", "type", "bridge")
        daemon = start(0, vmac(150) + instance(150, name="W", vrid=22, vip="192.168.1.30"))
        daemon.wait_log("(VI) VMAC interface vrrp.21: the interface vrrp.21 exists and is none of ours")
        daemon.wait_log("(VI) FAULT because VMAC interface vrrp.21 is missing")
        daemon.wait_log("(W) Entering MASTER STATE")
        host.netlink.ask([remove(host.index("vrrp.21"))])
        daemon.wait_log("(VI) Entering MASTER STATE")
        eventually(lambda: device_of(host, "192.168.1.20") == "vrrp.21")

    def test_one_that_cannot_be_up_beside_another_is_a_fault_until_that_goes(self, lan: Lan, start: Start) -> None:
        """As one that FRR, or a keepalived that was killed, left behind under another name."""
        host = lan.hosts[0]
        twin = f"ip link add twin0 link eth0 address {VMAC4} type macvlan mode bridge"
        for command in (twin, "ip link set twin0 up"):
            assert host.start(command.split()).wait() == 0
        daemon = start(0, instance(150, more="use_vmac"))
        daemon.wait_log("(VI) FAULT because VMAC interface vrrp.21 is missing")
        assert "Address already in use; twin0 has the MAC address already" in daemon.log
        assert host.start(["ip", "link", "del", "twin0"]).wait() == 0
        host.wait_address("192.168.1.20")
        assert lan.sniffer.wait_advert("192.168.1.21").lladdr == VMAC4

    def test_an_interface_that_is_not_ours_stays_at_the_end(self, lan: Lan, start: Start) -> None:
        host = lan.hosts[0]
        output(host, "ip", "link", "add", "vrrp.21", "type", "bridge")
        daemon = start(0, vmac(150))
        daemon.wait_log("Entering FAULT STATE")
        daemon.stop()
        assert "vrrp.21" in [link.name for link in links(host.netlink)]

    def test_a_reverse_path_filter_for_all_is_moved_to_each_interface(self, lan: Lan, start: Start) -> None:
        host = lan.hosts[0]
        output(host, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter")
        daemon = start(0, vmac(150))
        daemon.wait_log("Success creating VMAC interface vrrp.21")
        names = ("all", "default", "eth0", "vrrp.21")
        eventually(lambda: [setting(host, f"ipv4/conf/{name}/rp_filter") for name in names] == ["0", "1", "1", "0"])
        daemon.stop()
        assert [setting(host, f"ipv4/conf/{name}/rp_filter") for name in names[:3]] == ["1", "0", "0"]


Reach = Callable[[], bool]


@pytest.mark.kernel
class TestNoAccept:
    @pytest.mark.parametrize(
        ("more", "priority", "reached"),
        [
            pytest.param("accept", 150, True, id="accept"),
            pytest.param("no_accept", 150, False, id="no-accept"),
            pytest.param("no_accept", 255, True, id="the-owner-accepts"),
            pytest.param("no_accept\n use_vmac", 150, False, id="no-accept-vmac"),
        ],
    )
    def test_what_is_sent_to_the_address_of_another_is_dropped(
        self, lan: Lan, start: Start, more: str, priority: int, reached: bool
    ) -> None:
        host, daemon = lan.hosts[0], start(0, instance(priority, more=more))
        eventually(lambda: device_of(host, "192.168.1.20"))
        if not reached:
            eventually(lambda: "192.168.1.20" in output(host, "nft", "list", "set", "ip", "keepalived", "vips"))
        answer = output(lan.observer, "ping", "-c1", "-W1", "192.168.1.20")
        assert (" 0% packet loss" in answer) is reached
        assert ":" in output(lan.observer, "ip", "neigh", "show", "192.168.1.20")  # ARP is answered all the same
        assert " 0% packet loss" in output(lan.observer, "ping", "-c1", "-W2", "192.168.1.21")
        daemon.stop()
        assert output(host, "nft", "list", "tables") == ""

    def test_over_ipv6_neighbour_discovery_is_let_through(self, lan: Lan, start: Start) -> None:
        vips = "fe80::1:20\n2001:db8::20/64"
        settle_down(lan.observer)
        start(0, instance(150, vip=vips, more="no_accept"))
        host = lan.hosts[0]
        eventually(lambda: device_of(host, "2001:db8::20"))
        eventually(lambda: "fe80::1:20" in output(host, "nft", "list", "ruleset"))
        assert " 100% packet loss" in output(lan.observer, "ping", "-c1", "-W1", "fe80::1:20%eth0")
        assert "lladdr 02:00:00:00:00:01" in output(lan.observer, "ip", "neigh", "show", "fe80::1:20")
        assert " 0% packet loss" in output(lan.observer, "ping", "-c1", "-W2", "fe80::ff:fe00:1%eth0")
