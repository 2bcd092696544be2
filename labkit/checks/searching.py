"""Searching a page that anybody may have written, with a bound: while one expression is at work all checks wait.

An expression such as `(a+)+b` tries a page of n letters a in 2**n ways.  PCRE2 has a limit for that; Python's `re` has
none, but looks for signals now and then, so that one can end it.
"""

import re
import signal
from types import FrameType

from labkit.checks.trouble import CheckFailedError

_LIMIT_S = 0.1  # of this process's own processor time: what others do on the machine does not count


def search(pattern: re.Pattern[bytes], page: bytes, start: int) -> re.Match[bytes] | None:
    """Return the first match from `start` on; to be called in the main thread.

    Raises:
        CheckFailedError: looking for one takes too long.
    """
    before = signal.signal(signal.SIGVTALRM, _give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, _LIMIT_S)
    try:
        return pattern.search(page, start)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _give_up(number: int, frame: FrameType | None) -> None:
    raise CheckFailedError(f"the regex needs more than {_LIMIT_S} s for this page; mend what it may try in many ways")
