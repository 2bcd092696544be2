"""What SIGUSR1 writes of balancing; tests/daemon/test_ipvs_balancing.py has it beside C keepalived's."""

from labkit.conf.loader import loads
from labkit.daemon.dump_checks import data
from labkit.lvs.director import Director
from labkit.lvs.events import Configure
from tests.daemon.test_balancing_news import CONF

WRITTEN = """\
------< LVS Topology >------
 ------< Virtual server >------
 VS VIP = 192.168.1.20, VPORT = 80
   Address family = inet
   lvs_sched = rr
   One packet scheduling = disabled
   protocol = TCP
   omega is ON
   quorum = 1, hysteresis = 0
   Quorum up notify script = '/q/up'
   Quorum down notify script = '/q/down'
   Using smtp notification = no
   sorry server = [127.0.0.9]:tcp:8009
     forwarding method = NAT
     Inhibit on failure is OFF
   alive = 1
   quorum_state_up = 1
   ------< Real server >------
   RIP = 127.0.0.2, RPORT = 802, WEIGHT = 1 EFF WEIGHT = 1
   forwarding method = NAT
   connection limit range = 0 -> 0
   Inhibit on failure is OFF
     RS up notify script = '/n/up2' 'a' 'b'
     RS down notify script = '/n/down2'
   Using smtp notification = yes
   alive = 1
"""


def test_what_is_written() -> None:
    loaded = loads(CONF.format(more="omega", real=""), file="k.conf")
    assert loaded.config is not None
    director = Director()
    director.handle(Configure(servers=tuple(one.core for one in loaded.config.virtual_servers)), 0)
    text = data(loaded.config, director.services)
    assert text.startswith(WRITTEN)
    assert text.count("Keepalive method = TCP_CHECK") == 2
    assert "   Has run = no\n" in text
    assert data(loaded.config, {}) == ""
