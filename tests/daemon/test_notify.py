from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from labkit.conf.model import Command, GlobalDefs, VrrpInstance
from labkit.daemon.news import News, Word
from labkit.daemon.notify import Notifier
from labkit.daemon.report import DeliveryReport
from tests.daemon.desk import Desk
from tests.daemon.test_wording import INSTANCE


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def telling(tmp_path: Path, body: str) -> tuple[VrrpInstance, Path]:
    """An instance whose notify script does `body` and then writes what it was told."""
    told, script = tmp_path / "told", tmp_path / "notify"
    script.write_text(f'#!/bin/sh\n{body}\necho "$3" >> {told}\n')
    script.chmod(0o755)
    told.touch()
    return replace(INSTANCE, notify=Command(argv=(str(script),), text=str(script))), told


def notifier(desk: Desk, instance: VrrpInstance, defaults: GlobalDefs | None = None) -> Notifier:
    made = Notifier(desk.children, desk.loop, desk.said.append)
    made.configure(defaults or GlobalDefs(script_user=("root", None)), [instance.notify] if instance.notify else [])
    return made


def news(instance: VrrpInstance, word: Word) -> News:
    return News(subject=instance, word=word, priority=1, final=word is Word.STOP)


def test_scripts_of_one_instance_run_one_after_the_other(desk: Desk, tmp_path: Path) -> None:
    instance, told = telling(tmp_path, '[ "$3" = BACKUP ] && sleep 0.3')  # the first is the slowest
    notify = notifier(desk, instance)
    for word in (Word.BACKUP, Word.MASTER, Word.FAULT):
        notify.tell(news(instance, word))
    assert len(desk.children) == 1
    desk.run_until(lambda: told.read_text().count("\n") == 3)
    assert told.read_text().split() == ["BACKUP", "MASTER", "FAULT"]


def test_scripts_of_two_instances_do_not_wait_for_each_other(desk: Desk, tmp_path: Path) -> None:
    instance, _ = telling(tmp_path, "exec sleep 600")
    other = replace(instance, router=replace(instance.router, name="Y"))
    notify = notifier(desk, instance)
    notify.tell(news(instance, Word.MASTER))
    notify.tell(news(other, Word.MASTER))
    assert len(desk.children) == 2


def test_when_changes_are_faster_than_the_script_the_newest_are_told(desk: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    instance, told = telling(tmp_path, f"while ! [ -e {gate} ]; do sleep 0.01; done")
    notify = notifier(desk, instance)
    for number in range(200):
        notify.tell(news(instance, Word.MASTER if number % 2 else Word.BACKUP))
    notify.tell(news(instance, Word.FAULT))
    gate.touch()
    desk.run_until(lambda: told.read_text().count("\n") == 65)  # the one that ran, and the 64 that may wait
    assert told.read_text().split()[-2:] == ["MASTER", "FAULT"]
    assert notify.delivery() == DeliveryReport(kind="script", told=65, lost=136)
    assert desk.said == [f"136 notifications were left out: {instance.notify.text} is slower than the changes"]  # type: ignore[union-attr]


def test_the_end_is_told_next_whatever_waits(desk: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    instance, told = telling(tmp_path, f"while ! [ -e {gate} ]; do sleep 0.01; done")
    notify = notifier(desk, instance)
    for word in (Word.BACKUP, Word.MASTER, Word.FAULT, Word.STOP):
        notify.tell(news(instance, word))
    assert notify.farewells == 1
    gate.touch()
    desk.run_until(lambda: not notify.farewells)
    assert told.read_text().split() == ["BACKUP", "STOP"]


def test_the_end_is_told_beside_a_script_that_hangs(desk: Desk, tmp_path: Path) -> None:
    instance, told = telling(tmp_path, '[ "$3" = STOP ] || exec sleep 600')
    notify = notifier(desk, instance)
    notify.tell(news(instance, Word.MASTER))
    notify.tell(news(instance, Word.STOP))
    notify.hurry()
    desk.run_until(lambda: not notify.farewells)
    assert told.read_text().split() == ["STOP"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("exit 3", "exited with status 3", id="status"),
        pytest.param("kill -9 $$", "was ended by signal 9", id="signal"),
    ],
)
def test_how_a_script_ends_is_said(desk: Desk, tmp_path: Path, body: str, expected: str) -> None:
    instance, _ = telling(tmp_path, body)
    notifier(desk, instance).tell(news(instance, Word.MASTER))
    desk.run_until(lambda: desk.said)
    assert desk.said == [f"Notify script {tmp_path}/notify {expected}"]


def test_a_script_that_is_not_safe_is_not_run(desk: Desk, tmp_path: Path) -> None:
    instance, _ = telling(tmp_path, "")
    script = tmp_path / "notify"
    script.chmod(0o777)
    notify = notifier(desk, instance, GlobalDefs(script_user=("root", None), enable_script_security=True))
    notify.tell(news(instance, Word.MASTER))
    assert desk.said == [f"Disabling notify script {script}: {script} may be written by everybody"]
    assert not len(desk.children)
