"""Values refuse to exist when they are not legal, and reasons speak in sentences."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from labkit.trace import SECOND
from labkit.vrrp.config import GroupConfig, RouterConfig, ScriptConfig, Track, TrackKind
from labkit.vrrp.events import Configure, Reason, Why
from tests.vrrp.dialogue import V2, V3, script_track

PEER = IPv4Address("192.168.1.22")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: replace(V2, vrid=0), "VRID 0 is not in 1..255", id="vrid-0"),
        pytest.param(lambda: replace(V2, vrid=256), "VRID 256 is not in 1..255", id="vrid-256"),
        pytest.param(lambda: replace(V2, priority=0), "priority 0 is not in 1..255", id="priority"),
        pytest.param(lambda: replace(V2, version=4), "VRRP version 4 is not 2 or 3", id="version"),
        pytest.param(
            lambda: replace(V2, advert_interval=SECOND // 2), "1..255 whole seconds", id="v2-interval-not-whole"
        ),
        pytest.param(lambda: replace(V2, advert_interval=256 * SECOND), "1..255 whole seconds", id="v2-interval-256"),
        pytest.param(lambda: replace(V3, advert_interval=15_000), "whole centiseconds", id="v3-interval-not-whole"),
        pytest.param(lambda: replace(V3, advert_interval=41 * SECOND), "whole centiseconds", id="v3-interval-41"),
        pytest.param(lambda: replace(V2, auth=b"Venezuela"), "1..8 bytes", id="password-9"),
        pytest.param(lambda: replace(V3, auth=b"a"), "VRRPv2 only", id="v3-password"),
        pytest.param(lambda: Track(kind=TrackKind.SCRIPT, name="x", weight=254), "weight 254", id="weight"),
        pytest.param(lambda: ScriptConfig(name="x", rise=0), "script x:", id="rise-0"),
        pytest.param(lambda: Configure(routers=(V2, V2)), "router used twice: V", id="router-twice"),
        pytest.param(
            lambda: Configure(routers=(V2, replace(V2, name="W"))), "VRID used twice: 21 on eth0", id="vrid-twice"
        ),
        pytest.param(
            lambda: Configure(routers=(), scripts=(ScriptConfig(name="x"), ScriptConfig(name="x"))),
            "script used twice: x",
            id="script-twice",
        ),
        pytest.param(
            lambda: Configure(routers=(V2,), groups=(GroupConfig(name="G", members=("V", "Z")),)),
            "groups name unknown routers: Z",
            id="group-of-unknown",
        ),
        pytest.param(
            lambda: Configure(
                routers=(V2,), groups=(GroupConfig(name="G", members=("V",)), GroupConfig(name="H", members=("V",)))
            ),
            "group member used twice: V",
            id="two-groups",
        ),
        pytest.param(
            lambda: Configure(routers=(replace(V2, tracks=(script_track("chk"),)),)),
            "routers track unknown scripts: chk",
            id="unknown-script",
        ),
    ],
)
def test_refused(make: Callable[[], RouterConfig | Track | ScriptConfig | Configure], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        pytest.param(
            Why(reason=Reason.NO_ADVERT, peer=PEER, elapsed=3_531_250),
            "no advert from 192.168.1.22 for 3.531 s",
            id="no-advert",
        ),
        pytest.param(
            Why(reason=Reason.PREEMPTED, peer=PEER, peer_priority=120),
            "our priority is above that of 192.168.1.22 (120)",
            id="preempted",
        ),
        pytest.param(Why(reason=Reason.SYNC_GROUP, name="G1"), "sync group G1", id="sync-group"),
        pytest.param(Why(reason=Reason.STOPPED), "stopped", id="stopped"),
    ],
)
def test_sentence(why: Why, sentence: str) -> None:
    assert str(why) == sentence


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_sentence(reason: Reason) -> None:
    assert "{" not in str(Why(reason=reason, peer=PEER, peer_priority=1, name="x"))
