"""Commands of a keepalived.conf as values."""

from labkit.hints import TypeAlias
from labkit.values import dataclass

User: TypeAlias = tuple[str, str | None]
"""A user name, and a group name where it is not the user's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command to run without a shell: program and arguments; `text` is the line as written."""

    argv: tuple[str, ...]
    text: str
    user: User | None = None
