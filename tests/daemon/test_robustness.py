"""Networks that fail under a running router: told once, and never the end of VRRP."""

import subprocess
from pathlib import Path

import pytest

from tests.daemon.conftest import Start
from tests.daemon.daemon import OURS, Daemon, instance
from tests.kernel.lan import Lan, Namespace, eventually

pytestmark = pytest.mark.kernel


def run(host: Namespace, command: str) -> str:
    """Run a command line on a host; return what it wrote."""
    with host.entered():
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def setting(host: Namespace, name: str) -> str:
    return run(host, f"cat /proc/sys/net/ipv4/{name}")


def adverts(lan: Lan, count: int) -> None:
    """Wait until so many adverts were heard from now on."""
    lan.sniffer.drain()
    for _ in range(count):
        lan.sniffer.wait_advert("192.168.1.21")


def once(daemon: Daemon, text: str) -> None:
    """Check that the log holds a text one time only, now that adverts have gone wrong for a while."""
    assert daemon.log.count(text) == 1, daemon.log


class TestSending:
    """Each way in which the kernel refuses an advert, and the end of it."""

    def test_a_packet_filter(self, lan: Lan, start: Start) -> None:
        host, daemon = lan.hosts[0], start(0, instance(150))
        adverts(lan, 1)
        run(host, "nft 'table ip t { chain c { type filter hook output priority 0; ip protocol vrrp drop; }; }'")
        daemon.wait_log("(VI) advert not sent: 224.0.0.18: Operation not permitted")
        assert lan.sniffer.listen(0.5) is not None
        run(host, "nft delete table ip t")
        adverts(lan, 3)
        once(daemon, "Operation not permitted")
        assert daemon.log.count("STATE") == 2  # BACKUP and MASTER

    def test_an_mtu_that_has_no_room_for_the_addresses(self, lan: Lan, start: Start) -> None:
        vips = "\n".join(f"192.168.1.{number}" for number in range(100, 130))
        host, daemon = lan.hosts[0], start(0, instance(150, vip=vips))
        adverts(lan, 1)
        run(host, "ip link set eth0 mtu 68")
        daemon.wait_log("(VI) advert not sent: 224.0.0.18: Message too long")
        lan.sniffer.listen(0.3)
        run(host, "ip link set eth0 mtu 1500")
        adverts(lan, 3)
        once(daemon, "Message too long")

    def test_a_queue_that_is_full(self, lan: Lan, start: Start) -> None:
        host, daemon = lan.hosts[0], start(0, instance(150, more="garp_master_refresh 1"))
        adverts(lan, 1)
        run(host, "tc qdisc add dev eth0 root tbf rate 8bit burst 10 limit 10")
        daemon.wait_log("(VI) not announced: eth0: No buffer space available")
        run(host, "tc qdisc del dev eth0 root")
        adverts(lan, 3)
        once(daemon, "No buffer space")
        assert daemon.log.count("STATE") == 2

    def test_a_peer_that_cannot_be_sent_to_keeps_the_others_from_nothing(self, lan: Lan, start: Start) -> None:
        rule = "chain c { type filter hook output priority 0; ip daddr 192.168.1.98 drop; }"
        run(lan.hosts[0], f"nft 'table ip t {{ {rule}; }}'")
        peers = "unicast_peer {\n 192.168.1.98\n 192.168.1.100\n 203.0.113.10\n}"
        daemon = start(0, instance(150, more=peers))
        adverts(lan, 5)
        assert {frame.data[30:34].hex(".") for frame in lan.sniffer.frames if frame.advert} == {"c0.a8.01.64"}
        once(daemon, "(VI) advert not sent: 192.168.1.98: Operation not permitted")

    def test_a_peer_that_is_silent_or_refuses(self, lan: Lan, start: Start) -> None:
        peers = "unicast_peer {\n 192.168.1.99\n 192.168.1.100\n}"  # one is nobody, one answers that it speaks no VRRP
        daemon = start(0, instance(150, more=peers))
        adverts(lan, 30)
        assert "not sent" not in daemon.log
        assert daemon.log.count("STATE") == 2


