"""Authentication as routers live it: adverts of one speaker heard by another, byte for byte, and what they refuse."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from labkit.trace import SECOND, Micros
from labkit.vrrp.config import AntiReplay, HmacConfig, HmacMode, Peer, RouterConfig
from labkit.vrrp.events import ClockChanged, Received, SendAdvert
from labkit.vrrp.hearing import hear4
from labkit.vrrp.packet import GROUP4, ErrorKind
from labkit.vrrp.sending import packet4
from tests.vrrp.dialogue import LOWER, US, V2, V3, Dialogue
from tests.vrrp.test_vectors import vector

KEY, OLD = bytes(range(32)), bytes(range(32, 64))
KEYS = HmacConfig(keys={1: KEY}, active=1)
SIGNED = replace(V3, hmac=KEYS)
AH = replace(V2, auth=None, ah=b"Venezuel")
PEER = LOWER
NOON: Micros = 1_744_830_464 * SECOND
"""0x68000000 seconds."""


def advert(config: RouterConfig, sequence: int, *, priority: int = 200, source: IPv4Address = PEER) -> Received:
    """An advert as a peer puts it on the wire."""
    base = Dialogue(replace(config, priority=255)).actions[0]
    assert isinstance(base, SendAdvert)
    action = replace(base, advert=replace(base.advert, priority=priority), sequence=sequence)
    destination = US if config.peers else GROUP4
    return hear4("eth0", packet4(config, action, source, destination, 1))


def at(seconds: float, counter: int = 0) -> int:
    """The auth_hmac sequence of so long after noon."""
    return (0x68000000 << 32) + int(seconds * 2**32) + counter


def listening(config: RouterConfig, *, clock: bool = True) -> Dialogue:
    dialogue = Dialogue(config)
    if clock:
        dialogue.tell(ClockChanged(utc_offset=NOON))
    return dialogue


def outcomes(dialogue: Dialogue, events: Iterable[Received]) -> list[str]:
    """What was said of each: nothing for one that was taken."""
    return [" ".join(dialogue.tell(event)).replace("rejected ", "").replace(f" from {PEER}: 1", "") for event in events]


# --- authentication header --------------------------------------------------------------------------------------------


def test_whoever_takes_over_goes_on_with_the_numbers() -> None:
    dialogue = listening(AH)
    assert outcomes(dialogue, [advert(AH, 7), advert(AH, 8)]) == ["", ""]
    dialogue.wait_until(10 * SECOND)
    assert [action.sequence for action in dialogue.actions if isinstance(action, SendAdvert)] == [15]


def test_the_first_number_is_1() -> None:
    dialogue = Dialogue(replace(AH, priority=255))
    first = dialogue.actions[0]
    assert isinstance(first, SendAdvert)
    assert (first.sequence, first.advert.header, first.source) == (1, True, US)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        pytest.param(advert(AH, 5), ErrorKind.AH_REPLAY, id="same"),
        pytest.param(advert(AH, 4), ErrorKind.AH_REPLAY, id="before"),
        pytest.param(advert(replace(AH, ah=b"other"), 6), ErrorKind.AH, id="password"),
        pytest.param(advert(replace(AH, ah=None), 6), ErrorKind.AUTH_TYPE, id="no-header"),
        pytest.param(advert(V2, 6), ErrorKind.AUTH_TYPE, id="simple-text"),
    ],
)
def test_a_header_that_is_refused(event: Received, kind: ErrorKind) -> None:
    dialogue = listening(AH)
    dialogue.tell(advert(AH, 5))
    assert outcomes(dialogue, [event]) == [str(kind)]
    assert dialogue.speaker.routers["V"].counters.errors == {kind: 1}
    assert outcomes(dialogue, [advert(AH, 6)]) == [""]


def test_each_sender_has_its_own_last_number() -> None:
    """Two masters that began in one moment with 1 must hear each other."""
    dialogue = listening(AH)
    dialogue.tell(advert(AH, 5))
    assert dialogue.tell(advert(AH, 5, source=PEER + 1)) == []
    assert outcomes(dialogue, [advert(AH, 5)]) == ["ah-replay"]


def test_a_header_where_we_have_none() -> None:
    assert outcomes(listening(V2), [advert(AH, 5)]) == ["auth-type"]


def test_the_numbers_go_around() -> None:
    dialogue = listening(AH)
    dialogue.tell(advert(AH, 2**32 - 1))
    dialogue.wait_until(3_414_062)
    assert [action.sequence for action in dialogue.actions if isinstance(action, SendAdvert)] == [1]


# --- auth_hmac: what is signed ----------------------------------------------------------------------------------------


def sent(dialogue: Dialogue) -> list[int]:
    return [action.sequence for action in dialogue.actions if isinstance(action, SendAdvert)]


def test_adverts_are_signed_with_the_time() -> None:
    dialogue = listening(SIGNED)
    dialogue.wait_until(353_125)
    # 0.353125 s is 0x5a66 (23142) and some of 65536ths
    assert sent(dialogue) == [0x680000005A660000]


def test_a_clock_that_was_set_back_does_not_matter() -> None:
    dialogue = listening(SIGNED)
    dialogue.wait_until(353_125)
    dialogue.tell(ClockChanged(utc_offset=NOON - 3600 * SECOND))
    dialogue.wait_until(453_125)
    assert sent(dialogue) == [0x680000005A660001]


@pytest.mark.parametrize(("mode", "signs"), [(m, m is not HmacMode.RECEIVE_ONLY) for m in HmacMode])
def test_who_signs(mode: HmacMode, signs: bool) -> None:
    dialogue = listening(replace(SIGNED, hmac=replace(KEYS, mode=mode)))
    dialogue.wait_until(353_125)
    assert bool(sent(dialogue)[0]) is signs


# --- auth_hmac: what is heard -----------------------------------------------------------------------------------------


def changed(event: Received, offset: int, value: int) -> Received:
    """The advert with another byte in its trailer, `offset` from the trailer's begin."""
    raw = bytearray(event.raw)
    raw[len(raw) - 28 + offset] = value
    return hear4("eth0", bytes(raw))


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        pytest.param(advert(SIGNED, at(0)), "", id="good"),
        pytest.param(advert(V3, 0), "hmac-missing", id="unsigned"),
        pytest.param(changed(advert(SIGNED, at(0)), 0, 2), "hmac-malformed", id="type"),
        pytest.param(changed(advert(SIGNED, at(0)), 3, 1), "hmac-malformed", id="reserved"),
        pytest.param(changed(advert(SIGNED, at(0)), 1, 2), "hmac-key", id="key-id"),
        pytest.param(changed(advert(SIGNED, at(0)), 27, 0), "hmac-bad", id="hmac"),
        pytest.param(advert(replace(SIGNED, hmac=HmacConfig(keys={1: OLD}, active=1)), at(0)), "hmac-bad", id="key"),
        pytest.param(advert(SIGNED, at(6)), "hmac-stale", id="future"),
        pytest.param(advert(SIGNED, at(-6)), "hmac-stale", id="past"),
        pytest.param(changed(advert(SIGNED, at(-6)), 27, 0), "hmac-stale", id="the-window-comes-first"),
        pytest.param(advert(SIGNED, at(5)), "", id="edge"),
    ],
)
def test_a_signed_advert(event: Received, kind: str) -> None:
    dialogue = listening(SIGNED)
    assert outcomes(dialogue, [event]) == [kind]
    counters = dialogue.speaker.routers["V"].counters
    assert (counters.hmac_good, sum(counters.errors.values())) == ((0, 1) if kind else (1, 0))


