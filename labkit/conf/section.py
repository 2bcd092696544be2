"""A block of the file, bound to its keyword table: every line is known, stands where it may, and has a value that fits.

`bind` never stops at the first fault; all of them go to the `Complaints` of the file.  What the values mean together
(a missing priority, the same VRID twice) is not known here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from labkit.conf.arguments import Argument, UnfitError
from labkit.conf.complaints import Complaints
from labkit.conf.reader import Document, Statement
from labkit.conf.schema import DIRECTIVES, Block, Keyword, Leaf, Lines
from labkit.conf.source import line_from
from labkit.diagnostics import Severity, Span, did_you_mean, nearest
from labkit.hints import Any, Generic, TypeVar
from labkit.values import dataclass

T = TypeVar("T")

_REMEMBERED = 4096
"""How many values of a file are not read again where they are written again."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One line of a `Lines` block: its value and its place."""

    value: T
    statement: Statement
    word: int = 0


class Section:
    """One block of the file, its lines checked against its table.

    `values`, `entries` and `blocks` hold what stands in it by the keyword's name; a value that did not fit is None.
    `statements` are where the values stand.
    """

    __slots__ = (
        "_made",
        "blocks",
        "document",
        "empty",
        "entries",
        "misspelt",
        "statement",
        "statements",
        "title",
        "values",
    )

    def __init__(self, document: Document, statement: Statement, title: object) -> None:
        self.document = document
        self.statement = statement
        self.title = title
        self.values: dict[str, Any] = {}
        self.statements: dict[str, Statement] = {}
        self.entries: dict[str, list[Entry[Any]]] = {}
        self.blocks: dict[str, list[Section]] = {}
        self.empty: dict[str, Statement] = {}
        self.misspelt: tuple[str, ...] = ()
        self._made: dict[object, Any] | None = None

    def fill_as(self, other: "Section") -> None:
        """Take what another section holds: their bodies are one."""
        self.values, self.statements, self.entries = other.values, other.statements, other.entries
        self.blocks, self.empty, self.misspelt = other.blocks, other.empty, other.misspelt
        if other._made is None:
            other._made = {}
        self._made = other._made

    def once(self, make: "Callable[[Section, Complaints], T]", complaints: Complaints) -> T:
        """Return what is made of the body alone; of one that stands for many it is made once."""
        document, statement = self.document, self.statement
        if statement.line not in document.shared_lines and id(statement.body) not in document.shared:
            return make(self, complaints)
        if self._made is None:
            self._made = {}
        if make not in self._made:
            self._made[make] = make(self, complaints)
        made: T = self._made[make]
        return made

    def get(self, leaf: Leaf[T]) -> T | None:
        """Return the value of a keyword; None where it is absent or did not fit."""
        value: T | None = self.values.get(leaf.name)
        return value

    def given(self, fields: Mapping[str, Leaf[Any]]) -> dict[str, Any]:
        """Return the values of those keywords that are written, by the name each has in `fields`."""
        values = {field: self.get(leaf) for field, leaf in fields.items()}
        return {field: value for field, value in values.items() if value is not None}

    def says(self, flag: Leaf[bool]) -> bool:
        """Tell whether a keyword without value stands here."""
        return self.get(flag) is not None

    def has(self, leaf: Leaf[Any]) -> bool:
        """Tell whether a keyword stands here with a value that is right."""
        return self.get(leaf) is not None

    def repeated(self, leaf: Leaf[T]) -> list[Entry[T]]:
        """Return every line of a keyword that may stand many times."""
        return self.entries.get(leaf.name, [])

    def lines(self, keyword: Lines[T]) -> list[Entry[T]]:
        """Return the lines of all blocks of this name."""
        return self.entries.get(keyword.name, [])

    def sections(self, block: Block[Any]) -> "list[Section]":
        """Return the blocks of this name."""
        return self.blocks.get(block.name, [])

    def lacks(self, keyword: Keyword) -> bool:
        """Tell whether a keyword is absent, and not there in some wrong form either."""
        name = keyword.name
        return not (name in self.values or name in self.entries or name in self.blocks or name in self.misspelt)

    def span(self, leaf: Leaf[Any] | None = None) -> Span:
        """Return the place of the block's title, or of the value of a keyword that stands in it."""
        statement = self.statement if leaf is None else self.statements[leaf.name]
        return self.document.span(statement, 1 if len(statement.words) > 1 else 0)

    def entry_span(self, entry: Entry[Any], word: int = 0) -> Span:
        """Return the place of a word of a line of a `Lines` block."""
        return self.document.span(entry.statement, entry.word + word)


