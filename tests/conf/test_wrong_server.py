"""Golden texts: what is wrong with a virtual_server.

The rows follow what `keepalived -t` says of the same mistakes, or keeps to itself.
"""

import pytest

from tests.conf.samples import SERVER, said


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "lb_algo rr",
            "lb_algo roundrobin",
            [
                "4:13: `roundrobin` does not fit here; "
                "write rr, wrr, lc, wlc, lblc, lblcr, dh, sh, mh, sed, nq, fo, ovf or twos"
            ],
            id="scheduler",
        ),
        pytest.param(
            "lb_kind NAT", "lb_kind NATT", ["5:13: `NATT` does not fit here; write NAT, DR or TUN"], id="kind"
        ),
        pytest.param(
            "    protocol TCP\n    lb_algo rr\n    lb_kind NAT\n",
            "",
            [
                "1:16: this virtual_server has no `protocol`; add `protocol` and TCP, UDP or SCTP",
                "1:16: warning: this virtual_server has no `lb_algo`; wlc is taken; add `lb_algo wlc`",
                "1:16: warning: this virtual_server has no `lb_kind`; NAT is taken; add `lb_kind NAT`",
            ],
            id="nothing-said",
        ),
        pytest.param(
            "1.20 80",
            "1.20 80000",
            ["1:29: `80000` does not fit here; write a whole number from 1 to 65535"],
            id="port",
        ),
        pytest.param(
            "192.168.1.20 80",
            "fwmark 0",
            ["1:23: `0` does not fit here; write a whole number from 1 to 4294967295"],
            id="fwmark",
        ),
        pytest.param(
            "192.168.1.20 80",
            "group web",
            ["1:22: no virtual_server_group is called `web`; nothing is known here"],
            id="no-such-group",
        ),
        pytest.param(
            "192.168.1.20 80",
            "192.168.1.20 80 90",
            ["1:32: `90` is a word too many; begin a new line for each statement"],
            id="a-word-too-many",
        ),
        pytest.param(
            "192.168.1.20 80",
            "fd00::20 80",
            [
                "6:17: 10.0.0.50 is not of the family of fd00::20; write an IPv6 address, or `lb_kind TUN`",
                "12:17: 10.0.0.51 is not of the family of fd00::20; write an IPv6 address, or `lb_kind TUN`",
            ],
            id="families",
        ),
        pytest.param(
            "lb_kind NAT",
            "lb_kind NAT gue",
            ["5:17: `gue` is a word too many; begin a new line for each statement"],
            id="nat-tunnel",
        ),
        pytest.param(
            "lb_kind NAT",
            "lb_kind TUN type gue",
            ["5:25: a port belongs to type gue, and to it only; write `type gue port N`"],
            id="gue-without-port",
        ),
        pytest.param(
            "lb_kind NAT",
            "lb_kind TUN type xip",
            ["5:22: `xip` does not fit here; write ipip, gue or gre"],
            id="tunnel-type",
        ),
        pytest.param(
            "lb_kind NAT",
            "lb_kind TUN type",
            ["5:21: something is missing here; write ipip, gue or gre"],
            id="no-tunnel-type",
        ),
        pytest.param(
            "lb_kind NAT",
            "lb_kind TUN type gre remcsum",
            ["5:26: type gre has no remcsum; write csum or nocsum"],
            id="gre-remcsum",
        ),
        pytest.param(
            "lb_kind NAT",
            "lb_kind TUN sum",
            [
                "5:17: `sum` does not fit here; write NAT, DR or TUN; "
                "after TUN, if needed, type ipip, type gue port N or type gre, and nocsum or csum"
            ],
            id="tunnel-checksum",
        ),
        pytest.param("delay_loop 10", "quorum 2", [], id="quorum"),
        pytest.param(
            "delay_loop 10",
            "quorum 3",
            [
                "2:12: warning: all real servers together weigh 2, which never reaches 3; a quorum of 2 is taken; "
                "write a quorum (and hysteresis) of at most 2 together"
            ],
            id="quorum-out-of-reach",
        ),
        pytest.param(
            "delay_loop 10",
            "quorum 2\n hysteresis 1",
            [
                "2:12: warning: all real servers together weigh 2, which never reaches 3; "
                "write a quorum (and hysteresis) of at most 2 together"
            ],
            id="quorum-not-regained",
        ),
        pytest.param(
            "delay_loop 10",
            "hysteresis 1",
            ["2:16: a hysteresis of 1 leaves nothing of a quorum of 1; write at most 0"],
            id="hysteresis",
        ),
        pytest.param(
            "delay_loop 10",
            "persistence_granularity 255.255.255.0",
            [
                "2:29: `persistence_granularity` has no effect without `persistence_timeout`; "
                "add `persistence_timeout`, or remove it"
            ],
            id="granularity-alone",
        ),
        pytest.param(
            "delay_loop 10",
            "persistence_engine",
            ["2:23: something is missing here; write sip"],
            id="wrong-and-alone",
        ),
        pytest.param(
            "delay_loop 10",
            "persistence_timeout 5\n persistence_granularity 255.0.255.0",
            [
                "3:26: `255.0.255.0` does not fit here; "
                "write a netmask such as 255.255.255.0, or a prefix length such as 64"
            ],
            id="granularity",
        ),
        pytest.param(
            "192.168.1.20 80",
            "192.168.1.20",
            [
                "1:16: warning: of every port, a client's connections must go to one real server; "
                "`persistence_timeout 360` is taken; add `persistence_timeout 360`, or a port"
            ],
            id="every-port",
        ),
        pytest.param(
            "delay_loop 10",
            "ops",
            ["2:5: `ops` schedules each packet, which only UDP can bear; remove it, or write `protocol UDP`"],
            id="ops-tcp",
        ),
        pytest.param(
            "weight 1\n        TCP",
            "uthreshold 5\nlthreshold 6\n        TCP",
            ["8:12: `lthreshold 6` is above `uthreshold 5`; write at most 5"],
            id="thresholds",
        ),
        pytest.param(
            "TCP_CHECK",
            "BFD_CHECK",
            [
                "8:9: `BFD_CHECK` is not supported: labkit has no BFD; "
                "remove it; adverts of version 3 may be 0.01 s apart, and tell as soon"
            ],
            id="bfd-check",
        ),
        pytest.param(
            "TCP_CHECK {\n            connect_timeout 5",
            "HTTP_GET {",
            ["8:9: this HTTP_GET has no `url`; add a block `url` for a `{`"],
            id="no-url",
        ),
        pytest.param(
            "TCP_CHECK {\n            connect_timeout 5",
            "MISC_CHECK {\n            misc_dynamic",
            ["8:9: this MISC_CHECK has no `misc_path`; add `misc_path` and a command; in quotes if it has arguments"],
            id="no-misc-path",
        ),
        pytest.param(
            "TCP_CHECK {\n            connect_timeout 5",
            "FILE_CHECK {\n            dynamic",
            ["8:9: this FILE_CHECK has no `track_file`; add `track_file` and the name of a track_file"],
            id="no-file",
        ),
        pytest.param(
            "TCP_CHECK {\n            connect_timeout 5",
            "FILE_CHECK {\n            track_file f",
            ["9:24: no track_file is called `f`; nothing is known here"],
            id="unknown-file",
        ),
        pytest.param(
            "TCP_CHECK {\n            connect_timeout 5",
            "UDP_CHECK {\n            min_reply_length 300\n payload 0g",
            [
                "9:30: no answer is at least 300 and at most 255 bytes long; mend one",
                "10:10: `0g` does not fit here; write hexadecimal digits",
            ],
            id="udp-check",
        ),
        pytest.param(
            "10.0.0.50 80",
            "10.0.0.500 80",
            ["6:17: `10.0.0.500` does not fit here; write an IPv4 or IPv6 address"],
            id="real-server-address",
        ),
        pytest.param(
            "10.0.0.51 80",
            "10.0.0.50 80",
            ["12:17: this real_server is there already, in line 6; keep one of them"],
            id="real-server-twice",
        ),
        pytest.param(
            "weight 1\n        TCP",
            "weight -1\n        TCP",
            ["7:16: `-1` does not fit here; write a whole number from 0 to 2147483647"],
            id="real-server-weight",
        ),
        pytest.param(
            "NAT\n    real_server 10.0.0.50 80",
            "DR\n    real_server 10.0.0.50 8080",
            ["6:27: `DR` cannot change the port from 80 to 8080; write 80, or `lb_kind NAT`"],
            id="dr-other-port",
        ),
        pytest.param(
            "NAT\n    real_server 10.0.0.50 80",
            "DR\n    real_server 10.0.0.50 -1",
            ["6:27: `-1` does not fit here; write a whole number from 1 to 65535"],
            id="dr-bad-port",
        ),
        pytest.param(
            "delay_loop 10",
            "sh-port\n    mh-fallback",
            [
                "2:5: warning: `sh-port` has no effect with `lb_algo rr`; remove it, or write `lb_algo sh` or `mh`",
                "3:5: warning: `mh-fallback` has no effect with `lb_algo rr`; remove it, or write `lb_algo sh` or `mh`",
            ],
            id="flags-of-sh",
        ),
        pytest.param("lb_algo rr", "lb_algo sh\n    sh-port\n    sh-fallback", [], id="flags"),
        pytest.param("delay_loop 10", "flag-1\n    flag-2", [], id="flags-of-the-kernel"),
        pytest.param(
            "TCP_CHECK {\n            connect_timeout 5",
            "DNS_CHECK {\n            name a..b",
            ["9:18: a part of `a..b` has no letter, or more than 63; write a name such as www.example.org"],
            id="dns-name",
        ),
        pytest.param(
            "TCP_CHECK {\n            connect_timeout 5",
            "DNS_CHECK {\n            name a.b.",
            [],
            id="dns-name-with-dot",
        ),
        pytest.param(
            "TCP_CHECK {\n            connect_timeout 5", "DNS_CHECK {\n            name .", [], id="dns-root"
        ),
        pytest.param(
            "192.168.1.20 80 {\n    delay_loop 10\n    protocol TCP",
            "fwmark 7 {\n    ha_suspend",
            [
                "2:5: warning: `ha_suspend` has no effect for a firewall mark, which has no address to wait for; "
                "remove it"
            ],
            id="ha-suspend-of-a-mark",
        ),
        pytest.param(
            "192.168.1.20 80 {",
            "fwmark 7 {",
            [
                "3:14: warning: `protocol` has no effect for a firewall mark, which stands for packets of any "
                "protocol; remove it"
            ],
            id="protocol-of-a-mark",
        ),
        pytest.param(
            "delay_loop 10",
            "sorry_server fd00::9 80",
            ["2:18: fd00::9 is not of the family of 192.168.1.20; write an IPv4 address, or `lb_kind TUN`"],
            id="sorry-family",
        ),
        pytest.param(
            "NAT",
            "DR\n    sorry_server 10.0.0.99 8080",
            ["6:28: `DR` cannot change the port from 80 to 8080; write 80, or `lb_kind NAT`"],
            id="sorry-port",
        ),
        pytest.param(
            "delay_loop 10",
            "sorry_server 10.0.0.99 8080\n    sorry_server_lvs_method DR",
            ["2:28: `DR` cannot change the port from 80 to 8080; write 80, or `lb_kind NAT`"],
            id="sorry-port-method",
        ),
        pytest.param(
            "connect_timeout 5",
            "bindto fd00::1",
            ["9:20: fd00::1 is not of the family of 10.0.0.50; write an IPv4 address"],
            id="bindto-family",
        ),
        pytest.param(
            "connect_timeout 5",
            "connect_ip fd00::2\n            bindto fd00::1",
            [],
            id="bindto-of-connect-ip",
        ),
        pytest.param(
            "delay_loop 10",
            "persistence_timeout 50\n    persistence_granularity 40",
            ["3:29: IPv4 has no prefix length of 40; write at most 32, or a netmask"],
            id="granularity-of-ipv4",
        ),
        pytest.param(
            "delay_loop 10",
            "persistence_timeout",
            [
                "2:5: warning: one client stays with one real server for 360 s, which hides `rr`; "
                "to see it share, remove the line or ask from several addresses"
            ],
            id="persistence",
        ),
        pytest.param("delay_loop 10", "persistence_timeout 50", [], id="short-persistence"),
        pytest.param(
            "connect_timeout 5",
            "connect_ip x",
            ["9:24: `x` does not fit here; write an IPv4 or IPv6 address"],
            id="connect-ip",
        ),
    ],
)
def test_what_is_wrong_with_a_virtual_server(old: str, new: str, expected: list[str]) -> None:
    assert old in SERVER
    assert said(SERVER.replace(old, new)) == expected


