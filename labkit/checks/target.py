"""What a check needs to know of its surroundings and its file does not say."""

from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import TypeAlias

from labkit.checks.waiting import Wait
from labkit.conf.model_balancing import TlsMaterial
from labkit.conf.model_commands import Command
from labkit.lvs.check import Result
from labkit.values import dataclass, field

Kill: TypeAlias = Callable[[int], None]
Execute: TypeAlias = Callable[[Command, Callable[[int | OSError], None]], Kill]
"""Start a command as its script user and in a process group of its own, and return what sends that group a signal.

The other argument is called once with its exit status (negative: the signal that ended it), or with why it could not be
started.  What stands in its way before (no such user, not safe) is raised, an OSError or a LabkitError.
"""


Ask: TypeAlias = Callable[[], Coroutine[Wait, bool, Result]]
"""One run of a check with each call; it may end with a CheckFailedError, an OSError or a LabkitError."""


def _nothing_runs(command: Command, ended: Callable[[int | OSError], None]) -> Kill:
    raise OSError(f"nothing runs `{command.text}` here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The surroundings of a check: the real server's own weight, the `SSL` block, commands, track_files' numbers."""

    weight: int = 1
    tls: TlsMaterial | None = None
    execute: Execute = _nothing_runs
    values: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
