"""From files to the lines that count: `include`, `@condition`, `$NAME=value`, `~SEQ` and `~LST`.

All of these work on whole lines, before anything knows of braces: a condition may hold back the line with a `{`.  The
order within a line is: conditions, then a definition, a repetition, or a definition of several lines that stands alone;
then references are replaced; then it may be an `include`.  A line without any of them is handed on as it is.

What a file may become is bounded, and so is the time that takes: lines, length of a line, depth, files.
"""

import os
from collections.abc import Mapping, Sequence

from labkit.conf import include, repeat
from labkit.conf.complaints import Complaints
from labkit.conf.definitions import NAME, Definition, Names, UnknownError, substitute
from labkit.conf.expressions import expression
from labkit.conf.source import FileLines, Origin, Segment, SourceLine, Use
from labkit.conf.tokens import faults, scan
from labkit.diagnostics import Diagnostic, Severity, Span
from labkit.hints import TYPE_CHECKING, NamedTuple
from labkit.values import dataclass

if TYPE_CHECKING:
    import re

BYTE_ORDER_MARK = "\ufeff"

MOST_LINES = 1_000_000
MOST_FILES = 10_000
DEEPEST = 16
"""Bounds: lines made from others, files read, and files or definitions inside one another."""

_SPECIAL = expression(r"[$~]|^\s*(?:@|include)", "a")
_CONDITION = expression(r"\s*@(?P<negated>\^?)(?P<id>\S*)(?:\s+|$)", "a")
_CONTINUED = expression(rf"(?:\s*@\S*\s+)*\s*\${NAME}=", "a")
_DEFINE = expression(rf"\s*\$(?P<name>{NAME})=(?P<value>.*)$", "as")
_ALONE = expression(rf"\s*\$(?:(?P<plain>{NAME})|\{{(?P<braced>{NAME})\}})\s*$", "a")
_HEAD = expression(rf"\s*\$(?:(?P<plain>{NAME})(?=\s|$)|\{{(?P<braced>{NAME})\}})", "a")
_INCLUDE = expression(r"\s*(?P<keyword>include[rmwba]?|include_check)(?=\s|$)", "a")
_COMMENT = expression(r'(?:[^"#!]|"(?:[^"\\]|\\.)*(?:"|$))*', "s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a configuration may ask of the world around it."""

    config_id: str
    environment: Mapping[str, str]
    checks: include.Check


def own_id() -> str:
    """Return the config id of a machine that is given none: the first part of its name."""
    return os.uname().nodename.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The lines that count, in order, what is wrong so far, and all files that were read."""

    lines: Sequence[SourceLine]
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[str, ...]


def preprocess(text: str, file: str, outside: Outside) -> Source:
    """Work through the text of a file and of all that it includes."""
    work = _Preprocessor(outside)
    work.read(text, file)
    lines = work.lines if work.untouched is None else work.untouched
    return Source(lines=lines, diagnostics=work.complaints.by_place(), files=tuple(work.files))


class _Reading(NamedTuple):
    """A file under way: its name, what it really is, and the line of the file before it that includes it."""

    name: str
    identity: str
    included_at: int


class _Preprocessor:
    def __init__(self, outside: Outside) -> None:
        self.lines: list[SourceLine] = []
        self.untouched: FileLines | None = None  # a file in which there is nothing to do
        self.files: list[str] = []
        self.complaints = Complaints()
        self._names = Names(outside.config_id, outside.environment, self.lines)
        self._config_id = outside.config_id
        self._checks = outside.checks
        self._reading: list[_Reading] = []
        self._using: list[str] = []  # the definitions of several lines under way
        self._repeating = 0  # repetitions under way, one inside the other
        self._made = 0
        self._given_up = False

    # --- files --------------------------------------------------------------------------------------------------------

    def read(self, text: str, file: str, included_at: int = 0) -> None:
        """Add the lines of a file."""
        checks, folder = self._checks, self._names.folder
        self._reading.append(_Reading(file, os.path.realpath(file), included_at))
        self._names.folder = os.path.dirname(file)  # noqa: PTH120 - of a name that may be no path
        self.files.append(file)
        if text.startswith(BYTE_ORDER_MARK):
            message = "the file begins with a byte order mark, with which keepalived cannot read it"
            self.complaints.warning(Span(file=file, line=1, column=1), message, "save it without")
            text = text[1:]
        lines = FileLines(text, file)
        if any(mark in text for mark in ("$", "~", "@", "include")):
            self._read_lines(lines)
        elif len(self._reading) == 1:
            self.untouched = lines
        else:
            self.lines += lines
        self._reading.pop()
        self._checks, self._names.folder = checks, folder

    def _read_lines(self, file_lines: FileLines) -> None:
        lines = list(file_lines)
        place = 0
        while place < len(lines):
            line = lines[place]
            place += 1
            if _SPECIAL.search(line.text) is None:
                self.lines.append(line)
                continue
            body: list[SourceLine] = []
            if _CONTINUED.match(line.text) and _goes_on(line):
                while place < len(lines) and _goes_on(body[-1] if body else line):
                    body.append(lines[place])
                    place += 1
                self._check_end([line, *body])
            self._line(line, tuple(map(self._without_end, body)))

    def _check_end(self, lines: list[SourceLine]) -> None:
        """Complain of a definition that breaks off: keepalived ends it at an empty line, whatever stands before."""
        if _comment_cut(lines[-1].text).strip() and not _goes_on(lines[-1]):
            return
        last = lines[-1] if _goes_on(lines[-1]) else lines[-2]
        place = last.span(len(_comment_cut(last.text)))
        message = r"after this `\` the definition goes on, and an empty line or the end of the file follows"
        self.complaints.error(place, message, r"remove the `\`, or the empty line")

    def _without_end(self, line: SourceLine) -> SourceLine:
        return line._replace(text=self._cut_comment(line).removesuffix("\\").rstrip())

    def _include(self, keyword: str, line: SourceLine, begin: int) -> None:
        """Follow an include whose arguments begin at the offset `begin` of the line."""
        pattern = line.text[begin:].strip()
        place = line.span(len(line.text) - len(line.text[begin:].lstrip()) + 1)
        if keyword == "include_check":
            try:
                self._checks = include.adjust(self._checks, pattern.split())
            except KeyError:
                hint = f"write {', '.join(include.CHECKS)}, with `+` or `-` before them if need be"
                self.complaints.error(place, f"`{pattern}` are no checks", hint)
            return
        if len(pattern) > 1 and pattern[0] == pattern[-1] == '"':
            pattern = pattern[1:-1]
        elif len(pattern.split()) != 1:
            self.complaints.error(place, f"`{keyword}` takes one file", "write its name, or a pattern")
            return
        checks = self._checks | include.INCLUDES[keyword]
        found = include.find(pattern, self._names.folder, checks)
        if found.missing is not None:
            message = f"there is no file `{found.missing}` to include"
            self.complaints.error(place, message, "name a file that is there; a pattern such as `*.conf` may find none")
        for file in found.files:
            self._include_file(file, line, place, checks)

    def _include_file(self, file: str, line: SourceLine, place: Span, checks: include.Check) -> None:
        identity = os.path.realpath(file)
        if len(self._reading) > DEEPEST or any(reading.identity == identity for reading in self._reading):
            looped = any(reading.identity == identity for reading in self._reading)
            what = "includes itself" if looped else f"is included more than {DEEPEST} files deep"
            self.complaints.error(
                place, f"`{file}` {what}: {self._chain(line.number)} → {file}", "remove one `include`"
            )
            return
        if len(self.files) >= MOST_FILES and not self._given_up:
            self._give_up(place, f"more than {MOST_FILES} files are included", "include fewer")
        if self._given_up:
            return
        try:
            text = include.read_text(file)
        except include.UnreadableError as error:
            if include.Check.READABLE in checks:
                self.complaints.error(place, f"`{file}`: {error.message}", error.hint)
            return
        self.read(text, file, line.number)

    def _chain(self, number: int) -> str:
        """Return the files under way, each with the line in which it includes the next."""
        numbers = [*(reading.included_at for reading in self._reading[1:]), number]
        return " → ".join(f"{reading.name}:{at}" for reading, at in zip(self._reading, numbers, strict=True))

    # --- lines --------------------------------------------------------------------------------------------------------

    def _line(self, line: SourceLine, body: tuple[SourceLine, ...] = ()) -> None:
        """Do what a line says, or add it to those that count."""
        if self._is_enough(line):
            return
        text = line.text if line.origin else self._cut_comment(line)
        segments = line.origin.segments if line.origin else ()
        for _ in range(DEEPEST):
            if match := _CONDITION.match(text):
                if not self._holds(match, line):
                    return
                text = " " * match.end() + text[match.end() :]
            elif match := _DEFINE.match(text):
                self._define(match, line, body)
                return
            elif repeat.BEGINS.match(text):
                self._repeat(text, line, segments)
                return
            elif (match := _HEAD.match(text)) and (value := self._head(match)):
                column = len(text) - len(text.lstrip()) + 1
                text, segments = value + text[match.end() :], segments or (Segment(0, column, False),)
            else:
                break
        self._rest(text, line, segments)

    def _rest(self, text: str, line: SourceLine, segments: tuple[Segment, ...]) -> None:
        if match := _ALONE.match(text):
            name = match["plain"] or match["braced"]
            definition = self._names.defined.get(name)
            if definition is not None and definition.body:
                self._use(name, definition.body, line)
                return
        use = line.origin.use if line.origin else None
        if "$" in text:
            before = line._replace(origin=Origin(segments, use))
            text, made = substitute(text, self._names, lambda column, error: self._tell(before, column, error))
            segments = segments or made
        self._check_stray(SourceLine(line.file, line.number, text, Origin(segments, use)))
        made_line = SourceLine(line.file, line.number, text, Origin(segments, use) if segments or use else None)
        if match := _INCLUDE.match(text):
            self._include(match["keyword"], made_line, match.end())
        else:
            self.lines.append(made_line)

    def _is_enough(self, line: SourceLine) -> bool:
        self._made += 1
        if self._made > MOST_LINES and not self._given_up:
            self._give_up(line.span(1), f"the file becomes longer than {MOST_LINES} lines here", "repeat less")
        return self._given_up

    def _give_up(self, place: Span, message: str, hint: str) -> None:
        self.complaints.error(place, message, hint)
        self._given_up = True

    def _cut_comment(self, line: SourceLine) -> str:
        for fault in faults(line.text):
            if fault.severity is Severity.WARNING:
                self.complaints.warning(line.span(fault.column), fault.message, fault.hint)
        return _comment_cut(line.text)

    def _tell(self, line: SourceLine, column: int, error: UnknownError) -> None:
        complain = self.complaints.error if error.fatal else self.complaints.warning
        complain(line.span(column), error.message, error.hint)

    def _holds(self, match: "re.Match[str]", line: SourceLine) -> bool:
        if not match["id"]:
            message = "a condition without a name"
            self.complaints.error(line.span(match.start("id")), message, "write `@NAME`, or `@^NAME` for all but NAME")
        return (match["id"] == self._config_id) != bool(match["negated"])

    def _define(self, match: "re.Match[str]", line: SourceLine, body: tuple[SourceLine, ...]) -> None:
        name, value = match["name"], match["value"].strip()
        if name.startswith("_"):
            message = f"`${name}` cannot be defined: names with `_` first belong to keepalived"
            self.complaints.error(line.span(match.start("name")), message, "choose another name")
        if not body:
            self._names.defined[name] = Definition(value)
            return
        value = value.removesuffix("\\").rstrip()
        begin = match.end() - len(match["value"].lstrip())
        first = (SourceLine(line.file, line.number, " " * begin + value),) if value else ()
        lines = tuple(part for part in (*first, *body) if part.text.strip())
        self._names.defined[name] = Definition(lines[0].text.strip() if lines else "", lines if len(lines) > 1 else ())

    def _head(self, match: "re.Match[str]") -> str | None:
        """Return the value of the name with which a line begins, if it is for a condition or a repetition."""
        definition = self._names.defined.get(match["plain"] or match["braced"])
        return definition.value if definition and not definition.body and definition.value[:1] in ("@", "~") else None

    def _use(self, name: str, body: tuple[SourceLine, ...], line: SourceLine) -> None:
        """Read the lines of a definition in place of the one that names it."""
        if name in self._using or len(self._using) >= DEEPEST:
            path = " → ".join(f"`${each}`" for each in (*self._using, name))
            what = "is made of itself" if name in self._using else f"is used more than {DEEPEST} deep"
            column = len(line.text) - len(line.text.lstrip()) + 1
            self.complaints.error(line.span(column), f"`${name}` {what}: {path}", "write out what it should be")
            return
        outer = line.origin.use if line.origin else None
        use = outer if outer and outer.number else Use(line.file, line.number, outer.values if outer else ())
        self._using.append(name)
        for part in body:
            self._line(part._replace(origin=Origin((), use)))
        self._using.pop()

    # --- repetitions --------------------------------------------------------------------------------------------------

    def _repeat(self, text: str, line: SourceLine, segments: tuple[Segment, ...]) -> None:
        end = text.find(")") + 1
        specification, _ = substitute(text[:end], self._names, lambda column, error: self._tell(line, column, error))
        match = repeat.REPEAT.fullmatch(specification)
        place = line.span(len(text) - len(text.lstrip()) + 1)
        if match is None:
            self.complaints.error(
                place, "this repetition has no end, or parentheses in it", "write `~SEQ(name, start, end)`"
            )
            return
        try:
            rounds = repeat.rounds(match["kind"], match["what"])
        except repeat.RepeatError as error:
            self.complaints.error(place, error.message, error.hint)
            return
        if self._repeating == DEEPEST:
            message = f"this repetition stands in {DEEPEST} others"
            self._give_up(place, message, "look for a definition that is made of itself, or repeat less")
            return
        use = line.origin.use if line.origin else None
        names = [name for name, _ in rounds[0]]
        hidden = {name: self._names.defined[name] for name in names if name in self._names.defined}
        self._repeating += 1
        for values in rounds:
            self._names.defined.update((name, Definition(value)) for name, value in values)
            again = Use(use.file, use.number, use.values + values) if use else Use(line.file, None, values)
            rest = SourceLine(line.file, line.number, " " * end + text[end:], Origin(segments, again))
            self._line(rest)
            if self._given_up:
                break
        self._repeating -= 1
        for name in names:
            del self._names.defined[name]
        self._names.defined.update(hidden)

    def _check_stray(self, line: SourceLine) -> None:
        if "~" not in line.text:
            return
        for token in scan(line.text, comments=False):
            if repeat.BEGINS.match(token.text) and line.text[token.column - 1] != '"':
                message = f"`{token.text}` does not begin the line"
                self.complaints.error(line.span(token.column), message, "put it first, before what is to repeat")


def _comment_cut(text: str) -> str:
    match = _COMMENT.match(text)
    return text[: match.end()].rstrip() if match else text


def _goes_on(line: SourceLine) -> bool:
    return _comment_cut(line.text).endswith("\\")
