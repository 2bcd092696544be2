"""Judges one step: a predicate over the trace for each expectation, looked at whenever a record comes.

It reads no clock: a run and the replay of its trace come to the same verdicts.  A late expectation is watched on to
twice its bound, so that LATE can say how late; what failed by less than the host itself stalled is INCONCLUSIVE.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from labkit.conf.model import Config
from labkit.lab.explain import explained
from labkit.lab.provider import SLACK
from labkit.lab.sight import Sight
from labkit.lab.story import BEST, SAME, Budget, Condition, Distribution, Expectation, Step
from labkit.lab.verdict import Finding, Measured, Verdict
from labkit.trace import Micros, Record

_EARLY: Micros = 20_000  # records are stamped by different readers of one clock


class Judge:
    """Watches one step from `mark` on; every record of the step is given to `take`."""

    def __init__(
        self, step: Step, sight: Sight, configs: Mapping[str, Config], best: str, mark: Micros, slack: Micros
    ) -> None:
        self.step = step
        self.slack = slack
        self.sight = sight
        self.configs = configs
        self.best = best
        self.mark = mark
        self.bounds = [each.within.value(configs, best) for each in step.expect]
        self.share_bounds = [each.within.value(configs, best) for each in step.distributions]
        self.lasting = step.lasting.value(configs, best) if step.lasting is not None else 0
        longest = max([*self.bounds, *self.share_bounds], default=0)
        self.timers = longest + self.lasting
        self.give_up = mark + 2 * longest + slack
        self.took: list[Micros | None] = [None] * len(step.expect)
        self.shares: list[Finding | None] = [None] * len(step.distributions)
        self.came: list[Micros | None] = [None] * len(step.order)
        self.lasts_since: Micros | None = None
        self.violation: Finding | None = None
        self.violated_by: tuple[Condition, ...] = ()
        self.look(mark)

    @property
    def pending(self) -> bool:
        """Whether something that is expected has not come true yet, and nothing went wrong."""
        return self.violation is None and None in [*self.took, *self.shares, *self.came]

    def take(self, record: Record) -> None:
        """Learn from one record and judge by it."""
        self.sight.take(record)
        self.look(record.at)

    def begin_to_last(self, at: Micros) -> None:
        """What was expected has come true; from now on `hold` counts."""
        self.lasts_since = at
        self.look(at)

    def look(self, at: Micros) -> None:
        """Judge what is true now; `at` is the time of the record that made it so."""
        for n, each in enumerate(self.step.expect):
            if self.took[n] is None and self._holds(each.condition):
                self.took[n] = max(0, at - self.mark)
        for n, condition in enumerate(self.step.order):
            if self.came[n] is None and self._holds(condition):
                self.came[n] = max(0, at - self.mark)
        for n, distribution in enumerate(self.step.distributions):
            self.shares[n] = self.shares[n] or self._share(distribution, self.share_bounds[n], at)
        self.violation = self.violation or self._violation(at)

    def _holds(self, condition: Condition) -> bool:
        return self.sight.holds(condition, self.best, self.mark)

    def _name(self, condition: Condition) -> str:
        return str(condition).replace(BEST, self.best)

    def _violation(self, at: Micros) -> Finding | None:
        for condition in self.step.never:
            if self._holds(condition):
                return self._violated(f"never: {self._name(condition)}", [condition], at, self.mark)
        for condition in self.step.always:
            if not self._holds(condition):
                return self._violated(f"always: {self._name(condition)}", [condition], at, self.mark)
        failing = [condition for condition in self.step.hold if not self._holds(condition)]
        if self.lasts_since is not None and failing:
            return self._violated(self._what_lasts(), failing, at, self.lasts_since, self.lasting)
        for earlier, later, first, second in zip(
            self.step.order, self.step.order[1:], self.came, self.came[1:], strict=False
        ):
            if second is not None and (first is None or first > second):
                return self._violated(
                    f"order: {self._name(earlier)}, then {self._name(later)}", [earlier], at, self.mark
                )
        return None

    def _violated(
        self, what: str, conditions: Sequence[Condition], at: Micros, since: Micros, bound: Micros = 0
    ) -> Finding:
        verdict, note = Verdict.VIOLATED, ""
        if self.sight.stalled > SLACK:
            verdict, note = Verdict.INCONCLUSIVE, self._stalled()
        self.violated_by = tuple(conditions)
        return Finding(what=what, verdict=verdict, bound=bound, took=max(0, at - since), note=note, since=since)

    def _stalled(self) -> str:
        if self.sight.excuse > self.sight.stalled:
            return f"processes of the host waited for a CPU, {self.sight.waited / 1e3:.0f} ms in all"
        return f"the host stalled for {self.sight.stalled / 1e3:.0f} ms"

    def _what_lasts(self) -> str:
        names = " and ".join(self._name(condition) for condition in self.step.hold)
        return f"always: {names}" if names else "it lasts"

    # --- what was found -----------------------------------------------------------------------------------------------

    def findings(self, now: Micros) -> list[Finding]:
        """Return what came of every expectation, when the step is over."""
        found = [
            self._explained(self._timed(each, bound, took), each.condition)
            for each, bound, took in zip(self.step.expect, self.bounds, self.took, strict=True)
        ]
        for each, bound, share in zip(self.step.distributions, self.share_bounds, self.shares, strict=True):
            found.append(self._explained(share or self._too_few(each, bound)))
        if self.step.order and self.violation is None:
            found.append(self._order())
        measured = {each.probe: each for each in self.sight.measured(now)}
        found += [self._explained(self._budget(each, measured.get(each.probe))) for each in self.step.budgets]
        if self.violation is not None:
            since = self.violation.since
            found.append(explained(self.violation, self.violated_by, self.sight, self.best, since))
        elif self.step.hold and self.lasts_since is not None:
            found.append(Finding(what=self._what_lasts(), verdict=Verdict.PASS, bound=self.lasting, took=self.lasting))
        return found

    def _timed(self, wanted: Expectation, bound: Micros, took: Micros | None) -> Finding:
        """Judge when a condition came true: what comes too early has not waited for what it had to."""
        found = self._finding(self._name(wanted.condition), bound, took)
        earliest = wanted.not_before.value(self.configs, self.best) if wanted.not_before else 0
        if took is None or took >= earliest - _EARLY:
            return found
        note = f"{(earliest - took) / 1e6:.3f} s before its time, {earliest / 1e6:.3f} s"
        return replace(found, verdict=Verdict.VIOLATED, note=note)

    def _explained(self, finding: Finding, *conditions: Condition) -> Finding:
        if finding.verdict is Verdict.PASS:
            return finding
        return explained(finding, conditions, self.sight, self.best, self.mark)

    def _finding(self, what: str, bound: Micros, took: Micros | None, note: str = "") -> Finding:
        if took is None:
            verdict, note = Verdict.NEVER, note or "watched on to twice the bound"
            if self.sight.stalled > bound + self.slack:
                verdict, note = Verdict.INCONCLUSIVE, self._stalled()
        elif took <= bound + self.slack:
            verdict = Verdict.PASS
        elif took - bound - self.slack < self.sight.excuse:
            verdict, note = Verdict.INCONCLUSIVE, self._stalled()
        else:
            verdict, note = Verdict.LATE, f"{(took - bound) / 1e6:.3f} s after its bound"
        return Finding(what=what, verdict=verdict, bound=bound, took=took, note=note)

    def _order(self) -> Finding:
        what = "order: " + ", then ".join(self._name(condition) for condition in self.step.order)
        if None in self.came:
            missing = self.step.order[self.came.index(None)]
            return Finding(
                what=what, verdict=Verdict.NEVER, bound=0, took=None, note=f"{self._name(missing)} never came"
            )
        return Finding(what=what, verdict=Verdict.PASS, bound=0, took=max(came or 0 for came in self.came))

    def _share(self, wanted: Distribution, bound: Micros, at: Micros) -> Finding | None:
        """Judge a distribution once enough answers have come."""
        tries = self.sight.tries.get(wanted.probe)
        if tries is None or tries.answered < wanted.of:
            return None
        note = _counts(tries.by)
        if not _fits(wanted, tries.by, tries.answered):
            verdict = Verdict.VIOLATED
            if self.sight.stalled > SLACK and {*tries.by} <= {who for who, _ in wanted.weights}:  # answers came late
                verdict, note = Verdict.INCONCLUSIVE, f"{note}; {self._stalled()}"
            return Finding(what=str(wanted), verdict=verdict, bound=bound, took=at - self.mark, note=note)
        return self._finding(str(wanted), bound, max(0, at - self.mark), note)

    def _too_few(self, wanted: Distribution, bound: Micros) -> Finding:
        tries = self.sight.tries.get(wanted.probe)
        came = f"{tries.answered} answers came: {_counts(tries.by)}" if tries and tries.answered else "no answer came"
        return self._finding(str(wanted), bound, None, came)

    def _budget(self, budget: Budget, measured: Measured | None) -> Finding:
        """Judge what a probe lost; beside the slack, an outage is measured to the next try only."""
        beyond = 0
        if budget.outage is None:
            failed = measured.failed if measured else 0
            what, allowed = f"{budget.probe} loses at most {budget.tries}", budget.tries or 0
            verdict = Verdict.PASS if failed <= allowed else Verdict.VIOLATED
            note, bound, took = f"lost {failed}", 0, None
        else:
            bound, took = budget.outage.value(self.configs, self.best), (measured.outage if measured else None) or 0
            what, note = f"{budget.probe} has an answer again", ""
            beyond = took - bound - self.slack
            verdict = Verdict.PASS if beyond <= 0 else Verdict.VIOLATED
        if measured is None:
            verdict, note = Verdict.NEVER, "the probe has told nothing"
        elif verdict is Verdict.VIOLATED and (self.sight.stalled > SLACK or 0 < beyond < self.sight.excuse):
            verdict, note = Verdict.INCONCLUSIVE, f"{note}; {self._stalled()}".removeprefix("; ")
        return Finding(what=what, verdict=verdict, bound=bound, took=took, note=note)


def _counts(by: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {who}" for who, count in sorted(by.items()))


def _fits(wanted: Distribution, by: Mapping[str, int], total: int) -> bool:
    """Return whether each server's part of `total` answers is its share by weight; nobody else may have answered."""
    weights: Sequence[tuple[str, int]] = wanted.weights
    if weights[0][0] == SAME:
        weights = [(max(by, key=lambda who: by[who]), 1)]
    shares = {who: weight / sum(weight for _, weight in weights) for who, weight in weights}
    return all(
        abs(by.get(who, 0) / total - shares.get(who, 0.0)) <= wanted.tolerance + 1e-9 for who in {*by, *shares}
    ) and all(who in shares for who in by)
