"""Runs a scenario against a lab: does its steps, watches the trace, and gives a verdict with measured times.

Every expectation is a predicate over the trace, looked at whenever a record comes; nothing is polled, nothing sleeps.
A late expectation is watched on to twice its bound, so that LATE can say how late; if the host itself stalled for
longer than that, the verdict is INCONCLUSIVE.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from labkit.conf.model import Config
from labkit.diagnostics import LabkitError
from labkit.lab.client import Client
from labkit.lab.status import Watch
from labkit.lab.topology import Topology
from labkit.lab.vocabulary import BEST, Action, Condition, Scenario, Step
from labkit.trace import Kind, Micros, Record

SLACK: Micros = 100_000
"""Allowed beyond every bound: a daemon is started, a script runs, the host has other work."""


_ANSWER_PATIENCE: Micros = 1_000_000


class Verdict(StrEnum):
    """The outcome of an expectation, and of a scenario (its worst)."""

    PASS = "PASS"
    SKIP = "SKIP"  # this machine lacks what the lab needs
    INCONCLUSIVE = "INCONCLUSIVE"  # late, but the host stalled for longer
    LATE = "LATE"  # came true after its bound
    NEVER = "NEVER"  # did not come true within twice its bound
    VIOLATED = "VIOLATED"  # what must not happen happened
    ERROR = "ERROR"  # the lab broke, not the subject


_WORSE = list(Verdict)
_FINAL = (Verdict.NEVER, Verdict.VIOLATED)  # what follows would mean nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One expectation, and what was measured: `took` is None when it never came true; times in microseconds."""

    what: str
    verdict: Verdict
    bound: Micros
    took: Micros | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What a step did and what came of it; `outage` is the longest time without an answer to the probe's pings."""

    did: tuple[str, ...]
    findings: tuple[Finding, ...]
    outage: Micros | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A whole scenario; `timers` is the sum of its bounds, which `took` is to be compared with."""

    scenario: str
    title: str
    verdict: Verdict
    steps: tuple[StepResult, ...]
    took: Micros
    timers: Micros
    error: str = ""
    trace: tuple[Record, ...] = ()


Progress: TypeAlias = Callable[[str], None]


def skipped(name: str, title: str, why: str) -> Result:
    """Return the result of a scenario that cannot run here."""
    return Result(scenario=name, title=title, verdict=Verdict.SKIP, steps=(), took=0, timers=0, error=why)


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the worst of the verdicts; PASS for none."""
    return max(verdicts, key=_WORSE.index, default=Verdict.PASS)


@dataclass(slots=True)
class _Eyes:
    """What the running step sees of the trace."""

    watch: Watch
    heard: dict[str, Micros] = field(default_factory=dict)  # last advert of each source, unless of priority 0
    stalled: Micros = 0
    outage: Micros | None = None
    silent: bool = False  # the probe gets no answers just now
    seen: list[Record] = field(default_factory=list)

    def take(self, record: Record) -> None:
        self.seen.append(record)
        self.watch.take(record)
        match record.kind:
            case Kind.ADVERT if record.data["priority"] != 0:
                self.heard[str(record.data["source"])] = record.at
            case Kind.STALL:
                self.stalled = max(self.stalled, int(str(record.data["stalled_us"])))
            case Kind.PROBE:
                self.silent = not record.data["ok"]
                if record.data["gap_us"]:
                    self.outage = max(self.outage or 0, int(str(record.data["gap_us"])))


