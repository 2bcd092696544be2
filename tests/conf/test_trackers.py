"""What is tracked: scripts, files, processes and interfaces, by instances and by groups; garp_group and delays."""

from dataclasses import replace

import pytest

from labkit.conf.model import Command, GarpGroup, ParamMatch, TrackFile, TrackProcess
from labkit.vrrp.config import FileConfig, InterfaceDelay, ProcessConfig, Track, TrackKind
from tests.conf.samples import said
from tests.conf.test_values import SPAN, config_of, instance_of

FILE = "track_file f {\nfile /run/f\n}\n"
PROCESS = "vrrp_track_process p {\nprocess nginx\n}\n"
SCRIPT = "vrrp_script s {\nscript /s\n}\n"
A_FILE = TrackFile(check=FileConfig(name="f"), path="/run/f", span=SPAN)
A_PROCESS = TrackProcess(check=ProcessConfig(name="p"), program="nginx", span=SPAN)
REST = "\nvrrp_instance A {\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress { 192.0.2.1 }\n}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(FILE, A_FILE, id="defaults"),
        pytest.param("vrrp_" + FILE, A_FILE, id="old-name"),
        pytest.param(
            "track_file f {\nfile /run/f\nweight -300 reverse\ninit_file\n}",
            replace(A_FILE, weight=-300, reverse=True, init=0),
            id="init",
        ),
        pytest.param(
            "track_file f {\nfile /run/f\nweight 0\ninit_file overwrite -3\n}",
            replace(A_FILE, weight=0, init=-3, overwrite=True),
            id="overwrite",
        ),
    ],
)
def test_a_track_file(text: str, expected: TrackFile) -> None:
    assert config_of(text + REST).track_files == (expected,)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("process nginx", A_PROCESS, id="defaults"),
        pytest.param(
            'process nginx -g "daemon off"\nparam_match initial\nfull_command\nweight 254 reverse',
            replace(
                A_PROCESS,
                parameters=("-g", "daemon off"),
                match=ParamMatch.INITIAL,
                full_command=True,
                weight=254,
                reverse=True,
            ),
            id="parameters",
        ),
        pytest.param("process nginx -g", replace(A_PROCESS, parameters=("-g",)), id="all-parameters"),
        pytest.param(
            "process nginx\nparam_match partial",
            replace(A_PROCESS, parameters=(), match=ParamMatch.PARTIAL),
            id="no-parameters-at-all",
        ),
        pytest.param(
            "process nginx\nquorum 2\nquorum_max 3\ndelay 1.5",
            replace(
                A_PROCESS,
                check=ProcessConfig(name="p", quorum=2, quorum_max=3, fork_delay=1_500_000, terminate_delay=1_500_000),
            ),
            id="quorum",
        ),
        pytest.param(
            "process nginx\nfork_delay 2\ndelay 1",
            replace(A_PROCESS, check=ProcessConfig(name="p", fork_delay=2_000_000, terminate_delay=1_000_000)),
            id="delays",
        ),
        pytest.param(
            "process nginx\nquorum_max 0",
            replace(A_PROCESS, check=ProcessConfig(name="p", quorum=0, quorum_max=0)),
            id="must-not-run",
        ),
    ],
)
def test_a_track_process(lines: str, expected: TrackProcess) -> None:
    assert config_of(f"vrrp_track_process p {{\n{lines}\n}}{REST}").track_processes == (expected,)


def test_a_script_that_counts_in_reverse() -> None:
    (script,) = config_of("vrrp_script s {\nscript /s\nweight -5 reverse\n}" + REST).scripts
    assert (script.weight, script.reverse, script.command) == (-5, True, Command(argv=("/s",), text="/s"))


