"""The event loop's rest, which must never come between a deadline and what is to be done then."""

import os
import time
from collections.abc import Iterator

import pytest

from labkit.daemon.loop import Loop
from labkit.kernel.process import now
from labkit.trace import SECOND, Micros

REST: Micros = 2000


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    rests: list[float] = []
    monkeypatch.setattr(time, "sleep", rests.append)
    return rests


@pytest.fixture
def heard(loop: Loop) -> Iterator[list[bytes]]:
    """What was read of a source that is always readable: a step ends at once."""
    heard: list[bytes] = []
    reader, writer = os.pipe()
    os.write(writer, bytes(100))
    loop.watch(reader, lambda: heard.append(os.read(reader, 1)))
    yield heard
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("rest", "due_in", "expected"),
    [
        pytest.param(REST, None, [0.002], id="nothing is due"),
        pytest.param(REST, SECOND, [0.002], id="due much later"),
        pytest.param(REST, 3000, [], id="due soon"),
        pytest.param(REST, -SECOND, [], id="overdue"),
        pytest.param(0, SECOND, [], id="no rest"),
    ],
)
@pytest.mark.parametrize("as_appointment", [False, True])
def test_a_rest(
    loop: Loop,
    rests: list[float],
    heard: list[bytes],
    rest: Micros,
    due_in: Micros | None,
    expected: list[float],
    as_appointment: bool,
) -> None:
    deadline = None if due_in is None else now() + due_in
    if as_appointment and deadline is not None:
        loop.at(deadline, lambda: None)
        deadline = None
    loop.step(deadline, rest)
    assert rests == expected
    assert heard == [b"\0"]