class Experiment:
    """A scenario being run against one lab."""

    def __init__(
        self,
        scenario: Scenario,
        topology: Topology,
        configs: Mapping[str, Config],
        client: Client,
        progress: Progress,
    ) -> None:
        """Prepare it.

        Raises:
            LabkitError: the lab has nothing that bounds could be computed from, or that the probe could ping.
        """
        for node in topology.routers:
            if node.name not in configs or not configs[node.name].instances:
                cure = "give its role a keepalived.conf with one under `files:` in lab.yml"
                raise LabkitError(f"{node.name} has no vrrp_instance, so no bound can be computed; {cure}")
        if scenario.probe_from and "vip" not in topology.variables:
            raise LabkitError("the probe has nothing to ping; add `vars: {vip: ADDRESS}` to lab.yml")
        self.scenario = scenario
        self.topology = topology
        self.configs = configs
        self.client = client
        self.progress = progress
        self.eyes = _Eyes(Watch(topology))
        self.stopped: set[str] = set()
        self.timers: Micros = 0
        self.probe: str | None = None

    def run(self) -> Result:
        """Do every step; a step that fails ends the scenario, for what follows would mean nothing."""
        began = _now()
        self.client.ask("follow")
        results: list[StepResult] = []
        error = ""
        try:
            for step in self.scenario.steps:
                results.append(self._step(step))
                if worst([finding.verdict for finding in results[-1].findings]) in _FINAL:
                    break
                self._start_probe()
        except LabkitError as problem:
            error = str(problem)
        verdicts = [finding.verdict for result in results for finding in result.findings]
        return Result(
            scenario=self.scenario.name,
            title=self.scenario.title,
            verdict=Verdict.ERROR if error else worst(verdicts),
            steps=tuple(results),
            took=_now() - began,
            timers=self.timers,
            error=error,
            trace=tuple(self.eyes.seen),
        )

    def _start_probe(self) -> None:
        if self.scenario.probe_from and self.probe is None:
            target = str(self.topology.variables["vip"])
            answer = self.client.ask("probe", node=self.scenario.probe_from, target=target)
            self.probe = str(answer["probe"])

    def _best(self) -> str:
        """Return the router that must hold the VIP when all is quiet: the highest priority of those not stopped."""
        priorities = {name: config.instances[0].router.priority for name, config in self.configs.items()}
        alive = {name: priority for name, priority in priorities.items() if name not in self.stopped}
        return max(alive or priorities, key=lambda name: priorities[name])

    # --- one step -----------------------------------------------------------------------------------------------------

    def _step(self, step: Step) -> StepResult:
        self._take_records(0.0)
        self.eyes.outage, self.eyes.stalled = None, 0
        mark = _now()
        for action in step.actions:
            self.progress(f"  {action}")
            mark = self._act(action, mark)
        findings = self._watch_for(step, mark)
        patience = _now() + _ANSWER_PATIENCE
        while self.eyes.silent and _now() < patience:  # so that the outage is measured to its end
            self._take_records((patience - _now()) / 1e6)
        if all(finding.verdict not in _FINAL for finding in findings):
            findings += [self._check(check) for check in step.checks]
        if step.lasting is not None:
            findings.append(self._hold(step))
        for finding in findings:
            self.progress(_line(finding))
        return StepResult(
            did=tuple(str(action) for action in step.actions), findings=tuple(findings), outage=self.eyes.outage
        )

    def _act(self, action: Action, mark: Micros) -> Micros:
        """Do it; return from when on its bounds count: a start counts from when the daemon is ready."""
        node = action.node
        match action.verb:
            case "kill":
                self.stopped.add(node)
                self.client.ask("fault", fault="kill", node=node)
            case "stop":
                self.stopped.add(node)
                self._command(node, ["/etc/init.d/keepalived", "stop"])
            case "start" | "restart":
                self._command(node, ["/etc/init.d/keepalived", action.verb])
                self.stopped.discard(node)
                return _now()
            case "link_down" | "cut":
                self.client.ask("fault", fault=action.verb.removesuffix("_down"), node=node, interface=action.interface)
            case "link_up" | "heal":
                fault = "link" if action.verb == "link_up" else "cut"
                self.client.ask("heal", fault=fault, node=node, interface=action.interface)
            case "exec":
                self._command(node, ["/bin/sh", "-c", action.command])
                return _now()
        return mark

    def _check(self, check: Action) -> Finding:
        """Run a command of the scenario's own that judges the subject by its exit status."""
        began = _now()
        done = self.client.run(check.node, ["/bin/sh", "-c", check.command])
        said = done.output.strip() or f"ended with {done.status}"
        verdict = Verdict.VIOLATED if done.status else Verdict.PASS
        return Finding(what=f"check: {check}", verdict=verdict, bound=0, took=_now() - began, note=said)

    def _command(self, node: str, argv: list[str]) -> None:
        done = self.client.run(node, argv)
        if done.status:
            raise LabkitError(f"{node}: {' '.join(argv)} ended with {done.status}: {done.output.strip()}")

    def _take_records(self, within_s: float) -> bool:
        records = self.client.next_records(within_s)
        for record in records:
            self.eyes.take(record)
        return bool(records)

    def _watch_for(self, step: Step, mark: Micros) -> list[Finding]:
        """Take records until every expectation has come true or is given up; each is measured from `mark`."""
        best = self._best()
        bounds = [each.within.value(self.configs, best) for each in step.expect]
        self.timers += max(bounds, default=0)
        took: list[Micros | None] = [0 if self._holds(each.condition, best, mark) else None for each in step.expect]
        violated: Finding | None = None
        give_up = mark + 2 * max(bounds, default=0) + SLACK
        while None in took and violated is None and _now() < give_up:
            for record in self.client.next_records(min(0.2, max(0.0, (give_up - _now()) / 1e6))):
                self.eyes.take(record)
                for n, each in enumerate(step.expect):
                    if took[n] is None and self._holds(each.condition, best, mark):
                        took[n] = max(0, record.at - mark)
                violated = violated or self._violation(step.never, best, mark, record)
        findings = [
            self._finding(str(each.condition).replace(BEST, best), bound, time_taken)
            for each, bound, time_taken in zip(step.expect, bounds, took, strict=True)
        ]
        return [*findings, violated] if violated else findings

    def _violation(self, never: tuple[Condition, ...], best: str, mark: Micros, record: Record) -> Finding | None:
        for condition in never:
            if self._holds(condition, best, mark):
                return Finding(
                    what=f"never: {condition}", verdict=Verdict.VIOLATED, bound=0, took=max(0, record.at - mark)
                )
        return None

    def _hold(self, step: Step) -> Finding:
        """Watch for as long as the step says; the first moment at which a condition does not hold is the finding."""
        best = self._best()
        assert step.lasting is not None
        lasting = step.lasting.value(self.configs, best)
        self.timers += lasting
        began = _now()
        what = " and ".join(str(condition).replace(BEST, best) for condition in step.hold)
        while (left := began + lasting - _now()) > 0:
            for record in self.client.next_records(left / 1e6):
                self.eyes.take(record)
                if not all(self._holds(condition, best, 0) for condition in step.hold):
                    took = record.at - began
                    return Finding(what=f"always: {what}", verdict=Verdict.VIOLATED, bound=lasting, took=took)
        return Finding(what=f"always: {what}", verdict=Verdict.PASS, bound=lasting, took=lasting)

    def _finding(self, what: str, bound: Micros, took: Micros | None) -> Finding:
        if took is None:
            verdict, note = Verdict.NEVER, "watched on to twice the bound"
        elif took <= bound + SLACK:
            verdict, note = Verdict.PASS, ""
        elif took - bound - SLACK < self.eyes.stalled:
            verdict, note = Verdict.INCONCLUSIVE, f"the host stalled for {self.eyes.stalled / 1e3:.0f} ms"
        else:
            verdict, note = Verdict.LATE, f"{(took - bound) / 1e6:.3f} s after its bound"
        return Finding(what=what, verdict=verdict, bound=bound, took=took, note=note)

    def _holds(self, condition: Condition, best: str, mark: Micros) -> bool:
        watch = self.eyes.watch
        node = best if condition.node == BEST else condition.node
        value = best if condition.value == BEST else condition.value
        match condition.what:
            case "vip":
                return node in watch.owners(condition.address)
            case "master":
                address = str(self.topology.node(node).links[0].address.ip)
                return self.eyes.heard.get(address, -1) >= mark
            case "arp":
                address = condition.address or watch.vip
                return watch.nodes[node].neighbours.get(address) == self._lladdr(node, value)
            case "state":
                return watch.nodes[node].state == value
            case "dropped" | "serves":
                addresses = {str(link.address.ip) for link in self.topology.node(node).links}
                return bool(addresses & watch.nodes[value].dropped) == (condition.what == "dropped")
        return len(watch.owners()) >= int(value)

    def _lladdr(self, viewer: str, node: str) -> str:
        """Return the link-layer address of `node` on the network that it shares with `viewer`."""
        networks = {link.network for link in self.topology.node(viewer).links}
        shared = [link for link in self.topology.node(node).links if link.network in networks]
        return shared[0].lladdr.hex(":")