def test_a_virtual_server_without_real_servers() -> None:
    assert said("virtual_server 192.168.1.20 80 {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n}") == [
        "1:16: this virtual_server has no `real_server`; "
        "add a block `real_server` for an address, and a port if it is not every port"
    ]


def test_a_virtual_server_twice() -> None:
    assert said(SERVER + SERVER + SERVER.replace("TCP\n", "UDP\n") + "virtual_server {\n}\nvirtual_server {\n}") == [
        "16:16: there is a virtual_server for [192.168.1.20]:tcp:80 already, in line 1; keep one of them",
        *(
            line
            for number in (46, 48)
            for line in (
                f"{number}:1: this virtual_server has no `real_server`; "
                "add a block `real_server` for an address, and a port if it is not every port",
                f"{number}:1: this virtual_server has no `protocol`; add `protocol` and TCP, UDP or SCTP",
                f"{number}:1: warning: this virtual_server has no `lb_algo`; wlc is taken; add `lb_algo wlc`",
                f"{number}:1: warning: this virtual_server has no `lb_kind`; NAT is taken; add `lb_kind NAT`",
                f"{number}:15: something is missing here; "
                "write an address and a port, or `fwmark` and a number, or `group` and a name",
            )
        ),
    ]


URL = """\
virtual_server 192.168.1.20 80 {
    protocol TCP
    lb_algo rr
    lb_kind NAT
    real_server 10.0.0.50 80 {
        HTTP_GET {
            url {
                path /
            }
        }
    }
}
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("path page", "8:22: `page` is no path; write `/page`", id="path"),
        pytest.param(
            "digest abc",
            "8:24: `abc` is no MD5 digest; write the MD5 of the page as `pykeepalived genhash` prints it",
            id="digest",
        ),
        pytest.param(
            "status_code 20",
            "8:29: `20` does not fit here; write numbers from 100 to 999 and ranges of them, such as 200-299 304",
            id="status",
        ),
        pytest.param(
            "status_code 200 299-200",
            "8:33: `299-200` does not fit here; write a range that begins with its lower number",
            id="status-range",
        ),
        pytest.param(
            'regex "a("',
            "8:23: this is no regular expression: missing ), unterminated subpattern at position 1; mend it",
            id="regex",
        ),
        pytest.param(
            "regex_options caseles",
            "8:31: the option `caseles` of pcre2 is not supported by labkit; did you mean 'caseless'?",
            id="regex-option",
        ),
    ],
)
def test_what_is_wrong_with_a_url(line: str, expected: str) -> None:
    assert said(URL.replace("path /", line)) == [expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("192.0.2.9-5 80", "`192.0.2.9-5` does not fit here; write a range that begins with its lower address"),
        ("192.0.2.9-x 80", "`192.0.2.9-x` does not fit here; write a range such as 192.0.2.1-10"),
        ("192.0.2.9-192.0.2.x", "`192.0.2.x` does not fit here; write an IPv4 or IPv6 address"),
        ("192.0.2.9/x", "`192.0.2.9/x` does not fit here; write a range such as 192.0.2.8/29"),
        ("10.0.0.0/8", "`10.0.0.0/8` has 16777216 addresses; write a range of at most 65536"),
        ("10.0.0.0-10.255.0.0", "`10.0.0.0-10.255.0.0` has 16711681 addresses; write a range of at most 65536"),
    ],
)
def test_what_is_wrong_with_a_group(line: str, expected: str) -> None:
    text = f"virtual_server_group web {{\n {line}\n}}\n" + SERVER.replace("192.168.1.20 80", "group web")
    assert said(text)[0] == f"2:2: {expected}"


def test_a_group_of_nothing() -> None:
    group = "virtual_server_group web {\n}\n" + SERVER.replace("192.168.1.20 80", "group web")
    assert said(group + SERVER) == [
        "3:22: warning: virtual_server_group `web` is empty, so that this virtual_server serves nothing; "
        "write a line such as `192.0.2.1 80` or `fwmark 1` in it"
    ]


def test_a_group_twice() -> None:
    group = "virtual_server_group web {\n 192.0.2.1 80\n}\n"
    assert said(group + group + SERVER.replace("192.168.1.20 80", "group web")) == [
        "4:22: there is a `virtual_server_group web` already, in line 1; write another one, or remove it"
    ]