@pytest.mark.parametrize(
    ("before", "lines", "expected"),
    [
        pytest.param(FILE, "track_file { f }", [Track(kind=TrackKind.FILE, name="f", weight=1)], id="file"),
        pytest.param(
            FILE.replace("}", "weight 5 reverse\n}"),
            "track_file { f }",
            [Track(kind=TrackKind.FILE, name="f", weight=5, reverse=True)],
            id="file-weight",
        ),
        pytest.param(
            FILE.replace("}", "weight 5 reverse\n}"),
            "track_file { f weight 0 }",
            [Track(kind=TrackKind.FILE, name="f")],
            id="own-weight",
        ),
        pytest.param(
            PROCESS,
            "track_process { p weight -254 reverse }",
            [Track(kind=TrackKind.PROCESS, name="p", weight=-254, reverse=True)],
            id="process",
        ),
        pytest.param(
            SCRIPT.replace("}", "weight 0 reverse\n}"),
            "track_script { s }",
            [Track(kind=TrackKind.SCRIPT, name="s", reverse=True)],
            id="script-reverse",
        ),
        pytest.param(
            "",
            "track_interface { eth1 weight 3 noreverse }",
            [Track(kind=TrackKind.INTERFACE, name="eth1", weight=3)],
            id="noreverse",
        ),
    ],
)
def test_what_an_instance_tracks(before: str, lines: str, expected: list[Track]) -> None:
    assert instance_of(lines, before).router.tracks == tuple(expected)


GROUP = (
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress { 192.0.2.1 }\n#A\n}\n"
    "vrrp_instance B {\ninterface eth1\nvirtual_router_id 8\nvirtual_ipaddress { 192.0.2.2 }\n}\n"
    "vrrp_sync_group G {\ngroup { A B }\n#G\n}\n"
)


def test_what_a_group_tracks() -> None:
    lines = "track_script { s weight 5 }\ntrack_interface { eth2 }\ntrack_file { f }\ntrack_process { p }"
    (group,) = config_of(SCRIPT + FILE + PROCESS + GROUP.replace("#G", lines)).sync_groups
    assert group.tracks == (
        Track(kind=TrackKind.SCRIPT, name="s", weight=5),
        Track(kind=TrackKind.INTERFACE, name="eth2"),
        Track(kind=TrackKind.FILE, name="f", weight=1),
        Track(kind=TrackKind.PROCESS, name="p", weight=1),
    )


@pytest.mark.parametrize("keyword", ["sync_group_tracking_weight", "global_tracking"])
def test_weights_of_members_may_count(keyword: str) -> None:
    text = FILE + GROUP.replace("#G", keyword).replace("#A", "track_file { f }")
    config = config_of(text)
    assert config.sync_groups[0].tracking_weight
    assert config.instances[0].router.tracks == (Track(kind=TrackKind.FILE, name="f", weight=1),)


DEAF = "write `weight 0`: its failure is FAULT; or add `sync_group_tracking_weight` to the group"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            FILE + GROUP.replace("#A", "track_file { f }"),
            [f"8:14: the weight of `f` has no effect in a sync group; {DEAF}"],
            id="default-weight-in-a-group",
        ),
        pytest.param(
            GROUP.replace("#A", "track_interface { eth2 }").replace("#G", "track_interface { eth2 }"),
            ["5:19: `eth2` is tracked by the group `G`; track it once"],
            id="tracked-by-the-group-too",
        ),
        pytest.param(
            GROUP.replace("#G", "track_process { q }"),
            ["14:17: no vrrp_track_process is called `q`; nothing is known here"],
            id="unknown-process",
        ),
        pytest.param(
            FILE + GROUP.replace("#A", "track_file { g }"),
            ["8:14: no track_file is called `g`; known here: f"],
            id="unknown-file",
        ),
        pytest.param(
            GROUP.replace("#A", "track_interface { eth0 }"),
            ["5:19: warning: `eth0` is watched anyway, as the interface of the instance; remove it"],
            id="own-interface",
        ),
        pytest.param(
            SCRIPT + GROUP.split("vrrp_sync")[0].replace("#A", "priority 255\ntrack_script { s weight 2 }"),
            [
                "9:16: the weight of `s` has no effect on the owner of the addresses (priority 255); "
                "write `weight 0`: its failure is FAULT; or a lower priority"
            ],
            id="owner",
        ),
        pytest.param(
            "track_file f {\n}" + REST,
            ["1:12: this track_file has no `file`; add `file` and a path that begins with `/`"],
            id="no-file",
        ),
        pytest.param(
            "track_file f {\nfile f\n}" + REST,
            ["2:6: `f` does not fit here; write a path that begins with `/`"],
            id="relative",
        ),
        pytest.param(
            FILE + FILE + REST,
            ["4:12: there is a `track_file f` already, in line 1; write another one, or remove it"],
            id="twice",
        ),
        pytest.param(
            "vrrp_track_process p {\n}" + REST,
            [
                "1:20: this vrrp_track_process has no `process`; "
                "add `process` and the name of a program, then the parameters that it must have"
            ],
            id="no-process",
        ),
        pytest.param(
            "vrrp_track_process p {\nprocess x\nquorum 3\nquorum_max 2\n}" + REST,
            ["4:12: no number is at least 3 and at most 2; write a quorum_max that is not below quorum"],
            id="quorum",
        ),
        pytest.param(
            FILE.replace("}", "init_file 5 6\n}") + REST,
            ["3:13: `6` is a word too many; begin a new line for each statement"],
            id="two-values",
        ),
        pytest.param(
            FILE.replace("}", "init_file overwrite x\n}") + REST,
            ["3:21: `x` does not fit here; write a whole number from -2147483648 to 2147483647"],
            id="initial-word",
        ),
    ],
)
def test_what_is_wrong_with_trackers(text: str, expected: list[str]) -> None:
    assert said(text) == expected


