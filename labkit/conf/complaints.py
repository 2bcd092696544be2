"""Everything that is wrong with one file, collected."""

from collections.abc import Iterable

from labkit.diagnostics import Diagnostic, Severity, Span


class Complaints:
    """The diagnostics of one file, in the making."""

    def __init__(self, found: Iterable[Diagnostic] = ()) -> None:
        self._found = list(found)
        self.errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in self._found)

    def error(self, span: Span, message: str, hint: str) -> None:
        """Add what refuses the file."""
        self._found.append(Diagnostic(span=span, message=message, hint=hint))
        self.errors += 1

    def warning(self, span: Span, message: str, hint: str) -> None:
        """Add what is odd, but loads."""
        self._found.append(Diagnostic(span=span, message=message, hint=hint, severity=Severity.WARNING))

    def by_place(self) -> tuple[Diagnostic, ...]:
        """Return all of them in the order of the file."""
        return tuple(sorted(self._found, key=lambda diagnostic: diagnostic.span))
