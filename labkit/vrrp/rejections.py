"""Refused packets, told once per source and minute, in bounded memory whatever a stranger sends."""

from dataclasses import dataclass

from labkit.trace import SECOND, Micros
from labkit.vrrp.config import Address
from labkit.vrrp.events import Rejected
from labkit.vrrp.packet import DecodeError, ErrorKind

QUIET: Micros = 60 * SECOND
"""How long a source that was told stays untold."""

CAPACITY = 256
"""How many sources are remembered, and so the most that are told in `QUIET`; more are only counted by their router."""


@dataclass(slots=True)
class _Told:
    at: Micros
    count: int  # since then


class Rejections:
    """Decides which refused packet is told."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, Address, ErrorKind], _Told] = {}  # longest ago first

    def reject(self, router: str, interface: str, source: Address, error: DecodeError, now: Micros) -> list[Rejected]:
        """Count a packet; return what to tell of it, if anything."""
        key = (router or interface, source, error.kind)
        told = self._told.get(key)
        if told is not None and now - told.at < QUIET:
            told.count += 1
            return []
        if told is not None:
            del self._told[key]
        elif len(self._told) >= CAPACITY and not self._make_room(now):
            return []
        self._told[key] = _Told(now, 0)
        count = told.count + 1 if told is not None else 1
        return [Rejected(router=router, interface=interface, source=source, error=error, count=count)]

    def _make_room(self, now: Micros) -> bool:
        oldest = next(iter(self._told))
        if now - self._told[oldest].at < QUIET:
            return False
        del self._told[oldest]
        return True
