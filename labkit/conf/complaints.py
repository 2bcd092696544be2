"""Everything that is wrong with one file, collected."""

from collections.abc import Iterable
from itertools import groupby

from labkit.diagnostics import Diagnostic, Severity, Span
from labkit.values import replace

MOST_OF_ONE_PLACE = 5
_LONGEST = 500
"""Characters of a message; what is longer quotes a word that nobody wants to read in a log."""


class Complaints:
    """The diagnostics of one file, in the making."""

    def __init__(self, found: Iterable[Diagnostic] = ()) -> None:
        self._found = list(found)
        self.errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in self._found)

    def error(self, span: Span, message: str, hint: str) -> None:
        """Add what refuses the file."""
        self._found.append(Diagnostic(span=span, message=_shortened(message), hint=hint))
        self.errors += 1

    def warning(self, span: Span, message: str, hint: str) -> None:
        """Add what is odd, but loads."""
        self._found.append(Diagnostic(span=span, message=_shortened(message), hint=hint, severity=Severity.WARNING))

    def by_place(self) -> tuple[Diagnostic, ...]:
        """Return all of them in the order of the file, each once; of a line used again and again, a few."""
        found = sorted(dict.fromkeys(self._found), key=lambda diagnostic: _place(diagnostic.span))
        kept: list[Diagnostic] = []
        for _, same_place in groupby(found, key=lambda diagnostic: _place(diagnostic.span)):
            here = list(same_place)
            if more := len(here[MOST_OF_ONE_PLACE:]):
                last = here[MOST_OF_ONE_PLACE - 1]
                here[MOST_OF_ONE_PLACE - 1 :] = [replace(last, hint=f"{last.hint}; and {more} more like it")]
            kept += here
        return tuple(kept)


def _shortened(message: str) -> str:
    """Return a message without the middle of it, where it is very long."""
    half = _LONGEST // 2
    return message if len(message) <= _LONGEST else f"{message[:half]} ... {message[-half:]}"


def _place(span: Span) -> tuple[str, int, int]:
    return span.file, span.line, span.column
