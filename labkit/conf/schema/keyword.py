"""What the keyword table is made of: `Leaf`, `Lines` and `Block`."""

from collections.abc import Mapping

from labkit.conf.arguments import Argument, Choice, Flag, Word
from labkit.hints import Any, Generic, NamedTuple, TypeAlias, TypeVar
from labkit.trace import SECOND, Micros
from labkit.values import dataclass, field

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leaf(Generic[T]):
    """A keyword with a value, once in its block; `spellings` are the other names of the same thing.

    With `many` it may stand there many times.  `idle` says why it does nothing here, if it is so.
    """

    name: str
    argument: Argument[T]
    description: str
    spellings: tuple[str, ...] = ()
    many: bool = False
    idle: str = ""


@dataclass(frozen=True, slots=True)
class Lines(Generic[T]):
    """A keyword whose block holds one value a line, or (`each_word`) one value a word; blocks of one name add up."""

    name: str
    entry: Argument[T]
    description: str
    each_word: bool = False
    idle: str = ""


class Refusal(NamedTuple):
    """Why labkit does not do what a keyword of keepalived asks for, and what to write instead."""

    why: str
    instead: str


@dataclass(frozen=True, slots=True)
class Block(Generic[T]):
    """A keyword whose block holds keywords; `title` is what stands between its name and the brace.

    `refused` are keywords of keepalived that labkit does not do.
    """

    name: str
    title: Argument[T]
    description: str
    children: Mapping[str, "Keyword"] = field(hash=False)
    refused: Mapping[str, Refusal] = field(default_factory=dict, hash=False)
    once: bool = False
    spellings: tuple[str, ...] = ()
    lines: Lines[Any] | None = None  # the body holds values, as that of a `Lines`, in place of keywords


Keyword: TypeAlias = Leaf[Any] | Lines[Any] | Block[Any]


def table(*keywords: Keyword) -> dict[str, Keyword]:
    """Return the children of a block by all their names."""
    table: dict[str, Keyword] = {}
    for keyword in keywords:
        table[keyword.name] = keyword
        if isinstance(keyword, Leaf | Block):
            table.update(dict.fromkeys(keyword.spellings, keyword))
    return table


def words(*texts: str) -> frozenset[str]:
    """Return the words of some texts."""
    return frozenset(word for text in texts for word in text.split())


BFD = Refusal("labkit has no BFD", "remove it; adverts of version 3 may be 0.01 s apart, and tell as soon")

ONE_NAMESPACE = Refusal(
    "VRRP and balancing are in one network namespace",
    "remove it; a second daemon with `-C` and `net_namespace` may balance in another",
)

NO_TITLE = Flag(wanted="a `{`")
NAME = Word("a name")
VERSION_NUMBER = Choice({"2": 2, "3": 3})
DAY: Micros = 86_400 * SECOND
LONG: Micros = 4294 * SECOND  # keepalived keeps these in 32 bits of microseconds
