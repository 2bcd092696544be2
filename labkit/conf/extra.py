"""What may follow `garp_extra_if`: on which interfaces, and how often."""

from collections.abc import Sequence

from labkit.conf.arguments import Seconds, take
from labkit.hints import NamedTuple
from labkit.trace import SECOND, Micros
from labkit.values import dataclass

_INTERVAL = Seconds(0, 86_400 * SECOND, whole=True)


class ExtraAnnouncements(NamedTuple):
    """Announce so often (0: never), on VMAC interfaces only or on `every` one."""

    interval: Micros
    every: bool = False


@dataclass(frozen=True, slots=True)
class EveryInterface:
    """A number of seconds, with or without `all` before it."""

    @property
    def wanted(self) -> str:
        """What to write."""
        return f"{_INTERVAL.wanted}; before it `all`, if needed"

    def read(self, words: Sequence[str]) -> ExtraAnnouncements:
        """Read one word or two."""
        every = words[:1] == ["all"]
        take(self.wanted, words, 1 + every, 1 + every)
        return ExtraAnnouncements(_INTERVAL.parse(words[-1], len(words) - 1), every)
