"""global_defs and the top of the file: what each keyword becomes, what does nothing, and what is refused."""

import pickle

import pytest

from labkit.conf.loader import loads
from labkit.conf.model import Command, Fifo, GlobalDefs, Scheduling
from tests.conf.samples import said
from tests.conf.test_values import ROUTER, config_of, instance_of

REST = "\nvrrp_instance A {\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress { 192.0.2.1 }\n}\n"


def global_defs(lines: str, top: str = "") -> GlobalDefs:
    return config_of(f"{top}\nglobal_defs {{\n{lines}\n}}{REST}").global_defs


A = Command(argv=("/a", "b"), text="/a b")
AS_USER = Command(argv=("/a", "b"), text="/a b", user=("u", "g"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("", GlobalDefs(), id="nothing"),
        pytest.param(
            "smtp_helo_name h\nsmtp_alert\nsmtp_alert_vrrp off\nsmtp_alert_checker yes\nno_email_faults",
            GlobalDefs(
                smtp_helo_name="h",
                smtp_alert=True,
                smtp_alert_vrrp=False,
                smtp_alert_checker=True,
                no_email_faults=True,
            ),
            id="mail",
        ),
        pytest.param(
            'startup_script "/a b" u g\nstartup_script_timeout 1\nshutdown_script "/a b"\nshutdown_script_timeout 1000',
            GlobalDefs(
                startup_script=AS_USER,
                startup_script_timeout=1_000_000,
                shutdown_script=A,
                shutdown_script_timeout=1_000_000_000,
            ),
            id="scripts",
        ),
        pytest.param("script_user u :g", GlobalDefs(script_user=("u", "g")), id="supplementary-groups"),
        pytest.param("script_user u :", GlobalDefs(script_user=("u", None)), id="supplementary-groups-alone"),
        pytest.param(
            'notify_fifo /f u g\nnotify_fifo_script "/a b" u g\nvrrp_notify_fifo /v\nlvs_notify_fifo /l',
            GlobalDefs(
                notify_fifo=Fifo(path="/f", user=("u", "g"), script=AS_USER),
                vrrp_notify_fifo=Fifo(path="/v"),
                lvs_notify_fifo=Fifo(path="/l"),
            ),
            id="fifos",
        ),
        pytest.param(
            "vrrp_notify_priority_changes on\nfifo_write_vrrp_states_on_reload\nlog_unknown_vrids\ndisable_local_igmp",
            GlobalDefs(
                vrrp_notify_priority_changes=True,
                fifo_write_states_on_reload=True,
                log_unknown_vrids=True,
                disable_local_igmp=True,
            ),
            id="flags",
        ),
        pytest.param(
            "vrrp_garp_interval 0.001\nvrrp_gna_interval 0.000001\ndefault_interface eth1\nvmac_prefix v\n"
            "vmac_addr_prefix w\nvrrp_delay_after_boot 60",
            GlobalDefs(
                garp_interval=1000,
                gna_interval=1,
                default_interface="eth1",
                vmac_prefix="v",
                vmac_addr_prefix="w",
                vrrp_delay_after_boot=60_000_000,
            ),
            id="interfaces",
        ),
        pytest.param(
            "vrrp_priority -20\nvrrp_rt_priority 50\nvrrp_rlimit_rtime 20000\nvrrp_no_swap\nvrrp_cpu_affinity 0 1\n"
            "checker_priority 19\nchecker_no_swap",
            GlobalDefs(
                vrrp_scheduling=Scheduling(nice=-20, realtime=50, realtime_limit=20_000, no_swap=True, affinity=(0, 1)),
                checker_scheduling=Scheduling(nice=19, no_swap=True),
            ),
            id="scheduling",
        ),
        pytest.param("max_auto_priority", GlobalDefs(max_auto_priority=99), id="auto-priority"),
        pytest.param(
            "max_auto_priority 20\nmin_auto_priority_delay 500",
            GlobalDefs(max_auto_priority=20, min_auto_priority_delay=500),
            id="auto-priority-20",
        ),
        pytest.param(
            "process_name p\nvrrp_process_name v\nlvs_process_name c",
            GlobalDefs(process_name="p", vrrp_process_name="v", checker_process_name="c"),
            id="names",
        ),
        pytest.param("umask 022", GlobalDefs(umask=0o022), id="umask-octal"),
        pytest.param("umask 18", GlobalDefs(umask=18), id="umask-decimal"),
        pytest.param("umask 0x12", GlobalDefs(umask=0x12), id="umask-hexadecimal"),
        pytest.param("umask IWGRP | IWOTH|IXUSR", GlobalDefs(umask=0o122), id="umask-names"),
        pytest.param(
            "reload_time_file /t\nreload_repeat\nreload_file\njson_version 2",
            GlobalDefs(reload_time_file="/t", reload_repeat=True, reload_file="", json_version=2),
            id="reload",
        ),
        pytest.param(
            "reload_file /r\nstate_dump_file /d/s\nstats_file_location /d/\njson_dump_file /j",
            GlobalDefs(
                reload_file="/r", state_dump_file="/d/s", stats_dump_file="/d/keepalived.stats", json_dump_file="/j"
            ),
            id="dumps",
        ),
        pytest.param(
            "process_names\ndynamic_interfaces\nuse_symlink_paths off\n"
            "set_supplementary_groups\nreload_check_config /tmp/l",
            GlobalDefs(),
            id="what-is-always-so",
        ),
        pytest.param("dynamic_interfaces allow_if_changes", GlobalDefs(), id="interfaces-may-change"),
    ],
)
def test_a_keyword(lines: str, expected: GlobalDefs) -> None:
    assert global_defs(lines) == expected


