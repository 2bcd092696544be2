"""The balance labs from the command line, on whatever this machine balances by."""

import json

import pytest

from tests.conftest import Labkit

pytestmark = pytest.mark.kernel


def test_by_translation_a_dead_web_server_is_left_out(labkit: Labkit) -> None:
    said = labkit("run", "balance/nat", "-s", "server-dies", within=120)
    assert "PASS server-dies" in said
    assert "30 answers to http from server1 1, server2 1, server3 1" in said


def test_by_direct_routing_web_servers_take_turns_and_answer_themselves(labkit: Labkit) -> None:
    said = labkit("run", "balance/dr", "-s", "turns", "-s", "direct", within=120)
    assert "2 of 2 scenarios passed" in said


def test_the_table_is_what_ipvsadm_shows(own: Labkit) -> None:
    own("up", "balance/nat", "--variant", "sorry", "-q")
    table = own("lvs", "director1")
    assert "TCP  192.168.1.20:80 rr\n  -> 10.0.0.50:80                 Masq    1      0          0         \n" in table
    assert own("exec", "director1", "ipvsadm", "-Ln") == table
    tables = json.loads(own("lvs", "--json"))
    assert tables.keys() == {"director1", "director2"}
    assert tables["director1"]["services"][0]["address"] == "192.168.1.20"
    one = own("exec", "director1", "ipvsadm", "-Ln", "-t", "192.168.1.20:80", "--thresholds")
    assert one.splitlines()[0].split()[-4:] == ["Uthreshold", "Lthreshold", "ActiveConn", "InActConn"]
    assert one.splitlines()[2].startswith("TCP  192.168.1.20:80 ")
    assert own("exec", "director1", "ipvsadm", "-Ln", "-u", "192.168.1.20:80", status=1) == "No such service\n"
    assert "keepalived keeps the table" in own("exec", "director1", "ipvsadm", "-C", status=2)
    assert "none of IPVS's timeouts" in own("exec", "director1", "ipvsadm", "-L", "--timeout", status=2)
    assert "[2J" not in own("exec", "director1", "pykeepalived", "status")
    assert own("exec", "server1", "ss", "-Hltn", "sport = 80").split()[2] == "511"  # as many wait as with nginx