def _now() -> Micros:
    return time.monotonic_ns() // 1000


def _line(finding: Finding) -> str:
    mark = "ok  " if finding.verdict is Verdict.PASS else finding.verdict.value
    took = f"{finding.took / 1e6:8.3f} s" if finding.took is not None else "       - s"
    note = f"  {finding.note}" if finding.note else ""
    bound = f"  (bound {finding.bound / 1e6:.3f} s)" if finding.bound else ""
    return f"    {mark} {finding.what:<42} {took}{bound}{note}"


def as_dict(result: Result) -> dict[str, Any]:
    """Return the result as plain values for JSON; times in seconds."""

    def seconds(value: Micros | None) -> float | None:
        return None if value is None else value / 1e6

    return {
        "scenario": result.scenario,
        "title": result.title,
        "verdict": result.verdict.value,
        "error": result.error,
        "took_s": seconds(result.took),
        "timers_s": seconds(result.timers),
        "steps": [
            {
                "did": list(step.did),
                "outage_s": seconds(step.outage),
                "findings": [
                    {
                        "what": finding.what,
                        "verdict": finding.verdict.value,
                        "bound_s": seconds(finding.bound),
                        "took_s": seconds(finding.took),
                        "note": finding.note,
                    }
                    for finding in step.findings
                ],
            }
            for step in result.steps
        ],
    }
