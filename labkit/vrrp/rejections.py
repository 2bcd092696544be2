"""What may come again and again is told once a minute for each source, in bounded memory whatever a stranger sends."""

from collections.abc import Hashable

from labkit.trace import SECOND, Micros
from labkit.values import dataclass

QUIET: Micros = 60 * SECOND
"""How long what was told stays untold."""

CAPACITY = 256
"""How many things are remembered, and so the most that are told in `QUIET`; more are only counted by their router."""


@dataclass(slots=True)
class _Told:
    at: Micros
    count: int  # since then


class Rejections:
    """Decides which of many like happenings is told: refused packets, other addresses, duplicates."""

    def __init__(self) -> None:
        self._told: dict[Hashable, _Told] = {}  # longest ago first

    def count(self, key: Hashable, now: Micros) -> int:
        """Count one; return how many are to be told of now, 0: none."""
        told = self._told.get(key)
        if told is not None and now - told.at < QUIET:
            told.count += 1
            return 0
        if told is not None:
            del self._told[key]
        elif len(self._told) >= CAPACITY and not self._make_room(now):
            return 0
        self._told[key] = _Told(now, 0)
        return told.count + 1 if told is not None else 1

    def _make_room(self, now: Micros) -> bool:
        oldest = next(iter(self._told))
        if now - self._told[oldest].at < QUIET:
            return False
        del self._told[oldest]
        return True
