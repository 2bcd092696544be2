"""A backup's fast path: an advert that is known does what decoding it would do, and nothing is known for too long."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.trace import SECOND
from labkit.vrrp.config import GroupConfig, HmacConfig, HmacMode, RouterConfig
from labkit.vrrp.events import Configure, Event, InterfaceChanged, Received, SetPriority
from labkit.vrrp.hearing import hear4, hear6, key4, key6
from labkit.vrrp.packet import Advert, encode
from labkit.vrrp.speaker import Speaker
from tests.vrrp.dialogue import HIGHER, LOWER, US, V2, V3, VIP, Dialogue
from tests.vrrp.test_anything import IN, OUT, adverts, events

DOWN = 3 * SECOND + 414_062
"""The master-down interval of V2: 3 x 1 s and (256 - 150) / 256 s (RFC 3768 6.1)."""

GROUP = IPv4Address("224.0.0.18")


def packet(priority: int, source: IPv4Address = LOWER, *, like: RouterConfig = V2, number: int = 1) -> bytes:
    """Return an advert of a peer that is configured `like` us, in an IPv4 packet with an identification."""
    advert = Advert(
        version=like.version,
        vrid=like.vrid,
        priority=priority,
        interval=like.advert_interval,
        addresses=like.addresses,
        auth=like.auth,
    )
    message = encode(advert, source, GROUP)
    head = b"\x45\xc0" + (20 + len(message)).to_bytes(2) + number.to_bytes(2) + b"\0\0\xff\x70\0\0"
    return head + source.packed + GROUP.packed + message


def hear(dialogue: Dialogue, data: bytes) -> list[str] | None:
    """Hear a packet as the runner does; None: it was known."""
    if dialogue.speaker.hear_again(key4("eth0", data), dialogue.now):
        return None
    return dialogue.tell(hear4("eth0", data))


def following() -> Dialogue:
    """A backup that follows a master of priority 200."""
    dialogue = Dialogue(V2)
    assert hear(dialogue, packet(200)) == []
    return dialogue


def test_a_known_advert_is_counted_and_puts_the_masters_silence_off() -> None:
    dialogue = following()
    for second in range(1, 6):
        dialogue.now = second * SECOND
        assert hear(dialogue, packet(200, number=1 + second)) is None
    status = dialogue.speaker.routers["V"]
    assert status.counters.adverts_received == 6
    assert [(peer.address, peer.adverts, peer.heard) for peer in status.peers] == [(LOWER, 6, 5 * SECOND)]
    assert dialogue.speaker.not_before == DOWN
    assert dialogue.speaker.deadline == 5 * SECOND + DOWN
    assert dialogue.wait_until(20 * SECOND)[0] == f"{5 * SECOND + DOWN} advert 150"


def test_known_by_interface() -> None:
    dialogue = following()
    assert not dialogue.speaker.hear_again(key4("eth1", packet(200)), 0)


def test_only_the_last_one_is_known() -> None:
    dialogue = following()
    assert hear(dialogue, packet(201)) == []
    assert hear(dialogue, packet(200)) == []
    assert hear(dialogue, packet(200)) is None


def test_a_master_is_not_deaf_to_what_it_followed() -> None:
    dialogue = following()
    dialogue.wait_until(10 * SECOND)
    assert dialogue.state == "MASTER"
    assert hear(dialogue, packet(200)) == ["release", "BACKUP higher-priority"]


def lower(dialogue: Dialogue) -> None:
    dialogue.tell(SetPriority(router="V", priority=1))


def raise_(dialogue: Dialogue) -> None:
    dialogue.tell(SetPriority(router="V", priority=250))


def refuse(dialogue: Dialogue) -> None:
    dialogue.hear(200, ttl=1)


def release(dialogue: Dialogue) -> None:
    hear(dialogue, packet(0))


def be_alone(dialogue: Dialogue) -> None:
    dialogue.configure(replace(V2, addresses=(HIGHER,)))


def move(dialogue: Dialogue) -> None:
    dialogue.link(primary=HIGHER, addresses=(HIGHER,))


def fail(dialogue: Dialogue) -> None:
    dialogue.link(up=False)


def stop(dialogue: Dialogue) -> None:
    dialogue.stop()


@pytest.mark.parametrize("happens", [lower, raise_, refuse, release, be_alone, move, fail, stop])
def test_nothing_is_known_after(happens: Callable[[Dialogue], None]) -> None:
    dialogue = following()
    happens(dialogue)
    assert hear(dialogue, packet(200)) is not None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(packet(100), id="a lower priority is not followed"),
        pytest.param(packet(0), id="priority 0"),
        pytest.param(packet(200)[:19], id="less than a header"),
        pytest.param(packet(200, like=replace(V2, auth=b"wrong")), id="refused"),
        pytest.param(packet(200, like=replace(V2, addresses=(HIGHER,))), id="other addresses are told of each time"),
    ],
)
def test_never_known(data: bytes) -> None:
    dialogue = following()
    assert hear(dialogue, data) is not None
    assert hear(dialogue, data) is not None


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(replace(V2, auth=None, ah=b"secret"), id="ah"),
        pytest.param(
            replace(V3, hmac=HmacConfig(keys={1: bytes(32)}, active=1, mode=HmacMode.PERMISSIVE)), id="auth_hmac"
        ),
    ],
)
def test_what_may_be_a_replay_is_looked_at_each_time(config: RouterConfig) -> None:
    dialogue = Dialogue(config)
    data = packet(200, like=config)
    assert hear(dialogue, data) is not None
    assert hear(dialogue, data) is not None


def test_the_same_advert_without_its_bytes_is_not_known() -> None:
    dialogue = Dialogue(V2)
    dialogue.hear(200)
    assert not dialogue.speaker.hear_again(key4("eth0", b""), 0)


def test_a_group_member_that_is_ready_is_not_held_back_by_what_it_followed() -> None:
    """The down timer ran out, the group waits for the other member: hearing the master again ends that."""
    other = replace(V2, name="W", vrid=22)
    dialogue = Dialogue(V2, other, groups=[GroupConfig(name="G", members=("V", "W"))])
    assert hear(dialogue, packet(200)) == []
    dialogue.now = SECOND
    assert hear(dialogue, packet(200, like=other)) == []
    assert dialogue.wait_until(DOWN) == []
    assert hear(dialogue, packet(200)) == []
    assert hear(dialogue, packet(200)) is None


def test_ipv6() -> None:
    source, destination = IPv6Address("fe80::1"), IPv6Address("ff02::12")
    config = replace(V3, family=6, addresses=(IPv6Address("fe80::9"),))
    advert = Advert(version=3, vrid=21, priority=200, interval=V3.advert_interval, addresses=config.addresses)
    message = encode(advert, source)
    dialogue = Dialogue(config)
    key = key6("eth0", message, source=source, destination=destination, hop_limit=255)
    assert not dialogue.speaker.hear_again(key, 0)
    assert dialogue.tell(hear6("eth0", message, source=source, destination=destination, hop_limit=255)) == []
    assert dialogue.speaker.hear_again(key, 0)
    other = key6("eth0", message, source=source, destination=destination, hop_limit=254)
    assert not dialogue.speaker.hear_again(other, 0)


def _with_bytes(interface: str, source: IPv4Address, advert: Advert, destination: IPv4Address | None) -> Received:
    """Return what was heard, with bytes that are the same when all of it is the same."""
    raw = bytes(12) + repr((source, advert, destination)).encode()
    return Received(interface=interface, source=source, packet=advert, destination=destination, raw=raw)


heard: st.SearchStrategy[Event] = st.builds(
    _with_bytes,
    st.sampled_from(["eth0", "eth1"]),
    st.sampled_from([LOWER, US, HIGHER]),
    adverts
    | st.sampled_from(
        [
            Advert(version=2, vrid=21, priority=200, interval=SECOND, addresses=(VIP,)),
            Advert(version=3, vrid=22, priority=200, interval=SECOND // 10, addresses=(VIP,)),
        ]
    ),
    st.sampled_from([None, GROUP]),
)


@settings(max_examples=300, deadline=None)
@given(history=st.lists(st.tuples(st.integers(0, SECOND), st.integers(1, 4), heard | events), max_size=40))
def test_with_and_without_the_fast_path(history: list[tuple[int, int, Event]]) -> None:
    """Of two speakers that are told the same, one uses the fast path; nobody can tell which."""
    plain, quick, now = Speaker(), Speaker(), 0
    up = InterfaceChanged(interface="eth0", exists=True, up=True, primary=US)
    for event in (up, replace(up, interface="eth1"), Configure(routers=(replace(OUT, auth=None), IN))):
        plain.handle(event, now)
        quick.handle(event, now)
    for wait, times, event in history:
        for _ in range(times):
            now += wait
            actions = plain.handle(event, now)
            known = isinstance(event, Received) and quick.hear_again(key4(event.interface, event.raw), now)
            assert (actions == []) if known else (actions == quick.handle(event, now))
            assert plain.routers == quick.routers
            assert plain.deadline == quick.deadline
