"""How much a tracker counts: `weight N [reverse]`, alone and after the name of what is tracked."""

from collections.abc import Sequence

from labkit.conf.arguments import Argument, Integer, take, unfit
from labkit.hints import NamedTuple
from labkit.values import dataclass


class Weighing(NamedTuple):
    """A weight, and whether healthy and failed change places."""

    weight: int
    reverse: bool = False


class Tracking(NamedTuple):
    """What is tracked, and how much it counts where that is written."""

    name: str
    weighing: Weighing | None = None


@dataclass(frozen=True, slots=True)
class Weight:
    """`N`, or `N reverse`, with N from -`most` to `most`."""

    most: int

    @property
    def wanted(self) -> str:
        """What to write."""
        return f"{Integer(-self.most, self.most).wanted}; then, if needed, `reverse`"

    def read(self, words: Sequence[str]) -> Weighing:
        """Read one word or two."""
        return self.read_from(words, 0)

    def read_from(self, words: Sequence[str], start: int) -> Weighing:
        """Read the word at `start` and what follows it.

        Raises:
            UnfitError: it is no weight, or something else than `reverse` or `noreverse` follows it.
        """
        take(self.wanted, words, start + 1, start + 2)
        number = Integer(-self.most, self.most).parse(words[start], start)
        if len(words) == start + 1:
            return Weighing(number)
        if words[-1] not in ("reverse", "noreverse"):
            raise unfit(start + 1, words[-1], "`reverse`, or nothing")
        return Weighing(number, words[-1] == "reverse")


WEIGHT = Weight(253)


@dataclass(frozen=True, slots=True)
class Tracked:
    """The name of what is tracked, and `weight N [reverse]`."""

    name: Argument[str]
    weight: Weight = WEIGHT

    @property
    def wanted(self) -> str:
        """What to write."""
        return f"{self.name.wanted}; then, if needed, `weight` and a number"

    def read(self, words: Sequence[str]) -> Tracking:
        """Read one word, three or four."""
        take(self.wanted, words, 1, 4)
        name = self.name.read(words[:1])
        if len(words) == 1:
            return Tracking(name)
        if words[1] != "weight":
            raise unfit(1, words[1], "`weight` and a number, or nothing")
        return Tracking(name, self.weight.read_from(words, 2))