def test_both_keys_are_taken_while_they_change() -> None:
    both = replace(SIGNED, hmac=HmacConfig(keys={1: KEY, 2: OLD}, active=2))
    assert outcomes(listening(both), [advert(SIGNED, at(0)), advert(both, at(1))]) == ["", ""]


@pytest.mark.parametrize(
    ("mode", "told"), [(HmacMode.ENFORCE, "hmac-missing"), (HmacMode.PERMISSIVE, ""), (HmacMode.RECEIVE_ONLY, "")]
)
def test_unsigned_adverts_by_mode(mode: HmacMode, told: str) -> None:
    config = replace(SIGNED, hmac=replace(KEYS, mode=mode))
    assert outcomes(listening(config), [advert(V3, 0)]) == [told]
    assert outcomes(listening(config), [changed(advert(SIGNED, at(0)), 27, 0)]) == ["hmac-bad"]


def test_a_signature_where_none_is_configured() -> None:
    assert outcomes(listening(V3), [advert(SIGNED, at(0))]) == ["hmac-unexpected"]


@pytest.mark.parametrize(
    ("replay", "second", "told"),
    [
        pytest.param(AntiReplay.TIME, at(1), "hmac-replay", id="time-same"),
        pytest.param(AntiReplay.TIME, at(0.5), "hmac-replay", id="time-before"),
        pytest.param(AntiReplay.TIME, at(1, counter=1), "", id="time-counter"),
        pytest.param(AntiReplay.MONOTONIC, at(1), "hmac-replay", id="monotonic-same"),
        pytest.param(AntiReplay.MONOTONIC, at(9999), "", id="monotonic-far"),
        pytest.param(AntiReplay.NONE, at(1), "", id="none"),
        pytest.param(AntiReplay.NONE, at(-9999), "", id="none-old"),
    ],
)
def test_replays(replay: AntiReplay, second: int, told: str) -> None:
    config = replace(SIGNED, hmac=replace(KEYS, anti_replay=replay))
    dialogue = listening(config)
    assert outcomes(dialogue, [advert(SIGNED, at(1)), advert(SIGNED, second)]) == ["", told]


