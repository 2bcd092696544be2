"""What a speaker is asked: its routers a page at a time, and to count from zero."""

from dataclasses import replace

from labkit.vrrp.packet import ErrorKind
from tests.vrrp.dialogue import V2, Dialogue

ROUTERS = tuple(replace(V2, name=f"V{number}", vrid=number) for number in range(1, 6))


def test_pages() -> None:
    speaker = Dialogue(*ROUTERS).speaker
    assert speaker.router_count == 5
    assert [[status.name for status in speaker.page(first, 2)] for first in (0, 2, 4, 6)] == [
        ["V1", "V2"],
        ["V3", "V4"],
        ["V5"],
        [],
    ]
    assert speaker.page(2, 1) == [speaker.routers["V3"]]


def test_counting_from_zero() -> None:
    dialogue = Dialogue(V2)
    dialogue.hear(200)
    dialogue.hear(200, like=replace(V2, auth=b"wrong"))
    dialogue.hear(200, like=replace(V2, vrid=99))
    before = dialogue.speaker.routers["V"].counters
    dialogue.speaker.clear_counters()
    after = dialogue.speaker.routers["V"].counters
    assert (before.adverts_received, before.errors) == (1, {ErrorKind.PASSWORD: 1})
    assert (after.adverts_received, after.errors, dialogue.speaker.errors) == (0, {}, {})
