r"""The words and braces of one line of a keepalived.conf, and what is wrong with its characters.

keepalived.conf(5): blanks part words, `#` and `!` start a comment wherever they stand outside double quotes, and double
quotes keep blanks inside a word.  In quotes a backslash escapes: `\n` and `\t` are control characters, `\C` is C.
A single quote is a character like any other here; commands give it a meaning (labkit.conf.commands).

keepalived: a quote in the middle of a word parts it for most keywords and joins it for some; it is refused here.
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

SPECIAL = re.compile(rf"""["{{}}\#!$~{_FOREIGN}]""")
"""A line in which this finds nothing is its words, parted by blanks."""

_TOKEN = re.compile(
    rf"""
      (?P<comment> [#!] .* )
    | (?P<brace>   [{{}}] )
    | (?P<foreign> [{_FOREIGN}] )
    | (?P<quoted>  "(?:[^"\\]|\\.)*" )
    | (?P<unended> " .* )
    | (?P<word>    (?: \$\{{[^\s}}]*\}} | [^\s"{{}}#!{_FOREIGN}] )+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_DEFINITION = re.compile(r"\$\{[^}]*\}|\$[A-Za-z_]\w*=?|~(?:SEQx?|LST)(?=\()")
_CONTROL_CHARACTER = re.compile(rf"[{_CONTROL}\x0b\x0c\x1c-\x1f]")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t"}
_REFUSED_ESCAPES = frozenset("abcefrvxE01234567")


def scan(text: str) -> list[Token]:
    """Return the words and braces of a line; an unended quote gives a word up to the end of the line."""
    return [
        Token(_meaning(match), match.lastgroup == "brace", match.start() + 1, match.end() + 1)
        for match in _TOKEN.finditer(text)
        if match.lastgroup not in ("comment", "foreign")
    ]


def faults(text: str) -> Iterator[Fault]:
    """Find what is wrong with quotes and escapes, characters that only look right, and comments inside words."""
    before = ""  # the kind of the token that ends where this one begins
    end = 0
    for match in _TOKEN.finditer(text):
        kind, source, column = match.lastgroup or "", match.group(), match.start() + 1
        if match.start() != end:
            before = ""
        if {before, kind} in _GLUED:
            yield Fault(column, "a quote in the middle of a word", "put quotes around the whole word")
        match kind:
            case "unended":
                yield Fault(column, "the quote that opens here has no end", 'close it with `"` on this line')
            case "foreign":
                yield Fault(column, f"{_code(source)} is neither a blank nor a quote", 'write a space or a plain `"`')
            case "comment" if before in ("word", "quoted"):
                message = f"the comment starts in the middle of a word, at `{source[0]}`"
                hint = "put a space before the comment, or quotes around the word"
                yield Fault(column, message, hint, Severity.WARNING)
            case "word" if definition := _DEFINITION.search(source):
                message = f"the definition `{definition[0]}` is known to keepalived but not supported by labkit yet"
                yield Fault(column + definition.start(), message, "write the value itself")
            case "quoted":
                yield from _quoted_faults(source, column)
        before, end = kind, match.end()


_GLUED = ({"quoted", "word"}, {"quoted"}, {"unended", "word"}, {"unended", "quoted"})


def _quoted_faults(source: str, column: int) -> Iterator[Fault]:
    for control in _CONTROL_CHARACTER.finditer(source):
        yield Fault(column + control.start(), f"{_code(control.group())} is a control character", "remove it")
    for escape in _ESCAPE.finditer(source):
        if escape[1] in _REFUSED_ESCAPES:
            message = f"the escape `\\{escape[1]}` is known to keepalived but not supported by labkit yet"
            yield Fault(column + escape.start(), message, "write the character itself")


def _meaning(match: re.Match[str]) -> str:
    source = match.group()
    match match.lastgroup:
        case "quoted" if "\\" in source:
            return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), source[1:-1])
        case "quoted":
            return source[1:-1]
        case "unended":
            return source[1:]
        case _:
            return source


def _code(character: str) -> str:
    return f"character U+{ord(character):04X}"
