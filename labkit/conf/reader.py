"""The text of a keepalived.conf as a tree of statements, each knowing the line it stands on.

The format is a list of lines (keepalived.conf(5)): a statement is one line of words; `{` gives it a body, up to the
matching `}`.  A brace also ends the statement before it, so that `virtual_ipaddress { 192.0.2.1 }` fits on one line.
Nothing here knows a keyword: that is the schema's.

`read` takes the `SourceLine`s that labkit.conf.preprocess makes of a file and what it includes.  Most lines hold
neither quote nor comment, and take the short way without a regular expression for words.

Virtual servers come by the thousand, and what their real servers say is the same again and again: text that was just
read as the body of such a block need not be read anew.  One body stands for all of them then (`Document.shared`),
nobody has to understand it twice, and it takes no more memory.  Its statements have many places: whoever asks for one
learns that by `SharedPlaceError`.
"""

from collections.abc import Sequence, Set
from enum import Enum, auto
from functools import partial

from labkit.conf.source import FileLines, SourceLine, Walk
from labkit.conf.tokens import SPECIAL, faults, scan
from labkit.diagnostics import Diagnostic, Severity, Span
from labkit.hints import NamedTuple
from labkit.values import dataclass


class Statement(NamedTuple):
    """One statement: its words (shared by all lines that look alike), where they stand, its body when braces follow.

    `line` is an index into `Document.lines`; `first` counts the words and braces that stand before it on that line.
    """

    words: list[str]
    line: int
    first: int
    body: "list[Statement] | None"


class SharedPlaceError(Exception):
    """A statement stands for others that look alike and has no one place; read the file again, with nothing shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What `read` found: the statements of the file, and what is wrong with its braces, quotes and characters.

    On `refused_lines` (file, number) something was wrong already before it was read.  The bodies in `shared` (by id)
    stand for others that look alike; `shared_lines` are those of the one that was read.
    """

    lines: Sequence[SourceLine]
    statements: Sequence[Statement]
    diagnostics: tuple[Diagnostic, ...]
    refused_lines: frozenset[tuple[str, int]] = frozenset()
    shared: Set[int] = frozenset()
    shared_lines: Set[int] = frozenset()

    def span(self, statement: Statement, word: int = 0) -> Span:
        """Return the place of one word of the statement; the word after the last is the end of the statement.

        Raises:
            SharedPlaceError: the statement stands for others that look alike.
        """
        if statement.line in self.shared_lines:
            raise SharedPlaceError
        line = self.lines[statement.line]
        if word == statement.first == 0:
            return line.span(len(line.text) - len(line.text.lstrip()) + 1)
        if statement.first == 0 and word < len(statement.words) and '"' not in line.text:
            return line.span(_column(line.text, statement.words[: word + 1]))
        tokens = scan(line.text, comments=line.origin is None)
        if word < len(statement.words):
            return line.span(tokens[statement.first + word].column)
        return line.span(tokens[statement.first + len(statement.words) - 1].end)


def _column(text: str, words: Sequence[str]) -> int:
    """Return the column of the last of some words, with which a line without quotes begins."""
    place = 0
    for word in words[:-1]:
        place = text.index(word, place) + len(word)
    return text.index(words[-1], place) + 1


_OF_MANY = "virtual_server"
"""Blocks of which there may be so many that sharing pays."""

_statement = partial(tuple.__new__, Statement)
"""What Statement(...) does, for a tuple and without a Python call."""


