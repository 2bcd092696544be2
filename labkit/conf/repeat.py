"""`~SEQ(…)`, `~SEQx(…)` and `~LST(…)`: the values with which the rest of a line repeats (keepalived.conf(5)).

`~SEQ(var, start, step, end)` counts; without `step` by 1 towards the end, without `start` from 1 (from -1 to a negative
end); `~SEQx` writes hexadecimal.  `~LST(var, a, b)` lists, `~LST({x, y}, {1, 2}, {3, 4})` several names at once.
"""

from labkit.conf.definitions import NAME
from labkit.conf.expressions import expression

REPEAT = expression(r"\s*~(?P<kind>SEQx?|LST)\s*\((?P<what>[^()]*)\)", "a")
BEGINS = expression(r"\s*~(?:SEQx?|LST)\s*\(", "a")

MOST_VALUES = 1_000_000
"""A sequence may not be longer."""

_NAME = expression(NAME, "a")
_NUMBER = expression(r"[+-]?(?:0x[0-9a-fA-F]{1,12}|0|[1-9][0-9]{0,12})", "a")
_COMMA = expression(r",(?![^{}]*\})")

Values = tuple[tuple[str, str], ...]
"""The names of one round and their values."""


class RepeatError(Exception):
    """The words in the parentheses cannot be used; says what is wrong, and what would be right."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def rounds(kind: str, what: str) -> list[Values]:
    """Return the values of each round.

    Raises:
        RepeatError: the words in the parentheses do not fit.
    """
    return _list(what) if kind == "LST" else _sequence(what, hexadecimal=kind == "SEQx")


_SEQUENCE = "write `~SEQ(name, start, step, end)`, with step, or start and step, left out if need be"
_LIST = "write `~LST(name, value, value)`, or `~LST({name, name}, {value, value}, {value, value})`"


def _sequence(what: str, *, hexadecimal: bool) -> list[Values]:
    name, *words = (word.strip() for word in what.split(","))
    if not _NAME.fullmatch(name) or not 1 <= len(words) <= 3:
        raise RepeatError(f"`({what})` is no sequence", _SEQUENCE)
    numbers = [_number(word) for word in words]
    end = numbers[-1]
    start = numbers[0] if len(numbers) > 1 else (1 if end >= 0 else -1)
    step = numbers[1] if len(numbers) == 3 else (1 if end >= start else -1)
    if step == 0 or (end - start) * step < 0:
        raise RepeatError(
            f"steps of {step} do not lead from {start} to {end}", "turn the sign of the step, or the ends"
        )
    if abs(end - start) // abs(step) >= MOST_VALUES:
        raise RepeatError(f"from {start} to {end} in steps of {step} are more than {MOST_VALUES} values", "write less")
    values = range(start, end + (1 if step > 0 else -1), step)
    return [((name, f"{value:x}" if hexadecimal else str(value)),) for value in values]


def _number(word: str) -> int:
    if not _NUMBER.fullmatch(word):
        raise RepeatError(f"`{word}` is not a number here", "write a whole number, such as 16, -1 or 0x10")
    return int(word, 0)


def _list(what: str) -> list[Values]:
    names, *values = _groups(what)
    if not values or not all(map(_NAME.fullmatch, names)):
        raise RepeatError(f"`({what})` is no list", _LIST)
    if len(set(names)) < len(names):
        raise RepeatError(f"`{', '.join(names)}` has a name twice", "give each value a name of its own")
    for value in values:
        if len(value) != len(names):
            raise RepeatError(f"`{', '.join(value)}` are not {len(names)} values", "write one for each name")
        if any(len(word.split()) > 1 for word in value):
            raise RepeatError(f"`{', '.join(value)}` has a blank in it", "write commas between values")
    return [tuple(zip(names, value, strict=True)) for value in values]


def _groups(what: str) -> list[tuple[str, ...]]:
    """Part a list at its commas; what stands in braces is one element of several words."""
    groups: list[tuple[str, ...]] = []
    for part in map(str.strip, _COMMA.split(what)):
        inside = part[1:-1] if part[:1] == "{" and part[-1:] == "}" else part
        if "{" in inside or "}" in inside:
            raise RepeatError(f"`{part}` is no element of a list", _LIST)
        groups.append(tuple(word.strip() for word in inside.split(",")))
    return groups
