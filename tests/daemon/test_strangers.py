"""Adverts of other virtual routers on the segment: told only where `log_unknown_vrids` asks for it."""

from collections.abc import Callable

import pytest

from tests.daemon.daemon import Daemon, instance
from tests.kernel.lan import Lan

pytestmark = pytest.mark.kernel


def test_adverts_of_strangers_are_logged_on_demand(lan: Lan, start: Callable[[int, str], Daemon]) -> None:
    curious = start(0, "global_defs {\n log_unknown_vrids\n}\n" + instance(150, vrid=21))
    content = start(1, instance(150, vrid=22, vip="192.168.1.30"))
    curious.wait_log("Unknown VRID(22) received on interface(eth0) from 192.168.1.22")
    for _ in range(3):
        lan.sniffer.wait_advert("192.168.1.21")
    content.stop()  # what it heard before is in its log by then
    assert "VRID" not in content.log
