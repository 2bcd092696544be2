import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.conf.model import TrackFile
from labkit.daemon.files import Files, number
from labkit.diagnostics import Span
from labkit.vrrp.config import FileConfig
from labkit.vrrp.events import FileChanged
from tests.daemon.desk import Desk


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def tracked(path: Path, *, init: int | None = None, overwrite: bool = False, name: str = "f") -> TrackFile:
    span = Span(file="f", line=1, column=1)
    return TrackFile(check=FileConfig(name=name), path=str(path), init=init, overwrite=overwrite, span=span)


class Watcher:
    """Files, and what they told."""

    def __init__(self, desk: Desk, *files: TrackFile) -> None:
        self.events: list[FileChanged] = []
        self.files = Files(desk.loop, self.events.append, desk.said.append)
        self._desk = desk
        self.files.configure(files)

    @property
    def values(self) -> list[int | None]:
        return [event.value for event in self.events]

    def wait(self, *values: int | None) -> None:
        self._desk.run_until(lambda: len(self.events) >= len(values))
        assert self.values == list(values)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"5\n", 5, id="plain"),
        pytest.param(b"-7", -7, id="no-newline"),
        pytest.param(b"  +3 \nmore", 3, id="spaces"),
        pytest.param(b"99999999999", 2**31 - 1, id="too-large"),
        pytest.param(b"-99999999999\n", -(2**31) + 1, id="too-small"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"five\n", None, id="word"),
        pytest.param(b"5 6\n", None, id="two-numbers"),
        pytest.param(b"5.5\n", None, id="fraction"),
        pytest.param(b"\xff\xfe5", None, id="binary"),
        pytest.param(b"1" * 64, None, id="endless"),
    ],
)
def test_the_number_in_a_file(content: bytes, expected: int | None) -> None:
    assert number(content) == expected


def test_a_file_is_told_when_it_is_written_replaced_and_removed(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "file"
    watcher = Watcher(desk, tracked(path))
    assert watcher.values == [None]
    path.write_text("1\n")
    watcher.wait(None, 1)
    (tmp_path / "new").write_text("2\n")
    (tmp_path / "new").rename(path)
    watcher.wait(None, 1, 2)
    path.write_text("3\n")
    watcher.wait(None, 1, 2, 3)
    path.unlink()
    watcher.wait(None, 1, 2, 3, None)
    path.write_text("4\n")
    watcher.wait(None, 1, 2, 3, None, 4)
    watcher.files.close()


def test_a_write_of_the_same_number_tells_nothing(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("1")
    watcher = Watcher(desk, tracked(path))
    path.write_text("1\n")
    path.write_text("2")
    watcher.wait(1, 2)
    watcher.files.close()


def test_a_folder_that_comes_later(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    watcher = Watcher(desk, tracked(path))
    path.parent.mkdir()
    path.write_text("8")
    watcher.wait(None, 8)
    path.unlink()
    path.parent.rmdir()
    watcher.wait(None, 8, None)
    path.parent.mkdir()
    path.write_text("9")
    watcher.wait(None, 8, None, 9)
    watcher.files.close()


def test_a_file_that_is_reached_by_links(desk: Desk, tmp_path: Path) -> None:
    """As Kubernetes mounts a ConfigMap: file -> ..data/file, ..data -> a folder that is exchanged as a whole."""
    for number_ in (1, 2):
        (tmp_path / f"..{number_}").mkdir()
        (tmp_path / f"..{number_}" / "file").write_text(f"{number_}")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "file").symlink_to("..data/file")
    watcher = Watcher(desk, tracked(tmp_path / "file"))
    (tmp_path / "..tmp").symlink_to("..2")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    watcher.wait(1, 2)
    (tmp_path / "..2" / "file").write_text("3")
    watcher.wait(1, 2, 3)
    watcher.files.close()


def test_what_is_no_number_is_said_once_and_is_none(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    watcher = Watcher(desk, tracked(path))
    path.write_text("y")
    path.write_text("1")
    watcher.wait(None, 1)
    assert desk.said == [f"track file f: {path}: no number in it, 0 is taken"]
    watcher.files.close()


def test_a_folder_or_a_fifo_in_its_place_does_not_hold_us(desk: Desk, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    watcher = Watcher(desk, tracked(tmp_path, name="a"), tracked(tmp_path / "fifo", name="b"))
    assert watcher.values == [None, None]
    assert desk.said == [f"track file a: {tmp_path}: not a file", f"track file b: {tmp_path}/fifo: not a file"]
    watcher.files.close()


@pytest.mark.parametrize(
    ("there", "overwrite", "expected"),
    [
        pytest.param(False, False, 6, id="made"),
        pytest.param(True, False, 1, id="kept"),
        pytest.param(True, True, 6, id="overwritten"),
    ],
)
def test_a_first_number(desk: Desk, tmp_path: Path, there: bool, overwrite: bool, expected: int) -> None:
    path = tmp_path / "file"
    if there:
        path.write_text("1 \n\n\n")
    file = tracked(path, init=6, overwrite=overwrite)
    watcher = Watcher(desk, file)
    assert watcher.values == [expected]
    path.write_text("2")
    watcher.files.configure([file])  # a reload
    assert watcher.values == [expected, 2]
    watcher.files.close()


def test_a_first_number_is_not_written_through_a_link(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("7")
    path = tmp_path / "file"
    path.symlink_to(tmp_path / "precious")
    watcher = Watcher(desk, tracked(path, init=6, overwrite=True))
    assert watcher.values == [7]
    assert "cannot be initialised" in desk.said[0]
    watcher.files.close()


def test_a_reload_tells_what_is_new_only(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    watcher = Watcher(desk, tracked(tmp_path / "a", name="a"))
    watcher.files.configure([tracked(tmp_path / "a", name="a"), tracked(tmp_path / "b", name="b")])
    assert watcher.values == [1, 2]
    watcher.files.configure([tracked(tmp_path / "b", name="a")])
    assert watcher.values == [1, 2, 2]
    watcher.files.close()
