"""reload_time_file: the moments that a line names, and what becomes of the file."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit.daemon.reload_times import ReloadTimes, next_moment
from tests.daemon.daemon import Daemon, instance
from tests.kernel.lan import Lan, eventually

NOON = 1_795_608_000.0  # 2026-11-25 12:00:00 UTC
Start = Callable[[int, str], Daemon]


@pytest.fixture(autouse=True)
def _lima(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "<-05>5")  # five hours behind UTC, the whole year
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        ("12:00:01Z", NOON + 1),
        ("12:00:00Z", NOON + 86400),
        ("11:59:59Z", NOON + 86399),
        ("07:00:01", NOON + 1),
        ("06:59:59", NOON + 86399),
        ("2026-11-25 12:30:00Z", NOON + 1800),
        ("26-11-25 12:30:00Z", NOON + 1800),
        ("2026-11-25 07:30:00", NOON + 1800),
        ("2026-11-25 12:00:00Z", None),
        ("2025-11-25 12:30:00Z", None),
    ],
)
def test_moments(line: str, moment: float | None) -> None:
    assert next_moment(line, NOON) == moment


@pytest.mark.parametrize(
    "line",
    ["", "12:00", " 12:00:00", "12:00:00 ", "12:00:00z", "25:00:00", "2026-13-01 00:00:00", "2026-02-30 00:00:00"],
)
def test_what_is_no_time(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        next_moment(line, NOON)


class _File:
    """A file with a reload time, looked at each second of a clock of its own."""

    def __init__(self, path: Path, *, repeat: bool = False) -> None:
        self.path = path
        self.said: list[str] = []
        self.times = ReloadTimes(lambda text, level: self.said.append(text))
        self.times.configure(str(path), repeat=repeat)
        self._second = 0

    def wait(self, seconds: int) -> list[int]:
        """Return at which of the seconds a reload was due."""
        due = []
        for _ in range(seconds):
            self._second += 1
            if self.times.is_due(self._second * 1_000_000, NOON + self._second):
                due.append(self._second)
        return due


def test_a_reload_comes_once_and_takes_the_file_away(tmp_path: Path) -> None:
    file = _File(tmp_path / "when")
    file.path.write_text("12:00:03Z\nignored\n")
    assert file.wait(10) == [3]
    assert not file.path.exists()
    assert file.said == ["Scheduling reload at 2026-11-25 07:00:03"]


def test_with_repeat_it_comes_every_day(tmp_path: Path) -> None:
    file = _File(tmp_path / "when", repeat=True)
    file.path.write_text("12:00:03Z")
    assert file.wait(5) == [3]
    assert file.path.exists()
    assert file.said[-1] == "Scheduling reload at 2026-11-26 07:00:03"


def test_a_file_that_changes_goes_or_says_nonsense(tmp_path: Path) -> None:
    file = _File(tmp_path / "when")
    assert file.wait(1) == []
    file.path.write_text("12:00:05Z")
    assert file.wait(1) == []
    file.path.unlink()
    assert file.wait(5) == []
    file.path.write_text("soon")
    assert file.wait(1) == []
    file.path.write_text("2020-01-01 00:00:00")
    assert file.wait(1) == []
    assert file.said == [
        "Scheduling reload at 2026-11-25 07:00:05",
        "The reload that was scheduled is cancelled",
        f"{file.path}: no reload is scheduled: not HH:MM:SS or YYYY-MM-DD HH:MM:SS, with or without a Z",
        f"{file.path}: no reload is scheduled: 2020-01-01 00:00:00 is past",
    ]
    file.times.configure(None, repeat=False)
    assert file.times.deadline is None


@pytest.mark.kernel
def test_a_daemon_reloads_at_the_time(lan: Lan, start: Start, tmp_path: Path) -> None:
    when, marker = tmp_path / "when", tmp_path / "reading"
    settings = f"global_defs {{\n reload_time_file {when}\n reload_file {marker}\n}}\n"
    daemon = start(0, settings + instance(150))
    daemon.wait_log("Startup complete")
    daemon.config.write_text(settings + instance(150, vip="192.168.1.30"))
    marker.write_text("mine")  # as who writes the files does, and waits for its end
    when.write_text(time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(time.time() + 1)))
    lan.hosts[0].wait_address("192.168.1.30")
    eventually(lambda: not when.exists() and not marker.exists())
    assert os.listdir(tmp_path) == ["0"]  # noqa: PTH208 - names, not paths