def test_garp_groups_and_delays() -> None:
    text = (
        "garp_group {\ngarp_interval 0.001\ninterface eth0\n}\n"
        "garp_group {\ngna_interval 0\ninterfaces {\neth1 eth2\neth3\n}\n}\n"
        "interface_up_down_delays {\neth0 1.5\neth1 0 255\n}\n"
    )
    global_defs = config_of(text + REST).global_defs
    assert global_defs.garp_groups == (
        GarpGroup(interfaces=("eth0",), garp_interval=1000),
        GarpGroup(interfaces=("eth1", "eth2", "eth3"), gna_interval=0),
    )
    assert global_defs.interface_delays == (
        InterfaceDelay(interface="eth0", down=1_500_000, up=1_500_000),
        InterfaceDelay(interface="eth1", down=0, up=255_000_000),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "garp_group {\ngarp_interval 1\n}\n",
            ["1:1: this garp_group has no interface; add `interface` and a name, or a block `interfaces`"],
            id="no-interface",
        ),
        pytest.param(
            "garp_group {\ninterface eth0\n}\n",
            ["1:1: this garp_group says no interval; add `garp_interval` or `gna_interval` and a number of seconds"],
            id="no-interval",
        ),
        pytest.param(
            "garp_group {\ngarp_interval 1\ninterface eth0\ninterfaces { eth1 }\n}\n",
            ["3:11: `interface` and `interfaces` in one garp_group; move it into `interfaces`"],
            id="both",
        ),
        pytest.param(
            "garp_group {\ngarp_interval 1\ninterface eth0\n}\ngarp_group {\ngarp_interval 1\ninterfaces { eth0 }\n}\n",
            ["7:14: `eth0` is in a garp_group already, in line 3; name it in one of them"],
            id="twice",
        ),
        pytest.param(
            "interface_up_down_delays {\neth0 2 0\n}\n",
            [
                "2:1: warning: a backup of `A` takes over before this delay is over; "
                "write less than 2 s, or a longer `advert_int`"
            ],
            id="long-delay-for-the-interval",
        ),
        pytest.param(
            "interface_up_down_delays {\neth9 200\n}\n",
            [],
            id="long-delay-of-an-interface-that-nobody-uses",
        ),
        pytest.param(
            "interface_up_down_delays {\neth0 1\neth0 1\n}\n",
            ["3:1: `eth0` stands here again; keep one of them"],
            id="delay-twice",
        ),
        pytest.param(
            "interface_up_down_delays { eth0 256 }\n",
            ["1:33: `256` does not fit here; write a number of seconds from 0 to 255"],
            id="long-delay",
        ),
        pytest.param(
            "interface_up_down_delays { eth0 }\n",
            [
                "1:32: something is missing here; "
                "write the name of an interface, a number of seconds (down) and, if it differs, another (up)"
            ],
            id="no-delay",
        ),
    ],
)
def test_what_is_wrong_with_garp_groups_and_delays(text: str, expected: list[str]) -> None:
    assert said(text + REST) == expected
