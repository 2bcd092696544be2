"""Runs situations: every casting in one loop, a few situations at a time, and again what the machine disturbed."""

import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.frames import Frame
from tests.interop.network import STRANGER
from tests.interop.run import Casting, Run, Script
from tests.interop.story import Differs, compare, tell

_TICK = 0.01
_AT_ONCE = 3  # situations; they wait more than they work
_STALLED = 0.1  # a loop that did not run for so long says nothing of the programs
# Adverts of two hosts in one millisecond are a coincidence, also on a machine that others use; what is wrong is wrong
# each time.  Every repetition is listed at the end of a run.
_ATTEMPTS, _STALLED_ATTEMPTS = 5, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Configurations, a script, and what of the story is left out of the comparison or differs on purpose."""

    configs: tuple[str, ...]
    script: Callable[[Run], Script]
    interfaces: int = 1
    castings: tuple[Casting, ...] = ()
    loose: frozenset[str] = frozenset()
    differs: tuple[Differs, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a situation came to: what was on the wire, and what failed in which casting."""

    frames: list[Frame]
    failures: dict[Casting, str]
    stalled: float


def castings(hosts: int) -> tuple[Casting, ...]:
    """C alone, which is the reference; ours alone; and both by turns, beginning with each."""
    alternate = [tuple(("ours", "C")[(first + n) % 2] for n in range(hosts)) for first in (0, 1)]
    return tuple(dict.fromkeys([("C",) * hosts, ("ours",) * hosts, *alternate]))


class Stage:
    """Where the situations of a run of tests take place, in the order of `upcoming`."""

    def __init__(self, upcoming: list[Situation], home: Path) -> None:
        self.captured: list[Frame] = []  # but for what the stranger forged
        self.repeated: list[str] = []
        self._upcoming = upcoming
        self._home = home
        self._count = 0
        self._outcomes: dict[int, Outcome] = {}

    def perform(self, situation: Situation) -> str:
        """Return what fails in a situation, in words, or nothing; a failure must happen again to count."""
        if id(situation) not in self._outcomes:
            self._perform_some(situation)
        outcome = self._outcomes.pop(id(situation))
        for attempt in range(1, _STALLED_ATTEMPTS + 1):
            if not outcome.failures:
                self.captured += outcome.frames
                return ""
            if attempt >= (_ATTEMPTS if outcome.stalled < _STALLED else _STALLED_ATTEMPTS):
                break
            casting, text = next(iter(outcome.failures.items()))
            name = f"{situation.script.__name__} {'-'.join(casting)}"
            self.repeated.append(f"{name}: {text.splitlines()[0]} ({outcome.stalled:.3f} s stalled)")
            outcome = self._attempt([situation])[0]
        words = "\n".join(f"{'-'.join(casting)}: {text}" for casting, text in outcome.failures.items())
        return f"{words}\n(this machine stalled for {outcome.stalled:.3f} s at most)"

    def _perform_some(self, situation: Situation) -> None:
        """Perform a situation and, with it, some of its module's whose turn comes next."""
        place = next((n for n, other in enumerate(self._upcoming) if other is situation), None)
        some = [situation] if place is None else self._upcoming[place : place + _AT_ONCE]
        module = situation.script.__module__  # the situations of one module are performed by one process
        some = [one for one in some if id(one) not in self._outcomes and one.script.__module__ == module]
        for one, outcome in zip(some, self._attempt(some), strict=True):
            self._outcomes[id(one)] = outcome

    def _attempt(self, situations: list[Situation]) -> list[Outcome]:
        every: list[dict[Casting, Run]] = []
        try:
            for situation in situations:
                every.append({})
                for casting in situation.castings or castings(len(situation.configs)):
                    every[-1][casting] = self._run(situation, casting)
            stalled = _loop([run for runs in every for run in runs.values()])
            return [_outcome(*both, stalled) for both in zip(situations, every, strict=True)]
        finally:
            for runs in every:
                for run in runs.values():
                    run.close()

    def _run(self, situation: Situation, casting: Casting) -> Run:
        self._count += 1
        return Run(
            casting,
            situation.configs,
            situation.script,
            home=self._home / str(self._count),
            interfaces=situation.interfaces,
        )


def _outcome(situation: Situation, runs: dict[Casting, Run], stalled: float) -> Outcome:
    failures = {casting: run.failure for casting, run in runs.items() if run.failure} or _compare(situation, runs)
    frames = [
        frame
        for casting, run in runs.items()
        for frame in run.network.frames
        if frame.host != STRANGER and casting[frame.host - 1] != "FRR"
    ]
    return Outcome(frames=frames, failures=failures, stalled=stalled)


def _compare(situation: Situation, runs: dict[Casting, Run]) -> dict[Casting, str]:
    stories = {casting: tell(run.programs, run.network) for casting, run in runs.items()}
    reference = next(iter(runs))
    found = {}
    for casting, story in stories.items():
        if text := compare(stories[reference], story, casting, situation.loose, situation.differs):
            found[casting] = f"{text}\n{runs[casting].report()}\n=== {reference}\n{runs[reference].report()}"
    return found


def _loop(runs: list[Run]) -> float:
    """Run them all to their ends, each read no further than its own; return how long this process once did not run."""
    going, stalled = list(runs), 0.0
    while going:
        before = time.monotonic()
        select.select([descriptor for run in going for descriptor in run.descriptors()], [], [], _TICK)
        for run in going:
            run.read()
        going = [run for run in going if run.advance()]
        stalled = max(stalled, time.monotonic() - before - _TICK)
    return stalled