class TestInterfaces:
    def test_one_that_is_not_there_yet(self, lan: Lan, start: Start) -> None:
        host = lan.hosts[0]
        daemon = start(0, instance(150).replace("eth0", "eth1") + instance(100, name="VJ", vrid=22, vip="192.168.1.30"))
        lan.sniffer.wait(lambda frame: frame.announced == "192.168.1.30")
        once(daemon, "interface eth1 doesn't exist")
        run(host, "ip link add eth1 type veth peer name far; ip link set far up; ip link set eth1 up")
        run(host, "ip addr add 192.168.7.1/24 dev eth1")
        daemon.wait_log("(VI) Entering MASTER STATE")
        once(daemon, "interface eth1 doesn't exist")

    def test_one_that_is_renamed_is_gone_until_it_has_its_name_again(self, lan: Lan, start: Start) -> None:
        host, daemon = lan.hosts[0], start(0, instance(150))
        adverts(lan, 1)
        run(host, "ip link set eth0 down; ip link set eth0 name wan0; ip link set wan0 up")
        daemon.wait_log("(VI) Entering FAULT STATE")
        eventually(lambda: "192.168.1.20" not in host.addresses())
        run(host, "ip link set wan0 down; ip link set wan0 name eth0; ip link set eth0 up")
        daemon.wait_log("(VI) Entering MASTER STATE", times=2)
        adverts(lan, 2)

    def test_the_source_of_adverts_is_the_address_that_is_left(self, lan: Lan, start: Start) -> None:
        host = lan.hosts[0]
        run(host, "ip addr add 192.168.1.61/25 dev eth0")
        start(0, instance(150))
        adverts(lan, 1)
        run(host, "ip addr del 192.168.1.21/24 dev eth0")
        lan.sniffer.wait_advert("192.168.1.61")

    def test_ipv6_waits_for_the_link_local_address(self, lan: Lan, start: Start) -> None:
        host = lan.hosts[0]
        run(host, "ip addr flush dev eth0 scope link; echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6")
        daemon = start(0, instance(150, vip="fe80::1:20\n2001:db8::20"))
        daemon.wait_log("Startup complete")
        lan.sniffer.drain()
        assert not [frame for frame in lan.sniffer.frames if frame.advert]
        run(host, "echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6")
        frame = lan.sniffer.wait_advert("fe80::ff:fe00:1")
        assert frame.advert is not None


class TestSettings:
    def test_secondary_addresses_are_promoted_while_the_configuration_asks_for_it(
        self, lan: Lan, start: Start, tmp_path: Path
    ) -> None:
        host = lan.hosts[0]
        daemon = start(0, instance(150, more="promote_secondaries"))
        adverts(lan, 1)
        assert setting(host, "conf/eth0/promote_secondaries") == "1"
        daemon.reload(instance(150))
        eventually(lambda: setting(host, "conf/eth0/promote_secondaries") == "0")
        daemon.reload(instance(150, more="promote_secondaries"))
        eventually(lambda: setting(host, "conf/eth0/promote_secondaries") == "1")
        daemon.stop()
        assert setting(host, "conf/eth0/promote_secondaries") == "0"

    @pytest.mark.parametrize(("before", "told"), [("0", 1), ("1", 0)])
    def test_where_settings_are_read_only_what_differs_is_told_once(
        self, lan: Lan, tmp_path: Path, before: str, told: int
    ) -> None:
        host, proc = lan.hosts[0], "/proc/sys"
        run(host, f"echo {before} > /proc/sys/net/ipv4/conf/eth0/promote_secondaries")
        read_only = f'mount --bind {proc} {proc} && mount -o remount,ro,bind {proc} && exec "$@"'
        program = ("unshare", "-m", "sh", "-c", read_only, "sh", *OURS)
        daemon = Daemon(host, tmp_path / "0", instance(150, more="promote_secondaries"), program)
        try:
            host.wait_address("192.168.1.20")
            for change in ("add", "del"):
                run(host, f"ip addr {change} 192.0.2.1/32 dev eth0")
            adverts(lan, 2)
            assert daemon.log.count("promote_secondaries cannot be set to 1: Read-only file system") == told
        finally:
            daemon.close()

    def test_an_interface_that_is_made_anew_has_it_again(self, lan: Lan, start: Start) -> None:
        host, daemon = lan.hosts[0], start(0, instance(150, more="promote_secondaries"))
        adverts(lan, 1)
        lan.remove_port("p1")
        daemon.wait_log("Entering FAULT STATE")
        lan.plug_anew(0)
        eventually(lambda: setting(host, "conf/eth0/promote_secondaries") == "1")
        daemon.stop()
        assert setting(host, "conf/eth0/promote_secondaries") == "0"

    @pytest.mark.parametrize(("more", "value", "tables"), [("use_vmac", "0", ""), ("", "1", "")])
    def test_membership_is_not_reported_where_it_is_disabled(
        self, lan: Lan, start: Start, more: str, value: str, tables: str
    ) -> None:
        host = lan.hosts[0]
        daemon = start(0, "global_defs {\n disable_local_igmp\n}\n" + instance(150, more=more))
        adverts(lan, 1)
        assert setting(host, "igmp_link_local_mcast_reports") == value
        assert run(host, "nft list tables") == tables
        daemon.stop()
        assert setting(host, "igmp_link_local_mcast_reports") == "1"
