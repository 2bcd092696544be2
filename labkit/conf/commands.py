"""How a script line of a keepalived.conf is to be run, and what may be odd about it.

keepalived runs commands without a shell: `$`, `&` and `|` are text to it, as in the address of a web page.  Only where
the first word is nothing that a program could be called, the whole goes to `/bin/sh -c`.  Single quotes keep the blanks
of an argument, or enclose the whole command (keepalived.conf(5), "Quoted strings").
"""

from collections.abc import Sequence

from labkit.conf.arguments import Path, UnfitError, User, take
from labkit.conf.expressions import expression
from labkit.conf.model import Command, Fifo
from labkit.values import dataclass, replace

SHELL = "/bin/sh"

_NEEDS_SHELL = expression(r"[|&;<>()$`\n]")
_BASH_SOCKET = expression(r"[<>]\s*/dev/(tcp|udp)/")
_ACCOUNT = expression(r":?[A-Za-z_][\w.-]*\$?|:|[0-9]+")
_BLANK = expression(r"\s")


def command(text: str) -> Command:
    """Return how to run `text`: its words, or `/bin/sh -c` where the first one means something to a shell only.

    Raises:
        ValueError: a quote in it is never closed, or nothing is in it.
    """
    import shlex  # for files with commands

    argv = tuple(shlex.split(text))
    if not argv or not argv[0]:
        raise ValueError("nothing to run")
    if _NEEDS_SHELL.search(argv[0]):
        return Command(argv=(SHELL, "-c", text), text=text)
    return Command(argv=argv, text=text)


def needs_bash(line: Command) -> bool:
    """Tell whether /bin/sh is asked for `/dev/tcp/…`, which bash has and dash has not."""
    return line.argv[:2] == (SHELL, "-c") and _BASH_SOCKET.search(line.argv[2]) is not None


@dataclass(frozen=True, slots=True)
class CommandLine:
    """All words of the line are one command."""

    wanted: str = "a command; in quotes if it has arguments"

    def read(self, words: Sequence[str]) -> Command:
        """Read all words of the line."""
        take(self.wanted, words, 1, len(words))
        words = _unwrapped(words)
        return parse_command(words[0] if len(words) == 1 else " ".join(map(_requoted, words)), self.wanted)


@dataclass(frozen=True, slots=True)
class UsersCommand:
    """A command in one word (in quotes if it has arguments), then who runs it."""

    wanted: str = "a command, in quotes if it has arguments; then, if needed, a user and a group"

    def read(self, words: Sequence[str]) -> Command:
        """Read up to three words."""
        words = _unwrapped(words)
        for place, word in enumerate(words[1:], 1):
            if not _ACCOUNT.fullmatch(word):
                raise UnfitError(
                    place, f"`{word}` is not the name of a user or group", "put quotes around a command with arguments"
                )
        take(self.wanted, words, 1, 3)
        line = parse_command(words[0], self.wanted)
        return replace(line, user=User().read(words[1:])) if len(words) > 1 else line


@dataclass(frozen=True, slots=True)
class MaybeCommand:
    """Nothing, or a command and who runs it."""

    wanted: str = "nothing; or a command, in quotes if it has arguments, then, if needed, a user and a group"

    def read(self, words: Sequence[str]) -> Command | None:
        """Read up to three words."""
        return UsersCommand(self.wanted).read(words) if words else None


@dataclass(frozen=True, slots=True)
class FifoLine:
    """The path of a FIFO, then whose it is."""

    wanted: str = "the path of a FIFO; then, if needed, a user and a group"

    def read(self, words: Sequence[str]) -> Fifo:
        """Read up to three words."""
        take(self.wanted, words, 1, 3)
        return Fifo(path=Path(self.wanted).parse(words[0]), user=User().read(words[1:]) if len(words) > 1 else None)


def parse_command(text: str, wanted: str) -> Command:
    """Read a command.

    Raises:
        UnfitError: it cannot be run.
    """
    try:
        return command(text)
    except ValueError:
        raise UnfitError(0, f"`{text}` cannot be run", f"write {wanted}") from None


def _unwrapped(words: Sequence[str]) -> Sequence[str]:
    """Take the single quotes off a command that stands in them; the words of the file part it at its blanks."""
    first = words[0] if words else ""
    if first.startswith("'") and (not _BLANK.search(first) or '"' in first):  # else it was in double quotes, too
        for last, word in enumerate(words, 1):
            if word.endswith("'") and (last > 1 or len(first) > 1):
                return (" ".join(words[:last])[1:-1], *words[last:])
    return words


def _requoted(word: str) -> str:
    """Give a word that was in double quotes its quotes back."""
    import shlex

    return shlex.quote(word) if not word or _BLANK.search(word) else word