def test_the_top_of_the_file() -> None:
    top = "net_namespace n\ninstance i\nuse_pid_dir\nchild_wait_time 9"
    assert global_defs("", top) == GlobalDefs(
        net_namespace="n", instance="i", use_pid_dir=True, child_wait_time=9_000_000
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            "vrrp_garp_master_refresh 60\nvrrp_garp_master_refresh_repeat 2", (60_000_000, 2, None, None), id="a"
        ),
        pytest.param("vrrp_garp_lower_prio_delay 9\nvrrp_garp_lower_prio_repeat 0", (0, 1, 9_000_000, 0), id="b"),
    ],
)
def test_announcements_of_all_instances(lines: str, expected: tuple[object, ...]) -> None:
    router = instance_of("", f"global_defs {{\n{lines}\n}}").router
    assert (
        router.refresh_interval,
        router.refresh_repeat,
        router.lower_prio_delay,
        router.lower_prio_repeat,
    ) == expected


@pytest.mark.parametrize(
    ("lines", "own", "expected"),
    [
        pytest.param("vrrp_min_garp", "", (1, 0), id="few"),
        pytest.param("vrrp_min_garp no", "", (5, 5_000_000), id="not-few"),
        pytest.param("vrrp_min_garp", "garp_master_repeat 3", (3, 0), id="own-number"),
        pytest.param("vrrp_min_garp\nvrrp_garp_master_delay 2", "", (1, 2_000_000), id="global-delay"),
    ],
)
def test_few_announcements(lines: str, own: str, expected: tuple[int, int]) -> None:
    router = instance_of(own, f"global_defs {{\n{lines}\n}}").router
    assert (router.announce_repeat, router.announce_delay) == expected


def test_switches_of_all_instances() -> None:
    names = ["lower_prio_no_advert", "higher_prio_send_advert", "skip_check_adv_addr", "owner_ignore_adverts"]
    lines = "\n".join(f"vrrp_{name}" for name in names) + "\nv3_checksum_as_v2\nvrrp_down_timer_adverts 4"
    before = f"global_defs {{\n{lines}\nvrrp_startup_delay 1.5\n}}"
    router = instance_of("", before).router
    assert all(getattr(router, name) for name in [*names, "checksum_as_v2"])
    assert (router.down_timer_adverts, router.start_delay) == (4, 1_500_000)
    own = "\n".join(f"{name} off" for name in [*names, "v3_checksum_as_v2"]) + "\ndown_timer_adverts 2"
    router = instance_of(own, before).router
    assert not any(getattr(router, name) for name in [*names, "checksum_as_v2"])
    assert router.down_timer_adverts == 2


@pytest.mark.parametrize(
    ("before", "own", "expected"),
    [
        pytest.param("", "", False, id="nothing"),
        pytest.param("smtp_alert", "", True, id="all"),
        pytest.param("smtp_alert\nsmtp_alert_vrrp no", "", False, id="all-but-vrrp"),
        pytest.param("smtp_alert_vrrp no", "smtp_alert", True, id="own"),
        pytest.param("smtp_alert", "smtp_alert false", False, id="own-off"),
    ],
)
def test_who_gets_mail(before: str, own: str, expected: bool) -> None:
    assert instance_of(own, f"global_defs {{\n{before}\n}}").smtp_alert is expected