def read(lines: Sequence[SourceLine], found: Sequence[Diagnostic] = (), *, shared: bool = False) -> Document:
    """Build the tree; what is wrong is in `Document.diagnostics`, and the rest of the tree is there all the same.

    `found` is what was wrong with the lines already; with `shared` bodies of a file that look alike may be one.
    """
    builder = _Builder(lines, found)
    walk = lines.walk() if isinstance(lines, FileLines) else None
    repeats = _Repeats(builder, walk) if walk is not None and shared else None
    seen: dict[str, _Shape] = {}  # big files say the same again and again
    index = -1
    for text in walk or (line.text for line in lines):
        index += 1
        shape = seen.get(text)
        if shape is None:
            shape = seen[text] = _shape(text)
        kind, words, column = shape
        if kind is _Kind.WORDS:
            builder.body.append(_statement((words, index, 0, None)))
        elif kind is _Kind.OPENING:
            if repeats is not None and (lines_past := repeats.again(words, index)):
                index += lines_past
            else:
                builder.open(words, index, 0, column)
        elif kind is _Kind.CLOSING:
            if repeats is not None:
                repeats.remember(index)
            builder.close(index, column)
        elif kind is _Kind.OTHER or (kind is _Kind.COMMENT and lines[index].origin is not None):
            builder.add(index)
    return builder.finish(*(repeats.shared if repeats is not None else ()))


class _Known(NamedTuple):
    """A body that was read: where its text begins and ends, from which line on and how many, and its statements."""

    begin: int
    end: int
    first: int
    lines: int
    body: list[Statement]


class _Repeats:
    """The latest body of each kind of block inside of virtual servers, which stands for those that say the same."""

    def __init__(self, builder: "_Builder", walk: Walk) -> None:
        self.shared: tuple[set[int], set[int]] = (set(), set())  # bodies by id, and their lines
        self._builder = builder
        self._walk = walk
        self._known: dict[str, _Known] = {}
        self._begun: dict[int, tuple[int, int]] = {}  # the place and the line where a body begins, by its depth

    def again(self, words: list[str], index: int) -> int:
        """Add a block whose body is the latest of its name; return how many lines that is, none if it says other."""
        builder = self._builder
        if not builder.inside(_OF_MANY):
            return 0
        known = self._known.get(words[0])
        if known is None or not self._walk.skip_again(known.begin, known.end, known.lines):
            self._begun[builder.depth] = (self._walk.place, index + 1)
            return 0
        builder.body.append(_statement((words, index, 0, known.body)))
        bodies, lines = self.shared
        if id(known.body) not in bodies:
            bodies.add(id(known.body))
            lines.update(range(known.first, known.first + known.lines))
        return known.lines

    def remember(self, index: int) -> None:
        """Keep the body that the line closes, unless it began in the middle of one or something was wrong."""
        builder = self._builder
        place, first = self._begun.pop(builder.depth - 1, (0, 0))
        if first and builder.is_right:
            self._known[builder.innermost] = _Known(place, self._walk.place, first, index + 1 - first, builder.body)


class _Kind(Enum):
    """What a line is, as far as that takes no look at each character."""

    EMPTY = auto()
    WORDS = auto()
    OPENING = auto()  # words and a brace
    CLOSING = auto()  # a brace alone
    COMMENT = auto()
    OTHER = auto()


class _Shape(NamedTuple):
    """A line by its text: its kind, its words (of all lines that look like it), one past its last column."""

    kind: _Kind
    words: list[str]
    end: int


def _shape(text: str) -> _Shape:
    return _plain_shape(text) or _other_shape(text)


def _plain_shape(text: str) -> _Shape | None:
    """Return what a line is without quote, comment and strange character, if it is one; most lines are."""
    if not (text.isascii() and text.replace("\t", " ").isprintable()) or '"' in text or "#" in text or "!" in text:
        return None
    opening, closing, last = text.find("{"), text.find("}"), len(text) - 1
    if opening == closing:  # there is neither
        words = text.split()
        return _Shape(_Kind.WORDS if words else _Kind.EMPTY, words, 0)
    words = text[:last].split()
    if words and closing < 0 and opening == last:
        return _Shape(_Kind.OPENING, words, len(text))
    return _Shape(_Kind.CLOSING, words, len(text)) if not words and opening < 0 and closing == last else None


def _other_shape(text: str) -> _Shape:
    special = SPECIAL.search(text)
    if special is None:
        return _Shape(_Kind.WORDS, text.split(), 0)
    is_comment = special.group() in "#!" and not text[: special.start()].split()
    return _Shape(_Kind.COMMENT if is_comment else _Kind.OTHER, [], 0)


