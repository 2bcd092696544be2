"""Runs a scenario against a lab: does its steps, passes the trace to a judge, and gives a verdict with measured times.

Nothing is polled and nothing sleeps: whatever is waited for comes as a record.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from textwrap import indent
from typing import Protocol, TypeAlias

from labkit.conf import loader as conf
from labkit.conf.model import Config
from labkit.diagnostics import LabkitError
from labkit.lab.actions import ALL, Action
from labkit.lab.judge import Judge
from labkit.lab.probes.probe import ProbeSpec
from labkit.lab.provider import SLACK, Completed, LackingError
from labkit.lab.report import finding_text
from labkit.lab.sight import Sight
from labkit.lab.story import Scenario, Step
from labkit.lab.topology import CONFIG, Topology
from labkit.lab.verdict import FINAL, Finding, Result, StepResult, Verdict, skipped, worst
from labkit.trace import Kind, Micros, Record, Value

_ANSWER_PATIENCE: Micros = 1_000_000

_SILENCING = ("kill", "stop", "freeze")
_REVIVING = ("start", "restart", "thaw", "heal")
_READY = ("start", "restart", "service_start")  # their bounds count from when they are done

Progress: TypeAlias = Callable[[str], None]


class Subject(Protocol):
    """A running lab, as an experiment sees it: a `Client`, or the simulator."""

    def ask(self, verb: str, **arguments: object) -> dict[str, object]:
        """Have the supervisor do something and return its answer.

        Raises:
            LackingError: this lab cannot do it at all.
            LabkitError: it was refused, or the lab is gone.
        """

    def run(self, node: str, argv: Sequence[str]) -> Completed:
        """Run a command in a node to its end."""

    def next_records(self, within_s: float) -> list[Record]:
        """Return the records that came since the last call, waiting for the first at most so long."""


def _now() -> Micros:
    return time.monotonic_ns() // 1000


class Experiment:
    """A scenario being run against one lab."""

    def __init__(
        self,
        scenario: Scenario,
        topology: Topology,
        configs: Mapping[str, Config],
        client: Subject,
        progress: Progress,
        now: Callable[[], Micros] = _now,
    ) -> None:
        """Prepare it; `now` is the lab's clock.

        Raises:
            LabkitError: the lab has nothing that bounds could be computed from.
        """
        for node in topology.routers:
            if node.name not in configs or not configs[node.name].instances:
                cure = "give its role a keepalived.conf with one under `files:` in lab.yml"
                raise LabkitError(f"{node.name} has no vrrp_instance, so no bound can be computed; {cure}")
        self.scenario = scenario
        self.topology = topology
        self.configs = dict(configs)
        self.client = client
        self.progress = progress
        self.now = now
        self.sight = Sight(topology)
        self.stopped: set[str] = set()
        self.timers: Micros = 0
        self.probing = False
        self.began: Micros = 0

    @cached_property
    def slack(self) -> Micros:
        """What the place that the lab is in needs beyond every bound."""
        return int(str(self.client.ask("info").get("slack_us", SLACK)))

    def run(self) -> Result:
        """Do every step; a step that fails ends the scenario, for what follows would mean nothing."""
        began = self.now()
        self.client.ask("follow")
        self._note(
            "scenario",
            file=self.scenario.file,
            seed=self.scenario.seed,
            lab=self.topology.name,
            variant=self.topology.variant,
            variables=json.dumps(self.topology.variables),
            daemons=json.dumps({node.name: node.daemon for node in self.topology.routers}),
        )
        results: list[StepResult] = []
        error = ""
        try:
            for step in self.scenario.steps:
                results.append(self.step(step))
                if worst([finding.verdict for finding in results[-1].findings]) in FINAL:
                    break
                self._start_probes()
            self._take_the_rest()
        except LackingError as lack:
            return skipped(self.scenario.name, self.scenario.title, str(lack))
        except LabkitError as problem:
            error = str(problem)
        verdicts = [finding.verdict for result in results for finding in result.findings]
        return Result(
            scenario=self.scenario.name,
            title=self.scenario.title,
            verdict=Verdict.ERROR if error else worst(verdicts),
            steps=tuple(results),
            took=self.now() - began,
            timers=self.timers,
            error=error,
            trace=tuple(self.sight.seen),
            seed=self.scenario.seed,
        )

    def _note(self, event: str, **data: Value) -> None:
        """Write into the trace what a replay judges by."""
        told = {"scenario": self.scenario.name, "event": event, **data}
        self.sight.take(Record(at=self.now(), kind=Kind.STEP, data=told))

    def _take_the_rest(self) -> None:
        """Take what has happened by now, and what daemons say of it, which comes after what they did."""
        self.client.ask("sync")
        for record in self.client.next_records(0.0):
            self.sight.take(record)

    def _start_probes(self) -> None:
        if not self.probing:
            for spec in self.scenario.probes:
                self.start_probe(spec)
        self.probing = True

    def start_probe(self, spec: ProbeSpec) -> None:
        """Start a probe; it goes on until the lab ends or this client leaves."""
        self.client.ask("probe", **asdict(spec))

    def _best(self) -> str:
        """Return the router that must hold the VIP when all is quiet: the highest priority of those not stopped."""
        priorities = {name: config.instances[0].router.priority for name, config in self.configs.items()}
        alive = {name: priority for name, priority in priorities.items() if name not in self.stopped}
        return max(alive or priorities, key=lambda name: priorities[name])

    # --- one step -----------------------------------------------------------------------------------------------------

    def step(self, step: Step) -> StepResult:
        """Do a step's actions, and judge what comes of them."""
        mark = self.begin()
        for action in step.actions:
            self.progress(f"  {action}")
            mark = self.act(action, mark)
        return self.judge(step, mark)

    def begin(self) -> Micros:
        """Take what has happened by now as the past; return from when on the step's bounds count."""
        self._take_the_rest()
        self.began = self.now()
        self.sight.begin_step(self.began)
        self._note("begin", began=self.began)
        return self.began

    def judge(self, step: Step, mark: Micros) -> StepResult:
        """Watch until all that a step expects since `mark` has come true or is given up."""
        best = self._best()
        self._note("mark", mark=mark, best=best, slack=self.slack)
        judge = Judge(step, self.sight, self.configs, best, mark, self.slack)
        self.timers += judge.timers
        self._watch(judge, judge.give_up, lambda: not judge.pending)
        patience = self.now() + _ANSWER_PATIENCE  # an outage is measured to its end
        self._watch(judge, patience, lambda: not self.sight.silent)
        findings = self._findings(judge)
        checks: list[Finding] = []
        if all(finding.verdict not in FINAL for finding in findings):
            checks = [self._check(check) for check in step.checks]
            if step.lasting is not None:
                since = self.now()
                self._note("last", since=since)
                judge.begin_to_last(since)
                self._watch(judge, since + judge.lasting, lambda: judge.violation is not None)
                findings = self._findings(judge)
        for finding in (*findings, *checks):
            self.progress(indent(finding_text(finding), "    "))
        measured = self.sight.measured(self.now())
        self._note("end")
        return StepResult(
            did=tuple(str(action) for action in step.actions),
            findings=(*findings, *checks),
            outage=max((each.outage for each in measured if each.outage is not None), default=None),
            began=self.began,
            measured=measured,
        )

    def _watch(self, judge: Judge, until: Micros, over: Callable[[], bool]) -> None:
        """Pass records on to the judge until it is over, or until then; what is on its way then is waited for."""
        while not over() and (left := until - self.now()) > 0:
            for record in self.client.next_records(left / 1e6):
                judge.take(record)
        if not over():
            self._catch_up(judge)

    def _catch_up(self, judge: Judge) -> None:
        self.client.ask("sync")
        for record in self.client.next_records(0.0):
            judge.take(record)

    def _findings(self, judge: Judge) -> list[Finding]:
        """Return what was found; before a failure is told, let the daemons say why: that comes after what they did."""
        findings = judge.findings(self.now())
        if worst([finding.verdict for finding in findings]) is Verdict.PASS:
            return findings
        self._catch_up(judge)
        return judge.findings(self.now())

    def act(self, action: Action, mark: Micros) -> Micros:
        """Do it; return from when on its bounds count: a start counts from when the daemon is ready."""
        if action.verb == "exec":
            self._command(action.node, ["/bin/sh", "-c", action.word("command")])
            return self.now()
        if action.verb in _SILENCING:
            self.stopped.add(action.node)
        answer = self.client.ask("fault", do=action.verb, value=action.value)
        if config := answer.get("config"):
            self._note("config", changed=action.node, text=str(config))
            loaded = conf.loads(str(config), file=f"{action.node}:{CONFIG}")
            self.configs[action.node] = loaded.config or self.configs[action.node]
        if action.verb in _REVIVING or (action.verb == "heal" and action.node == ALL):
            self.stopped -= {action.node} if action.node != ALL else self.stopped
        return self.now() if action.verb in _READY else mark

    def _check(self, check: Action) -> Finding:
        """Run a command of the scenario's own that judges the subject by its exit status."""
        began = self.now()
        done = self.client.run(check.node, ["/bin/sh", "-c", check.word("command")])
        said = done.output.strip() or f"ended with {done.status}"
        verdict = Verdict.VIOLATED if done.status else Verdict.PASS
        self._note("check", what=f"check: {check}", verdict=verdict.value, said=said)
        return Finding(what=f"check: {check}", verdict=verdict, bound=0, took=self.now() - began, note=said)

    def _command(self, node: str, argv: list[str]) -> None:
        done = self.client.run(node, argv)
        if done.status:
            raise LabkitError(f"{node}: {' '.join(argv)} ended with {done.status}: {done.output.strip()}")
