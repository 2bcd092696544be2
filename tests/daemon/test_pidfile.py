import os
from collections.abc import Callable
from pathlib import Path

import pytest

from labkit.daemon.pidfile import AlreadyRunningError, PidFile, PidFileError, note


def _take_in_child(path: Path) -> str:
    """Return what another process is told when it takes the file."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            PidFile.take(path)
            os.write(writer, b"taken")
        except AlreadyRunningError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    answer = os.read(reader, 1000).decode()
    os.close(reader)
    os.close(writer)
    return answer


def test_a_second_daemon_is_refused_with_the_first_one_s_number(tmp_path: Path) -> None:
    path = tmp_path / "run" / "keepalived.pid"
    held = PidFile.take(path)
    assert _take_in_child(path) == f"keepalived is already running: pid {os.getpid()} holds {path}"
    held.remove()
    assert not path.exists()
    assert _take_in_child(path) == "taken"


def test_a_file_left_by_a_killed_daemon_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "keepalived.pid"
    path.write_text("1\n")  # process 1 runs, and is no keepalived
    held = PidFile.take(path)
    assert path.read_text() == f"{os.getpid()}\n"
    held.remove()


def test_a_place_where_no_file_can_be_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PidFileError, match="cannot make the pid file"):
        PidFile.take(tmp_path / "file" / "keepalived.pid")


def test_a_file_that_is_no_pid_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "keepalived.conf"
    path.write_text("precious")
    with pytest.raises(PidFileError, match=r"is no pid file, it holds something else than a number; name another"):
        PidFile.take(path)
    assert path.read_text() == "precious"


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null"), Path.mkdir])
def test_what_is_no_regular_file_is_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "pid"
    make(path)
    with pytest.raises(PidFileError):
        PidFile.take(path)
    assert path.lstat()


def test_one_folder_is_made_and_not_two(tmp_path: Path) -> None:
    note(tmp_path / "run" / "vrrp.pid", 7)
    assert (tmp_path / "run" / "vrrp.pid").read_text() == "7\n"
    for take in (PidFile.take, lambda path: note(path, 7)):
        with pytest.raises(PidFileError, match=r"cannot make the pid file .*: No such file or directory"):
            take(tmp_path / "rum" / "keepalived" / "pid")
    assert not (tmp_path / "rum").exists()


def test_the_number_of_a_child_is_written_over_an_older_one_only(tmp_path: Path) -> None:
    path = tmp_path / "vrrp.pid"
    path.write_text("123456\n")
    note(path, 7)
    assert path.read_text() == "7\n"
    path.write_text("precious")
    with pytest.raises(PidFileError, match="is no pid file"):
        note(path, 7)
    assert path.read_text() == "precious"


def test_the_file_of_a_child_is_never_empty_once_it_had_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, truncate, seen = tmp_path / "vrrp.pid", os.ftruncate, list[str]()

    def look(descriptor: int, length: int) -> None:
        seen.append(path.read_text())
        truncate(descriptor, length)
        seen.append(path.read_text())

    note(path, 123456)
    monkeypatch.setattr(os, "ftruncate", look)
    note(path, 7)
    assert seen == ["7\n3456\n", "7\n"]