def test_notifies_of_priority_changes() -> None:
    before = "global_defs { vrrp_notify_priority_changes yes }"
    assert instance_of("", before).notify_priority_changes
    assert not instance_of("notify_priority_changes off", before).notify_priority_changes


@pytest.mark.parametrize(
    ("before", "own", "expected"),
    [
        pytest.param("", "garp_extra_if 100", (100_000_000, False), id="own"),
        pytest.param("", "vmac_garp_intvl all 100", (100_000_000, True), id="old-name"),
        pytest.param("vrrp_garp_extra_if all 9", "", (9_000_000, True), id="shared"),
        pytest.param("vrrp_garp_extra_if all 9", "garp_extra_if 0", (None, False), id="off"),
        pytest.param("", "", (None, False), id="never"),
    ],
)
def test_extra_announcements(before: str, own: str, expected: tuple[int | None, bool]) -> None:
    instance = instance_of(own, f"global_defs {{\n{before}\n}}")
    assert (instance.garp_extra_interval, instance.garp_extra_all) == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param("notify_deleted", (True, None), id="flag"),
        pytest.param('notify_deleted "/a b" u g', (True, AS_USER), id="script"),
        pytest.param("", (False, None), id="absent"),
    ],
)
def test_whom_to_tell_of_a_deleted_instance(own: str, expected: tuple[bool, Command | None]) -> None:
    instance = instance_of(own)
    assert (instance.notify_deleted, instance.notify_deleted_script) == expected


def test_whom_to_tell_of_a_lower_priority() -> None:
    instance = instance_of('notify_master_rx_lower_pri "/a b"\npromote_secondaries\nnotify_master "/a b" u g')
    assert (instance.notify_master_rx_lower_pri, instance.notify_master) == (A, AS_USER)
    assert instance.promote_secondaries


@pytest.mark.parametrize(
    ("top", "lines", "state", "stats"),
    [
        pytest.param("instance i", "", "/tmp/keepalived.i.data", "/tmp/keepalived.i.stats", id="instance"),
        pytest.param("net_namespace n", "", "/tmp/keepalived.n.data", "/tmp/keepalived.n.stats", id="namespace"),
        pytest.param(
            "net_namespace n\ninstance i",
            "stats_dump_file /d/all",
            "/tmp/keepalived.n_i.data",
            "/d/all.n_i",
            id="both",
        ),
        pytest.param("", "", "/tmp/keepalived.data", "/tmp/keepalived.stats", id="neither"),
    ],
)
def test_data_use_instance(top: str, lines: str, state: str, stats: str) -> None:
    defs = global_defs(f"data_use_instance\n{lines}", top)
    assert (defs.state_dump_file, defs.stats_dump_file) == (state, stats)


OWNER_ACCEPTS = "no_accept\npriority 255"


@pytest.mark.parametrize(
    ("own", "accept"),
    [
        pytest.param("no_accept", False, id="no"),
        pytest.param(OWNER_ACCEPTS, True, id="owner"),
        pytest.param("accept", True, id="yes"),
    ],
)
def test_accept_mode(own: str, accept: bool) -> None:
    assert instance_of(own).router.accept is accept


