"""Golden texts: what is wrong with a virtual_server.

The rows follow what `keepalived -t` says of the same mistakes, or keeps to itself.
"""

import pytest

from tests.conf.samples import SERVER, UNSUPPORTED, said


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "lb_algo rr",
            "lb_algo roundrobin",
            [
                "4:13: `roundrobin` does not fit here; "
                "write rr, wrr, lc, wlc, lblc, lblcr, sh, mh, dh, sed, nq, fo, ovf or twos"
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
                "1:16: this virtual_server has no `lb_algo`; add `lb_algo` and "
                "rr, wrr, lc, wlc, lblc, lblcr, sh, mh, dh, sed, nq, fo, ovf or twos",
                "1:16: this virtual_server has no `lb_kind`; add `lb_kind` and NAT, DR or TUN",
                "1:16: this virtual_server has no `protocol`; add `protocol` and TCP, UDP or SCTP",
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
            "1.20 80", "1.20", ["1:28: something is missing here; write an IPv4 address and a port"], id="no-port"
        ),
        pytest.param(
            "192.168.1.20 80",
            "2001:db8::1 80",
            [f"1:16: the IPv6 address `2001:db8::1` {UNSUPPORTED}; write an IPv4 address"],
            id="ipv6",
        ),
        pytest.param(
            "192.168.1.20 80",
            "fwmark 7",
            [f"1:16: `fwmark` {UNSUPPORTED}; write an IPv4 address and a port"],
            id="fwmark",
        ),
        pytest.param(
            "10.0.0.50 80",
            "10.0.0.500 80",
            ["6:17: `10.0.0.500` does not fit here; write an IPv4 address"],
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
            "DR\n    real_server 10.0.0.50 0",
            ["6:27: `0` does not fit here; write a whole number from 1 to 65535"],
            id="dr-bad-port",
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
        pytest.param("delay_loop 10", "quorum 2", [f"2:5: `quorum` {UNSUPPORTED}; remove the line"], id="quorum"),
        pytest.param("TCP_CHECK", "HTTP_GET", [f"8:9: `HTTP_GET` {UNSUPPORTED}; remove it"], id="http-check"),
        pytest.param(
            "connect_timeout 5", "connect_ip x", ["9:24: `x` does not fit here; write an IPv4 address"], id="connect-ip"
        ),
    ],
)
def test_what_is_wrong_with_a_virtual_server(old: str, new: str, expected: list[str]) -> None:
    assert old in SERVER
    assert said(SERVER.replace(old, new)) == expected


def test_a_virtual_server_without_real_servers() -> None:
    assert said("virtual_server 192.168.1.20 80 {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n}") == [
        "1:16: this virtual_server has no `real_server`; add a block `real_server` for an IPv4 address and a port"
    ]


def test_a_virtual_server_twice() -> None:
    assert said(SERVER + SERVER + SERVER.replace("TCP\n", "UDP\n") + "virtual_server {\n}\nvirtual_server {\n}") == [
        "16:16: there is a virtual_server with this address, port and protocol already, in line 1; keep one of them",
        *(
            line
            for number in (46, 48)
            for line in (
                f"{number}:1: this virtual_server has no `lb_algo`; add `lb_algo` and "
                "rr, wrr, lc, wlc, lblc, lblcr, sh, mh, dh, sed, nq, fo, ovf or twos",
                f"{number}:1: this virtual_server has no `lb_kind`; add `lb_kind` and NAT, DR or TUN",
                f"{number}:1: this virtual_server has no `protocol`; add `protocol` and TCP, UDP or SCTP",
                f"{number}:1: this virtual_server has no `real_server`; "
                "add a block `real_server` for an IPv4 address and a port",
                f"{number}:15: something is missing here; write an IPv4 address and a port",
            )
        ),
    ]
