"""Authentication as one router lives it: the sequence numbers it signs with, and those it has seen.

Authentication header: what is sent goes on from the highest number that was sent or heard, as keepalived does it, so
that whoever takes over goes on where the last MASTER was.  A replay is a number that is not above the last one of its
sender; keepalived holds it against one counter for all, and two masters that began in the same moment, both with 1,
never hear each other.

auth_hmac: what is signed has the larger of the clock and the last number + 1.  What is heard must be above the mark of
its sender; a mark is kept per unicast peer, or for 4 senders of a group, and with anti_replay time one outside the
window is no mark any more.  The window is checked before the HMAC is computed, which costs more.
"""

from labkit.trace import SECOND, Micros
from labkit.vrrp.admission import Fault
from labkit.vrrp.authentication import (
    follows,
    header_fault,
    header_sequence,
    signed,
    trailer_fields,
    utc_sequence,
)
from labkit.vrrp.config import Address, AntiReplay, HmacConfig, HmacMode, RouterConfig
from labkit.vrrp.events import Received
from labkit.vrrp.packet import Advert, ErrorKind

SENDERS = 4
"""For how many senders of a group marks are kept."""

_IP_LENGTH_MASK = 15
_LAST_HEADER_SEQUENCE = 2**32 - 1


class Guard:
    """The sequence numbers of one router; `utc_offset` is what to add to the clock to get UTC, None: unknown."""

    def __init__(self) -> None:
        self.utc_offset: Micros | None = None
        self._header_sequence = 0
        self._header_marks: dict[Address, int] = {}
        self._signed = 0
        self._marks: dict[Address, int] = {}

    def next_sequence(self, config: RouterConfig, now: Micros) -> int:
        """Return the number for the next advert, 0 where adverts are not signed."""
        if config.ah is not None:
            self._header_sequence = self._header_sequence % _LAST_HEADER_SEQUENCE + 1
            return self._header_sequence
        if config.hmac is None or config.hmac.mode is HmacMode.RECEIVE_ONLY:
            return 0
        self._signed = max(utc_sequence(now + (self.utc_offset or 0)), self._signed + 1)
        return self._signed

    def fault(self, config: RouterConfig, event: Received, advert: Advert, now: Micros) -> Fault | None:
        """Say why the advert may not be from whom it says, or note its number and return nothing."""
        if config.ah is not None and advert.header:
            return self._header_fault(config, event, config.ah)
        if config.hmac is not None:
            return self._trailer_fault(config, config.hmac, event, advert, now)
        if advert.trailer:
            return ErrorKind.HMAC_UNEXPECTED, "signed with auth_hmac, which is not configured here"
        return None

    def _header_fault(self, config: RouterConfig, event: Received, key: bytes) -> Fault | None:
        if text := header_fault(event.raw, key, unicast=config.is_unicast):
            return ErrorKind.AH, text
        sequence = header_sequence(event.raw)
        mark = self._header_marks.get(event.source, 0)
        if sequence <= mark:
            return ErrorKind.AH_REPLAY, f"sequence number {sequence} was used, {mark} was the last"
        self._header_sequence = max(self._header_sequence, sequence)
        _note(self._header_marks, event.source, sequence, max(SENDERS, len(config.peers)))
        return None

    def _trailer_fault(
        self, config: RouterConfig, keys: HmacConfig, event: Received, advert: Advert, now: Micros
    ) -> Fault | None:
        if not advert.trailer:
            enforced = keys.mode is HmacMode.ENFORCE
            return (ErrorKind.HMAC_MISSING, "not signed, auth_hmac demands it") if enforced else None
        fields = trailer_fields(advert.trailer)
        if fields is None:
            return ErrorKind.HMAC_MALFORMED, "malformed auth_hmac trailer"
        key_id, sequence = fields
        if key_id not in keys.keys:
            return ErrorKind.HMAC_KEY, f"signed with auth_hmac key {key_id}, which is not configured here"
        if not self._timely(keys, sequence, now):
            age, window = self._age(sequence, now), keys.window // SECOND
            return ErrorKind.HMAC_STALE, f"signed {age} s ago, the window is {window} s"
        if not signed(_message(event), event.source, keys.keys[key_id]):
            return ErrorKind.HMAC_BAD, f"the HMAC is not that of our key {key_id}"
        return self._mark(config, keys, event.source, sequence, now)

    def _mark(
        self, config: RouterConfig, keys: HmacConfig, source: Address, sequence: int, now: Micros
    ) -> Fault | None:
        mark = self._marks.get(source)
        if keys.anti_replay is AntiReplay.NONE:
            return None
        if mark is not None and self._timely(keys, mark, now) and not follows(sequence, mark):
            return ErrorKind.HMAC_REPLAY, "its sequence number was used before"
        _note(self._marks, source, sequence, max(SENDERS, len(config.peers)))
        return None

    def _timely(self, keys: HmacConfig, sequence: int, now: Micros) -> bool:
        """Whether a number is within the window, or the window does not matter."""
        if keys.anti_replay is not AntiReplay.TIME or self.utc_offset is None:
            return True
        return abs(self._age(sequence, now)) * SECOND <= keys.window

    def _age(self, sequence: int, now: Micros) -> int:
        """Return how many whole seconds ago a number was signed; negative: in the future."""
        return (now + (self.utc_offset or 0)) // SECOND - (sequence >> 32)


def _note(marks: dict[Address, int], source: Address, sequence: int, capacity: int) -> None:
    """Set the mark of a sender; whoever was heard longest ago goes when there are too many."""
    marks.pop(source, None)
    marks[source] = sequence
    while len(marks) > capacity:
        del marks[next(iter(marks))]


def _message(event: Received) -> bytes:
    """Return the VRRP message with its trailer, without what a link may have put behind it."""
    raw = event.raw
    if event.source.version == 6:
        return raw
    return raw[(raw[0] & _IP_LENGTH_MASK) * 4 : int.from_bytes(raw[2:4])]
