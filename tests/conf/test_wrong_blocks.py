"""Golden texts: what is wrong with scripts, groups, defaults, and between blocks.

The rows follow what `keepalived -t` says of the same mistakes, or keeps to itself.
"""

import pytest

from tests.conf.samples import INSTANCE, SCRIPT, SECOND, said

WEIGHTLESS = "write `weight 0`: its failure is FAULT; or add `sync_group_tracking_weight` to the group"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            INSTANCE + INSTANCE.replace("_id 21", "_id 22").replace("1.20", "1.30"),
            ["15:15: there is a `vrrp_instance A` already, in line 1; write another one, or remove it"],
            id="instance-name-twice",
        ),
        pytest.param(
            INSTANCE + SECOND.replace("_id 22", "_id 21"),
            ["17:23: VRID 21 on eth0 belongs to `A` already, in line 4; write another number from 1 to 255"],
            id="vrid-twice",
        ),
        pytest.param(
            INSTANCE + SECOND.replace("1.30", "1.20"),
            ["18:25: 192.168.1.20 is an address of `A` too, in line 12; give each address to one instance"],
            id="address-in-two-instances",
        ),
        pytest.param(
            INSTANCE + SECOND.replace("1.30", "1.20").replace("eth0", "eth1"),
            ["18:25: warning: 192.168.1.20 is an address of `A` too, in line 12; give each address to one instance"],
            id="address-in-two-instances-on-two-interfaces",
        ),
        pytest.param(
            INSTANCE + SECOND + "vrrp_sync_group G { group { A\n C\n } }",
            ["21:2: no vrrp_instance is called `C`; known here: A, B"],
            id="group-of-strangers",
        ),
        pytest.param(
            INSTANCE + SECOND + 'vrrp_sync_group G { group { A "" B } }',
            ["20:31: `` does not fit here; write the name of a vrrp_instance"],
            id="group-with-an-empty-name",
        ),
        pytest.param(
            INSTANCE + SECOND + "vrrp_sync_group G { group { A } }",
            ["20:17: warning: the group `G` has one member only; name at least two instances in `group`"],
            id="group-of-one",
        ),
        pytest.param(
            INSTANCE + SECOND + "vrrp_sync_group G { group { A B } }\nvrrp_sync_group H { group { B A } }",
            [
                "21:29: `B` is in a group already, in line 20; name it in one group, once",
                "21:31: `A` is in a group already, in line 20; name it in one group, once",
            ],
            id="two-groups",
        ),
        pytest.param(
            "vrrp_sync_group G {\n}",
            ["1:17: this vrrp_sync_group has no `group`; add a block `group` with the name of a vrrp_instance"],
            id="group-of-nobody",
        ),
        pytest.param(
            SCRIPT.replace("interval 2", "weight -20")
            + INSTANCE.replace("state BACKUP", "track_script { chk }\n track_interface { eth1\n eth2 weight 5 }")
            + SECOND.replace("interface eth0", "interface eth0\n track_script { chk }")
            + SECOND.replace(" B ", " C ").replace("22", "23").replace("30", "40")
            + "vrrp_sync_group G { group { A C } }",
            [
                f"6:20: the weight of `chk` has no effect in a sync group; {WEIGHTLESS}",
                f"8:2: the weight of `eth2` has no effect in a sync group; {WEIGHTLESS}",
            ],
            id="weights-in-a-group",
        ),
        pytest.param(
            SCRIPT + SCRIPT + INSTANCE,
            ["5:13: there is a `vrrp_script chk` already, in line 1; write another one, or remove it"],
            id="script-name-twice",
        ),
        pytest.param(
            SCRIPT.replace("interval 2", "weight 300") + INSTANCE,
            ["3:12: `300` does not fit here; write a whole number from -253 to 253"],
            id="script-weight",
        ),
        pytest.param(
            "vrrp_script chk {\n}\n" + INSTANCE,
            ["1:13: this vrrp_script has no `script`; add `script` and a command; in quotes if it has arguments"],
            id="script-of-nothing",
        ),
        pytest.param(
            'vrrp_script web/80 {\n    script "</dev/tcp/127.0.0.1/80"\n}\n' + INSTANCE,
            [
                "2:12: warning: `</dev/tcp/127.0.0.1/80` needs bash; run by a /bin/sh that is dash it fails for ever; "
                "write `script \"/bin/bash -c '</dev/tcp/127.0.0.1/80'\"`"
            ],
            id="script-for-bash",
        ),
        pytest.param(
            "vrrp_script chk {\n    script '/bin/check b\n}\n" + INSTANCE,
            ["2:12: `'/bin/check b` cannot be run; write a command; in quotes if it has arguments"],
            id="script-in-half-a-pair-of-quotes",
        ),
        pytest.param(
            "vrrp_script web {\n    script \"/bin/bash -c '</dev/tcp/127.0.0.1/80'\"\n}\n" + INSTANCE,
            [],
            id="script-by-bash",
        ),
        pytest.param(
            "global_defs {\n}\nglobal_defs {\n}\n" + INSTANCE,
            ["3:1: `global_defs` stands here again, after line 1; keep one of them"],
            id="global_defs-twice",
        ),
        pytest.param(
            "global_defs {\n vrrp_version 3\n nftables_ipvs\n smtp_server mail 70000\n}\n"
            + SECOND.replace("interface eth0", "interface eth0\n advert_int 0.015"),
            [
                "3:2: warning: `nftables_ipvs` does nothing here: "
                "each address and port of a group is a service of its own; remove it",
                "4:19: `70000` does not fit here; write a whole number from 1 to 65535",
                "8:13: an advert interval of VRRP version 3 is in steps of 0.01 s, up to 40.95 s; write such a number",
            ],
            id="global-version",
        ),
        pytest.param(
            "interface eth0\n" + INSTANCE,
            [
                "1:1: `interface` cannot stand outside all blocks; it belongs in `garp_group` or `vrrp_instance`; "
                "look for a wrong brace"
            ],
            id="keyword-outside",
        ),
        pytest.param(
            INSTANCE.replace("state BACKUP", "vrrp_script x {\n}"),
            ["2:5: `vrrp_script` cannot stand in `vrrp_instance`; it belongs outside blocks; look for a wrong brace"],
            id="block-inside",
        ),
        pytest.param(
            "", ["1:1: warning: nothing is configured here; add a vrrp_instance or a virtual_server"], id="empty"
        ),
        pytest.param(
            "\ufeff" + INSTANCE,
            [
                "1:1: warning: the file begins with a byte order mark, with which keepalived cannot read it; "
                "save it without"
            ],
            id="byte-order-mark",
        ),
    ],
)
def test_what_is_wrong_between_blocks(text: str, expected: list[str]) -> None:
    assert said(text) == expected