SNMP = "is not supported: labkit has no SNMP agent; remove it; `pykeepalived metrics` tells Prometheus the same"
DBUS = "is not supported: labkit is not on D-Bus; remove it; `pykeepalived status`, `events` and `reload` do the same"
NFT = "does nothing here: labkit filters with nftables, in a table of its own; remove it"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("enable_snmp_vrrp", [f"2:1: `enable_snmp_vrrp` {SNMP}"], id="snmp"),
        pytest.param("snmp_socket udp:1.2.3.4:705", [f"2:1: `snmp_socket` {SNMP}"], id="snmp-socket"),
        pytest.param(
            "enable_traps",
            [
                "2:1: `enable_traps` is not supported: labkit sends no SNMP traps; "
                "remove it; a `notify` script or `smtp_alert` tells of changes"
            ],
            id="traps",
        ),
        pytest.param("enable_dbus", [f"2:1: `enable_dbus` {DBUS}"], id="dbus"),
        pytest.param(
            "bfd_priority 5", ["2:1: warning: `bfd_priority` does nothing here: labkit has no BFD; remove it"], id="bfd"
        ),
        pytest.param(
            "nftables_ipvs t",
            [
                "2:1: warning: `nftables_ipvs` does nothing here: "
                "each address and port of a group is a service of its own; remove it"
            ],
            id="nftables-ipvs",
        ),
        pytest.param("vrrp_iptables in out", [f"2:1: warning: `vrrp_iptables` {NFT}"], id="iptables"),
        pytest.param("nftables t", [f"2:1: warning: `nftables` {NFT}"], id="nftables"),
        pytest.param(
            "vrrp_netlink_cmd_rcv_bufs 9",
            [
                "2:1: warning: `vrrp_netlink_cmd_rcv_bufs` does nothing here: "
                "what did not fit into a buffer is read again; remove it"
            ],
            id="buffers",
        ),
        pytest.param(
            "linkbeat_use_polling",
            ["2:1: warning: `linkbeat_use_polling` does nothing here: the kernel tells of links by itself; remove it"],
            id="linkbeat",
        ),
        pytest.param(
            "net_namespace x",
            ["2:1: `net_namespace` cannot stand in `global_defs`; it belongs outside blocks; look for a wrong brace"],
            id="top-only",
        ),
        pytest.param(
            "notify_fifo_script /a",
            [
                "2:20: `notify_fifo_script` has nothing to read; "
                "add `notify_fifo` and the path of a FIFO; then, if needed, a user and a group"
            ],
            id="script-without-fifo",
        ),
        pytest.param(
            "notify_fifo /a\nvrrp_notify_fifo /a",
            ["3:18: /a is the FIFO of `notify_fifo` already; write another path"],
            id="one-fifo-for-two",
        ),
        pytest.param(
            "notify_fifo a",
            ["2:13: `a` does not fit here; write the path of a FIFO; then, if needed, a user and a group"],
            id="relative-fifo",
        ),
        pytest.param(
            "umask 0o22",
            ["2:7: `0o22` does not fit here; write a number up to 0777, or names such as IWGRP|IWOTH"],
            id="umask-of-python",
        ),
        pytest.param(
            "umask 01000",
            ["2:7: `01000` does not fit here; write a number up to 0777, or names such as IWGRP|IWOTH"],
            id="umask",
        ),
        pytest.param(
            "umask IWGRP|all",
            ["2:7: `IWGRP|all` does not fit here; write a number up to 0777, or names such as IWGRP|IWOTH"],
            id="umask-name",
        ),
        pytest.param("vrrp_version", ["2:13: something is missing here; write 2 or 3"], id="version-of-nothing"),
        pytest.param(
            "smtp_alert maybe",
            ["2:12: `maybe` does not fit here; write on or off (true or false, yes or no)"],
            id="switch",
        ),
        pytest.param(
            "vrrp_mcast_group6 ff05::12",
            ["2:19: `ff05::12` does not fit here; write an IPv6 multicast address of the link such as ff02::12"],
            id="group-of-the-site",
        ),
        pytest.param(
            "vrrp_mcast_group4 ff02::12",
            ["2:19: `ff02::12` does not fit here; write an IPv4 multicast address such as 224.0.0.18"],
            id="group-of-the-other-family",
        ),
        pytest.param(
            "vrrp_garp_extra_if all",
            [
                "2:23: something is missing here; "
                "write a whole number of seconds from 0 to 86400; before it `all`, if needed"
            ],
            id="all-of-nothing",
        ),
        pytest.param(
            "vrrp_cpu_affinity 0-1",
            ["2:19: `0-1` does not fit here; write a whole number from 0 to 4095"],
            id="affinity",
        ),
        pytest.param(
            "max_auto_priority 100",
            ["2:19: `100` does not fit here; write a whole number from -1 to 99"],
            id="auto-priority",
        ),
        pytest.param(
            "dynamic_interfaces maybe", ["2:20: `maybe` does not fit here; write allow_if_changes"], id="dynamic"
        ),
    ],
)
def test_what_is_wrong_with_global_defs(line: str, expected: list[str]) -> None:
    assert said(f"global_defs {{\n{line}\n}}{REST}") == expected


