"""The sample files of keepalived's Debian package: those without load balancing load, or name what is refused."""

from pathlib import Path

import pytest

from labkit.conf.loader import load
from labkit.conf.schema.keyword import words
from labkit.diagnostics import Severity

SAMPLES = Path("/usr/share/doc/keepalived/samples")
BASH = "needs bash; run by a /bin/sh that is dash it fails for ever"
PREFERENCE = "the rule has no preference"
NO_PREFIX = "`192.168.{}./24` does not fit here"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="Debian's keepalived package is not installed")


@pytest.mark.parametrize(
    ("name", "errors", "warnings"),
    [
        pytest.param("vrrp", [(32, "192.168.200.18 stands here again, after line 28")], [], id="an-address-twice"),
        pytest.param("vrrp.localcheck", [], [(25, BASH), (31, BASH), (37, BASH)], id="localcheck"),
        pytest.param(
            "vrrp.lvs_syncd",
            [
                (3, "this vrrp_sync_group has no `group`"),
                (4, "`VI_2` is not a keyword in `vrrp_sync_group`"),
                (5, "`VI_3` is not a keyword in `vrrp_sync_group`"),
                (11, "`lvs_sync_daemon_interface` is not supported: it is the old form of a line in global_defs"),
            ],
            [],
            id="members-without-a-group",
        ),
        pytest.param("vrrp.routes", [], [], id="routes"),
        pytest.param(
            "vrrp.rules",
            [(11, NO_PREFIX.format(100)), (26, NO_PREFIX.format(200))],
            [(10, PREFERENCE), (25, PREFERENCE)],
            id="prefixes-that-end-in-a-dot",
        ),
        pytest.param("vrrp.scripts", [], [], id="scripts"),
        pytest.param("vrrp.static_ipaddress", [], [], id="static"),
        pytest.param("vrrp.sync", [], [], id="sync"),
        pytest.param("track_interface", [], [], id="track_interface"),
    ],
)
def test_a_sample(name: str, errors: list[tuple[int, str]], warnings: list[tuple[int, str]]) -> None:
    loaded = load(SAMPLES / f"keepalived.conf.{name}")
    assert (loaded.config is None) == bool(errors)
    for severity, expected in (Severity.ERROR, errors), (Severity.WARNING, warnings):
        found = [diagnostic for diagnostic in loaded.diagnostics if diagnostic.severity is severity]
        assert [diagnostic.span.line for diagnostic in found] == [line for line, _ in expected]
        for diagnostic, (_, text) in zip(found, expected, strict=True):
            assert text in diagnostic.message


BALANCING = words(
    "HTTP_GET.port PING_CHECK SMTP_CHECK SSL_GET UDP_CHECK fwmark inhibit misc_check misc_check_arg quorum sample",
    "status_code virtual_server_group virtualhost",
)


@pytest.mark.parametrize("name", sorted(BALANCING))
def test_a_sample_with_load_balancing(name: str) -> None:
    loaded = load(SAMPLES / f"keepalived.conf.{name}")
    assert [str(one) for one in loaded.diagnostics if one.severity is Severity.ERROR] == []
    assert loaded.config is not None
    assert loaded.config.virtual_servers


@pytest.mark.parametrize(("config_id", "priority"), [("high", 170), ("low", 85)])
def test_the_sample_with_conditions(config_id: str, priority: int) -> None:
    loaded = load(SAMPLES / "keepalived.conf.conditional_conf", config_id=config_id)
    assert loaded.diagnostics == ()
    assert loaded.config is not None
    assert loaded.config.global_defs.net_namespace == config_id
    assert loaded.config.instances[0].router.priority == priority
