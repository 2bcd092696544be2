import struct
import subprocess

import pytest

from labkit.kernel.procevents import ProcessEvent, ProcessEvents, What, decode
from tests.kernel.lan import eventually


def message(what: int, *data: int) -> bytes:
    return bytes(36) + struct.pack("=IIQ", what, 0, 0) + struct.pack("=IIIIII", *data, *[0] * (6 - len(data)))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(message(1, 10, 10, 20, 20), ProcessEvent(What.FORK, 20, 10), id="fork"),
        pytest.param(message(1, 11, 10, 20, 20), ProcessEvent(What.FORK, 20, 10), id="fork-by-a-thread"),
        pytest.param(message(1, 10, 10, 21, 10), None, id="new-thread"),
        pytest.param(message(2, 20, 20), ProcessEvent(What.EXEC, 20), id="exec"),
        pytest.param(message(0x200, 20, 20), ProcessEvent(What.RENAME, 20), id="rename"),
        pytest.param(message(0x200, 21, 20), None, id="rename-of-a-thread"),
        pytest.param(message(0x80000000, 20, 20), ProcessEvent(What.EXIT, 20), id="exit"),
        pytest.param(message(0x80000000, 21, 20), None, id="exit-of-a-thread"),
        pytest.param(message(0), None, id="answer"),
        pytest.param(message(2, 20, 20)[:60], None, id="truncated"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_messages(data: bytes, expected: ProcessEvent | None) -> None:
    assert decode(data) == expected


def test_a_process_is_told_from_fork_to_exit() -> None:
    try:
        events = ProcessEvents()
    except OSError as error:
        pytest.skip(f"process events: {error}")
    child = subprocess.Popen(["true"])
    seen: list[ProcessEvent] = []

    def ended() -> bool:
        seen.extend(event for event in events.read() if event.pid == child.pid)
        return bool(seen) and seen[-1].what is What.EXIT

    eventually(ended)
    assert What.EXEC in [event.what for event in seen]
    assert child.wait() == 0
    events.close()
