"""A running lab in Python: plain calls on nodes, and expectations judged by the same engine as scenario files.

    lab.expect(lab.vip.on("server1"), within=lab.bound.election("server1"))
    lab.server1.daemon.kill()
    lab.expect(lab.vip.on("server2"), within=lab.bound.master_down("server2"), never=[lab.vip.on("server3")])

What is expected counts from the last thing done before, as in a step of a scenario.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from labkit.conf.model import Config
from labkit.diagnostics import LabkitError, did_you_mean
from labkit.lab import actions, bounds
from labkit.lab.bounds import Bound
from labkit.lab.client import Client
from labkit.lab.probes.kinds import KINDS
from labkit.lab.probes.probe import ProbeSpec
from labkit.lab.provider import Completed
from labkit.lab.report import finding_text
from labkit.lab.scenario import Experiment
from labkit.lab.story import SAME, Budget, Condition, Distribution, Expectation, Scenario, Step
from labkit.lab.topology import Topology
from labkit.lab.verdict import Finding, StepResult, Verdict, worst
from labkit.trace import SECOND, Micros, Record

Time: TypeAlias = Bound | str | float
"""A bound, one as scenario files have it (`master_down(server2) + 100ms`), or seconds."""


class NotMetError(AssertionError):
    """An expectation was not met; the text says what was seen instead, when, and why."""


class StalledError(Exception):
    """Nothing can be said: the host stalled for longer than an expectation failed by."""


def bound(time: Time) -> Bound:
    """Return a time as a bound.

    Raises:
        ValueError: it is none; the message says what would be one.
    """
    if isinstance(time, Bound):
        return time
    return bounds.parse(time if isinstance(time, str) else f"{time:.6f}s")


class Bounds:
    """`lab.bound.master_down("server2")`: every function of bounds as a method; they can be added by `plus`."""

    def __getattr__(self, name: str) -> Callable[[str], Bound]:
        if name not in bounds.FUNCTIONS:
            raise AttributeError(f"no bound '{name}'; {did_you_mean(name, bounds.FUNCTIONS)}")
        return lambda node: bounds.parse(f"{name}({node})")

    def plus(self, *times: Time) -> Bound:
        """Return the sum of bounds."""
        return bounds.parse(" + ".join(bound(time).text for time in times))


class Address:
    """An address that nodes may hold; the virtual one by default."""

    def __init__(self, address: str = "") -> None:
        self.address = address

    def on(self, node: str) -> Condition:
        """The node holds it."""
        return Condition(what="vip", node=node, address=self.address)

    def only_on(self, node: str) -> Condition:
        """The node holds it, and nobody else."""
        return Condition(what="only", node=node, address=self.address)


class Acting:
    """Something with verbs: each is done at once, by the words of scenario files."""

    def __init__(self, lab: "Lab", target: str) -> None:
        self._lab = lab
        self._target = target

    def _do(self, verb: str, more: object = None) -> None:
        self._lab.do(verb, self._target if more is None else {self._target: more})


class Daemon(Acting):
    """A router's VRRP daemon."""

    def kill(self) -> None:
        """SIGKILL all of its processes."""
        self._do("kill")

    def stop(self) -> None:
        """Stop it by the init script; it says goodbye."""
        self._do("stop")

    def start(self) -> None:
        """Start it by the init script."""
        self._do("start")

    def restart(self) -> None:
        """Restart it by the init script."""
        self._do("restart")

    def freeze(self) -> None:
        """SIGSTOP: it says nothing, and its addresses stay."""
        self._do("freeze")

    def thaw(self) -> None:
        """SIGCONT."""
        self._do("thaw")

    def reload(self, **variables: object) -> None:
        """Have it read its configuration, rendered with other variables."""
        self._do("reload", {name: str(value) for name, value in variables.items()} or None)


