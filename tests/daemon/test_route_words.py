"""Routes and rules in the words of dumps, beyond what tests/interop compares with C keepalived."""

import pytest

from labkit.conf.routes import RouteLine
from labkit.conf.rules import RuleLine
from labkit.daemon.route_words import route_words, rule_words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("10.0.0.0/8 dev eth0", "prepend 10.0.0.0/8 dev eth0 proto 18", id="device"),
        pytest.param("10.0.0.0/8 dev eth0 no_track", "prepend 10.0.0.0/8 dev eth0 no_track", id="not-tracked"),
        pytest.param(
            "10.0.0.0/8 dev eth0 proto 33 no_track", "prepend 10.0.0.0/8 dev eth0 proto 33 no_track", id="protocol"
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 congctl lock cubic rttvar 20ms",
            "prepend 10.0.0.0/8 dev eth0 proto 18 congctl lock cubic rttvar 20ms",
            id="metrics",
        ),
        pytest.param(
            "2001:db8::/32 dev eth0 expires 30", "prepend 2001:db8::/32 dev eth0 proto 18 expires 30sec", id="expires"
        ),
        pytest.param(
            "10.0.0.0/8 dev eth0 ttl-propagate disabled",
            "prepend 10.0.0.0/8 dev eth0 proto 18 ttl-propagate disabled",
            id="ttl",
        ),
    ],
)
def test_routes(line: str, words: str) -> None:
    assert route_words(RouteLine().read(line.split())) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(
            "from 10.0.0.0/8 table 7 tunnel-id 6 priority 5",
            "from 10.0.0.0/8 priority 5 tos 0x0 tunnel-id 6 protocol 18 lookup 7",
            id="tunnel",
        ),
        pytest.param(
            "to 2001:db8::1 fwmark 0x10 prohibit priority 5 no_track",
            "from all to 2001:db8::1 priority 5 tos 0x0 fwmark 0x10 type prohibit no_track",
            id="mark",
        ),
    ],
)
def test_rules(line: str, words: str) -> None:
    assert rule_words(RuleLine().read(line.split())) == words
