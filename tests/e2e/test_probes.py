"""Probes and what is judged by them, in a real lab with fast timers."""

import json
import shlex
import shutil
from typing import Any

import pytest

from tests.conftest import ROOT, Labkit

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]

FAST = ("--set", "advert_int=0.1", "--set", "version=3")


def run(tool: Labkit, text: str, *arguments: str, status: int | None = 0) -> dict[str, Any]:
    """Run one scenario against the failover lab with fast timers; return its result."""
    folder = tool.runtime
    shutil.copytree(ROOT / "labs/failover", folder / "failover", dirs_exist_ok=True)
    shutil.rmtree(folder / "failover/scenarios")
    (folder / "failover/scenarios").mkdir()
    (folder / "failover/scenarios/01-x.yml").write_text(text)
    results = json.loads(tool("run", str(folder / "failover"), "--json", *FAST, *arguments, status=status))
    found: dict[str, Any] = results[0]
    return found


def test_http_load_across_a_takeover(own: Labkit) -> None:
    text = """\
title: who answers before and after
variant: services
probe: [{http: vip, from: host, rate: 50, path: /test.html}, {from: host}]
steps:
  - expect: [{vip: server1, within: election(server1) + 1s}]
  - expect: [{distribution: {server1: 1}, of: 20, within: 2s}]
    budget: {http: 0, ping: 0}
  - do: {cut: server1.eth0}
    expect:
      - {vip: server2, within: master_down(server2)}
      - {arp: host, is: server2, within: master_down(server2)}
    budget: {ping: master_down(server2), http: master_down(server2) + 1s}
  - expect: [{distribution: same, of: 20, within: 2s}]
"""
    result = run(own, text)
    assert result["verdict"] in ("PASS", "INCONCLUSIVE"), result
    before, after = ({each["probe"]: each for each in result["steps"][n]["probes"]} for n in (1, 3))
    assert set(before["http"]["by"]) == {"server1"}
    assert set(after["http"]["by"]) == {"server2"}
    across = {each["probe"]: each for each in result["steps"][2]["probes"]}
    assert across["ping"]["failed"] > 10
    assert across["ping"]["outage_s"] > 0.2


SERVERS = """\
import socket, struct
udp, dns = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
udp.bind(("", 7))
dns.bind(("", 53))
import os
if os.fork() == 0:
    os.setsid()
    import select
    while True:
        for ready in select.select([udp, dns], [], [])[0]:
            data, peer = ready.recvfrom(4096)
            if ready is dns:
                data = data[:2] + struct.pack("!H", 0x8180) + data[4:]
            ready.sendto(data + b" from server1", peer)
"""


def test_every_kind_of_probe(own: Labkit) -> None:
    """Server1 answers all of them, until a cut; only ARP and TCP have somebody else to answer then."""
    text = f"""\
title: every kind
variant: services
probe:
  - {{arp: vip, from: host}}
  - {{tcp: vip, from: host}}
  - {{udp: server1, from: host, name: echo}}
  - {{dns: server1, from: host, query: www.example.org}}
  - {{udp: "server1:9", from: host, name: closed}}
  - {{tcp: "server2:81", from: host, name: refused}}
steps:
  - do: {{exec: {{server1: {json.dumps("exec python3 -c " + shlex.quote(SERVERS) + " > /dev/null 2>&1")}}}}}
    expect: [{{vip: server1, within: election(server1) + 1s}}]
  - expect:
      - {{distribution: {{server1: 1}}, of: 10, probe: echo, within: 2s}}
      - {{distribution: same, of: 10, probe: tcp, within: 2s}}
      - {{distribution: same, of: 10, probe: dns, within: 2s}}
    budget: {{arp: 0, tcp: 0, echo: 0, dns: 0}}
  - do: {{cut: server1.eth0}}
    expect: [{{vip: server2, within: master_down(server2)}}]
    budget: {{arp: master_down(server2) + 100ms}}
"""
    result = run(own, text, status=None)
    assert result["verdict"] in ("PASS", "INCONCLUSIVE"), result
    told = {each["probe"]: each for each in result["steps"][1]["probes"]}
    assert (told["closed"]["answered"], told["refused"]["answered"]) == (0, 0)
    assert told["closed"]["failed"] > 5
    assert told["refused"]["failed"] > 5
