"""What the VRRP process tells the core of a configuration."""

import pytest

from labkit.conf.loader import loads
from labkit.daemon.runner import configure_event

TEXT = """
global_defs {
    vrrp_startup_delay 5
    vrrp_delay_after_boot 60
}
vrrp_instance A {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress { 192.0.2.1 }
}
"""


@pytest.mark.parametrize(
    ("since_boot", "expected"),
    [
        pytest.param(10_000_000, 50_000_000, id="soon-after-boot"),
        pytest.param(57_000_000, 5_000_000, id="the-longer-one"),
        pytest.param(99_000_000, 5_000_000, id="long-after-boot"),
        pytest.param(None, 5_000_000, id="reload"),
    ],
)
def test_routers_wait_after_boot(since_boot: int | None, expected: int) -> None:
    config = loads(TEXT, file="k.conf").config
    assert config is not None
    (router,) = configure_event(config, since_boot).routers
    assert router.start_delay == expected
