"""Words of a command line, taken apart by a table of options as getopt_long(3) and argparse do it.

argparse takes 5 ms and a megabyte to load, which `-t` and every process of the daemon would pay; what it does that is
used here is short.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from labkit.values import dataclass

_WIDTH, _INDENT = 110, 36


class UsageError(Exception):
    """The words do not fit the options; says how."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option by its names; `value` is what a value is called: none is taken without.

    In `[]` none is needed, and only one that is attached is taken.

    `field` is what it sets: to what `read` makes of the value, or to `given` where there is none.  An option without
    `text` is not listed, one with a `refusal` is not here, for that reason.
    """

    names: tuple[str, ...]
    text: str = ""
    field: str = ""
    value: str = ""
    given: object = True
    read: Callable[[str], object] = str
    refusal: str = ""

    def __str__(self) -> str:
        return "/".join(self.names)


Table = Mapping[str, tuple[Option, ...]]
"""Options by the titles of their groups."""


def options(table: Table, argv: Sequence[str]) -> Iterator[tuple[Option, str | None]]:
    """Yield each option that is written, in order, with its value.

    Raises:
        UsageError: something is no option, has no value, or has one that nobody asked for.
    """
    known = {name: option for group in table.values() for option in group for name in option.names}
    rest, strays = deque(argv), list[str]()
    while rest:
        word = rest.popleft()
        name, equals, attached = word.partition("=")
        if word.startswith("--") and (option := _long(name, known)) is not None:
            yield option, _value(option, attached if equals else None, rest)
        elif word[:1] == "-" and word[1:2] not in ("", "-"):
            yield from _letters(word, known, rest, strays)
        else:
            strays.append(word)
    if strays:
        raise UsageError(f"unrecognized arguments: {' '.join(strays)}")


def _long(name: str, known: Mapping[str, Option]) -> Option | None:
    """Return the option of this name, or the only one whose name begins so."""
    if name in known:
        return known[name]
    found = [other for other in known if other.startswith(name)] if len(name) > 2 else []
    if len(found) > 1:
        raise UsageError(f"ambiguous option: {name} could match {', '.join(found)}")
    return known[found[0]] if found else None


def _letters(
    word: str, known: Mapping[str, Option], rest: deque[str], strays: list[str]
) -> Iterator[tuple[Option, str | None]]:
    """Yield the options of a word such as `-nlf`, the last of which may have its value there or in the next word."""
    for place, letter in enumerate(word[1:], 2):
        option = known.get(f"-{letter}")
        if option is None:
            strays.append(word)
            return
        if option.value:
            yield option, _value(option, word[place:].removeprefix("=") or None, rest)
            return
        yield option, None


def _value(option: Option, attached: str | None, rest: deque[str]) -> str | None:
    if attached is not None:
        if not option.value:
            raise UsageError(f"argument {option}: ignored explicit argument '{attached}'")
        return attached
    if not option.value or option.value.startswith("["):
        return None  # as with getopt_long: `-t k.conf` would else write into what a person means to have tested
    if rest and not rest[0].startswith("-"):
        return rest.popleft()
    raise UsageError(f"argument {option}: expected one argument")


def _spelled(name: str, value: str) -> str:
    """Return a name with its value, which must be attached where it may be absent: -t[FILE], --config-test[=FILE]."""
    if not value.startswith("["):
        return f"{name} {value}".rstrip()
    return f"{name}[={value[1:]}" if name.startswith("--") else name + value


def listing(table: Table) -> str:
    """Return what --help says of all options."""
    import textwrap  # for those who ask

    lines = []
    for title, group in table.items():
        lines.append(f"{title}:")
        for option in group:
            names = ", ".join(_spelled(name, option.value) for name in option.names)
            texts = textwrap.wrap(option.text, _WIDTH - _INDENT)
            if len(names) + 4 > _INDENT:
                texts = ["", *texts]
            heads = [f"  {names}", *[""] * len(texts)]
            lines += [f"{head:{_INDENT}}{text}".rstrip() for head, text in zip(heads, texts, strict=False)]
        lines.append("")
    return "\n".join(lines)
