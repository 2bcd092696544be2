"""What C keepalived's `-t` says of a configuration, beside what labkit says: silent, or not.

A row is a few lines of a file.  C keepalived is silent when it exits with 0 (or 6: scripts without script security); it
complains of a mistake and goes on.  labkit is silent, warns, or refuses the file.
"""

import subprocess
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest

from labkit.conf.loader import loads
from labkit.diagnostics import Severity
from tests.kernel.lan import Lan, Namespace, why_not

pytestmark = [pytest.mark.kernel, pytest.mark.interop]

SILENT_EXITS = (0, 6)
VIP = "virtual_ipaddress {\n192.0.2.1\n}"
PEER = "unicast_peer {\n192.0.2.12\n}"
PASS = "authentication {\nauth_type PASS\nauth_pass secret\n}"
AH = PASS.replace("PASS", "AH")


class Says(Enum):
    """What a program says of a file."""

    NOTHING = "nothing"
    WARNS = "warns"
    REFUSES = "refuses"


@pytest.fixture(scope="module")
def host() -> Iterator[Namespace]:
    """A host with eth0 and eth1, which C keepalived looks for."""
    if why_not():
        pytest.skip(why_not())
    lan = Lan(1)
    lan.segment.netlink.ask([lan.cable(lan.hosts[0], "q1", "eth1", 1)])
    lan.hosts[0].set_link("eth1", up=True)
    yield lan.hosts[0]
    lan.close()