class _Open(NamedTuple):
    """A `{` that waits for its `}`: the body around it, what it belongs to, and where it stands."""

    outer: list[Statement]
    name: str
    line: int
    column: int


class _Builder:
    """The tree so far; `body` is the innermost open one."""

    def __init__(self, lines: Sequence[SourceLine], found: Sequence[Diagnostic]) -> None:
        self.body: list[Statement] = []
        self._lines = lines
        self._top = self.body
        self._opened: list[_Open] = []
        self._found = found
        self._diagnostics: list[Diagnostic] = []

    def open(self, words: list[str], line: int, first: int, column: int) -> None:
        """Add a statement whose body follows, and go into the body."""
        body: list[Statement] = []
        self.body.append(Statement(words, line, first, body))
        self._opened.append(_Open(self.body, words[0], line, column))
        self.body = body

    def close(self, line: int, column: int) -> None:
        """Leave the innermost body."""
        if self._opened:
            self.body = self._opened.pop().outer
        else:
            self._complain(line, column, "this `}` closes nothing", "remove it, or add the `{` that it should close")

    def add(self, line: int) -> None:
        """Add a line with braces, quotes or a comment."""
        text, comments = self._lines[line].text, self._lines[line].origin is None
        for fault in faults(text, comments=comments):
            self._complain(line, fault.column, fault.message, fault.hint, fault.severity)
        tokens = scan(text, comments=comments)
        words: list[str] = []
        for place, token in enumerate(tokens):
            if not token.is_brace:
                words.append(token.text)
                continue
            if token.text == "{":
                self._open_brace(words, line, place - len(words), token.column)
            else:
                self._add_words(words, line, place - len(words))
                self.close(line, token.column)
            words = []
        self._add_words(words, line, len(tokens) - len(words))

    def _add_words(self, words: list[str], line: int, first: int) -> None:
        if words:
            self.body.append(Statement(words, line, first, None))

    @property
    def depth(self) -> int:
        """How many blocks are open."""
        return len(self._opened)

    @property
    def innermost(self) -> str:
        """The name of the innermost open block."""
        return self._opened[-1].name

    @property
    def is_right(self) -> bool:
        """Whether nothing was wrong so far."""
        return not self._diagnostics

    def inside(self, name: str) -> bool:
        """Tell whether the outermost open block has this name."""
        return bool(self._opened) and self._opened[0].name == name

    def finish(self, shared: Set[int] = frozenset(), shared_lines: Set[int] = frozenset()) -> Document:
        """Complain about the braces that are still open, and hand the tree over."""
        for opened in self._opened:
            message = f"the `{{` of `{opened.name}` is never closed"
            self._complain(opened.line, opened.column, message, "add the `}` that is missing")
        return Document(
            lines=self._lines,
            statements=self._top,
            diagnostics=(*self._found, *self._diagnostics),
            refused_lines=frozenset(
                (found.span.file, found.span.line) for found in self._found if found.severity is Severity.ERROR
            ),
            shared=shared,
            shared_lines=shared_lines,
        )

    def _open_brace(self, words: list[str], line: int, first: int, column: int) -> None:
        if words:
            self.open(words, line, first, column)
        elif self.body and self.body[-1].body is None:  # what it belongs to stands on an earlier line
            owner = self.body.pop()
            self.open(owner.words, owner.line, owner.first, column)
            self._opened[-1] = self._opened[-1]._replace(line=line)
        else:
            self._complain(line, column, "a `{` with no name before it", "write what the block is, or remove the brace")
            self._opened.append(_Open(self.body, "{", line, column))
            self.body = []

    def _complain(self, line: int, column: int, message: str, hint: str, severity: Severity = Severity.ERROR) -> None:
        span = self._lines[line].span(column)
        self._diagnostics.append(Diagnostic(span=span, message=message, hint=hint, severity=severity))
