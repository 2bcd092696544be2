r"""The words and braces of one line of a keepalived.conf, and what is wrong with its characters.

keepalived.conf(5): blanks part words, `#` and `!` start a comment wherever they stand outside double quotes, and double
quotes keep blanks inside a word.  In quotes a backslash escapes: `\a \b \E \f \n \r \t \v`, `\nnn` (octal), `\xXX` and
`\cC` (control) are characters, any other `\C` is C.  A single quote is a character like any other here, as for most
keywords of keepalived; commands give it a meaning (labkit.conf.commands).  What stands in single quotes and has double
quotes inside is one word, with both: nothing but a command can have it.

keepalived: a quote in the middle of a word parts it for most keywords and joins it for some; it is refused here.
"""

from collections.abc import Iterator

from labkit.conf.expressions import expression
from labkit.diagnostics import Severity
from labkit.hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import re


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

SPECIAL = expression(rf"""["{{}}\#!{_FOREIGN}]""")
"""A line in which this finds nothing is its words, parted by blanks."""


def _token(comment: str, others: str) -> "re.Pattern[str]":
    return expression(
        rf"""
          {comment}
          (?P<brace>   [{{}}] )
        | (?P<foreign> [{_FOREIGN}] )
        | (?P<single>  (?<!\S) '[^'"{_FOREIGN}]*"[^'{_FOREIGN}]*' (?!\S) )
        | (?P<quoted>  "(?:[^"\\]|\\.)*" )
        | (?P<unended> " .* )
        | (?P<word>    (?: \$\{{[^\s}}]*\}} | [^\s"{{}}{others}{_FOREIGN}] )+ )
        """,
        "xs",
    )


_TOKEN = _token(r"(?P<comment> [#!] .* ) |", r"\#!")
_TOKEN_WITHOUT_COMMENTS = _token("", "")
CONTROL_CHARACTER = expression(rf"[{_CONTROL}\x0b\x0c\x1c-\x1f]")
_ESCAPE = expression(r"(?P<bytes>(?:\\[0-7]{1,3}|\\x[0-9a-fA-F]+)+)|\\c(?P<control>.)|\\(?P<other>.)", "s")
_BYTE = expression(r"\\(?P<octal>[0-7]{1,3})|\\x(?P<hex>[0-9a-fA-F]+)")
_ESCAPED = {"a": "\a", "b": "\b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def scan(text: str, *, comments: bool = True) -> list[Token]:
    """Return the words and braces of a line; an unended quote gives a word up to the end of the line."""
    return [
        Token(_meaning(match), match.lastgroup == "brace", match.start() + 1, match.end() + 1)
        for match in (_TOKEN if comments else _TOKEN_WITHOUT_COMMENTS).finditer(text)
        if match.lastgroup not in ("comment", "foreign")
    ]


def faults(text: str, *, comments: bool = True) -> Iterator[Fault]:
    """Find what is wrong with quotes and escapes, characters that only look right, and comments inside words."""
    before = ""  # the kind of the token that ends where this one begins
    end = 0
    for match in (_TOKEN if comments else _TOKEN_WITHOUT_COMMENTS).finditer(text):
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
            case "quoted":
                yield from _quoted_faults(source, column)
        before, end = kind, match.end()


_GLUED = ({"quoted", "word"}, {"quoted"}, {"unended", "word"}, {"unended", "quoted"})


def _quoted_faults(source: str, column: int) -> Iterator[Fault]:
    for control in CONTROL_CHARACTER.finditer(source):
        yield Fault(column + control.start(), f"{_code(control.group())} is a control character", "remove it")
    for escape in _ESCAPE.finditer(source):
        if escape["other"] == "x":
            yield Fault(column + escape.start(), r"`\x` without digits", "write two hexadecimal digits after it")
        elif (character := _character(escape)) is None or character == "\0":
            hint = r"write `\001` to `\377` or `\x01` to `\xff`, which together must be UTF-8"
            yield Fault(column + escape.start(), f"`{escape.group()}` is no character", hint)


def _character(escape: "re.Match[str]") -> str | None:
    """Return what an escape, or a run of escapes by number, stands for; None if that is nothing."""
    if by_number := escape["bytes"]:
        numbers = [int(byte["octal"] or byte["hex"], 8 if byte["octal"] else 16) for byte in _BYTE.finditer(by_number)]
        too_long = any(len(byte["hex"] or "") > 2 for byte in _BYTE.finditer(by_number))
        try:
            return None if too_long or 0 in numbers else bytes(numbers).decode()
        except ValueError:  # above 255, or not UTF-8
            return None
    if control := escape["control"]:
        return chr(ord(control) & 0x1F) if control.isascii() else control
    return _ESCAPED.get(escape["other"], escape["other"])


def _unescaped(quoted: str) -> str:
    """Return what stands between two quotes, its escapes replaced."""
    return _ESCAPE.sub(lambda escape: _character(escape) or "", quoted[1:-1])


def _meaning(match: "re.Match[str]") -> str:
    source = match.group()
    match match.lastgroup:
        case "quoted" if "\\" in source:
            return _unescaped(source)
        case "quoted":
            return source[1:-1]
        case "unended":
            return source[1:]
        case _:
            return source


def _code(character: str) -> str:
    return f"character U+{ord(character):04X}"
