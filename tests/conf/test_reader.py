"""Text to a tree: what parts statements, and where each word stands."""

from typing import Any

import pytest

from labkit.conf.reader import Document, Statement, read
from labkit.conf.source import FileLines


def document(text: str) -> Document:
    return read(FileLines(text, "k.conf"))


def shape(statements: list[Statement]) -> list[Any]:
    """Return nested lists: the words of a statement joined by `|`, then its body if it has one."""
    shapes: list[Any] = []
    for statement in statements:
        shapes.append("|".join(statement.words))
        if statement.body is not None:
            shapes.append(shape(statement.body))
    return shapes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("a 1\n\n  b\t2  \n", ["a|1", "b|2"], id="lines"),
        pytest.param("a {\n  b\n}\nc\n", ["a", ["b"], "c"], id="block"),
        pytest.param("a x\n{\n  b\n}\n", ["a|x", ["b"]], id="brace-on-the-next-line"),
        pytest.param("a # why\n  # and how\n{\n}\n", ["a", []], id="comments-before-the-brace"),
        pytest.param("a { 192.0.2.1 }\n", ["a", ["192.0.2.1"]], id="block-on-one-line"),
        pytest.param("a{b{c}d}e", ["a", ["b", ["c"], "d"], "e"], id="braces-part-words"),
        pytest.param("a {\n  b }\n", ["a", ["b"]], id="closing-brace-after-a-statement"),
        pytest.param("a {\n} \nb {  \n}\n", ["a", [], "b", []], id="blanks-after-braces"),
        pytest.param("a 1 # b\na 2 ! b\n#a\n!a\n   # a {\n", ["a|1", "a|2"], id="comments"),
        pytest.param('a "b # ! { } c"\n', ["a|b # ! { } c"], id="quotes"),
        pytest.param(r'a "say \"b\"\\ \q\n\t."', ['a|say "b"\\ q\n\t.'], id="escapes"),
        pytest.param(r'a "\a\b\E\f\r\v"', ["a|\a\b\x1b\f\r\v"], id="escapes-of-control-characters"),
        pytest.param(r'a "\101\x42\cA\c[\ce\1018\e"', ["a|AB\x01\x1b\x05A8e"], id="escapes-by-number"),
        pytest.param(r'a "\xc3\xa1\303\251"', ["a|áé"], id="escapes-are-utf-8"),
        pytest.param(r'a "\cñ"', ["a|ñ"], id="no-such-control-character"),
        pytest.param('a ""\n', ["a|"], id="empty-word"),
        pytest.param("a it's 'b c'\n", ["a|it's|'b|c'"], id="single-quotes-are-ordinary"),
        pytest.param("a {\r\n  b\r\n}\r\n", ["a", ["b"]], id="carriage-returns"),
        pytest.param("a $1 ~b 5$\n", ["a|$1|~b|5$"], id="no-definitions"),
        pytest.param("a\u00a0b\n", ["a|b"], id="no-break-space-parts-words-all-the-same"),
        pytest.param("a\x0cb\x00c\n", ["a|b|c"], id="so-do-control-characters"),
        pytest.param("# señor\u00a0“x”\n", [], id="anything-goes-in-comments"),
        pytest.param('a "b c', ["a|b c"], id="unended-quote-is-one-word"),
        pytest.param("{\na\n}\nb {}{}\n", ["b", []], id="nameless-blocks-are-left-out"),
        pytest.param("a {\nb\n", ["a", ["b"]], id="unended-block"),
        pytest.param("}\na\n", ["a"], id="closing-nothing"),
    ],
)
def test_the_shape_of(text: str, expected: list[Any]) -> None:
    assert shape(list(document(text).statements)) == expected


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        pytest.param("  a bc  d", [3, 5, 9, 10], id="plain"),
        pytest.param('\ta "b c" d', [2, 4, 10, 11], id="quoted"),
        pytest.param('a "b', [1, 3, 5], id="unended"),
        pytest.param("x { y } a b", [9, 11, 12], id="after-braces"),
        pytest.param("x { y {\n} } a b {", [5, 7, 8], id="after-closing-braces"),
        pytest.param("a # b\n{", [1, 2], id="name-before-a-comment"),
    ],
)
def test_the_columns_of_the_last_statement(text: str, columns: list[int]) -> None:
    found = document(text)
    last = found.statements[-1]
    assert [found.span(last, word).column for word in range(len(last.words) + 1)] == columns


def test_what_is_wrong_names_where_it_opened() -> None:
    assert [str(diagnostic) for diagnostic in document('a {\n b\n {\n  "c\n').diagnostics] == [
        'k.conf:4:3: the quote that opens here has no end; close it with `"` on this line',
        "k.conf:1:3: the `{` of `a` is never closed; add the `}` that is missing",
        "k.conf:3:2: the `{` of `b` is never closed; add the `}` that is missing",
    ]


def test_deep_nesting_needs_no_stack() -> None:
    assert len(document("a {\n" * 20_000).diagnostics) == 20_000


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param(r"\0", r"3:`\0` is no character", id="zero"),
        pytest.param(r"\c@", r"3:`\c@` is no character", id="control-zero"),
        pytest.param(r"x\777", r"4:`\777` is no character", id="above-255"),
        pytest.param(r"\x414", r"3:`\x414` is no character", id="three-digits"),
        pytest.param(r"\xc3\101", r"3:`\xc3\101` is no character", id="not-utf-8"),
        pytest.param(r"\xg", r"3:`\x` without digits", id="no-digits"),
    ],
)
def test_escapes_that_are_nothing(word: str, expected: str) -> None:
    (fault,) = document(f'a"{word}"'.replace("a", "a ", 1)).diagnostics
    assert f"{fault.span.column - 1}:{fault.message}" == expected
