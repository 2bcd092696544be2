"""The earliest deadline of many machines, with lazy re-arming.

A machine whose deadline moves later, as that of a backup does with every advert, costs nothing: its old entry is looked
at when it comes to the top, and put back where it belongs by then.
"""

import heapq
from collections.abc import Hashable
from itertools import count

from labkit.hints import Generic, Protocol, TypeVar
from labkit.trace import Micros


class Timed(Hashable, Protocol):
    """What can be asked when it wants to be woken next."""

    @property
    def deadline(self) -> Micros | None:
        """The time in absolute microseconds, or None."""


T = TypeVar("T", bound=Timed)


class Agenda(Generic[T]):
    """Machines ordered by their deadlines; equal deadlines in the order in which they were booked."""

    def __init__(self) -> None:
        self._heap: list[tuple[Micros, int, T]] = []
        self._booked: dict[T, Micros] = {}
        self._serial = count()

    def touch(self, machine: T) -> None:
        """Note the deadline of a machine that was just told something."""
        at = machine.deadline
        if at is None:
            return
        booked = self._booked.get(machine)
        if booked is None or at < booked:
            self._booked[machine] = at
            heapq.heappush(self._heap, (at, next(self._serial), machine))

    def remove(self, machine: T) -> None:
        """Forget a machine."""
        self._booked.pop(machine, None)

    @property
    def not_before(self) -> Micros | None:
        """A time before which no deadline comes, which costs nothing to know; `earliest` may be later."""
        return self._heap[0][0] if self._heap else None

    @property
    def earliest(self) -> Micros | None:
        """The earliest deadline of all, or None."""
        while self._heap:
            at, _, machine = self._heap[0]
            if self._booked.get(machine) != at:  # removed, or booked anew
                heapq.heappop(self._heap)
            elif machine.deadline == at:
                return at
            else:
                heapq.heappop(self._heap)
                del self._booked[machine]
                self.touch(machine)
        return None

    def due(self, now: Micros) -> list[T]:
        """Take out and return the machines whose deadline has come; each is to be touched again."""
        machines = []
        while (at := self.earliest) is not None and at <= now:
            machine = heapq.heappop(self._heap)[2]
            del self._booked[machine]
            machines.append(machine)
        return machines
