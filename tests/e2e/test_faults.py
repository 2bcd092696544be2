"""Every fault in a real lab with fast timers: that it breaks what it says, and that it is undone."""

import pytest

from tests.conftest import Labkit
from tests.e2e.test_probes import run

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]

AT_ONCE = """\
title: each of them breaks what it says, and is undone
variant: services
probe: [{from: host, name: real, ping: server1}]
steps:
  - expect: [{vip: server1, within: election(server1) + 1s}]
  - do: {freeze: server1}
    expect: [{vip: server2, within: master_down(server2)}]
    always: [{vip: server1}]
  - do: {thaw: server1}
    expect: [{state: server2, is: BACKUP, within: advert(server1)}]
  - do: {reload: {server1: {priority: 110}}}
    expect: [{vip: best, within: 1s}, {state: server1, is: BACKUP, within: 1s}]
  - do: {heal: server1}
    expect: [{vip: server1, within: 1s}, {state: server2, is: BACKUP, within: 1s}]
  - do: {port_down: server1.eth0}
    expect: [{state: server1, is: FAULT, within: 100ms}, {vip: server2, within: master_down(server2)}]
  - do: {port_up: server1.eth0}
    expect: [{vip: server1, within: 1s + election(server1)}, {state: server2, is: BACKUP, within: 2s}]
  - do: {partition: {lan: [[server1, host]]}}
    expect: [{vip: server2, within: master_down(server2)}]
    always: [{vip: server1}, {state: server3, is: BACKUP}]
    budget: {real: 0}
  - do: {heal: lan}
    expect: [{state: server2, is: BACKUP, within: advert(server1)}]
  - do: {mute: {server1: server2}}
    expect: [{vip: server2, within: master_down(server2)}]
    always: [{vip: server1}, {state: server3, is: BACKUP}]
    budget: {real: 0}
  - do: {heal: server1}
    expect: [{state: server2, is: BACKUP, within: advert(server1)}]
  - do: {impair: {server1.eth0: {loss: 100%}}}
    expect: [{vip: server2, within: master_down(server2)}]
  - do: {heal: server1.eth0}
    expect: [{state: server2, is: BACKUP, within: advert(server1)}]
  - do: {vip_add: server3}
    expect: [{vip: server3, within: 100ms}]
  - do: [{heal: server3}, {vip_remove: server1}, {heal: all}]
    expect: [{vip: server1, within: 1s}]
  - do: {advert: {host: {priority: 255, every: 50ms}}}
    expect: [{state: server1, is: BACKUP, within: 100ms}]
  - do: {heal: host}
    expect: [{vip: server1, within: election(server1)}, {state: server2, is: BACKUP, within: 1s}]
  - do: [{service_stop: server1}, {load: server1}]
    check: [{server1: "! killall -0 apache2"}, {server1: "pgrep -f '[w]hile :'"}]
  - do: [{service_start: server1}, {heal: server1}]
    check: [{server1: killall -0 apache2}, {server1: "! pgrep -f '[w]hile :'"}]
"""

CHECKS = """\
title: a check script fails whatever it finds
variant: services
steps:
  - expect: [{vip: server1, within: election(server1) + 1s}]
  - do: {fail_check: server1.chequea_script}
    check: [{server1: "! killall -0 apache2"}, {server1: killall -0 keepalived}, {server2: killall -0 apache2}]
    expect: [{state: server1, is: FAULT, within: script_fall(server1)}]
  - do: {mend_check: server1}
    check: [{server1: killall -0 apache2}, {server1: test ! -e /run/labkit/checks/_usr_bin_killall.real}]
    expect: [{vip: server1, within: script_rise(server1) + election(server1)}]
"""


def test_faults_and_their_heals(labkit: Labkit) -> None:
    result = run(labkit, AT_ONCE, status=None)
    assert result["verdict"] in ("PASS", "INCONCLUSIVE"), result
    assert len(result["steps"]) == AT_ONCE.count("\n  - ")


def test_a_check_that_is_made_to_fail(labkit: Labkit) -> None:
    result = run(labkit, CHECKS, status=None)
    assert result["verdict"] in ("PASS", "INCONCLUSIVE"), result


def test_faults_from_the_command_line(own: Labkit) -> None:
    own("up", "failover", "-q")
    own("fault", "server1.eth0", "cut")
    own("fault", "lan", "partition", "server1", "server2,host")
    own("fault", "server2", "reload", "--set", "priority=90")
    said = own("status")
    assert "broken: cut server1.eth0\nbroken: partition lan server1 server2,host server3\n" in said
    assert "broken: reload server2 priority=90" in said
    own("heal", "server1")
    assert "cut" not in own("status")
    own("heal")
    assert "broken" not in own("status")
    assert "nothing is broken at server1" in own("heal", "server1", status=2)
    assert "unknown word 'frieze'; did you mean 'freeze'?" in own("fault", "server1", "frieze", status=2)
    assert "server1 has no vrrp_script in its keepalived.conf" in own("fault", "server1", "fail_check", status=2)
    assert "server1:/etc/keepalived/keepalived.conf:" in own("fault", "server1", "reload", "priority=x", status=2)
    assert "fault      fault=cut target=eth0" in own("events", "--node", "server1")
