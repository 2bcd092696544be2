r"""Regular expressions of PCRE2, as C keepalived's `regex` takes them, by Python's `re`.

What the two write differently is translated: `[[:alpha:]]`, `(?<name>...)`, `\Q...\E`, `\e`, `\h`, `\H`, `\R`, `\v`,
`\z`, `\Z`.  What `re` has not (`\K`, recursion, callouts, verbs, branch reset) does not compile.  A page is matched as
bytes, as PCRE2 does without `utf`.  Facts: pcre2pattern(3), pcre2api(3).
"""

import re
from collections.abc import Iterable

FLAGS = {"caseless": re.IGNORECASE, "multiline": re.MULTILINE, "dotall": re.DOTALL, "extended": re.VERBOSE}
WITHOUT_EFFECT = frozenset(
    {
        "auto_callout",  # nobody is called
        "never_backslash_c",  # these forbid what does not compile here
        "never_ucp",
        "never_utf",
        "no_auto_possess",  # these, and ungreedy, do not decide whether there is a match
        "no_dotstar_anchor",
        "no_start_optimize",
        "ungreedy",
        "use_offset_limit",  # the offsets are limits without it
    }
)
OPTIONS = FLAGS.keys() | WITHOUT_EFFECT

_POSIX = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "ascii": r"\x00-\x7f",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r"\s",
    "upper": "A-Z",
    "word": r"\w",
    "xdigit": "0-9A-Fa-f",
}
_VERTICAL = r"\n\x0b\f\r\x85"
_ESCAPES = {
    r"\e": r"\x1b",
    r"\h": r"[\t \xa0]",
    r"\H": r"[^\t \xa0]",
    r"\v": f"[{_VERTICAL}]",
    r"\R": rf"(?:\r\n|[{_VERTICAL}])",
    r"\z": r"\Z",
    r"\Z": r"(?=\n?\Z)",
}
_IN_CLASS = {r"\e": r"\x1b", r"\h": r"\t \xa0", r"\v": _VERTICAL}
_TOKEN = re.compile(
    r"(?P<quoted>\\Q(?:.*?\\E|.*))|(?P<escape>\\.)|(?P<set>\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])|(?P<name>\(\?<(?![=!]))",
    re.DOTALL,
)
_MEMBER = re.compile(r"\[:(?P<not>\^?)(?P<posix>\w+):\]|(?P<escape>\\.)|(?P<other>.)", re.DOTALL)
_DOUBLE = "-&~|["  # twice in a set they may mean something to `re` one day; PCRE2 takes them as they are


def compile_regex(regex: str, options: Iterable[str] = ()) -> re.Pattern[bytes]:
    """Return the pattern of a regular expression and the names of its options.

    Raises:
        re.error: it is wrong, or `re` has no such thing.
    """
    flags = 0
    for option in options:
        flags |= FLAGS.get(option, 0)
    return re.compile(_TOKEN.sub(_translate, regex).encode(), flags)


def _translate(token: re.Match[str]) -> str:
    text = token[0]
    match token.lastgroup:
        case "quoted":
            return re.escape(text[2:].removesuffix(r"\E"))
        case "escape":
            return _ESCAPES.get(text, text)
        case "name":
            return "(?P<"
        case _:
            start = re.match(r"\[\^?\]?", text)
            head = start[0] if start else ""
            return head.replace("]", r"\]") + _MEMBER.sub(_member, text[len(head) : -1]) + "]"


def _member(member: re.Match[str]) -> str:
    """Return a member of a set."""
    if name := member["posix"]:
        if member["not"] or name not in _POSIX:
            raise re.error(f"no class [:{member['not']}{name}:] here")
        return _POSIX[name]
    if escape := member["escape"]:
        return _IN_CLASS.get(escape, escape)
    other = member["other"]
    doubled = other in _DOUBLE and member.string[: member.start()].endswith(other)
    return f"\\{other}" if other == "[" or doubled else other
