from dataclasses import replace

import pytest

from labkit.conf.model import Command, SyncGroup
from labkit.daemon.notify import commands
from labkit.diagnostics import Span
from labkit.vrrp.events import State
from tests.daemon.test_wording import INSTANCE


def command(*argv: str) -> Command:
    return Command(argv=argv, text=" ".join(argv))


TOLD = replace(
    INSTANCE,
    notify=command("/n", "own"),
    notify_master=command("/m", "a b"),
    notify_stop=command("/s"),
)
GROUP = SyncGroup(name="G1", members=("X",), notify=command("/n"), span=Span(file="f", line=1, column=1))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(State.MASTER, [("/m", "a b"), ("/n", "own", "INSTANCE", "X", "MASTER", "150")], id="master"),
        pytest.param(State.BACKUP, [("/n", "own", "INSTANCE", "X", "BACKUP", "150")], id="backup"),
        pytest.param(State.FAULT, [("/n", "own", "INSTANCE", "X", "FAULT", "150")], id="fault"),
        pytest.param(State.INIT, [("/s",), ("/n", "own", "INSTANCE", "X", "STOP", "150")], id="stop"),
    ],
)
def test_what_an_instance_s_scripts_are_told(state: State, expected: list[tuple[str, ...]]) -> None:
    assert [chosen.argv for chosen in commands(TOLD, state, 150)] == expected


def test_a_group_s_priority_is_zero() -> None:
    assert [chosen.argv for chosen in commands(GROUP, State.MASTER, 150)] == [("/n", "GROUP", "G1", "MASTER", "0")]


def test_nobody_to_tell() -> None:
    assert commands(INSTANCE, State.MASTER, 150) == []
