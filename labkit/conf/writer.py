"""A configuration in its canonical form, after all includes, conditions, definitions and repetitions.

One statement a line, keywords by their first name, quotes only where a word needs them, no comments.  What is written
reads back as the same configuration, and is written the same again.
"""

import re
from collections.abc import Iterator, Sequence

from labkit.conf.reader import Document, Statement
from labkit.conf.schema import DIRECTIVES, Block, Lines
from labkit.conf.schema.whole import ROOT
from labkit.conf.tokens import CONTROL_CHARACTER, SPECIAL
from labkit.hints import Any

INDENT = "    "

_NEEDS_QUOTES = re.compile(r"\s|\$[A-Za-z_{]|^'[^']*$")  # a single quote may close after words that come later
_NEEDS_QUOTES_FIRST = re.compile(r"@|~\s*(?:SEQ|LST)|\$")
_ESCAPED = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r"}
_TO_ESCAPE = re.compile(rf'["\\\n\t]|\$(?=[A-Za-z_{{])|{CONTROL_CHARACTER.pattern}')


def write(document: Document) -> str:
    """Return the text of a document that could be loaded."""
    blocks = ["".join(f"{line}\n" for line in _statement(statement, ROOT, 0)) for statement in document.statements]
    return "\n".join(blocks)


def _statement(statement: Statement, block: Block[Any] | None, depth: int) -> Iterator[str]:
    """Yield the lines of a statement in a block of the table; None: in a block of values."""
    keyword = block.children.get(statement.words[0]) if block else None
    words = statement.words if keyword is None else [keyword.name, *statement.words[1:]]
    if statement.body is None:
        yield _line(words, depth)
        return
    yield _line(words, depth) + " {"
    inner = keyword if isinstance(keyword, Block) else None
    values = keyword.lines if isinstance(keyword, Block) else keyword
    for line in statement.body:
        if isinstance(values, Lines) and values.each_word:
            yield from (_line([word], depth + 1) for word in line.words)
        else:
            yield from _statement(line, inner, depth + 1)
    yield f"{INDENT * depth}}}"


def _line(words: Sequence[str], depth: int) -> str:
    first = _quoted(words[0], first=True)
    return INDENT * depth + " ".join((first, *(_quoted(word) for word in words[1:])))


def _quoted(word: str, *, first: bool = False) -> str:
    """Return a word as it is to be written, in quotes if it would be read as something else without."""
    anywhere = not word or _NEEDS_QUOTES.search(word) or SPECIAL.search(word)
    if anywhere or (first and (word in DIRECTIVES or _NEEDS_QUOTES_FIRST.match(word))):
        return f'"{_TO_ESCAPE.sub(_escape, word)}"'
    return word


def _escape(match: re.Match[str]) -> str:
    """Escape one character; those without a letter by their bytes, always three digits of each."""
    character = match.group()
    if character == "$":
        return r"\$"
    return _ESCAPED.get(character) or "".join(f"\\{byte:03o}" for byte in character.encode())
