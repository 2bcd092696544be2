"""The dumps of C keepalived and ours for the same file, key by key."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon.daemon import OURS, C, Daemon
from tests.kernel.lan import Lan, eventually, why_not

pytestmark = [pytest.mark.kernel, pytest.mark.interop]

CONFIG = """
global_defs {
 router_id LVS1
 script_user root
 enable_script_security
}
vrrp_script chk {
 script "/usr/bin/true 'a b'"
 interval 1
 timeout 3
 weight -10
 fall 2
 rise 2
}
vrrp_script bad {
 script "/usr/bin/false"
 interval 1
 timeout 3
}
vrrp_sync_group G {
 group {
  V1
  V2
 }
 notify "/usr/bin/true group"
}
vrrp_instance V1 {
 state BACKUP
 interface eth0
 virtual_router_id 21
 priority 150
 advert_int 1
 authentication {
  auth_type PASS
  auth_pass secret
 }
 virtual_ipaddress {
  192.168.1.20/24 brd 192.168.1.255 scope link label eth0:1
  192.168.1.30
 }
 virtual_ipaddress_excluded {
  192.168.1.40
 }
 notify_master "/usr/bin/true a b"
 notify_backup /usr/bin/true
}
vrrp_instance V2 {
 state BACKUP
 interface eth0
 virtual_router_id 22
 priority 150
 version 3
 advert_int 0.5
 nopreempt
 virtual_ipaddress {
  192.168.1.25
 }
 track_interface {
  lo
 }
}
vrrp_instance V3 {
 state BACKUP
 interface eth0
 virtual_router_id 23
 priority 100
 version 3
 advert_int 0.1
 preempt_delay 3
 garp_master_refresh 60
 garp_lower_prio_repeat 2
 virtual_ipaddress {
  192.168.1.26
 }
 track_script {
  chk
 }
 notify "/usr/bin/true all"
 smtp_alert
}
vrrp_instance V4 {
 state BACKUP
 interface eth0
 virtual_router_id 24
 priority 100
 version 3
 advert_int 0.1
 virtual_ipaddress {
  192.168.1.27
 }
 track_script {
  bad
 }
}
vrrp_instance V5 {
 state BACKUP
 interface eth0
 virtual_router_id 25
 priority 100
 use_vmac
 advert_int 1
 mcast_src_ip 192.168.1.21
 virtual_ipaddress {
  192.168.1.28
 }
}
vrrp_instance V6 {
 state BACKUP
 interface eth0
 virtual_router_id 26
 priority 100
 version 3
 advert_int 0.1
 use_vmac six
 vmac_xmit_base
 virtual_ipaddress {
  fe80::20
  2001:db8::20/64 preferred_lft forever
 }
}
vrrp_instance V7 {
 state BACKUP
 interface eth0
 virtual_router_id 27
 priority 100
 version 3
 advert_int 0.1
 virtual_ipaddress {
  fe80::27
 }
}
vrrp_instance V8 {
 state BACKUP
 interface eth0
 virtual_router_id 28
 priority 100
 advert_int 1
 unicast_src_ip 192.168.1.21
 unicast_peer {
  192.168.1.99
  192.168.1.100 min_ttl 10 max_ttl 20
 }
 virtual_ipaddress {
  192.168.1.29
 }
}
vrrp_instance V9 {
 state BACKUP
 interface eth0
 virtual_router_id 29
 priority 100
 version 3
 advert_int 0.1
 virtual_ipaddress {
  192.168.1.31
 }
 virtual_routes {
  10.1.0.0/16 src 192.168.1.31 tos 4 via 192.168.1.22 dev eth0 table 100 metric 5
  10.2.0.0/16 via 192.168.1.22 dev eth0 onlink realms 3/4 mtu lock 1400 hoplimit 3 rtt 200ms initcwnd 5 quickack 1
  append unreachable 10.3.0.0/16 metric 7
  local 10.4.0.0/16 dev eth0
  10.5.0.0/16 nexthop via 192.168.1.22 dev eth0 weight 2 onlink nexthop via 192.168.1.23 dev eth0 realms 4
  10.6.0.0/16 via 192.168.1.22 or 192.168.1.23
  10.7.0.0/16 dev eth0 scope link features ecn ttl-propagate enabled no_track
  2001:db8:2::/48 from 2001:db8:3::/48 via fe80::22 dev eth0 metric 9 pref low
 }
 virtual_rules {
  from 192.168.1.31 table 100 priority 900
  to 10.0.0.0/8 table main priority 1000 no_track
  not from 192.168.1.31 to 10.1.0.0/16 tos 4 fwmark 5/7 iif eth0 table 200 priority 2000
  from 192.168.1.31 table 200 oif eth0 realms 3/4 priority 2004
  from 192.168.1.31 table 200 suppress_prefixlength 3 suppress_ifgroup 4 uidrange 100-200 priority 2005
  from 192.168.1.31 table 200 ipproto tcp sport 5-6 dport 7-7 priority 2007
  from 192.168.1.31 goto 3000 priority 2500
  from 192.168.1.31 blackhole priority 2600
  from 192.168.1.31 l3mdev priority 2700
  from 192.168.1.31 nop priority 2800
  from 2001:db8::/32 unreachable priority 2900
 }
}
static_ipaddress {
 192.168.1.50/24 dev eth0
}
static_routes {
 10.30.0.0/16 via 192.168.1.22 dev eth0
}
static_rules {
 from 192.168.1.50 table 100 priority 50
}
"""
# the home of the test lies in /tmp itself
PRIVATE = """set -e; home=$1; shift; mount --make-rprivate /; mount --bind "$home" /mnt
mount -t tmpfs none /tmp; mkdir -p "$home"; mount --bind /mnt "$home"; exec "$@" """
VOLATILE = {"last_transition", "advert_sent"}  # moments, and what grows meanwhile


class _Dumps:
    """One daemon with a /tmp of its own."""

    def __init__(self, home: Path, program: tuple[str, ...]) -> None:
        self._lan = Lan(1)
        wrapped = ("unshare", "-m", "sh", "-c", PRIVATE, "sh", home, *map(str, program))
        self.daemon = Daemon(self._lan.hosts[0], home, CONFIG, wrapped)
        self._folder = Path(f"/proc/{self.daemon.process.pid}/root/tmp")

    def ask(self, number: int, name: str) -> str:
        file = self._folder / name
        os.kill(self.daemon.process.pid, number)
        texts = ["", ""]

        def whole() -> bool:
            """C writes a piece at a time."""
            texts[:] = texts[1], file.read_text() if file.exists() else ""
            return texts[1] != "" and texts[0] == texts[1]

        eventually(whole)
        assert file.stat().st_mode & 0o777 == 0o600
        file.unlink()
        return texts[1]

    def close(self) -> None:
        self.daemon.close()
        self._lan.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[_Dumps, _Dumps]]:
    if why_not():
        pytest.skip(why_not())
    if Path(sys.prefix).is_relative_to("/tmp"):
        pytest.skip("this Python lies in /tmp, of which the daemons have one of their own")
    home = tmp_path_factory.mktemp("dumps")
    with ExitStack() as stack:
        made: list[_Dumps] = []
        for name, program in (("c", C), ("ours", OURS)):
            made.append(_Dumps(home / name, program))
            stack.callback(made[-1].close)
        for dumps in made:
            for name in ("V3", "V5", "V6", "V7", "V8", "V9"):
                dumps.daemon.wait_log(f"({name}) Entering MASTER STATE")
            dumps.daemon.wait_log("VRRP_Script(bad) failed")
        yield made[0], made[1]


def test_json(both: tuple[_Dumps, _Dumps]) -> None:
    theirs, ours = (json.loads(dumps.ask(36, "keepalived.json")) for dumps in both)
    assert [list(entry["data"]) for entry in ours] == [list(entry["data"]) for entry in theirs]
    assert [list(entry["stats"]) for entry in ours] == [list(entry["stats"]) for entry in theirs]
    for their_entry, our_entry in zip(theirs, ours, strict=True):
        if "auth_data" in their_entry["data"]:
            assert their_entry["data"].pop("auth_data") == "secret"
            assert our_entry["data"].pop("auth_data") == "********"
        for part in ("data", "stats"):
            assert _steady(our_entry[part]) == _steady(their_entry[part])


def _steady(values: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if key not in VOLATILE}


def test_statistics(both: tuple[_Dumps, _Dumps]) -> None:
    theirs, ours = (re.sub(r"Sent: \d+", "Sent: N", dumps.ask(12, "keepalived.stats")) for dumps in both)
    assert ours == theirs
    for dumps in both:
        cleared = dumps.ask(63, "keepalived.stats")
        assert "Became master: 1" in cleared  # written first
        assert "Became master: 1" not in dumps.ask(12, "keepalived.stats")


LEFT_OUT = (
    "Read timeout",  # a timer of C's
    "fd_in",
    "Num member fault",  # of its own workings
    "VRRP instances :",
    "Script uid:gid",
)


def _at_rest(lines: list[str]) -> list[str]:
    """Return the lines as they are when no check script runs just now."""
    return [line.replace("State = running", "State = idle") for line in lines]


def test_data(both: tuple[_Dumps, _Dumps]) -> None:
    theirs, ours = (_topology(dumps.ask(10, "keepalived.data")) for dumps in both)
    assert list(ours) == list(theirs)
    for name, lines in theirs.items():
        expected = [line for line in lines if not any(word in line for word in LEFT_OUT)]
        assert _at_rest(ours[name]) == _at_rest(expected), name
    for dumps in both:
        assert dumps.ask(10, "keepalived_parent.data").startswith("------< Global definitions >------\n Network")


LEFT_OUT_OF_GLOBALS = (
    "Network namespace ipvs",
    "Smtp HELO name",  # that of the machine
    "test config before reload",
    "Dynamic interfaces",  # always so here
    "nftables",
    "libnftnl",
    "BFD",
    "SNMP",
    "DBus",
    "Default script uid:gid",
    "rcv_bufs",
    "rx_bufs",
    "umask",
)
LEFT_OUT_OF_INTERFACES = (
    "MAC broadcast",
    "Seen up",
    "Delayed state change",
    "debounce timer",
    "HW Type",
    "NIC netlink",
    "counter",
    "Original",
    "rp_filter",
    "IPv6 forwarding",
    "IPv6 address",  # our macvlans have one of their own, which is told
)


@pytest.mark.parametrize(
    ("section", "left_out"),
    [
        pytest.param("Global definitions", LEFT_OUT_OF_GLOBALS, id="global"),
        pytest.param("Static Addresses", (), id="addresses"),
        pytest.param("Static Routes", (), id="routes"),
        pytest.param("Static Rules", (), id="rules"),
        pytest.param("VRRP Sockpool", (), id="sockets"),
        pytest.param("Interfaces", LEFT_OUT_OF_INTERFACES, id="interfaces"),
    ],
)
def test_other_sections(both: tuple[_Dumps, _Dumps], section: str, left_out: tuple[str, ...]) -> None:
    theirs, ours = (_lines(dumps.ask(10, "keepalived.data"), section) for dumps in both)
    theirs, ours = ([line for line in lines if not any(word in line for word in left_out)] for lines in (theirs, ours))
    assert ours == theirs


def _lines(text: str, section: str) -> list[str]:
    """Return the lines of a section, without what is each process's own."""
    lines = text.partition(f"------< {section} >------\n")[2].partition("------<")[0].splitlines()
    lines = [re.sub(r"fd_in -?\d+ fd_out = -?\d+", "fd_in N fd_out = N", line) for line in lines]
    lines = [re.sub(r"(MAC = )02.*|(index = )\d+", r"\1\2X", line) for line in lines]
    return [re.sub(r", no broadcast|, loopback|, no multicast", "", line) for line in lines]


def _topology(text: str) -> dict[str, list[str]]:
    """Return the blocks of instances, groups and scripts: their lines by their title."""
    blocks: dict[str, list[str]] = {}
    section, current = "", []  # type: ignore[var-annotated]
    for line in text.splitlines():
        if line.startswith("------<"):
            section = line.strip("-<> ")
        elif section in ("VRRP Topology", "VRRP Sync groups", "VRRP Scripts"):
            if line.startswith("   "):
                current.append(_normal(line))
            else:
                current = blocks.setdefault(line, [])
    return blocks


def _normal(line: str) -> str:
    line = re.sub(r"= \d+\.\d+ \(.*\)", "= WHEN", line)
    line = re.sub(r"Password = .*", "Password = P", line)
    line = re.sub(r"(Flags:) none|, ifindex \d+", r"\1", line)
    line = re.sub(r"Master router = .*", "Master router = R", line)
    return re.sub(r", uid:gid \d+:\d+", "", line)