class Link(Acting):
    """An interface of a node, and its port at the switch."""

    def down(self) -> None:
        """Set it down in the node."""
        self._do("link_down")

    def up(self) -> None:
        """Set it up again."""
        self._do("link_up")

    def port_down(self) -> None:
        """Set its switch port down: the node loses its carrier."""
        self._do("port_down")

    def port_up(self) -> None:
        """Set the port up again."""
        self._do("port_up")

    def cut(self) -> None:
        """Stop all frames at the switch; the carrier stays."""
        self._do("cut")

    def impair(self, **words: str) -> None:
        """Lose, delay, duplicate or reorder frames: `loss="20%"`, `delay="50ms"`."""
        self._do("impair", words)

    def heal(self) -> None:
        """Undo what was done to it."""
        self._do("heal")


class Machine(Acting):
    """A node."""

    @property
    def name(self) -> str:
        """The node's name."""
        return self._target

    @property
    def daemon(self) -> Daemon:
        """Its VRRP daemon."""
        return Daemon(self._lab, self._target)

    def link(self, interface: str = "eth0") -> Link:
        """One of its interfaces."""
        return Link(self._lab, f"{self._target}.{interface}")

    def state(self, state: str) -> Condition:
        """Its daemon is in that state."""
        return Condition(what="state", node=self._target, value=state)

    def arp(self, node: str, address: str = "") -> Condition:
        """Its ARP table has that node for the virtual address, or another one."""
        return Condition(what="arp", node=self._target, value=node, address=address)

    def heard(self) -> Condition:
        """Adverts of it are heard."""
        return Condition(what="master", node=self._target)

    def run(self, *argv: str) -> Completed:
        """Run a command in it to its end; one word is for a shell."""
        return self._lab.client.run(self._target, ["/bin/sh", "-c", argv[0]] if len(argv) == 1 else argv)

    def fail_check(self, script: str = "") -> None:
        """Make its check scripts fail, or one."""
        self._lab.do("fail_check", f"{self._target}.{script}" if script else self._target)

    def mend_check(self, script: str = "") -> None:
        """Let them find what they find."""
        self._lab.do("mend_check", f"{self._target}.{script}" if script else self._target)

    def stop_service(self) -> None:
        """Stop its web server."""
        self._do("service_stop")

    def start_service(self) -> None:
        """Start its web server."""
        self._do("service_start")

    def heal(self) -> None:
        """Undo what was done to it."""
        self._do("heal")


