from pathlib import Path

import pytest

from labkit.kernel.inotify import Change, Inotify
from tests.kernel.lan import eventually


def test_what_happens_in_a_folder_is_told_with_names(tmp_path: Path) -> None:
    inotify = Inotify()
    watch = inotify.add(str(tmp_path), Change.WRITTEN | Change.MOVED_TO | Change.DELETED)
    (tmp_path / "a").write_text("1")
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "b").unlink()
    seen = inotify.read()
    assert [(event.watch, event.change, event.name) for event in seen] == [
        (watch, Change.WRITTEN, "a"),
        (watch, Change.MOVED_TO, "b"),
        (watch, Change.DELETED, "b"),
    ]
    assert inotify.read() == []
    inotify.remove(watch)
    eventually(lambda: inotify.read()[0].change is Change.IGNORED)
    inotify.close()


def test_what_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    inotify = Inotify()
    with pytest.raises(FileNotFoundError):
        inotify.add(str(tmp_path / "x"), Change.WRITTEN)
    inotify.close()