def test_what_does_nothing_at_the_top() -> None:
    assert said("linkbeat_interfaces {\neth0 MII\n}\nlinkbeat_use_polling\nnamespace_with_ipsets" + REST) == [
        "1:1: warning: `linkbeat_interfaces` does nothing here: the kernel tells of links by itself; remove it",
        "4:1: warning: `linkbeat_use_polling` does nothing here: the kernel tells of links by itself; remove it",
        "5:1: warning: `namespace_with_ipsets` does nothing here: labkit uses no ipsets; remove it",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "use_ipvlan",
            [
                "4:1: `use_ipvlan` is not supported: an ipvlan has the MAC address of the interface below it, "
                "and gains nothing; remove it, or write `use_vmac`"
            ],
            id="use_ipvlan",
        ),
        pytest.param(
            "debug 3",
            ["4:1: warning: `debug` does nothing here: keepalived does nothing with it either; remove it"],
            id="debug",
        ),
        pytest.param(
            "nopreempt\npreempt",
            ["4:1: `preempt` and `nopreempt` contradict each other; remove one of them"],
            id="preempt",
        ),
        pytest.param(
            "accept\nno_accept",
            ["5:1: `accept` and `no_accept` contradict each other; remove one of them"],
            id="accept",
        ),
    ],
)
def test_what_an_instance_cannot_have(line: str, expected: list[str]) -> None:
    assert said(REST.strip("\n").replace("virtual_ip", f"{line}\nvirtual_ip") + "\n") == expected


def two(first: str, second: str) -> str:
    return "".join(
        f"vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id 7\n{lines}\n}}\n"
        for name, lines in (("A", first), ("B", second))
    )


V4A, V4B, V6 = (f"virtual_ipaddress {{ {address} }}" for address in ("192.0.2.1", "192.0.2.2", "fe80::2"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(V4A, V6, id="two-families"),
        pytest.param(V4A, f"{V4B}\nmcast_dst_ip 224.0.0.99", id="two-groups"),
        pytest.param(V4A, f"{V4B}\nunicast_peer {{ 192.0.2.12 }}", id="multicast-and-unicast"),
        pytest.param(
            f"{V4A}\nunicast_peer {{ 192.0.2.12 }}", f"{V4B}\nunicast_peer {{ 192.0.2.13 }}", id="other-peers"
        ),
    ],
)
def test_one_vrid_twice(first: str, second: str) -> None:
    assert said(two(first, second)) == []


TAKEN = "VRID 7 on eth0 belongs to `A` already, in line 3; write another number from 1 to 255"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(V4A, V4B, [f"8:19: {TAKEN}"], id="multicast"),
        pytest.param(
            f"{V4A}\nunicast_peer {{ 192.0.2.12 }}",
            f"{V4B}\nunicast_peer {{\n192.0.2.13\n192.0.2.12\n}}",
            [f"9:19: {TAKEN}"],
            id="a-peer-of-both",
        ),
    ],
)
def test_one_vrid_too_often(first: str, second: str, expected: list[str]) -> None:
    assert said(two(first, second)) == expected


def test_a_configuration_survives_pickling_and_is_equal_wherever_it_was_written() -> None:
    text = (
        "global_defs {\nnotify_fifo /f\nvrrp_strict off\n}\n"
        "track_file f {\nfile /f\n}\nvrrp_script s {\nscript /s\n}\nvrrp_track_process p {\nprocess x\n}\n"
        "vrrp_instance A {\ninterface eth0\nvirtual_router_id 7\nuse_vmac\ntrack_file { f }\n"
        f'auth_hmac {{\nkey 1 "{"k" * 32}"\n}}\nvirtual_ipaddress {{ 192.0.2.1 }}\n}}\n'
        "vrrp_instance B {\ninterface eth0\nvirtual_router_id 8\nunicast_peer {\n192.0.2.12\n}\n"
        "virtual_ipaddress { 192.0.2.2 }\n}\nvrrp_sync_group G {\ngroup { A B }\n"
        "sync_group_tracking_weight\n}\n"
    )
    config = config_of(text)
    assert pickle.loads(pickle.dumps(config)) == config
    assert loads("# moved\n" + text, file="k.conf").config == config
    assert loads(text.replace("_id 8", "_id 9"), file="k.conf").config != config


def test_the_router_of_a_plain_instance_has_defaults_only() -> None:
    assert instance_of("").router == ROUTER
