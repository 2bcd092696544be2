r"""What is expected was looked up in pcre2pattern(3)."""

import re

import pytest

from labkit.conf.regexes import OPTIONS, compile_regex


@pytest.mark.parametrize(
    ("regex", "matched", "other"),
    [
        (r"^[[:alpha:]_]+$", b"Ab_", b"A1"),
        (r"^[^[:space:][:punct:]]$", b"a", b"!"),
        (r"^[]a]+$", b"]a]", b"b"),
        (r"^[^]a]+$", b"b", b"]"),
        (r"^[[a]+$", b"[a", b"b"),
        (r"^[+--]$", b"-", b"a"),
        (r"^[a||&&]+$", b"|&", b"b"),
        (r"^[\h\]]+$", b" \t]", b"x"),
        (r"(?<year>\d{4})!", b"2026!", b"x!"),
        (r"(?<!a)b(?<=b)", b"cb", b"ab"),
        (r"\Qa.b\Ec", b"a.bc", b"axbc"),
        (r"x\Q.*", b"x.*", b"xyz"),
        (r"^a\hb$", b"a\tb", b"a\nb"),
        (r"^a\Hb$", b"axb", b"a b"),
        (r"^a\Rb$", b"a\r\nb", b"a b"),
        (r"^a\vb$", b"a\nb", b"avb"),
        (r"\e\[", b"\x1b[", b"e["),
        (r"end\Z", b"end\n", b"end\n\n"),
        (r"end\z", b"end", b"end\n"),
        (r"\[:alpha:]", b"[:alpha:]", b"a"),
        ("Grüße", "Grüße".encode(), b"Gruesse"),
    ],
)
def test_what_pcre2_writes_differently(regex: str, matched: bytes, other: bytes) -> None:
    pattern = compile_regex(regex)
    assert pattern.search(matched)
    assert not pattern.search(other)


@pytest.mark.parametrize(
    "regex", [r"a\Kb", r"(?R)", r"(?|a|b)", r"(*ANY)x", r"\Gx", r"(?C1)", r"[[:^alpha:]]", r"[[:word2:]]"]
)
def test_what_re_has_not(regex: str) -> None:
    with pytest.raises(re.error):
        compile_regex(regex)


def test_options() -> None:
    assert compile_regex("a.B", ["caseless", "dotall"]).search(b"A\nb")
    assert compile_regex("^b # ends a line", ["multiline", "extended"]).search(b"a\nb")
    assert compile_regex("a+", OPTIONS - {"extended"}).search(b"A")
