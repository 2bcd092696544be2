"""Golden texts: what is wrong inside a vrrp_instance.

The rows follow what `keepalived -t` says of the same mistakes, or keeps to itself.
"""

import pytest

from tests.conf.samples import ADDRESS, INSTANCE, SCRIPT, said

COMMAND = "a command, in quotes if it has arguments; then, if needed, a user and a group"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "192.168.1.20", "192.168.1.300", [f"12:9: `192.168.1.300` does not fit here; {ADDRESS}"], id="octet"
        ),
        pytest.param("1.20", "1.20/33", [f"12:9: `192.168.1.20/33` does not fit here; {ADDRESS}"], id="prefix-33"),
        pytest.param(
            "1.20",
            "1.20/255.255.255.0",
            [f"12:9: `192.168.1.20/255.255.255.0` does not fit here; {ADDRESS}"],
            id="netmask",
        ),
        pytest.param(
            "192.168.1.20",
            "224.0.0.1",
            [f"12:9: 224.0.0.1 cannot be the address of a machine; {ADDRESS}"],
            id="multicast-address",
        ),
        pytest.param(
            "192.168.1.20",
            "192.168.1.20\n        fe80::1",
            [
                "13:9: an advert of IPv4 addresses has no room for fe80::1; "
                "move it to `virtual_ipaddress_excluded`, or to an instance of its own"
            ],
            id="two-families",
        ),
        pytest.param(
            "192.168.1.20", "fe80::1%eth0", [f"12:9: `fe80::1%eth0` does not fit here; {ADDRESS}"], id="ipv6-zone"
        ),
        pytest.param("192.168.1.20", "fe80::1/129", [f"12:9: `fe80::1/129` does not fit here; {ADDRESS}"], id="129"),
        pytest.param(
            "192.168.1.20",
            "ff02::1",
            [f"12:9: ff02::1 cannot be the address of a machine; {ADDRESS}"],
            id="ipv6-multicast",
        ),
        pytest.param(
            "192.168.1.20\n    }",
            "192.168.1.20\n    }\n    virtual_ipaddress_excluded {\n fe80::1 label x\n fe80::2 brd +\n    }",
            [
                "15:10: an IPv6 address has no label; remove it",
                "16:10: IPv6 knows no broadcast; remove it",
            ],
            id="ipv6-options",
        ),
        pytest.param(
            "192.168.1.20",
            "192.168.1.20 192.168.1.21",
            ["12:22: `192.168.1.21` is no option of an address; write one address a line"],
            id="two-addresses-on-a-line",
        ),
        pytest.param(
            "1.20",
            "1.20 dev",
            ["12:25: `dev` has no value; write the name of an interface, such as eth0"],
            id="dev-of-nothing",
        ),
        pytest.param(
            "1.20", "1.20 dev eth0 dev eth1", ["12:31: `dev` stands here twice; remove one of them"], id="dev-twice"
        ),
        pytest.param(
            "1.20",
            "1.20 label eth0:0123456789ab",
            ["12:28: `eth0:0123456789ab` does not fit here; write a label of 1 to 15 bytes, such as eth0:1"],
            id="long-label",
        ),
        pytest.param(
            "1.20",
            "1.20 scope moon",
            ["12:28: `moon` does not fit here; write host, link, global, site, nowhere, or a number from 0 to 255"],
            id="scope",
        ),
        pytest.param(
            "1.20",
            "1.20 brd +",
            ["12:26: 192.168.1.20/32 has no broadcast address; write a prefix length up to 30"],
            id="broadcast-of-a-host-address",
        ),
        pytest.param(
            "1.20",
            "1.20/24 brd x",
            ["12:29: `x` does not fit here; write an IPv4 address, `+` (host bits set) or `-` (host bits cleared)"],
            id="broadcast",
        ),
        pytest.param(
            "192.168.1.20\n",
            "192.168.1.20 {\n}\n",
            ["12:21: there are no blocks here; remove the braces"],
            id="address-with-a-block",
        ),
        pytest.param(
            "virtual_ipaddress {",
            "virtual_ipaddress all {",
            ["11:23: `all` is a word too many; write `virtual_ipaddress {`"],
            id="title-of-a-list",
        ),
        pytest.param(
            "        192.168.1.20\n",
            "",
            [
                "1:15: this vrrp_instance has no `virtual_ipaddress`; add a block `virtual_ipaddress` with "
                "an address such as 192.0.2.1/24, then what is needed of: dev, brd, scope, label"
            ],
            id="no-address",
        ),
        pytest.param(
            "        192.168.1.20\n",
            "        192.168.1.20\n        192.168.1.20/24\n",
            ["13:9: 192.168.1.20 stands here again, after line 12; keep one of them"],
            id="address-twice",
        ),
        pytest.param(
            "        192.168.1.20\n",
            "        192.168.1.20\n        192.168.1.20 dev eth1\n",
            ["13:9: warning: 192.168.1.20 stands here again, after line 12; keep one of them"],
            id="address-on-two-interfaces",
        ),
        pytest.param(
            "        192.168.1.20\n",
            "".join(f"        10.0.{n // 200}.{n % 200 + 1}\n" for n in range(256)),
            ["267:9: an advert has room for 255 addresses; move it to `virtual_ipaddress_excluded`"],
            id="256-addresses",
        ),
        pytest.param(
            "_id 21", "_id 0", ["4:23: `0` does not fit here; write a whole number from 1 to 255"], id="vrid-0"
        ),
        pytest.param(
            "_id 21", "_id 256", ["4:23: `256` does not fit here; write a whole number from 1 to 255"], id="vrid-256"
        ),
        pytest.param(
            "    virtual_router_id 21\n",
            "",
            [
                "1:15: this vrrp_instance has no `virtual_router_id`; "
                "add `virtual_router_id` and a whole number from 1 to 255"
            ],
            id="no-vrid",
        ),
        pytest.param(
            "    interface eth0\n",
            "",
            ["1:15: this vrrp_instance has no `interface`; add `interface` and the name of an interface, such as eth0"],
            id="no-interface",
        ),
        pytest.param(
            "interface eth0",
            "interface a/b",
            ["3:15: `a/b` does not fit here; write the name of an interface, such as eth0"],
            id="impossible-interface",
        ),
        pytest.param(
            "priority 150",
            "priority high",
            ["5:14: `high` does not fit here; write a whole number from 1 to 255"],
            id="priority-word",
        ),
        pytest.param(
            "priority 150",
            "priority 0",
            ["5:14: `0` does not fit here; write a whole number from 1 to 255"],
            id="priority-0",
        ),
        pytest.param(
            "priority 150",
            "priority 256",
            ["5:14: `256` does not fit here; write a whole number from 1 to 255"],
            id="priority-256",
        ),
        pytest.param(
            "state BACKUP\n    interface eth0\n    virtual_router_id 21\n    priority 150",
            "state MASTER\n    interface eth0\n    virtual_router_id 21",
            [
                "2:11: warning: `state MASTER` without `priority`: keepalived takes 255 (address owner), "
                "labkit takes 100; add `priority` and a number from 1 to 254"
            ],
            id="master-without-priority",
        ),
        pytest.param("    priority 150\n", "", [], id="backup-without-priority"),
        pytest.param("BACKUP", "PRIMARY", ["2:11: `PRIMARY` does not fit here; write MASTER or BACKUP"], id="state"),
        pytest.param(
            "        auth_pass secret\n",
            "",
            ["7:5: this authentication has no `auth_pass`; add `auth_pass` and a password of 1 to 8 bytes"],
            id="no-password",
        ),
        pytest.param(
            "secret", '""', ["9:19: `` does not fit here; write a password of 1 to 8 bytes"], id="empty-password"
        ),
        pytest.param("type PASS", "type MD5", ["8:19: `MD5` does not fit here; write PASS or AH"], id="auth-md5"),
        pytest.param(
            "advert_int 1",
            "version 3",
            ["7:5: VRRP version 3 has no authentication (RFC 9568 9); remove the block, or write `version 2`"],
            id="auth-in-version-3",
        ),
        pytest.param(
            "secret",
            "Venezuela21",
            ["9:19: warning: the password has 11 bytes, of which the first 8 count; shorten it to 8 on every router"],
            id="long-password",
        ),
        pytest.param(
            "    authentication {\n        auth_type PASS\n",
            "    authentication { auth_type PASS\n auth_pass x\n }\n    authentication {\n        auth_type PASS\n",
            ["10:5: `authentication` stands here again, after line 7; keep one of them"],
            id="authentication-twice",
        ),
        pytest.param(
            "int 1",
            "int 0",
            ["6:16: `0` does not fit here; write a number of seconds from 0.01 to 255"],
            id="interval-0",
        ),
        pytest.param(
            "int 1",
            "int 300",
            ["6:16: `300` does not fit here; write a number of seconds from 0.01 to 255"],
            id="interval-300",
        ),
        pytest.param(
            "int 1",
            "int",
            ["6:15: something is missing here; write a number of seconds from 0.01 to 255"],
            id="interval-of-nothing",
        ),
        pytest.param(
            "advert_int 1",
            "garp_master_delay 2.5",
            ["6:23: `2.5` does not fit here; write a whole number of seconds from 0 to 4294"],
            id="fraction-where-keepalived-takes-none",
        ),
        pytest.param(
            "interface eth0",
            "interface lo",
            ["3:15: nobody hears an advert on `lo`; write the name of an interface, such as eth0"],
            id="loopback",
        ),
        pytest.param(
            "int 1",
            "int 1s",
            ["6:16: `1s` does not fit here; write a number of seconds from 0.01 to 255"],
            id="interval-1s",
        ),
        pytest.param(
            "int 1",
            "int 0.5",
            [
                "6:16: an advert interval of VRRP version 2 is in whole seconds; "
                "write `advert_int 1`, or add `version 3` on every router"
            ],
            id="interval-fraction-in-version-2",
        ),
        pytest.param(
            "BACKUP",
            "MASTER\n    nopreempt",
            ["3:5: warning: `nopreempt` has no effect beside `state MASTER`; write `state BACKUP` on every router"],
            id="nopreempt-master",
        ),
        pytest.param(
            "BACKUP",
            "MASTER\n    preempt_delay 5",
            ["3:19: warning: `preempt_delay` has no effect beside `state MASTER`; remove one of them"],
            id="preempt-delay-master",
        ),
        pytest.param(
            "BACKUP",
            "BACKUP\n    nopreempt\n    preempt_delay 5",
            ["4:19: warning: `preempt_delay` has no effect beside `nopreempt`; remove one of them"],
            id="preempt-delay-nopreempt",
        ),
        pytest.param(
            "BACKUP",
            "BACKUP\n    nopreempt yes",
            ["3:15: `yes` is a word too many; begin a new line for each statement"],
            id="flag-with-a-value",
        ),
        pytest.param(
            "BACKUP",
            "BACKUP\n    notify /bin/n root root",
            [],
            id="notify-user",
        ),
        pytest.param(
            "BACKUP",
            "BACKUP\n    notify /bin/n /etc/x -v",
            ["3:19: `/etc/x` is not the name of a user or group; put quotes around a command with arguments"],
            id="notify-arguments",
        ),
        pytest.param(
            "BACKUP",
            'BACKUP\n    notify "a \'b"',
            [f"3:12: `a 'b` cannot be run; write {COMMAND}"],
            id="notify-open-quote",
        ),
        pytest.param(
            "BACKUP",
            'BACKUP\n    notify ""',
            [f"3:12: `` cannot be run; write {COMMAND}"],
            id="notify-nothing",
        ),
        pytest.param(
            "BACKUP",
            "BACKUP\n    track_script { chek }",
            ["3:20: no vrrp_script is called `chek`; did you mean 'chk'?"],
            id="undefined-script",
        ),
        pytest.param(
            "BACKUP",
            "BACKUP\n    track_script { chk wait 5 }",
            ["3:24: `wait` does not fit here; write `weight` and a number, or nothing"],
            id="track-word",
        ),
        pytest.param(
            "BACKUP",
            "BACKUP\n    track_script { chk weight 254 }",
            ["3:31: `254` does not fit here; write a whole number from -253 to 253"],
            id="track-weight-254",
        ),
        pytest.param(
            "BACKUP",
            "BACKUP\n    track_script { chk weight }",
            ["3:30: something is missing here; write a whole number from -253 to 253; then, if needed, `reverse`"],
            id="track-weight-missing",
        ),
        pytest.param(
            "BACKUP",
            "BACKUP\n    track_script { chk weight 5 backwards }",
            ["3:33: `backwards` does not fit here; write `reverse`, or nothing"],
            id="track-reverse",
        ),
        pytest.param(
            "BACKUP",
            "BACKUP\n    track_interface { eth1\n eth1 }",
            ["4:2: `eth1` is tracked already; track it once"],
            id="tracked-twice",
        ),
    ],
)
def test_what_is_wrong_with_an_instance(old: str, new: str, expected: list[str]) -> None:
    assert old in INSTANCE
    assert said(INSTANCE.replace(old, new) + SCRIPT) == expected


V6 = """\
vrrp_instance A {
    interface eth0
    virtual_router_id 21
    virtual_ipaddress {
        fe80::1
        2001:db8::1
    }
}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("x", "x", [], id="nothing"),
        pytest.param(
            "        fe80::1\n",
            "",
            [
                "5:9: warning: the first IPv6 address of a virtual router should be link-local; "
                "put one from fe80::/10 before it on every router"
            ],
            id="not-link-local",
        ),
        pytest.param(
            "interface eth0",
            "interface eth0\n    version 2",
            ["3:13: warning: VRRP version 2 has no IPv6: labkit uses version 3, as keepalived does; write `version 3`"],
            id="version-2",
        ),
        pytest.param(
            "    interface eth0",
            "    interface eth0\n    authentication {\n        auth_type PASS\n        auth_pass a\n    }",
            ["3:5: VRRP version 3 has no authentication (RFC 9568 9); remove the block, or write `auth_hmac`"],
            id="authentication",
        ),
    ],
)
def test_what_is_wrong_with_an_ipv6_instance(old: str, new: str, expected: list[str]) -> None:
    assert said(V6.replace(old, new)) == expected