def by_c(host: Namespace, text: str, folder: Path) -> bool:
    """Tell whether C keepalived complains."""
    file = folder / "keepalived.conf"
    file.write_text(text)
    process = host.start(["keepalived", "-t", "-f", file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    process.communicate(timeout=30)
    return process.returncode not in SILENT_EXITS


def by_us(text: str) -> Says:
    found = {diagnostic.severity for diagnostic in loads(text, file="k.conf").diagnostics}
    return Says.REFUSES if Severity.ERROR in found else Says.WARNS if found else Says.NOTHING


def instance(lines: str) -> str:
    if "virtual_ipaddress" not in lines:
        lines += "\n" + VIP
    return f"vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\n{lines}\n}}\n"


IN_AN_INSTANCE = [
    *("state BACKUP", "state MASTER\npriority 150", "priority 1", "priority 255\nstate MASTER", "nopreempt", "preempt"),
    *(
        "preempt_delay 1000",
        "preempt_delay 4.12",
        "advert_int 255",
        "version 3\nadvert_int 0.01",
        "version 2",
        PASS,
        AH,
    ),
    *("accept", "no_accept", "down_timer_adverts 1", "down_timer_adverts 100", "lower_prio_no_advert"),
    *(
        "lower_prio_no_advert off",
        "higher_prio_send_advert yes",
        "skip_check_adv_addr on",
        "strict_mode",
        "strict_mode off",
    ),
    *("strict_mode\nversion 3\naccept", "strict_mode\npriority 255\nstate MASTER", "garp_master_delay 0"),
    *("garp_master_repeat 1", "garp_master_refresh 60\ngarp_master_refresh_repeat 2", "garp_lower_prio_delay 0"),
    *("garp_lower_prio_repeat 0", "garp_extra_if 100", "garp_extra_if all 100", "garp_extra_if 0", PEER),
    *("mcast_src_ip 192.0.2.77", "track_src_ip\nmcast_src_ip 192.0.2.77", "mcast_dst_ip 224.0.0.99"),
    *(f"unicast_src_ip 192.168.1.21\n{PEER}", f"unicast_ttl 5\n{PEER}", f"check_unicast_src\n{PEER}"),
    *("unicast_peer {\n192.0.2.12 min_ttl 1 max_ttl 255\n}", "unicast_fault_no_peer", "unicast_fault_no_peer\n" + PEER),
    *("use_vmac", "use_vmac vm0", "use_vmac 02:00:5e:00:01", "use_vmac vm0 02:00:5e:00:01:07\nvmac_xmit_base"),
    *("use_vmac_addr", "promote_secondaries", "dont_track_primary", "smtp_alert", "smtp_alert off"),
    *("notify_deleted", "notify /bin/true", "notify /bin/true root", "notify_master_rx_lower_pri /bin/true root root"),
    *("notify_priority_changes on", "virtual_ipaddress {\nfe80::1\n2001:db8::1/64\n}", "track_interface {\neth1\n}"),
    *("track_interface {\neth1 weight 0 reverse\n}", "track_interface {\neth1 weight -253\n}"),
    "native_ipv6\nvirtual_ipaddress {\nfe80::1\n}",
    "virtual_ipaddress {\n192.0.2.1/24 dev eth1 scope link label eth1:1 brd +\n}",
]
"""Neither says a word."""

WRONG_IN_AN_INSTANCE = [
    *("priority 0", "priority 256", "advert_int 0", "advert_int 256", "advert_int 0.5", "version 4", "state PRIMARY"),
    *("version 3\nadvert_int 41", "version 3\nadvert_int 0.015", "preempt_delay 1001", f"{PASS}\nversion 3"),
    *("authentication {\nauth_type PASS\n}", "authentication {\nauth_type MD5\nauth_pass x\n}", "down_timer_adverts 0"),
    *("down_timer_adverts 101", "lower_prio_no_advert maybe", "skip_check_adv_addr 1", "smtp_alert maybe"),
    *(
        "garp_master_delay 2.5",
        "garp_master_repeat 0",
        "garp_extra_if 86401",
        "garp_master_refresh x",
        "vmac_xmit_base",
    ),
    *("mcast_src_ip fe80::1", "mcast_dst_ip 192.0.2.1", f"mcast_dst_ip 224.0.0.99\n{PEER}", "mcast_dst_ip ff02::12"),
    *("unicast_src_ip 192.168.1.21", "unicast_ttl 5", "unicast_peer {\n}", f"unicast_ttl 256\n{PEER}"),
    *("unicast_peer {\nfe80::2\n}", "unicast_peer {\n192.0.2.12 min_ttl 5 max_ttl 3\n}", f"use_vmac\n{PEER}"),
    *(
        "use_vmac 00:00:5e:00:01:07",
        "use_vmac a b",
        "use_vmac abcdefghijklmnopq",
        "native_ipv6",
        "virtual_ipaddress {\n}",
    ),
    *("virtual_ipaddress {\n192.0.2.1\nfe80::1\n}", "virtual_ipaddress {\n192.0.2.1/33\n}", "vrf eth1"),
    *("virtual_ipaddress {\nfe80::1 label x\n}", "track_interface {\neth0\n}", "track_interface {\neth1 weight 254\n}"),
    *("track_script {\nnone\n}", "track_file {\nnone\n}", "track_process {\nnone\n}", "lvs_sync_daemon_interface eth1"),
    *("strict_mode\npreempt_delay 5", f"strict_mode\n{PASS}", "strict_mode\naccept"),
    "virtual_ipaddress_excluded {\nfe80::1\n}",
    *("strict_mode\ngarp_lower_prio_repeat 3", "strict_mode\nlower_prio_no_advert off", "nopreempt\nstate MASTER"),
    *("strict_mode\nhigher_prio_send_advert", "strict_mode\nuse_vmac\nvmac_xmit_base", "no_such_keyword"),
    "strict_mode\nvirtual_ipaddress {\n2001:db8::1\n}",
    "strict_mode\nversion 2\nvirtual_ipaddress {\nfe80::1\n}",
    "authentication {\nauth_type PASS\nauth_pass Venezuela21\n}",
]
"""Both say something; labkit may only warn."""

DIFFERENT_IN_AN_INSTANCE = [
    pytest.param("virtual_ipaddress {\n2001:db8::1\n}", False, Says.WARNS, id="first-ipv6-address-not-link-local"),
    pytest.param("version 2\nvirtual_ipaddress {\nfe80::1\n}", False, Says.WARNS, id="ipv6-in-version-2"),
    pytest.param("state MASTER", False, Says.WARNS, id="master-without-priority"),
    pytest.param("strict_mode\nstate MASTER", False, Says.REFUSES, id="strict-master-without-priority"),
    pytest.param("nopreempt\npreempt", False, Says.REFUSES, id="opposites"),
    pytest.param("accept\nno_accept", False, Says.REFUSES, id="other-opposites"),
    pytest.param("priority 100\npriority 100", False, Says.REFUSES, id="a-line-twice"),
    pytest.param("virtual_ipaddress {\n192.0.2.1\n192.0.2.1\n}", False, Says.REFUSES, id="an-address-twice"),
    pytest.param("unicast_peer {\n192.0.2.12\n192.0.2.12\n}", False, Says.REFUSES, id="a-peer-twice"),
    pytest.param(
        "unicast_src_ip 192.168.1.21\nunicast_peer {\n192.168.1.21\n}", False, Says.REFUSES, id="oneself-as-a-peer"
    ),
    pytest.param("track_src_ip", False, Says.REFUSES, id="no-address-to-track"),
    pytest.param(f"strict_mode\n{PEER}", False, Says.WARNS, id="strict-unicast"),
    pytest.param("use_ipvlan 192.0.2.7", False, Says.REFUSES, id="ipvlan"),
    pytest.param("debug 1", False, Says.WARNS, id="debug"),
    pytest.param("kernel_rx_buf_size 1000", False, Says.WARNS, id="buffer"),
    pytest.param("vmac_garp_intvl 10", True, Says.NOTHING, id="an-old-name"),
    pytest.param("garp_extra_if 100 all", False, Says.REFUSES, id="all-in-the-wrong-place"),
    pytest.param("virtual_ipaddress {\n192.0.2.1 no_such_option\n}", True, Says.REFUSES, id="unknown-option"),
]
"""Where the two differ on purpose: what C keepalived does not say, or says of an old name."""


@pytest.mark.parametrize("lines", IN_AN_INSTANCE, ids=range(len(IN_AN_INSTANCE)))
def test_neither_says_a_word(host: Namespace, tmp_path: Path, lines: str) -> None:
    assert (by_c(host, instance(lines), tmp_path), by_us(instance(lines))) == (False, Says.NOTHING)


@pytest.mark.parametrize("lines", WRONG_IN_AN_INSTANCE, ids=range(len(WRONG_IN_AN_INSTANCE)))
def test_both_complain(host: Namespace, tmp_path: Path, lines: str) -> None:
    assert by_c(host, instance(lines), tmp_path)
    assert by_us(instance(lines)) is not Says.NOTHING


@pytest.mark.parametrize(("lines", "c", "ours"), DIFFERENT_IN_AN_INSTANCE)
def test_where_the_two_differ(host: Namespace, tmp_path: Path, lines: str, c: bool, ours: Says) -> None:
    assert (by_c(host, instance(lines), tmp_path), by_us(instance(lines))) == (c, ours)


@pytest.mark.parametrize("source", ["", "unicast_src_ip 192.168.1.21"])
def test_unicast_needs_an_interface_too(host: Namespace, tmp_path: Path, source: str) -> None:
    """keepalived.conf(5) lets it be left out; 2.2.7 says "Unknown interface!" all the same, and ends."""
    text = instance(f"{PEER}\n{source}\nvirtual_ipaddress {{\n192.0.2.1 dev eth0\n}}").replace(
        "interface eth0\n", "", 1
    )
    assert (by_c(host, text, tmp_path), by_us(text)) == (True, Says.REFUSES)


IN_GLOBAL_DEFS = [
    *("vrrp_strict", "vrrp_min_garp", "vrrp_min_garp off", "vrrp_skip_check_adv_addr", "vrrp_garp_interval 5"),
    *("vrrp_garp_extra_if all 100", "max_auto_priority", "max_auto_priority -1", "min_auto_priority_delay 5"),
    *(
        "umask 022",
        "umask IWGRP|IWOTH",
        "umask IWGRP | IWOTH",
        "umask 0x12",
        "vrrp_rt_priority 50",
        "vrrp_priority -20",
    ),
    *(
        "random_seed 5",
        "vrrp_cpu_affinity 0",
        "vrrp_startup_delay 5.5",
        "dynamic_interfaces",
        "dynamic_interfaces allow_if_changes",
    ),
    *("reload_file", "reload_file /tmp/x", "reload_time_file /tmp/x\nreload_repeat", "startup_script_timeout 1000"),
    *('startup_script "/bin/true a" root', "notify_fifo /tmp/a root root\nvrrp_notify_fifo /tmp/b", "process_names"),
    *(
        "smtp_alert",
        "smtp_alert off",
        "smtp_alert_vrrp yes",
        "smtp_helo_name x",
        "no_email_faults",
        "log_unknown_vrids",
    ),
    *("vrrp_mcast_group4 224.0.0.20", "vrrp_mcast_group6 ff02::20", "vmac_prefix v", "vmac_addr_prefix w"),
    *("vrrp_version 3", "vrrp_down_timer_adverts 4", "vrrp_lower_prio_no_advert", "vrrp_higher_prio_send_advert"),
    *("vrrp_check_unicast_src", "default_interface eth1", "disable_local_igmp", "fifo_write_vrrp_states_on_reload"),
    *("data_use_instance", "vrrp_notify_priority_changes on", "script_user root root", "enable_script_security"),
    *("vrrp_no_swap", "vrrp_rlimit_rttime 10000", "notify_fifo /tmp/a\nnotify_fifo_script /bin/true root"),
    *("vrrp_garp_lower_prio_delay 3\nvrrp_garp_lower_prio_repeat 2", "vrrp_garp_master_refresh 60"),
]
WRONG_IN_GLOBAL_DEFS = [
    *("max_auto_priority 100", "umask 0o22", "umask 01000", "vrrp_rt_priority 0", "vrrp_priority -21"),
    *("vrrp_cpu_affinity 0-1", "vrrp_startup_delay 0", "vrrp_startup_delay 5000", "dynamic_interfaces maybe"),
    *("startup_script_timeout 0", "startup_script_timeout 1001", "smtp_alert maybe", "vrrp_mcast_group4 192.0.2.1"),
    *("vrrp_mcast_group6 ff05::12", "vrrp_down_timer_adverts 0", "net_namespace x", "vrrp_version 4", "vrrp_iptables"),
]
DIFFERENT_IN_GLOBAL_DEFS = [
    pytest.param("vrrp_gna_interval 0", True, Says.NOTHING, id="no-interval"),
    pytest.param("notify_fifo /tmp/a\nvrrp_notify_fifo /tmp/a", False, Says.REFUSES, id="one-fifo-for-two"),
    pytest.param("notify_fifo_script /bin/true", False, Says.REFUSES, id="nothing-to-read"),
    pytest.param("notify_fifo a", False, Says.REFUSES, id="a-fifo-somewhere"),
    pytest.param("enable_snmp_vrrp", False, Says.REFUSES, id="snmp"),
    pytest.param("enable_dbus", False, Says.REFUSES, id="dbus"),
    pytest.param("nftables t", False, Says.WARNS, id="nftables"),
    pytest.param("vrrp_netlink_cmd_rcv_bufs 100000", False, Says.WARNS, id="buffers"),
    pytest.param("vrrp_vmac_garp_intvl 5", True, Says.NOTHING, id="an-old-name"),
]


def whole(lines: str) -> str:
    return f"global_defs {{\n{lines}\n}}\n" + instance("")


@pytest.mark.parametrize("lines", IN_GLOBAL_DEFS, ids=range(len(IN_GLOBAL_DEFS)))
def test_neither_says_a_word_of_global_defs(host: Namespace, tmp_path: Path, lines: str) -> None:
    assert (by_c(host, whole(lines), tmp_path), by_us(whole(lines))) == (False, Says.NOTHING)


@pytest.mark.parametrize("lines", WRONG_IN_GLOBAL_DEFS, ids=range(len(WRONG_IN_GLOBAL_DEFS)))
def test_both_complain_of_global_defs(host: Namespace, tmp_path: Path, lines: str) -> None:
    assert by_c(host, whole(lines), tmp_path)
    assert by_us(whole(lines)) is not Says.NOTHING


@pytest.mark.parametrize(("lines", "c", "ours"), DIFFERENT_IN_GLOBAL_DEFS)
def test_where_the_two_differ_in_global_defs(host: Namespace, tmp_path: Path, lines: str, c: bool, ours: Says) -> None:
    assert (by_c(host, whole(lines), tmp_path), by_us(whole(lines))) == (c, ours)


A, B = (
    f"vrrp_instance {name} {{\ninterface {device}\nvirtual_router_id 7\n"
    f"virtual_ipaddress {{\n192.0.2.{n}\n}}\n#{name}\n}}\n"
    for name, device, n in (("A", "eth0", 1), ("B", "eth1", 2))
)
GROUP = "vrrp_sync_group G {\ngroup {\nA\nB\n}\n#G\n}\n" + A + B
SCRIPT = "vrrp_script s {\nscript /bin/true\nweight 5\n}\n"
PROCESS = "vrrp_track_process p {\nprocess nginx\n#\n}\n" + A
FILE = "track_file f {\nfile /tmp/labkit-no-such-file\n#\n}\n" + A
# With a script in the file C keepalived exits with 6 whatever else is wrong, which looks like silence here.
BLOCKS = [
    pytest.param(GROUP, False, Says.NOTHING, id="group"),
    pytest.param(SCRIPT + GROUP.replace("#G", "track_script {\ns\n}"), False, Says.NOTHING, id="weight-of-a-group"),
    pytest.param(GROUP.replace("#G", "sync_group_tracking_weight"), False, Says.NOTHING, id="tracking-weight"),
    pytest.param(GROUP.replace("#G", "global_tracking"), True, Says.NOTHING, id="an-old-name"),
    pytest.param(GROUP.replace("#G", "notify_deleted"), True, Says.REFUSES, id="deleted-groups"),
    pytest.param(SCRIPT + GROUP.replace("#A", "track_script {\ns\n}"), False, Says.REFUSES, id="weight-of-a-member"),
    pytest.param(
        GROUP.replace("#A", "track_interface {\neth1\n}").replace("#G", "track_interface {\neth1\n}"),
        True,
        Says.REFUSES,
        id="tracked-twice",
    ),
    pytest.param(GROUP.replace("A\nB\n}", "A\nA\nB\n}"), True, Says.REFUSES, id="member-twice"),
    pytest.param(GROUP.replace("A\nB\n}", "A\nC\n}"), True, Says.REFUSES, id="member-unknown"),
    pytest.param(GROUP.replace("A\nB\n}", "A\n}"), True, Says.WARNS, id="member-alone"),
    pytest.param(SCRIPT + A.replace("#A", "track_script {\ns weight -5 reverse\n}"), False, Says.NOTHING, id="reverse"),
    pytest.param(
        SCRIPT + A.replace("#A", "priority 255\nstate MASTER\ntrack_script {\ns\n}"), False, Says.REFUSES, id="owner"
    ),
    pytest.param(SCRIPT.replace("weight 5", "weight 254"), True, Says.REFUSES, id="script-weight"),
    pytest.param(
        SCRIPT.replace("weight 5", "init_fail\nrise 3\nfall 2\ntimeout 9") + A, False, Says.NOTHING, id="script"
    ),
    pytest.param(SCRIPT.replace("weight 5", "rise 0") + A, False, Says.REFUSES, id="rise"),
    pytest.param(SCRIPT.replace("weight 5", "interval 0.5") + A, False, Says.NOTHING, id="milliseconds-are-newer"),
    pytest.param(PROCESS, False, Says.NOTHING, id="process"),
    pytest.param(
        PROCESS.replace("#\n", "param_match initial\nquorum_max 0\ndelay 3600\n"), False, Says.NOTHING, id="max"
    ),
    pytest.param(PROCESS.replace("#\n", "param_match exact\n"), True, Says.REFUSES, id="match"),
    pytest.param(PROCESS.replace("#\n", "quorum 0\n"), True, Says.REFUSES, id="quorum"),
    pytest.param(PROCESS.replace("#\n", "quorum 2\nquorum_max 1\n"), True, Says.REFUSES, id="quorum-max"),
    pytest.param(PROCESS.replace("#\n", "fork_delay 3601\n"), True, Says.REFUSES, id="fork_delay"),
    pytest.param(PROCESS.replace("#\n", "weight 255\n"), True, Says.REFUSES, id="process-weight"),
    pytest.param(FILE.replace("#\n", "weight -254 reverse\ninit_file 5 overwrite\n"), False, Says.NOTHING, id="file"),
    pytest.param(FILE.replace("#\n", "weight 300\n"), True, Says.NOTHING, id="file-weights-are-larger-now"),
    pytest.param(FILE.replace("file /", "weight 1 #"), True, Says.REFUSES, id="no-file"),
    pytest.param("garp_group {\ngarp_interval 0.1\ninterface eth0\n}\n" + A, False, Says.NOTHING, id="garp_group"),
    pytest.param("garp_group {\ninterface eth0\n}\n" + A, True, Says.REFUSES, id="garp_group-of-nothing"),
    pytest.param("interface_up_down_delays {\neth0 1 1.5\neth1 0.5\n}\n" + A, False, Says.NOTHING, id="delays"),
    pytest.param("interface_up_down_delays {\neth0 256\n}\n" + A, True, Says.REFUSES, id="long-delay"),
    pytest.param("linkbeat_interfaces {\neth0 MII\n}\n" + A, False, Says.WARNS, id="linkbeat"),
    pytest.param("instance foo\nuse_pid_dir\nchild_wait_time 9\n" + A, False, Says.NOTHING, id="top"),
    pytest.param("child_wait_time 5.5\n" + A, True, Says.REFUSES, id="child_wait_time"),
    pytest.param(A + B.replace("eth1", "eth0"), True, Says.REFUSES, id="vrid"),
    pytest.param(A + B.replace("eth1", "eth0").replace("#B", PEER), False, Says.NOTHING, id="vrid-by-unicast"),
    pytest.param(
        A.replace("#A", PEER) + B.replace("eth1", "eth0").replace("#B", PEER), True, Says.REFUSES, id="vrid-of-a-peer"
    ),
    pytest.param(
        A + B.replace("eth1", "eth0").replace("#B", "mcast_dst_ip 224.0.0.99"),
        False,
        Says.NOTHING,
        id="vrid-of-a-group",
    ),
    pytest.param(A + B.replace("eth1", "eth0").replace("192.0.2.2", "fe80::2"), False, Says.NOTHING, id="vrid-of-ipv6"),
]


@pytest.mark.parametrize(("text", "c", "ours"), BLOCKS)
def test_blocks(host: Namespace, tmp_path: Path, text: str, c: bool, ours: Says) -> None:
    assert (by_c(host, text, tmp_path), by_us(text)) == (c, ours)
