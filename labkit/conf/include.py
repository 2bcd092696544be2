"""`include` and its variants: which files a pattern names, what may be missing, and reading one (keepalived.conf(5)).

keepalived: a file that is missing or cannot be read is passed over by a plain `include`, and half a configuration runs.
Here the default is that every file named without a wildcard must be there, and that all can be read.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from enum import Flag, auto

from labkit.values import dataclass

MOST_BYTES = 256 * 1024 * 1024
"""A file larger than this is not a configuration."""

MOST_PATTERNS = 1_000
"""Names that the braces of one include may stand for."""


class Check(Flag):
    """What is an error: a match that cannot be read; no match at all; none for a wildcard; none for part of a brace."""

    READABLE = auto()
    MATCH = auto()
    WILDCARD_MATCH = auto()
    BRACE_MATCH = auto()


ALL = Check.READABLE | Check.MATCH | Check.WILDCARD_MATCH | Check.BRACE_MATCH
BY_DEFAULT = Check.READABLE | Check.MATCH

CHECKS = {
    "readable": Check.READABLE,
    "match": Check.MATCH | Check.READABLE,
    "wildcard_match": Check.WILDCARD_MATCH | Check.READABLE,
    "brace_match": Check.BRACE_MATCH | Check.READABLE,
}
INCLUDES = {
    "include": Check(0),
    "includer": CHECKS["readable"],
    "includem": CHECKS["match"],
    "includew": CHECKS["wildcard_match"],
    "includeb": CHECKS["brace_match"],
    "includea": ALL,
}
"""The spellings of `include`, and the checks that each adds."""

_WILD = frozenset("*?[")


class UnreadableError(Exception):
    """A file cannot be read; says why, and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Matches:
    """The files that a pattern names, in order; `missing` is a part of it that should name one and does not."""

    files: tuple[str, ...]
    missing: str | None


def adjust(checks: Check, options: Sequence[str]) -> Check:
    """Return the checks after `include_check` with these options: they replace, `+` adds, `-` takes away.

    Raises:
        KeyError: an option is unknown.
    """
    if not options:
        return ALL
    sign = ""
    for option in options:
        name = option.lstrip("+-")
        if name != option:
            sign = option[0]
        elif not sign:
            checks, sign = Check(0), "="
        checks = checks & ~Check[name.upper()] if sign == "-" else checks | CHECKS[name]
    return checks


def find(pattern: str, folder: str, checks: Check) -> Matches:
    """Find the files of a pattern, which is relative to `folder`."""
    patterns = list(_braces(pattern))
    files: list[str] = []
    missing: str | None = None
    for one in patterns:
        found = _matches(one, folder)
        files += found
        if not found and _must_match(one, checks, braces=len(patterns) > 1):
            missing = missing or one
    if not files and Check.MATCH in checks and _WILD.isdisjoint(pattern):
        missing = missing or pattern
    return Matches(files=tuple(files), missing=missing)


def _must_match(pattern: str, checks: Check, *, braces: bool) -> bool:
    if braces and Check.BRACE_MATCH in checks:
        return True
    return Check.WILDCARD_MATCH in checks and not _WILD.isdisjoint(pattern)


def _matches(pattern: str, folder: str) -> list[str]:
    if _WILD.isdisjoint(pattern):
        path = os.path.join(folder, pattern)  # noqa: PTH118 - pathlib costs more than most files
        return [path] if os.path.lexists(path) else []
    from glob import glob  # most files need none

    return sorted(os.path.join(folder, match) for match in glob(pattern, root_dir=folder or None))  # noqa: PTH118, PTH207


def _braces(pattern: str) -> Iterator[str]:
    """Yield what `a{b,c}d` stands for, as csh does: abd, acd; at most MOST_PATTERNS.

    A brace without its fellow is a character like any other.
    """
    waiting, given = [pattern], 0
    while waiting and given < MOST_PATTERNS:
        text = waiting.pop()
        parts = _first_brace(text)
        if parts is None:
            given += 1
            yield text
        else:
            before, choices, after = parts
            waiting += [before + choice + after for choice in reversed(choices)][:MOST_PATTERNS]


def _first_brace(text: str) -> tuple[str, list[str], str] | None:
    start = text.find("{")
    if start < 0:
        return None
    depth, begin = 0, start + 1
    choices: list[str] = []
    for place in range(start, len(text)):
        if text[place] == "{":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if not depth:
                return text[:start], [*choices, text[begin:place]], text[place + 1 :]
        elif text[place] == "," and depth == 1:
            choices.append(text[begin:place])
            begin = place + 1
    return None


def read_text(path: str) -> str:
    """Read a file of a configuration; devices and pipes, which might never end, are refused.

    Raises:
        UnreadableError: it cannot be read, or is no text.
    """
    try:
        with open(path, "rb", opener=_open_regular) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UnreadableError(f"the file cannot be read: {error.strerror}", "name a file that can be read") from error
    except ValueError as error:  # a NUL in its name
        raise UnreadableError(f"the file cannot be read: {error}", "name a file that can be read") from error
    if len(data) > MOST_BYTES:
        raise UnreadableError(f"the file is longer than {MOST_BYTES} bytes", "name a configuration")
    return _decode(data)


def _open_regular(path: str, flags: int) -> int:
    """Open a file without waiting for a writer, if it is a regular one."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    what = "is a directory" if stat.S_ISDIR(mode) else "is no regular file"
    raise UnreadableError(f"the file cannot be read: it {what}", "name a file, or a pattern such as `*.conf`")


def _decode(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"the file is not UTF-8: byte 0x{data[error.start]:02x} in line {line}"
        raise UnreadableError(message, "save it as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableError(f"the file is not text: a zero byte in line {line}", "name a configuration")
    return text
