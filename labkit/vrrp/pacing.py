"""When each announcement goes out, where so many at once would be too many (vrrp_garp_interval, vrrp_gna_interval).

A lane is what shares an interval: an interface, or the interfaces of a garp_group, in one address family.  Every
address of a router is announced as often as it was asked for, in rounds, one frame at a time.  keepalived 2.2.7 loses
rounds here: with an interval it sends two announcements of five.

    announce ──> lane: (router, frame) -> rounds left ──> [Frame]            deadline: when the earliest lane is free
"""

from collections.abc import Iterable, Mapping

from labkit.trace import Micros
from labkit.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Frame:
    """One announcement of one address: the interface it leaves by, its address family and its bytes."""

    device: str
    family: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pace:
    """What an interface shares an interval with, and the interval of each family; 0: no pause."""

    shared: str
    interval4: Micros = 0
    interval6: Micros = 0

    def interval(self, family: int) -> Micros:
        """Return the interval of an address family."""
        return self.interval4 if family == 4 else self.interval6


class _Lane:
    """Waits with frames until the interval since the last one is over; frames of several routers take turns."""

    def __init__(self) -> None:
        self.free_at: Micros = 0
        self.waiting: dict[tuple[str, Frame], int] = {}

    def next(self) -> Frame:
        """Take the first frame that waits; if it has rounds left it stands last again."""
        router, frame = first = next(iter(self.waiting))
        left = self.waiting.pop(first) - 1
        if left:
            self.waiting[router, frame] = left
        return frame


class Pacer:
    """Decides when announcements are sent: told of them and of time, answers with the frames to send now."""

    def __init__(self) -> None:
        self._paces: Mapping[str, Pace] = {}
        self._lanes: dict[tuple[str, int], _Lane] = {}

    @property
    def deadline(self) -> Micros | None:
        """When `wake` has something to send, in absolute microseconds; None: nothing waits."""
        return min((lane.free_at for lane in self._lanes.values() if lane.waiting), default=None)

    def configure(self, paces: Mapping[str, Pace]) -> None:
        """Take the pace of each interface; one that is not named has no pauses from now on."""
        self._paces = paces

    def announce(self, router: str, frames: Iterable[Frame], repeat: int, now: Micros) -> list[Frame]:
        """Take `repeat` rounds of a router's frames; return what may be sent at once, in order.

        A frame that waits already keeps its place, and the larger number of rounds.
        """
        at_once: list[Frame] = []
        for frame in frames:
            pace = self._paces.get(frame.device)
            if pace is None or not pace.interval(frame.family):
                at_once.append(frame)
                continue
            waiting = self._lanes.setdefault((pace.shared, frame.family), _Lane()).waiting
            waiting[router, frame] = max(repeat, waiting.get((router, frame), 0))
        return at_once * repeat + self.wake(now)

    def forget(self, router: str) -> None:
        """Drop what waits for a router: it is not MASTER any more, or has other frames."""
        for lane in self._lanes.values():
            for key in [key for key in lane.waiting if key[0] == router]:
                del lane.waiting[key]

    def wake(self, now: Micros) -> list[Frame]:
        """Return one frame of each lane that is free again."""
        due: list[Frame] = []
        for lane in self._lanes.values():
            if lane.waiting and lane.free_at <= now:
                frame = lane.next()
                pace = self._paces.get(frame.device)
                lane.free_at = now + (pace.interval(frame.family) if pace is not None else 0)
                due.append(frame)
        return due
