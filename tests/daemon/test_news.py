from dataclasses import replace

import pytest

from labkit.conf.model import Command, SyncGroup, VrrpInstance
from labkit.daemon.news import Editor, News, Word
from labkit.diagnostics import Span
from labkit.vrrp.actions import Action, Deleted, GroupTransition, Notice, Noticed, PriorityChanged, Transition
from labkit.vrrp.reasons import Reason, State, Why
from tests.daemon.test_wording import INSTANCE


def command(*argv: str) -> Command:
    return Command(argv=argv, text=" ".join(argv))


TOLD = replace(
    INSTANCE,
    notify=command("/n", "own"),
    notify_master=command("/m", "a b"),
    notify_stop=command("/s"),
    notify_deleted_script=command("/d"),
    notify_master_rx_lower_pri=command("/l"),
)
GROUP = SyncGroup(name="G1", members=("X",), notify=command("/n"), span=Span(file="f", line=1, column=1))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param(Word.MASTER, [("/m", "a b"), ("/n", "own", "INSTANCE", "X", "MASTER", "150")], id="master"),
        pytest.param(Word.BACKUP, [("/n", "own", "INSTANCE", "X", "BACKUP", "150")], id="backup"),
        pytest.param(Word.FAULT, [("/n", "own", "INSTANCE", "X", "FAULT", "150")], id="fault"),
        pytest.param(Word.STOP, [("/s",), ("/n", "own", "INSTANCE", "X", "STOP", "150")], id="stop"),
        pytest.param(Word.DELETED, [("/d",), ("/n", "own", "INSTANCE", "X", "DELETED", "150")], id="deleted"),
        pytest.param(Word.MASTER_RX_LOWER_PRI, [("/l",)], id="heard-lower"),
        pytest.param(Word.MASTER_PRIORITY, [], id="priority"),
    ],
)
def test_what_an_instance_s_scripts_are_told(word: Word, expected: list[tuple[str, ...]]) -> None:
    news = News(subject=TOLD, word=word, priority=150)
    assert [(*chosen.argv, *told) for chosen, told in news.to_run()] == expected


def test_nobody_to_tell() -> None:
    assert News(subject=INSTANCE, word=Word.MASTER, priority=150).to_run() == []


def test_a_group_is_told_with_priority_zero() -> None:
    news = News(subject=GROUP, word=Word.MASTER, priority=0)
    assert [(*chosen.argv, *told) for chosen, told in news.to_run()] == [("/n", "GROUP", "G1", "MASTER", "0")]
    assert news.line == 'GROUP "G1" MASTER 0\n'


def to(new: State, priority: int = 150) -> Transition:
    return Transition(router="X", old=State.BACKUP, new=new, why=Why(reason=Reason.STARTED), priority=priority)


def lines(*batches: list[Action], instance: VrrpInstance = INSTANCE, priorities: bool = False) -> list[str]:
    """What a FIFO gets of batches of actions."""
    editor = Editor()
    editor.configure({"G1": GROUP}, priorities=priorities)
    return [news.line for batch in batches for news in editor.news(batch, {"X": instance})]


def test_a_group_that_is_gone_is_not_told_of() -> None:
    change = GroupTransition(group="G2", old=State.INIT, new=State.BACKUP)
    assert lines([change, replace(change, group="G1")]) == ['GROUP "G1" BACKUP 0\n']


@pytest.mark.parametrize(
    ("deleted", "expected"),
    [
        pytest.param(False, 'INSTANCE "X" FAULT 150\n', id="fault-by-default"),
        pytest.param(True, 'INSTANCE "X" DELETED 150\n', id="notify_deleted"),
    ],
)
def test_an_instance_that_a_reload_takes_away(deleted: bool, expected: str) -> None:
    instance = replace(INSTANCE, notify_deleted=deleted)
    assert lines([to(State.INIT), Deleted(router="X")], instance=instance) == [expected]


def test_an_instance_that_stops() -> None:
    assert lines([to(State.INIT)]) == ['INSTANCE "X" STOP 150\n']


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(State.MASTER, ['INSTANCE "X" MASTER_PRIORITY 110\n'], id="master"),
        pytest.param(State.BACKUP, ['INSTANCE "X" BACKUP_PRIORITY 110\n'], id="backup"),
        pytest.param(State.FAULT, [], id="fault"),
    ],
)
def test_a_priority_is_news_where_it_is_asked_for(state: State, expected: list[str]) -> None:
    change = PriorityChanged(router="X", old=150, new=110)
    assert lines([to(state)], [change], priorities=True)[1:] == expected
    asked = replace(INSTANCE, notify_priority_changes=True)
    assert lines([to(state)], [change], instance=asked)[1:] == expected
    assert lines([to(state)], [change])[1:] == []


def test_a_master_that_hears_a_lower_priority_tells_its_own() -> None:
    heard = Noticed(router="X", notice=Notice.LOWER_PRIORITY_ANSWERED)
    changed = PriorityChanged(router="X", old=150, new=140)
    assert lines([heard]) == [f'INSTANCE "X" MASTER_RX_LOWER_PRI {INSTANCE.router.priority}\n']
    assert lines([changed, heard]) == ['INSTANCE "X" MASTER_RX_LOWER_PRI 140\n']
    assert lines([replace(heard, notice=Notice.LOWER_PRIORITY_DISCARDED)]) == []