class Lab:
    """A running lab; its nodes are attributes: `lab.server1`, or `lab["server-1"]`."""

    def __init__(
        self, title: str, topology: Topology, configs: Mapping[str, Config], client: Client, told: Callable[[str], None]
    ) -> None:
        scenario = Scenario(name=title, title=title, variant=topology.variant, probes=(), steps=(), file="", seed=0)
        self.client = client
        self.topology = topology
        self.results: list[StepResult] = []
        self.vip = Address()
        self.bound = Bounds()
        self._experiment = Experiment(scenario, topology, configs, client, told)
        self._mark: Micros | None = None
        client.ask("follow")

    def __getattr__(self, name: str) -> Machine:
        known = [node.name for node in self.topology.nodes]
        if name not in known:
            raise AttributeError(f"no node '{name}' in lab {self.topology.name}; {did_you_mean(name, known)}")
        return Machine(self, name)

    def __getitem__(self, name: str) -> Machine:
        return getattr(self, name)  # type: ignore[no-any-return]

    def address(self, address: str) -> Address:
        """Return another address than the virtual one."""
        return Address(address)

    @property
    def trace(self) -> Sequence[Record]:
        """Everything that was seen so far."""
        return self._experiment.sight.seen

    # --- doing --------------------------------------------------------------------------------------------------------

    def do(self, verb: str, value: object) -> None:
        """Do what a scenario's `do: {verb: value}` would.

        Raises:
            LabkitError: there is no such verb or target, or it cannot be done.
        """
        try:
            action = actions.read(verb, value, self.topology)
        except actions.Mistake as mistake:
            raise LabkitError(str(mistake)) from mistake
        if self._mark is None:
            self._mark = self._experiment.begin()
        self._mark = self._experiment.act(action, self._mark)

    def heal(self) -> None:
        """Undo whatever is broken."""
        self.do("heal", actions.ALL)

    def probe(self, kind: str, target: str = "", *, node: str, rate: int = 0, **more: str | int) -> str:
        """Start a probe from a node, at the virtual address by default; return its name, which is its kind or `name`.

        Raises:
            LabkitError: no such kind or node.
        """
        if kind not in KINDS:
            raise LabkitError(f"no probe '{kind}'; {did_you_mean(kind, KINDS)}")
        words: dict[str, Any] = {"name": kind, "port": KINDS[kind].port, **more}
        address = target or str(self.topology.variables.get("vip", ""))
        interval = SECOND // rate if rate else KINDS[kind].interval
        spec = ProbeSpec(kind=kind, node=node, target=address, interval=interval, **words)
        self._experiment.start_probe(spec)
        return spec.name

    # --- expecting ----------------------------------------------------------------------------------------------------

    def expect(
        self,
        *conditions: Condition,
        within: Time,
        not_before: Time | None = None,
        never: Sequence[Condition] = (),
        always: Sequence[Condition] = (),
        order: Sequence[Condition] = (),
        budget: Mapping[str, int | Time] | None = None,
    ) -> list[Finding]:
        """Wait until all conditions have come true, counted from what was done last; return what was measured.

        Raises:
            NotMetError: one came late, never, or what must not be was; says what was seen instead, and why.
            StalledError: the host stalled for longer than it failed by.
            LabkitError: the lab is gone.
        """
        early = bound(not_before) if not_before is not None else None
        expected = tuple(Expectation(condition=each, within=bound(within), not_before=early) for each in conditions)
        return self._judge(
            Step(
                expect=expected,
                never=tuple(never),
                always=tuple(always),
                order=tuple(order),
                budgets=_budgets(budget or {}),
            )
        )

    def expect_answers(
        self,
        weights: Mapping[str, int] | str = SAME,
        *,
        of: int,
        within: Time,
        probe: str = "http",
        tolerance: float = 0.05,
    ) -> list[Finding]:
        """Expect how the next answers to a probe are shared out, by weight; `same`: all from one server.

        Raises:
            NotMetError, StalledError, LabkitError: as `expect`.
        """
        shares = ((SAME, 1),) if isinstance(weights, str) else tuple(weights.items())
        wanted = Distribution(probe=probe, weights=shares, of=of, tolerance=tolerance, within=bound(within))
        return self._judge(Step(distributions=(wanted,)))

    def holds(
        self,
        *conditions: Condition,
        lasting: Time,
        never: Sequence[Condition] = (),
        budget: Mapping[str, int | Time] | None = None,
    ) -> list[Finding]:
        """Watch for so long that all conditions hold, and none of `never`.

        Raises:
            NotMetError, StalledError, LabkitError: as `expect`.
        """
        return self._judge(
            Step(hold=conditions, never=tuple(never), budgets=_budgets(budget or {}), lasting=bound(lasting))
        )

    def _judge(self, step: Step) -> list[Finding]:
        mark = self._experiment.begin() if self._mark is None else self._mark
        self._mark = None
        result = self._experiment.judge(step, mark)
        self.results.append(result)
        failed = [finding for finding in result.findings if finding.verdict is not Verdict.PASS]
        text = "\n".join(finding_text(finding) for finding in failed)
        if worst([finding.verdict for finding in failed]) is Verdict.INCONCLUSIVE:
            raise StalledError(text)
        if failed:
            raise NotMetError(text)
        return list(result.findings)


def _budgets(budgets: Mapping[str, int | Time]) -> tuple[Budget, ...]:
    return tuple(
        Budget(probe=probe, tries=allowed) if isinstance(allowed, int) else Budget(probe=probe, outage=bound(allowed))
        for probe, allowed in budgets.items()
    )
