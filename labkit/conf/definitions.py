r"""`$NAME=value`, and what `$NAME` and `${NAME}` become (keepalived.conf(5), "Parameter substitution").

A value is taken as it stands and replaced where it is used, again and again until nothing is left to replace.
`$NAME` counts only before a blank, `${NAME}` anywhere, in quotes or not.  In quotes `\$` is a plain dollar sign, and a
name that nothing defines stays as it is for the shell; elsewhere it is an error.

keepalived: an undefined name stays everywhere, unseen; `$A=$A` never ends.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count

from labkit.conf.expressions import expression
from labkit.conf.source import Segment, SourceLine
from labkit.diagnostics import nearest
from labkit.hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import re

LONGEST_LINE = 65_536
MOST_REPLACEMENTS = 10_000
"""What one line may become, in characters and in steps."""

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = expression(rf"\\.|\"|\$\{{(?P<braced>[^{{}}]*)\}}|\$(?P<plain>{NAME})", "s")
_WHOLE_NAME = expression(NAME, "a")
_PREDEFINED = ("_PWD", "_INSTANCE", "_RANDOM", "_HASH", "_BANG", "_ENV")
_MOST_RANDOM = 32_767
_NUMBER = expression(r"[0-9]{1,9}", "a")


class Definition(NamedTuple):
    """A value of one line, or the lines of a longer one."""

    value: str
    body: tuple[SourceLine, ...] = ()


class UnknownError(Exception):
    """A reference that cannot be replaced; `fatal` refuses the file, else it is only odd."""

    def __init__(self, message: str, hint: str, *, fatal: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fatal = fatal


class Names:
    """All that is defined so far; `folder` is where the file lies that is being read."""

    def __init__(self, config_id: str, environment: Mapping[str, str], lines: Sequence[SourceLine]) -> None:
        """`lines` are those that count so far: a `random_seed` may be among them."""
        self.folder = ""
        self.defined: dict[str, Definition] = {}
        self._config_id = config_id
        self._environment = environment
        self._lines = lines
        self._sequence: Iterator[int] | None = None  # of numbers, once there is a seed

    def value(self, reference: str, *, braced: bool, quoted: bool) -> str | None:
        """Return what a reference becomes; None if it is to stay.

        Raises:
            UnknownError: it should not be there.
        """
        name, _, argument = reference.partition(" ")
        if name in self.defined and not argument:
            if self.defined[name].body:
                message = f"`${name}` is of several lines, and must stand alone on its line"
                raise UnknownError(message, "give it a line of its own")
            return self.defined[name].value
        if name in _PREDEFINED:
            return self._predefined(name, argument.split())
        if quoted:
            self._check_left(name, reference, braced=braced)
            return None
        message = f"`{_written(reference, braced=braced)}` is not defined"
        raise UnknownError(message, self._suggestion(name) or _how_to_define(reference))

    def _check_left(self, name: str, reference: str, *, braced: bool) -> None:
        """Complain about an undefined name in quotes if it looks like a slip."""
        message = f"`{_written(reference, braced=braced)}` is not defined"
        if suggestion := self._suggestion(name):
            raise UnknownError(message, suggestion)
        if self.defined:
            raise UnknownError(f"{message} and stays as it is", r"write `\$` if it is meant to stay", fatal=False)

    def _suggestion(self, name: str) -> str:
        near = nearest(name, (*self.defined, *_PREDEFINED), cutoff=0.7)
        return f"did you mean `${{{near[0]}}}`?" if near else ""

    def _predefined(self, name: str, arguments: list[str]) -> str:
        match name, arguments:
            case "_PWD", []:
                return os.path.abspath(self.folder)  # noqa: PTH100 - as a string, without resolving links
            case "_INSTANCE", []:
                return self._config_id
            case "_HASH", []:
                return "#"
            case "_BANG", []:
                return "!"
            case "_ENV", [variable]:
                if variable not in self._environment:
                    hint = "set it, or write the value itself"
                    raise UnknownError(f"the environment has no `{variable}`", hint)
                return self._environment[variable]
            case "_RANDOM", bounds if len(bounds) <= 2:
                return self._random(bounds)
            case _:
                raise UnknownError(f"`${{{name}}}` does not fit here", f"write {_WANTED[name]}")

    def _random(self, bounds: list[str]) -> str:
        if all(map(_NUMBER.fullmatch, bounds)):
            low, high = int(bounds[0]) if bounds else 0, int(bounds[1]) if len(bounds) == 2 else _MOST_RANDOM
            if low <= high:
                return str(low + self._draw() % (high - low + 1))
        raise UnknownError("`${_RANDOM}` does not fit here", f"write {_WANTED['_RANDOM']}")

    def _draw(self) -> int:
        """Return a number of 64 bits: by chance, or the next of the sequence that belongs to the seed."""
        if self._sequence is None:
            written = (line.text.split() for line in self._lines)
            seed = next((words[1] for words in written if words[:1] == ["random_seed"] and len(words) == 2), None)
            if seed is None:
                return int.from_bytes(os.urandom(8), "big")
            self._sequence = _numbers(seed)
        return next(self._sequence)


def _numbers(seed: str) -> Iterator[int]:
    from hashlib import sha256  # hardly any file asks

    return (int.from_bytes(sha256(f"{seed} {number}".encode()).digest()[:8], "big") for number in count())


_WANTED = {name: f"`${{{name}}}`" for name in _PREDEFINED} | {
    "_ENV": "`${_ENV X}` for the variable X of the environment",
    "_RANDOM": "`${_RANDOM}`, `${_RANDOM MIN}` or `${_RANDOM MIN MAX}`, with whole numbers and MIN not above MAX",
}


def _written(reference: str, *, braced: bool) -> str:
    return f"${{{reference}}}" if braced else f"${reference}"


def _how_to_define(reference: str) -> str:
    if _WHOLE_NAME.fullmatch(reference):
        return f"write `${reference}=VALUE` on a line before, or double quotes around a word with a real `$`"
    return "write a name of letters, digits and `_`, or double quotes around a word with a real `$`"


Complain = Callable[[int, UnknownError], None]
"""Told the column of the line and what is wrong there."""


def substitute(text: str, names: Names, complain: Complain) -> tuple[str, tuple[Segment, ...]]:
    """Replace all references in a line; the segments say where each part of the result stands in `text`."""
    work = _Substitution(text, names, complain)
    work.run()
    return "".join(work.done), tuple(work.segments)


class _Substitution:
    """One line under way: `done`, and `rest` from `place` on; a value is put in front of the rest and read again."""

    def __init__(self, text: str, names: Names, complain: Complain) -> None:
        self.done: list[str] = []
        self.segments = [Segment(0, 1, True)]
        self._length = 0  # of what is done
        self._whole = len(text)
        self._rest = text
        self._place = 0
        self._names = names
        self._complain = complain
        self._inside: list[tuple[str, int]] = []  # the values under way, and how much is left where each ends
        self._quoted = False
        self._reference_length = 0  # of the outermost reference under way
        self._replaced = 0

    def run(self) -> None:
        """Go through the line once."""
        while match := _REFERENCE.search(self._rest, self._place):
            self._copy(match.start())
            source = match.group()
            if source == '"':
                self._quoted = not self._quoted
            elif source[0] == "\\":
                if not self._quoted:
                    self._copy(match.start() + 1)
                    continue
            elif (value := self._value(match)) is not None:
                if self._grows_too_much(len(value) + len(self._rest) - match.end()):
                    break
                self._replace(match, value)
                continue
            self._copy(match.end())
        self._copy(len(self._rest))

    def _grows_too_much(self, left: int) -> bool:
        self._replaced += 1
        if self._length + left <= LONGEST_LINE and self._replaced <= MOST_REPLACEMENTS:
            return False
        message = f"this line takes more than {MOST_REPLACEMENTS} replacements or {LONGEST_LINE} characters"
        self._complain(self._column(), UnknownError(message, "make the definitions simpler"))
        return True

    def _value(self, match: "re.Match[str]") -> str | None:
        braced, plain = match["braced"], match["plain"]
        reference = plain if braced is None else braced
        name = reference.partition(" ")[0]
        try:
            if any(name == inside for inside, _ in self._inside):
                path = " → ".join(f"`${inside}`" for inside, _ in self._inside)
                raise UnknownError(f"`${name}` is made of itself: {path} → `${name}`", "write the value itself")
            value = self._names.value(reference, braced=braced is not None, quoted=self._quoted)
            after = self._rest[match.end() : match.end() + 1]
            if value is not None and braced is None and not (after == "" or after.isspace()):
                message = f"`${name}` is replaced before a blank only"
                raise UnknownError(message, f"write `${{{name}}}`" + (r", or `\$` for a `$`" if self._quoted else ""))
        except UnknownError as error:
            self._complain(self._column(), error)
            return None
        return value

    def _column(self) -> int:
        """Return the column of the text at which the next character to do stands."""
        left = self._inside[0][1] + self._reference_length if self._inside else len(self._rest) - self._place
        return self._whole - left + 1

    def _replace(self, match: "re.Match[str]", value: str) -> None:
        after = self._rest[match.end() :]
        if not self._inside:
            self._reference_length = match.end() - match.start()
            self.segments.append(Segment(self._length, self._column(), False))
        self._inside.append((match["plain"] or match["braced"].partition(" ")[0], len(after)))
        self._rest, self._place = value + after, 0
        self._leave()

    def _copy(self, end: int) -> None:
        """Move the text up to `end` to what is done."""
        self.done.append(self._rest[self._place : end])
        self._length += end - self._place
        self._place = end
        self._leave()

    def _leave(self) -> None:
        """Leave the values of which nothing is left."""
        left = len(self._rest) - self._place
        while self._inside and left <= self._inside[-1][1]:
            _, mark = self._inside.pop()
            if not self._inside:
                self.segments.append(Segment(self._length - (mark - left), self._whole - mark + 1, True))
