"""C keepalived and ours on one file, one after the other: IPVS holds the same at every step, as ipvsadm says.

They run where the kernel has IPVS; tests/providers/test_guest.py runs them in a guest that has.
"""

import contextlib
import re
import shutil
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from labkit.kernel.ipvs import Ipvs, NoIpvsError
from tests.daemon.daemon import OURS, C, Daemon, instance
from tests.kernel.balanced import put, run
from tests.kernel.lan import Lan, Namespace, eventually, why_not

pytestmark = pytest.mark.kernel

LINES = """
global_defs {{
 script_user root
 lvs_sync_daemon eth0 VI id 7
 lvs_timeouts tcp 100 udp 30
}}
virtual_server_group G {{
 192.168.1.20 80
 192.168.1.21-22 81
}}
virtual_server group G {{
 lb_algo wrr
 lb_kind NAT
 protocol TCP
 persistence_timeout 50
 delay_loop 1
 retry 1
 delay_before_retry 0.2
 warmup 0
 sorry_server 127.0.0.9 80
 real_server 127.0.0.2 802 {{
  weight {weight}
  uthreshold 10
  lthreshold 5
  TCP_CHECK {{
  }}
 }}
 real_server 127.0.0.3 803 {{
  TCP_CHECK {{
  }}
 }}
}}
virtual_server 192.168.1.20 443 {{
 lb_algo lc
 lb_kind NAT
 protocol TCP
 persistence_timeout 60
 persistence_granularity 255.255.255.0
 real_server 127.0.0.2 443 {{
  weight 9
 }}
}}
virtual_server fwmark 7 {{
 lb_algo sh
 lb_kind DR
 sh-port
 delay_loop 1
 warmup 0
 inhibit_on_failure
 real_server 127.0.0.2 {{
  weight 2
  TCP_CHECK {{
   connect_port 802
  }}
 }}
}}
virtual_server fd00:1::20 53 {{
 lb_algo rr
 lb_kind TUN
 protocol UDP
 ops
 real_server fd00::2 53 {{
  weight 0
 }}
}}
"""


DATA = Path("/tmp/keepalived_check.data")


class Server:
    """A TCP server on the director itself."""

    def __init__(self, host: Namespace, address: str, port: int) -> None:
        self._host, self._place = host, (address, port)
        self.rise()

    def rise(self) -> None:
        with self._host.entered():
            self._listener = socket.create_server(self._place, backlog=100)

    def die(self) -> None:
        self._listener.close()


@pytest.fixture
def host() -> Iterator[Namespace]:
    if why_not():
        pytest.skip(why_not())
    try:
        Ipvs().close()
    except NoIpvsError as error:
        pytest.skip(str(error))
    for program in ("ipvsadm", "keepalived"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    lan = Lan(1)
    yield lan.hosts[0]
    lan.close()


def seen(host: Namespace) -> list[str]:
    """Return the lines of ipvsadm about services, thresholds, timeouts and synchronisation."""
    forms = ("n", "n --thresholds", " --timeout", " --daemon")
    return [line for form in forms for line in run(host, f"ipvsadm -L{form}").splitlines()]


class Steps:
    """What is seen at each step; with `expected` it is waited for, because C says what it does before it does it."""

    def __init__(self, host: Namespace, expected: Sequence[list[str]] = ()) -> None:
        self.seen: list[list[str]] = []
        self._host, self._expected = host, expected

    def look(self) -> None:
        number = len(self.seen)
        if self._expected:
            with contextlib.suppress(AssertionError):  # the difference is told at the end
                eventually(lambda: seen(self._host) == self._expected[number], within=5)
        self.seen.append(seen(self._host))


def story(host: Namespace, home: Path, program: Sequence[str], steps: Steps) -> list[str]:
    """Live through deaths, a reload and the end; return the dump of the first step."""
    second, third = Server(host, "127.0.0.2", 802), Server(host, "127.0.0.3", 803)
    vrrp = instance(150, vip="192.168.1.40")
    daemon = Daemon(host, home, LINES.format(weight=3) + vrrp, program)
    try:
        daemon.wait_log("success.", times=3, within=30)
        eventually(lambda: run(host, "ipvsadm -L --daemon").startswith("master"), within=30)
        steps.look()
        DATA.unlink(missing_ok=True)
        daemon.process.send_signal(signal.SIGUSR1)
        eventually(lambda: DATA.exists() and DATA.read_text().count("Keepalive method = TCP_CHECK\n") == 3, within=30)
        dump = re.sub(r", uid:gid \d+:\d+", "", DATA.read_text()).splitlines()
        third.die()
        daemon.wait_log("Removing service [127.0.0.3]:tcp:803", within=30)
        steps.look()
        second.die()
        daemon.wait_log("Lost quorum", within=30)
        daemon.wait_log("Disabling service", within=30)
        steps.look()
        second.rise()
        daemon.wait_log("Adding alive servers", within=30)
        daemon.wait_log("Enabling service", within=30)
        third.rise()
        daemon.wait_log("Adding service [127.0.0.3]:tcp:803", within=30)
        steps.look()
        daemon.reload(LINES.format(weight=1).replace("lb_algo wrr", "lb_algo wlc") + vrrp)
        eventually(lambda: "wlc persistent" in run(host, "ipvsadm -Ln"), within=30)
        eventually(lambda: run(host, "ipvsadm -L --daemon").startswith("master"), within=30)
        steps.look()
        daemon.stop()
        steps.look()
    finally:
        daemon.close()
        second.die()
        third.die()
    return dump


@pytest.mark.timeout(240)
def test_the_table_is_the_same_as_under_c_keepalived(host: Namespace, tmp_path: Path) -> None:
    put(host, "192.168.1.20/24")
    ours = Steps(host)
    first = story(host, tmp_path / "ours", OURS, ours)
    theirs = Steps(host, ours.seen)
    second = story(host, tmp_path / "c", C, theirs)
    for mine, other in zip(ours.seen, theirs.seen, strict=True):
        assert mine == other, "\n".join(["ours:", *mine, "C's:", *other])
    mine, other = (dump[dump.index("------< LVS Topology >------") :] for dump in (first, second))
    of_the_group = re.compile(r" VS VIP = 192\.168\.1\.2\d, VPORT = 8\d| \[192.168.1.20\]:tcp:80 -> .*")  # C names it
    assert [line for line in mine if line not in other and not of_the_group.fullmatch(line)] == [], "\n".join(other)
