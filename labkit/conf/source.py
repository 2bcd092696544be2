"""The lines of a configuration, each knowing where a person wrote it, whatever has become of its text since."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate

from labkit.diagnostics import Span
from labkit.hints import NamedTuple, overload


class Segment(NamedTuple):
    """From offset `start` (from 0) of a line's text on, characters stand at `column` in the file.

    `literal`: each at the column after the one before it; else all at that one column, as the value of a definition.
    """

    start: int
    column: int
    literal: bool


class Use(NamedTuple):
    """Why a line is there again: line `number` of `file` used a definition, or repeats with these values."""

    file: str
    number: int | None
    values: tuple[tuple[str, str], ...] = ()

    def note(self, seen_from: str) -> str:
        """Return the words that tell one use of a line from another, for a reader of the file `seen_from`."""
        parts = []
        if self.number is not None:
            parts.append(f"used in line {self.number}" + ("" if self.file == seen_from else f" of {self.file}"))
        if self.values:
            parts.append("with " + ", ".join(f"{name}={value}" for name, value in self.values))
        return " ".join(parts)


class Origin(NamedTuple):
    """How a line that was rewritten came to be: where its characters stand (none: where they are), and its use."""

    segments: tuple[Segment, ...] = ()
    use: Use | None = None

    def column(self, column: int) -> int:
        """Return the column in the file of a column of the text; both count from 1."""
        if not self.segments:
            return column
        found = self.segments[max(0, bisect_right(self.segments, column - 1, key=lambda segment: segment.start) - 1)]
        return found.column + (column - 1 - found.start if found.literal else 0)


class SourceLine(NamedTuple):
    """One line, without its end; `number` counts from 1 and `origin` is there when the text is not as in the file.

    The text of a line with an origin holds no comment: a `#` or `!` in it is a character like any other.
    """

    file: str
    number: int
    text: str
    origin: Origin | None = None

    def span(self, column: int) -> Span:
        """Return the place in the file of a column of this line."""
        if self.origin is None:
            return Span(file=self.file, line=self.number, column=column)
        note = self.origin.use.note(self.file) if self.origin.use else ""
        return Span(file=self.file, line=self.number, column=self.origin.column(column), note=note)


class FileLines(Sequence[SourceLine]):
    """The lines of a file as they stand there, each made when it is asked for: of most lines only the text matters.

    They end at line feeds; a carriage return before one belongs to it.
    """

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file

    @cached_property
    def _ends(self) -> "array[int]":
        """Where each line ends, line feeds not counted; a file without faults has no need of it."""
        return array("L", accumulate(map(len, self._text.split("\n"))))

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> SourceLine: ...
    @overload
    def __getitem__(self, index: slice) -> list[SourceLine]: ...
    def __getitem__(self, index: int | slice) -> SourceLine | list[SourceLine]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        start = self._ends[number - 1] + number if number else 0
        text = self._text[start : self._ends[number] + number]
        return SourceLine(self._file, number + 1, text.removesuffix("\r"))

    def __iter__(self) -> Iterator[SourceLine]:
        walk = Walk(self._text)
        for text in walk:
            yield SourceLine(self._file, walk.index + 1, text)

    def walk(self) -> "Walk":
        """Return a way through the texts of all lines."""
        return Walk(self._text)


class Walk:
    """What stands on the lines of a text, one after another; `index` is that of the latest, counted from 0."""

    def __init__(self, text: str) -> None:
        self.index = -1
        self._text = text
        self.place = 0
        """Where the next line begins."""

    def __iter__(self) -> Iterator[str]:
        text, end = self._text, len(self._text)
        returns = "\r" in text
        while self.place <= end:
            start = self.place
            stop = text.find("\n", start)
            if stop < 0:
                stop = end
            self.place = stop + 1
            self.index += 1
            yield text[start:stop].removesuffix("\r") if returns else text[start:stop]

    def skip_again(self, begin: int, end: int, lines: int) -> bool:
        """Go past so many lines if they say what stands between two places; return whether they do."""
        if not self._text.startswith(self._text[begin:end], self.place):
            return False
        self.place += end - begin
        self.index += lines
        return True


def line_from(place: Span, seen_from: Span) -> str:
    """Return how to speak of the line of `place` at `seen_from`: with its file and use, if others."""
    where = f"line {place.line}"
    if place.file != seen_from.file:
        where += f" of {place.file}"
    return f"{where} ({place.note})" if place.note and place.note != seen_from.note else where
