import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from labkit.conf.model import Command, Fifo, GlobalDefs
from labkit.daemon.fifo import Fifos
from labkit.daemon.news import News, Word
from tests.daemon.desk import Desk
from tests.daemon.test_wording import INSTANCE

SUBJECTS = {("INSTANCE", "X")}


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def news(word: Word, priority: int = 150) -> News:
    return News(subject=INSTANCE, word=word, priority=priority, final=word is Word.STOP)


def defaults(tmp_path: Path, *script: str, states: bool = False) -> GlobalDefs:
    command = Command(argv=script, text=" ".join(script)) if script else None
    fifo = Fifo(path=str(tmp_path / "fifo"), script=command)
    return GlobalDefs(vrrp_notify_fifo=fifo, fifo_write_states_on_reload=states, script_user=("root", None))


class Reader:
    """Somebody who reads the FIFO."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.ended = False

    def read(self) -> list[str]:
        data = b""
        while True:
            try:
                more = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                break
            if not more:
                self.ended = True
                break
            data += more
        return data.decode().splitlines()

    def close(self) -> None:
        os.close(self._descriptor)


def test_a_line_for_each_change_and_the_end_at_the_end(desk: Desk, tmp_path: Path) -> None:
    fifos = Fifos(desk.children, desk.loop, desk.said.append)
    fifos.configure(defaults(tmp_path), SUBJECTS, starting=True)
    path = tmp_path / "fifo"
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    fifos.write(news(Word.BACKUP))
    reader = Reader(path)
    fifos.write(news(Word.MASTER))
    assert reader.read() == ['INSTANCE "X" BACKUP 150', 'INSTANCE "X" MASTER 150']
    assert not reader.ended
    fifos.close()
    reader.read()
    assert reader.ended
    assert not path.exists()
    reader.close()


def test_nobody_reads_then_the_reader_gets_the_outcome(desk: Desk, tmp_path: Path) -> None:
    fifos = Fifos(desk.children, desk.loop, desk.said.append)
    fifos.configure(defaults(tmp_path), SUBJECTS, starting=True)
    for number in range(20_000):
        fifos.write(news(Word.MASTER if number % 2 else Word.BACKUP, 1 + number % 250))
    fifos.write(news(Word.FAULT, 77))
    assert desk.said == [f"FIFO {tmp_path}/fifo is full and nobody reads it: lines are dropped"]
    reader = Reader(tmp_path / "fifo")
    lines: list[str] = []

    def all_read() -> bool:
        lines.extend(reader.read())
        return lines[-1] == 'INSTANCE "X" FAULT 77'

    desk.run_until(all_read)
    told = [(line.split()[2], int(line.split()[3])) for line in lines]
    assert told[:3] == [("BACKUP", 1), ("MASTER", 2), ("BACKUP", 3)]
    assert "lines were dropped, the present states are in" in desk.said[-1]
    assert len(lines) < 20_001
    (delivery,) = fifos.deliveries()
    assert (delivery.told, delivery.waiting) == (len(lines), 0)
    assert delivery.told + delivery.lost >= 20_001  # what is dropped may be written once more as a present state
    reader.close()
    fifos.close()


def test_a_reader_that_ends_may_come_again(desk: Desk, tmp_path: Path) -> None:
    fifos = Fifos(desk.children, desk.loop, desk.said.append)
    fifos.configure(defaults(tmp_path), SUBJECTS, starting=True)
    Reader(tmp_path / "fifo").close()
    fifos.write(news(Word.MASTER))
    again = Reader(tmp_path / "fifo")
    assert again.read() == ['INSTANCE "X" MASTER 150']
    again.close()
    fifos.close()


@pytest.mark.parametrize(
    ("states", "expected"),
    [pytest.param(False, [], id="no"), pytest.param(True, ['INSTANCE "X" MASTER 150'], id="yes")],
)
def test_a_reload_is_no_end_for_the_reader(desk: Desk, tmp_path: Path, states: bool, expected: list[str]) -> None:
    fifos = Fifos(desk.children, desk.loop, desk.said.append)
    fifos.configure(defaults(tmp_path), SUBJECTS, starting=True)
    reader = Reader(tmp_path / "fifo")
    fifos.write(news(Word.MASTER))
    reader.read()
    fifos.configure(defaults(tmp_path, states=states), SUBJECTS, starting=False)
    assert reader.read() == expected
    assert not reader.ended
    reader.close()
    fifos.close()


def test_a_subject_that_is_gone_has_no_state(desk: Desk, tmp_path: Path) -> None:
    fifos = Fifos(desk.children, desk.loop, desk.said.append)
    fifos.configure(defaults(tmp_path), SUBJECTS, starting=True)
    reader = Reader(tmp_path / "fifo")
    fifos.write(news(Word.MASTER))
    reader.read()
    fifos.configure(defaults(tmp_path, states=True), set(), starting=False)
    assert reader.read() == []
    reader.close()
    fifos.close()


def test_the_script_gets_the_path_and_reads_over_a_reload(desk: Desk, tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = ("/bin/sh", "-c", f'while read line; do echo "$0 $line" >> {told}; done < "$1"', "own")
    fifos = Fifos(desk.children, desk.loop, desk.said.append)
    fifos.configure(defaults(tmp_path, *script), SUBJECTS, starting=True)
    fifos.write(news(Word.BACKUP))
    fifos.configure(defaults(tmp_path, *script), SUBJECTS, starting=False)
    assert len(desk.children) == 1
    desk.run_until(told.exists)
    fifos.write(news(Word.STOP))
    fifos.close()
    desk.run_until(lambda: not len(desk.children))
    assert told.read_text().splitlines() == ['own INSTANCE "X" BACKUP 150', 'own INSTANCE "X" STOP 150']
    assert desk.said == ["vrrp notify fifo script terminated"]


def test_a_script_that_ended_is_started_again_by_a_reload(desk: Desk, tmp_path: Path) -> None:
    fifos = Fifos(desk.children, desk.loop, desk.said.append)
    for turn in (1, 2):
        fifos.configure(defaults(tmp_path, "/bin/false"), SUBJECTS, starting=turn == 1)
        desk.run_until(lambda turn=turn: len(desk.said) == turn)  # type: ignore[misc]
    assert desk.said == ["vrrp notify fifo script terminated with status 1"] * 2
    fifos.close()


def tell_once(desk: Desk, tmp_path: Path) -> None:
    fifos = Fifos(desk.children, desk.loop, desk.said.append)
    fifos.configure(defaults(tmp_path), SUBJECTS, starting=True)
    fifos.write(news(Word.MASTER))
    fifos.close()


def test_another_kind_of_file_is_not_written(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "fifo").write_text("precious")
    tell_once(desk, tmp_path)
    assert (tmp_path / "fifo").read_text() == "precious"
    assert desk.said == [f"FIFO {tmp_path}/fifo is not written: it is another kind of file"]


def test_a_link_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "fifo").symlink_to("precious")
    tell_once(desk, tmp_path)
    assert (tmp_path / "precious").read_text() == "precious"
    assert desk.said == [f"FIFO {tmp_path}/fifo is not written: it is a symbolic link"]


def test_lines_for_a_fifo_that_is_not_open_are_lost_and_do_not_wait(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    path.touch()
    fifos = Fifos(desk.children, desk.loop, desk.said.append)
    fifos.configure(defaults(tmp_path), SUBJECTS, starting=True)
    fifos.write(news(Word.BACKUP))
    fifos.write(news(Word.MASTER))
    (delivery,) = fifos.deliveries()
    assert (delivery.told, delivery.lost, delivery.waiting) == (0, 2, 0)
    path.unlink()
    fifos.configure(defaults(tmp_path), SUBJECTS, starting=False)
    reader = Reader(path)
    assert reader.read() == ['INSTANCE "X" MASTER 150']
    fifos.close()
    reader.close()


def test_a_user_that_does_not_exist_is_named(desk: Desk, tmp_path: Path) -> None:
    wanted = defaults(tmp_path)
    fifo = replace(wanted.vrrp_notify_fifo, user=("nobody_here", None))  # type: ignore[type-var]
    fifos = Fifos(desk.children, desk.loop, desk.said.append)
    fifos.configure(replace(wanted, vrrp_notify_fifo=fifo), SUBJECTS, starting=True)
    assert desk.said == [f"FIFO {tmp_path}/fifo: user 'nobody_here' does not exist"]
    fifos.close()
