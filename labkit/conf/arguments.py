"""What may stand after a keyword: each kind of argument reads words into a value, and says what it wants.

An argument is read by `read(words)`, the words after the keyword, and raises `UnfitError` for the caller to turn into a
`Diagnostic`.  `wanted` completes "write …" and is what the documentation prints.  Durations are seconds in the file and
integer microseconds in the value.
"""

from collections.abc import Mapping, Sequence

from labkit.hints import Generic, Protocol, TypeVar
from labkit.trace import SECOND, Micros
from labkit.values import dataclass, field

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class UnfitError(Exception):
    """Word number `word` after the keyword does not fit; a number past the last word means that one is missing."""

    def __init__(self, word: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.word = word
        self.message = message
        self.hint = hint


class Argument(Protocol[T_co]):
    """Reads the words after a keyword."""

    @property
    def wanted(self) -> str:
        """What to write: completes "write …"."""

    def read(self, words: Sequence[str]) -> T_co:
        """Turn words into the value.

        Raises:
            UnfitError: they do not fit.
        """


def take(wanted: str, words: Sequence[str], least: int, most: int) -> None:
    """Check the number of words.

    Raises:
        UnfitError: there are fewer than `least` or more than `most`.
    """
    if len(words) < least:
        raise UnfitError(len(words), "something is missing here", f"write {wanted}")
    if len(words) > most:
        raise UnfitError(most, f"`{words[most]}` is a word too many", "begin a new line for each statement")


def unfit(word: int, text: str, wanted: str) -> UnfitError:
    """Return the error for a word that is not what is wanted."""
    return UnfitError(word, f"`{text}` does not fit here", f"write {wanted}")


@dataclass(frozen=True, slots=True)
class Flag:
    """No argument: the keyword alone means yes."""

    wanted: str = "nothing after it"

    def read(self, words: Sequence[str]) -> bool:
        """Accept no words."""
        take(self.wanted, words, 0, 0)
        return True


@dataclass(frozen=True, slots=True)
class Anything:
    """Any words: of a keyword that does nothing."""

    wanted: str = "anything, or nothing"

    def read(self, words: Sequence[str]) -> bool:
        """Accept all words."""
        return True


_ON = ("on", "true", "yes")
_OFF = ("off", "false", "no")


@dataclass(frozen=True, slots=True)
class Switch:
    """on or off; the keyword alone means on, unless a word is `needed`."""

    needed: bool = False
    wanted: str = "on or off (true or false, yes or no)"

    def read(self, words: Sequence[str]) -> bool:
        """Read the one word, if there is one."""
        if not words and not self.needed:
            return True
        take(self.wanted, words, 1, 1)
        if words[0] not in _ON + _OFF:
            raise unfit(0, words[0], self.wanted)
        return words[0] in _ON


def is_digits(text: str, most: int) -> bool:
    """Tell whether a text is decimal digits, at least one and at most so many."""
    return 0 < len(text) <= most and text.isdecimal() and text.isascii()


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between two bounds, both included."""

    low: int
    high: int

    @property
    def wanted(self) -> str:
        """What to write."""
        return f"a whole number from {self.low} to {self.high}"

    def read(self, words: Sequence[str]) -> int:
        """Read the one word."""
        if len(words) != 1:
            take(self.wanted, words, 1, 1)
        return self.parse(words[0])

    def parse(self, text: str, word: int = 0) -> int:
        """Read one word.

        Raises:
            UnfitError: it is no whole number, or out of bounds.
        """
        if is_digits(text.removeprefix("-" if text[:1] == "-" else "+"), 12):
            number = int(text)
            if self.low <= number <= self.high:
                return number
        raise unfit(word, text, self.wanted)


@dataclass(frozen=True, slots=True)
class MaybeInteger:
    """A whole number, or nothing, which means `absent`."""

    number: Integer
    absent: int

    @property
    def wanted(self) -> str:
        """What to write."""
        return f"{self.number.wanted}, or nothing ({self.absent})"

    def read(self, words: Sequence[str]) -> int:
        """Read the one word, if there is one."""
        return self.number.read(words) if words else self.absent


@dataclass(frozen=True, slots=True)
class Integers:
    """Whole numbers, at least one."""

    number: Integer
    wanted: str

    def read(self, words: Sequence[str]) -> tuple[int, ...]:
        """Read all words of the line."""
        take(self.wanted, words, 1, len(words))
        return tuple(self.number.parse(text, word) for word, text in enumerate(words))


@dataclass(frozen=True, slots=True)
class Seconds:
    """A time in seconds, up to six decimals, between two bounds; the bounds and the value are in microseconds."""

    low: Micros
    high: Micros
    whole: bool = False  # keepalived: some times are whole seconds, some are not
    absent: Micros | None = None  # the value when nothing is written after the keyword

    @property
    def wanted(self) -> str:
        """What to write."""
        number = "a whole number" if self.whole else "a number"
        return f"{number} of seconds from {self.low / SECOND:.15g} to {self.high / SECOND:.15g}"

    def read(self, words: Sequence[str]) -> Micros:
        """Read the one word; nothing, where nothing has a meaning."""
        if not words and self.absent is not None:
            return self.absent
        if len(words) != 1:
            take(self.wanted, words, 1, 1)
        return self.parse(words[0])

    def parse(self, text: str, word: int = 0) -> Micros:
        """Read one word.

        Raises:
            UnfitError: it is no such number, or out of bounds.
        """
        seconds, point, fraction = text.partition(".")
        if is_digits(seconds, 9) and (is_digits(fraction, 6) if point else not fraction):
            micros = int(seconds) * SECOND + int(f"{fraction:0<6}")
            if self.low <= micros <= self.high and not (self.whole and micros % SECOND):
                return micros
        raise unfit(word, text, self.wanted)


@dataclass(frozen=True, slots=True)
class Word:
    """One word, taken as it stands."""

    wanted: str
    most: int | None = None  # characters

    def read(self, words: Sequence[str]) -> str:
        """Take the one word."""
        if len(words) != 1:
            take(self.wanted, words, 1, 1)
        if not words[0] or (self.most is not None and len(words[0]) > self.most):
            raise unfit(0, words[0], self.wanted)
        return words[0]


@dataclass(frozen=True, slots=True)
class Interface:
    """The name of a network interface: 1..15 bytes, no blank, `/` or `:` (the kernel's dev_valid_name)."""

    wanted: str = "the name of an interface, such as eth0"
    may_be_loopback: bool = True

    def read(self, words: Sequence[str]) -> str:
        """Read the one word."""
        take(self.wanted, words, 1, 1)
        if words[0] == "lo" and not self.may_be_loopback:
            raise UnfitError(0, "nobody hears an advert on `lo`", f"write {self.wanted}")
        return self.parse(words[0])

    def parse(self, text: str, word: int = 0) -> str:
        """Read one word.

        Raises:
            UnfitError: no interface can have this name.
        """
        if text.split() != [text] or "/" in text or ":" in text or len(text.encode()) > 15 or text in (".", ".."):
            raise unfit(word, text, self.wanted)
        return text


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One of a few words."""

    values: Mapping[str, T] = field(hash=False)
    any_case: bool = False
    absent: T | None = None  # the value when nothing is written after the keyword

    @property
    def wanted(self) -> str:
        """What to write."""
        *others, last = self.values
        return f"{', '.join(others)} or {last}" if others else last

    def read(self, words: Sequence[str]) -> T:
        """Read the one word; nothing, where nothing has a meaning."""
        if not words and self.absent is not None:
            return self.absent
        if len(words) != 1:
            take(self.wanted, words, 1, 1)
        text = words[0].upper() if self.any_case else words[0]
        if text in self.values:
            return self.values[text]
        raise unfit(0, text, self.wanted)


PORT = Integer(1, 65535)


@dataclass(frozen=True, slots=True)
class Path:
    """The path of a file, beginning with `/`."""

    wanted: str = "a path that begins with `/`"
    absent: str | None = None  # the value when nothing is written after the keyword

    def read(self, words: Sequence[str]) -> str:
        """Read the one word; nothing, where nothing has a meaning."""
        if not words and self.absent is not None:
            return self.absent
        take(self.wanted, words, 1, 1)
        return self.parse(words[0])

    def parse(self, text: str) -> str:
        """Read one word.

        Raises:
            UnfitError: it does not begin with `/`.
        """
        if not text.startswith("/"):
            raise unfit(0, text, self.wanted)
        return text


@dataclass(frozen=True, slots=True)
class Host:
    """A host name or address, and a port where it is not 25."""

    wanted: str = "a host name or address, and a port if it is not 25"

    def read(self, words: Sequence[str]) -> tuple[str, int]:
        """Read one word or two."""
        take(self.wanted, words, 1, 2)
        return words[0], PORT.parse(words[1], 1) if len(words) == 2 else 25


@dataclass(frozen=True, slots=True)
class User:
    """A user name, and a group name where it is not the user's own.

    keepalived: a `:` before the group, or alone, asks for the other groups of the user, which labkit always sets.
    """

    wanted: str = "a user name, and a group name if it is not the user's own"

    def read(self, words: Sequence[str]) -> tuple[str, str | None]:
        """Read one word or two."""
        take(self.wanted, words, 1, 2)
        group = words[1].removeprefix(":") if len(words) == 2 else ""
        return words[0], group or None
