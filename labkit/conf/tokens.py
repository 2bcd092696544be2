r"""The words and braces of one line of a keepalived.conf, and what is wrong with its characters.

keepalived.conf(5): blanks part words, `#` and `!` start a comment wherever they stand outside quotes, and quotes keep
blanks inside a word; `ab" c "d` is the one word `ab c d`.  In quotes a backslash escapes: `\n` and `\t` are control
characters, `\C` is C.  Single quotes count at the start of a word only, so that `it's` needs no care.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from labkit.diagnostics import Severity


class Token(NamedTuple):
    """A word (as it is meant, without quotes) or a brace; `column` counts from 1, `end` is one past its last."""

    text: str
    is_brace: bool
    column: int
    end: int


class Fault(NamedTuple):
    """Something wrong with the characters of a line."""

    column: int
    message: str
    hint: str
    severity: Severity = Severity.ERROR


_LOOKALIKE = (
    r"\x0b\x0c\x1c-\x1f\x85\xa0\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u3000\ufeff"  # blanks to Python only
    r"\u2018\u2019\u201c\u201d"  # the quotes of word processors
)
_CONTROL = r"\x00-\x08\x0d-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff"
_FOREIGN = _LOOKALIKE + _CONTROL

SPECIAL = re.compile(rf"""["'{{}}\#!{_FOREIGN}]""")
"""A line in which this finds nothing is its words, parted by blanks."""

_TOKEN = re.compile(
    rf"""
      (?P<comment> [#!] .* )
    | (?P<brace>   [{{}}] )
    | (?P<foreign> [{_FOREIGN}] )
    | (?P<single>  '(?:[^'\\]|\\.)*' (?= [\s{{}}#!] | $ ) )
    | (?P<word>    (?: "(?:[^"\\]|\\.)*" | [^\s"'{{}}#!{_FOREIGN}] | (?<=[^\s{{}}{_FOREIGN}])' )+ )
    | (?P<unended> ["'] .* )
    """,
    re.VERBOSE | re.DOTALL,
)
_PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"|[^"]+', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CONTROL_CHARACTER = re.compile(rf"[{_CONTROL}\x0b\x0c\x1c-\x1f]")
_REFUSED_ESCAPE = re.compile(r"\\(?:\\|([abcefrvxE0-7])|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t"}


def scan(text: str) -> list[Token]:
    """Return the words and braces of a line; an unended quote gives a word up to the end of the line."""
    return [
        Token(_meaning(match), match.lastgroup == "brace", match.start() + 1, match.end() + 1)
        for match in _TOKEN.finditer(text)
        if match.lastgroup not in ("comment", "foreign")
    ]


def faults(text: str) -> Iterator[Fault]:
    """Find quotes without an end, characters that only look right, and comments that start inside a word."""
    word_end = 0
    for match in _TOKEN.finditer(text):
        start, source = match.start(), match.group()
        match match.lastgroup:
            case "unended":
                yield Fault(
                    start + 1, "the quote that opens here has no end", f"close it with `{source[0]}` on this line"
                )
            case "foreign":
                yield Fault(
                    start + 1, f"{_code(source)} is neither a blank nor a quote", 'write a space or a plain `"`'
                )
            case "comment" if start and start == word_end:
                message = f"the comment starts in the middle of a word, at `{source[0]}`"
                yield Fault(start + 1, message, "put a space before the comment, or quotes around the word", _WARNING)
            case "word" | "single":
                yield from _quoted_faults(source, start)
                word_end = match.end()


_WARNING = Severity.WARNING


def _quoted_faults(source: str, start: int) -> Iterator[Fault]:
    for control in _CONTROL_CHARACTER.finditer(source):
        yield Fault(start + control.start() + 1, f"{_code(control.group())} is a control character", "remove it")
    if source[0] == "'" or '"' in source:
        for escape in _REFUSED_ESCAPE.finditer(source):
            if escape[1]:
                message = f"the escape `\\{escape[1]}` is known to keepalived but not supported by labkit yet"
                yield Fault(start + escape.start() + 1, message, "write the character itself")


def _meaning(match: re.Match[str]) -> str:
    source = match.group()
    match match.lastgroup:
        case "single":
            return _unescape(source[1:-1])
        case "unended":
            return source[1:]
        case "word" if '"' in source:
            return "".join(p[0] if p[1] is None else _unescape(p[1]) for p in _PIECE.finditer(source))
        case _:
            return source


def _unescape(quoted: str) -> str:
    return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), quoted) if "\\" in quoted else quoted


def _code(character: str) -> str:
    return f"character U+{ord(character):04X}"
