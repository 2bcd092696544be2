"""Reading the configuration in a process of its own."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from labkit.daemon.reading import read, read_apart
from tests.daemon.daemon import OURS, instance


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "keepalived.conf"
    file.write_text(instance(150))
    return file


@pytest.mark.parametrize("text", [instance(150), "vrrp_instance X {\n", None])
def test_it_is_as_if_read_here(file: Path, text: str | None) -> None:
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    assert read_apart(str(file), None, all_files=False) == read(str(file), None, all_files=False)


def test_what_reading_needs_is_not_loaded_here(file: Path) -> None:
    program = (
        "import sys; from labkit.daemon.reading import read_apart; "
        "assert read_apart(sys.argv[1], None, all_files=False).config; "
        "print('labkit.conf.loader' in sys.modules)"
    )
    told = subprocess.run([OURS[0], "-c", program, file], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail() -> None:
    raise RuntimeError("a mistake")


@pytest.mark.parametrize(
    ("happens", "told"), [(_die, "the process that read it ended with -9"), (_fail, "RuntimeError('a mistake')")]
)
def test_a_reader_that_dies(
    file: Path, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None], told: str
) -> None:
    monkeypatch.setattr("labkit.conf.loader.load", lambda *_, **__: happens())
    reading = read_apart(str(file), None, all_files=False)
    assert (reading.config, reading.status) == (None, 1)
    assert told in str(*reading.diagnostics)


def test_no_room_for_a_reader(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    reading = read_apart(str(file), None, all_files=False)
    assert "no process to read it in: Resource temporarily unavailable" in str(*reading.diagnostics)


def test_nothing_is_left_open_or_blocked(file: Path) -> None:
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    for _ in range(3):
        read_apart(str(file), None, all_files=False)
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked
