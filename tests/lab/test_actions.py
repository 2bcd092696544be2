"""What a step does: every verb read from its value, every mistake with what would be right."""

import pytest

from labkit.lab import actions, faults
from labkit.lab.actions import Mistake
from labkit.lab.provider import Impairment
from labkit.lab.topology import Topology
from labkit.providers.netns.impairing import netem


@pytest.mark.parametrize(
    ("verb", "value", "expected"),
    [
        ("freeze", "server1", "freeze server1"),
        ("link_down", "server1", "link down server1.eth0"),
        ("cut", "host.eth0", "cut host.eth0"),
        ("reload", {"server1": {"priority": "90"}}, "reload server1 priority=90"),
        ("reload", "server1", "reload server1"),
        ("partition", {"lan": [["server1"]]}, "partition lan server1 host,server2,server3"),
        (
            "partition",
            {"lan": [["server1", "host"], ["server2"]]},
            "partition lan server1,host server2 server3",
        ),
        ("mute", {"server1": "server2"}, "mute server1 to=server2"),
        ("impair", {"server1.eth0": {"loss": "20%", "delay": "5ms"}}, "impair server1.eth0 loss=20% delay=5ms"),
        ("vip_add", "server3", "vip add server3 address=192.168.1.20"),
        ("vip_remove", {"server3": "10.0.0.1"}, "vip remove server3 address=10.0.0.1"),
        ("advert", {"host": {"source": "server2", "priority": "0"}}, "advert host source=192.168.1.22 priority=0"),
        ("fail_check", "server1.chequea", "fail check server1 script=chequea"),
        ("heal", "all", "heal all"),
        ("heal", "lan", "heal lan"),
        ("exec", {"host": "ping -c 1 x"}, "host: ping -c 1 x"),
    ],
)
def test_actions(topology: Topology, verb: str, value: object, expected: str) -> None:
    assert str(actions.read(verb, value, topology)) == expected


@pytest.mark.parametrize(
    ("verb", "value", "place", "expected"),
    [
        ("frieze", "server1", (), "unknown word 'frieze'; did you mean 'freeze'?"),
        ("kill", "host", (), "unknown word 'host'; known here: server1, server2, server3"),
        ("kill", "server1.eth0", (), "'server1.eth0' is no node; did you mean 'server1'?"),
        ("kill", {"server1": "now"}, (), "`kill` takes a node only; for example `kill: server1`"),
        ("cut", "server1.eth7", (), "unknown word 'eth7'; did you mean 'eth0'?"),
        ("reload", {"server1": {"priorty": "90"}}, ("server1", "priorty"), "unknown word 'priorty'; did you mean"),
        ("reload", {"server1": "90"}, ("server1",), "this is no mapping; with keys of: priority, vip"),
        ("partition", {"lon": [["host"]]}, (), "unknown word 'lon'; did you mean 'lan'?"),
        ("partition", {"lan": "server1"}, ("lan",), "this is no partition; groups of nodes such as"),
        ("partition", {"lan": [["host"], ["host"]]}, ("lan", 1, 0), "unknown word 'host'; known here: server1,"),
        (
            "partition",
            {"lan": [["host", "server1", "server2", "server3"]]},
            ("lan",),
            "one group is no partition; leave at least one node out, or name a second group",
        ),
        ("mute", "server1", (), "nobody is named who must not hear it; for example `{server1: NODE}`"),
        ("mute", {"server1": "x"}, ("server1",), "unknown word 'x'; "),
        ("impair", "server1", (), "nothing is impaired; for example `{server1: {loss: 20%}}`"),
        (
            "impair",
            {"server1": {"loss": "20"}},
            ("server1", "loss"),
            "'20' is no part; a part of all frames such as 20%",
        ),
        ("impair", {"server1": {"delay": "5"}}, ("server1", "delay"), "'5' is no duration; for example 50ms or 1s"),
        ("vip_add", {"server3": "10"}, ("server3",), "'10' is no address; an IPv4 address such as 10.0.0.20"),
        ("advert", {"host": {"priority": "256"}}, ("host", "priority"), "'256' is no priority; a number from 0 to 255"),
        ("heal", "server1.eth9", (), "unknown word 'eth9'; did you mean 'eth0'?"),
        ("heal", "everything", (), "unknown word 'everything'; known here: all, host, lan, server1, server2, server3"),
    ],
)
def test_mistakes(topology: Topology, verb: str, value: object, place: tuple[object, ...], expected: str) -> None:
    with pytest.raises(Mistake) as caught:
        actions.read(verb, value, topology)
    assert str(caught.value).startswith(expected)
    assert caught.value.place == place


def test_every_verb_is_done_by_somebody() -> None:
    assert {*faults.FAULTS, *faults.HEALS, "heal", "exec"} == set(actions.VERBS)


@pytest.mark.parametrize(
    ("impairment", "expected"),
    [
        (Impairment(loss=0.2), "loss 20%"),
        (Impairment(delay=50_000, jitter=5_000), "delay 50000us 5000us"),
        (Impairment(reorder=0.25, duplicate=0.015), "delay 10000us duplicate 1.5% reorder 25%"),
    ],
)
def test_netem_is_told_in_its_own_words(impairment: Impairment, expected: str) -> None:
    assert " ".join(netem(impairment)) == expected
