"""What may follow `init_file` and `process`."""

from collections.abc import Sequence

from labkit.conf.arguments import Integer, Interface, Seconds, take
from labkit.hints import NamedTuple
from labkit.trace import SECOND
from labkit.values import dataclass
from labkit.vrrp.config import InterfaceDelay

_DELAY = Seconds(0, 255 * SECOND)


class Initial(NamedTuple):
    """What is written to a tracked file at start, and whether over what stands in it."""

    value: int = 0
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class InitialValue:
    """A number, `overwrite`, both in any order, or nothing (0)."""

    wanted: str = "a whole number (0 if there is none); then, if needed, `overwrite`"

    def read(self, words: Sequence[str]) -> Initial:
        """Read up to two words."""
        take(self.wanted, words, 0, 2)
        numbers = [(place, word) for place, word in enumerate(words) if word != "overwrite"]
        take(self.wanted, [word for _, word in numbers], 0, 1)
        value = Integer(-(2**31), 2**31 - 1).parse(numbers[0][1], numbers[0][0]) if numbers else 0
        return Initial(value, "overwrite" in words)


class ProgramLine(NamedTuple):
    """A program and its parameters."""

    program: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DelayLine:
    """An interface, how long it must be down, and how long up before that counts; one number is for both."""

    wanted: str = "the name of an interface, a number of seconds (down) and, if it differs, another (up)"

    def read(self, words: Sequence[str]) -> InterfaceDelay:
        """Read two words or three."""
        take(self.wanted, words, 2, 3)
        interface = Interface().parse(words[0])
        down = _DELAY.parse(words[1], 1)
        return InterfaceDelay(interface=interface, down=down, up=_DELAY.parse(words[2], 2) if len(words) == 3 else down)


@dataclass(frozen=True, slots=True)
class Process:
    """The name or path of a program, then its parameters."""

    wanted: str = "the name of a program, then the parameters that it must have"

    def read(self, words: Sequence[str]) -> ProgramLine:
        """Read all words of the line."""
        take(self.wanted, words, 1, len(words))
        return ProgramLine(words[0], tuple(words[1:]))
