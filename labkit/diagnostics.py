"""How labkit complains: about a file a person wrote, and about what the machine refuses.

A `Diagnostic` points at one place of one file and ends in what would be right there.  Loaders collect all of them and
never stop at the first.  An exception derives from `LabkitError`, knows its exit code, and is shown as one sentence.
"""

from collections.abc import Iterable
from enum import StrEnum

from labkit.values import dataclass, field


class LabkitError(Exception):
    """Something labkit cannot do, said in one sentence for the person at the terminal."""

    exit_code = 2


class Severity(StrEnum):
    """Whether a diagnostic refuses the file (`ERROR`) or only tells (`WARNING`)."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """A place in a text file; line and column count from 1, as editors do.

    `note` tells apart the several things that one line of a file became, where it is used again and again.
    """

    file: str
    line: int
    column: int
    note: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One complaint: where, what is wrong, and what would be right."""

    span: Span
    message: str
    hint: str
    severity: Severity = field(default=Severity.ERROR)

    def __str__(self) -> str:
        prefix = "warning: " if self.severity is Severity.WARNING else ""
        note = f" ({self.span.note})" if self.span.note else ""
        return f"{self.span}: {prefix}{self.message}; {self.hint}{note}"


class RefusedError(LabkitError):
    """A file was refused; `diagnostics` holds everything that is wrong with it."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Return the known word nearest to `word`, or nothing where none is `cutoff` (0 to 1) alike."""
    from difflib import get_close_matches  # only where something is wrong

    return get_close_matches(word, list(known), n=1, cutoff=cutoff)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for the known word nearest to `word`, or the list of all when none is near."""
    choices = sorted(known)
    near = nearest(word, choices)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known here: {', '.join(choices)}" if choices else "nothing is known here"
