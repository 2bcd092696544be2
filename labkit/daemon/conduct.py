"""How a child process conducts itself: its name, when it runs, whether it is swapped out.

Taken from a configuration at the start and at each reload; what the kernel refuses is told, and survived.
"""

import os
import signal

from labkit.conf.model import Scheduling
from labkit.daemon.log import Level, Log
from labkit.kernel.process import set_process_name
from labkit.kernel.scheduling import bind_to, limit_realtime, lock_memory, set_nice, set_realtime
from labkit.trace import SECOND, Micros

_LAST_FACTOR = 100
_ORDINARY = 0


class Conduct:
    """The conduct of one process; `name` is the one that it has where the configuration says nothing."""

    def __init__(self, name: str, log: Log) -> None:
        self._name = name
        self._log = log
        self._scheduling = Scheduling()
        self._processors = os.sched_getaffinity(0)
        self._realtime = 0  # what is in force
        self._highest = 0
        self._late: Micros = SECOND

    def take(self, name: str | None, scheduling: Scheduling, *, highest: int, late: Micros) -> None:
        """Go by `scheduling` from now on, known as `name`.

        When the kernel runs us more than `late` too late, the real-time priority is raised, up to `highest` (0: not).
        """
        set_process_name(name or self._name)
        self._highest, self._late = highest, late
        if scheduling == self._scheduling:
            return
        before, self._scheduling = self._scheduling, scheduling
        said: list[str] = []
        if scheduling.affinity != before.affinity:
            said.append(bind_to(scheduling.affinity or self._processors))
        if scheduling.no_swap and not before.no_swap:
            said.append(lock_memory())
        self._realtime = scheduling.realtime or 0
        said += self._run_realtime() if self._realtime else [set_nice(scheduling.nice or _ORDINARY)]
        self._complain(said)

    def ran_late(self, by: Micros) -> None:
        """Ask for a higher real-time priority where the kernel ran us `by` microseconds too late."""
        if by < self._late or self._realtime >= self._highest:
            return
        self._realtime += 1
        self._log.say(f"ran {by / SECOND:.3f} s late: real-time priority {self._realtime}", Level.WARNING)
        self._complain(self._run_realtime())

    def _run_realtime(self) -> list[str]:
        # A limit that only kills would end a whole daemon for one long reload: it tells, and kills what hangs.
        limit = self._scheduling.realtime_limit
        signal.signal(signal.SIGXCPU, self._ran_long)
        return [limit_realtime(limit, max(_LAST_FACTOR * limit, SECOND)), set_realtime(self._realtime)]

    def _complain(self, said: list[str]) -> None:
        for refused in said:
            if refused:
                self._log.say(refused, Level.WARNING)

    def _ran_long(self, number: int, frame: object) -> None:
        self._log.say("ran for longer than the real-time limit without once waiting", Level.WARNING)