def bind(document: Document, block: Block[Any], complaints: Complaints, *, apart: str = "") -> Section:
    """Check the statements of a document against `block`, the table of a whole file; blocks `apart` are left out."""
    section = Section(document, Statement([block.name], 0, 0, list(document.statements)), None)
    _Binder(document, complaints, apart).fill(section, block)
    return section


def bind_each(document: Document, block: Block[Any], complaints: Complaints) -> Iterator[Section]:
    """Check the blocks of one kind at the top of a document, one at a time: of very many, nobody has to keep all."""
    binder = _Binder(document, complaints)
    for statement in document.statements:
        if statement.words[0] == block.name and statement.body is not None:
            yield binder.bound(statement, block)


class _Binder:
    def __init__(self, document: Document, complaints: Complaints, apart: str = "") -> None:
        self._document = document
        self._complaints = complaints
        self._apart = apart
        self._values: dict[tuple[object, ...], Any] = {}  # by argument and words: most are written again and again
        self._filled: dict[tuple[int, int], Section] = {}  # by block and body, where the body stands for many
        # where the reader has said what is wrong, nothing needs to be said again
        self._refused = {found.span for found in document.diagnostics if found.severity is Severity.ERROR}

    def fill(self, section: Section, block: Block[Any]) -> None:
        """Bind every statement in the body of a block."""
        headless: Block[Any] | Lines[Any] | None = None  # the `{` of this one is missing, which has been said
        for statement in section.statement.body or ():
            keyword = block.children.get(statement.words[0])
            match keyword:
                case Leaf():
                    self._leaf(section, keyword, statement)
                case None if isinstance(headless, Lines) or (headless and statement.words[0] in headless.children):
                    pass
                case None:
                    self._unknown(section, block, statement)
                case Block() | Lines() if statement.body is None:
                    headless = keyword
                    section.misspelt += (keyword.name,)
                    self._error(statement, len(statement.words), f"`{keyword.name}` has no block", "add a `{`")
                case Lines():
                    self._lines(section, keyword, statement)
                case Block() if keyword.name == self._apart:
                    pass
                case _:
                    self._block(section, keyword, statement)

    def _leaf(self, section: Section, leaf: Leaf[Any], statement: Statement) -> None:
        if statement.body is not None:
            self._error(statement, 0, f"`{leaf.name}` has no block", "remove the braces")
        if leaf.idle:
            self._idle(leaf, statement)
        if leaf.many:
            entries = section.entries.setdefault(leaf.name, [])
            if (value := self._read(leaf.argument, statement, 1)) is not None:
                entries.append(Entry(value, statement, min(1, len(statement.words) - 1)))
            return
        if leaf.name in section.values:
            self._twice(statement, section.statements[leaf.name])
            return
        section.values[leaf.name], section.statements[leaf.name] = self._read(leaf.argument, statement, 1), statement

    def _lines(self, section: Section, keyword: Lines[Any], statement: Statement) -> None:
        if len(statement.words) > 1:
            self._error(statement, 1, f"`{statement.words[1]}` is a word too many", f"write `{keyword.name} {{`")
        if keyword.idle:
            self._idle(keyword, statement)
        if not statement.body:
            section.empty.setdefault(keyword.name, statement)  # most of them are as good as none
            return
        self._entries(section, keyword, statement)

    def _entries(self, section: Section, keyword: Lines[Any], statement: Statement) -> None:
        entries = section.entries.setdefault(keyword.name, [])
        for line in statement.body or ():
            if line.body is not None:
                self._error(line, len(line.words), "there are no blocks here", "remove the braces")
            for first, last in self._values_of(keyword, line):
                if (value := self._read(keyword.entry, line, first, last)) is not None:
                    entries.append(Entry(value, line, first))

    def _values_of(self, keyword: Lines[Any], line: Statement) -> list[tuple[int, int]]:
        """Return from which word up to which each value of a line reaches."""
        words = len(line.words)
        return [(place, place + 1) for place in range(words)] if keyword.each_word else [(0, words)]

    def _block(self, section: Section, block: Block[Any], statement: Statement) -> None:
        others = section.blocks.setdefault(block.name, [])
        if block.once and others:
            self._twice(statement, others[0].statement)
            return
        others.append(self.bound(statement, block))

    def bound(self, statement: Statement, block: Block[Any]) -> Section:
        """Bind one block."""
        section = Section(self._document, statement, self._read(block.title, statement, 1))
        key = (id(block), id(statement.body))
        if (known := self._filled.get(key)) is not None:
            section.fill_as(known)
        elif block.lines is not None:
            self._entries(section, block.lines, statement)
        else:
            self.fill(section, block)
        if key[1] in self._document.shared:  # nothing was wrong in it, or its place would have been asked for
            self._filled[key] = section
        return section

    def _read(self, argument: Argument[T], statement: Statement, start: int, end: int | None = None) -> T | None:
        words = statement.words[start:end]
        key = (id(argument), *words)  # the table outlives us
        value: T | None = self._values.get(key)
        if value is None:
            try:
                value = argument.read(words)
            except UnfitError as error:
                self._error(statement, start + error.word, error.message, error.hint)
                return None
            if len(self._values) < _REMEMBERED:
                self._values[key] = value
        return value

    def _unknown(self, section: Section, block: Block[Any], statement: Statement) -> None:
        word = statement.words[0]
        where = f"in `{block.name}`" if block.name else "outside all blocks"
        if word in DIRECTIVES or word.startswith("@"):
            self._error(statement, 0, f"`{word}` must begin a line", "give it a line of its own")
        elif refusal := block.refused.get(word):
            self._error(statement, 0, f"`{word}` is not supported: {refusal.why}", refusal.instead)
        elif belongs := _homes(word):
            blocks = " or ".join(f"`{name}`" for name in belongs if name)
            place = " or ".join([f"in {blocks}"] * bool(blocks) + ["outside blocks"] * ("" in belongs))
            self._error(statement, 0, f"`{word}` cannot stand {where}", f"it belongs {place}; look for a wrong brace")
        else:
            section.misspelt += tuple(nearest(word, block.children))
            hint = did_you_mean(word, block.children)
            self._error(statement, 0, f"`{word}` is not a keyword {where}", hint)

    def _idle(self, keyword: Leaf[Any] | Lines[Any], statement: Statement) -> None:
        message = f"`{statement.words[0]}` does nothing here: {keyword.idle}"
        self._complaints.warning(self._document.span(statement, 0), message, "remove it")

    def _twice(self, statement: Statement, first: Statement) -> None:
        line = line_from(self._document.span(first), self._document.span(statement))
        self._error(statement, 0, f"`{statement.words[0]}` stands here again, after {line}", "keep one of them")

    def _error(self, statement: Statement, word: int, message: str, hint: str) -> None:
        span = self._document.span(statement, word)
        if span not in self._refused and (span.file, span.line) not in self._document.refused_lines:
            self._complaints.error(span, message, hint)


def _homes(word: str) -> Iterable[str]:
    from labkit.conf.schema.whole import homes  # of all files only a wrong one needs it

    return homes(word)
