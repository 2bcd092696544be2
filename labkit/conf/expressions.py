"""Regular expressions that are compiled when they are first used: of most files, hardly any is.

Compiling those of all modules here took a sixth of what `-t` of a small file takes, and loading `re` its share.
"""

from labkit.hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re


class _Later:
    """Becomes, method by method, what `re.compile` makes of the pattern."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a pattern
        import re

        found = getattr(re.compile(self._pattern), name)
        setattr(self, name, found)
        return found


def expression(pattern: str, flags: str = "") -> "re.Pattern[str]":
    """Return a pattern; `flags` are the letters that could begin it: a (ASCII), s (DOTALL), x (VERBOSE)."""
    later: Any = _Later(f"(?{flags}){pattern}" if flags else pattern)
    return later  # type: ignore[no-any-return]