def test_a_mark_outside_the_window_is_none() -> None:
    """All clocks were ahead and are set back by 10 s: adverts of before must not shut out those of now."""
    dialogue = listening(SIGNED)
    assert outcomes(dialogue, [advert(SIGNED, at(5)), advert(SIGNED, at(0))]) == ["", "hmac-replay"]
    dialogue.tell(ClockChanged(utc_offset=NOON - 10 * SECOND))
    outcomes(dialogue, [advert(SIGNED, at(-9)), advert(SIGNED, at(-9))])
    counters = dialogue.speaker.routers["V"].counters
    assert (counters.hmac_good, counters.errors) == (2, {ErrorKind.HMAC_REPLAY: 2})


def test_without_a_clock_the_window_does_not_count() -> None:
    dialogue = listening(SIGNED, clock=False)
    assert outcomes(dialogue, [advert(SIGNED, at(0)), advert(SIGNED, at(-9)), advert(SIGNED, at(9))]) == [
        "",
        "hmac-replay",
        "",
    ]


SIX_PEERS = replace(SIGNED, peers=tuple(Peer(address=PEER + number) for number in range(6)))


@pytest.mark.parametrize(("config", "kept"), [(SIGNED, 4), (SIX_PEERS, 6)])
def test_marks_are_kept_for_so_many_senders(config: RouterConfig, kept: int) -> None:
    dialogue = listening(config)
    for number in range(kept):
        assert dialogue.tell(advert(config, at(0), source=PEER + number)) == []
    again = [advert(config, at(0), source=PEER + number) for number in range(kept)]
    assert all("hmac-replay" in " ".join(dialogue.tell(event)) for event in again)
    assert dialogue.tell(advert(config, at(0), source=PEER + 9)) == []
    assert dialogue.tell(again[0]) == []


def test_the_draft_s_ipv6_advert_is_taken() -> None:
    given = vector("v3-hmac-ipv6")
    peers = (Peer(address=given.source),)
    dialogue = Dialogue(replace(given.config, priority=100, peers=peers), interfaces=())
    dialogue.tell(ClockChanged(utc_offset=NOON))
    dialogue.link(link_local=IPv6Address("fe80::20"))
    assert dialogue.tell(given.heard(given.packet)) == []
    status = dialogue.speaker.routers["V"]
    assert (status.master, status.counters.hmac_good) == (given.source, 1)


def test_what_a_link_adds_is_not_signed() -> None:
    event = advert(SIGNED, at(0))
    assert outcomes(listening(SIGNED), [hear4("eth0", event.raw + bytes(6))]) == [""]


def test_a_router_made_later_knows_the_time() -> None:
    dialogue = listening(V2)
    dialogue.configure(replace(SIGNED, name="V", priority=255))
    assert sent(dialogue)[0] == at(0)


def test_the_checksum_of_a_signed_advert_may_be_of_either_kind() -> None:
    """The draft's vectors have it without the pseudo header; the HMAC covers more."""
    event = advert(replace(SIGNED, checksum_as_v2=True), at(0))
    assert outcomes(listening(SIGNED), [event]) == [""]
    unsigned = replace(SIGNED, hmac=None)
    advert_as_v2 = advert(replace(unsigned, checksum_as_v2=True), 0)
    assert outcomes(listening(unsigned), [advert_as_v2]) == ["checksum"]
