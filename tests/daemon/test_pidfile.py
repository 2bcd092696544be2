import os
from pathlib import Path

import pytest

from labkit.daemon.pidfile import AlreadyRunningError, PidFile, PidFileError


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
    with pytest.raises(PidFileError, match=r"is no pid file, it holds something else than a number; name another with"):
        PidFile.take(path)
    assert path.read_text() == "precious"
