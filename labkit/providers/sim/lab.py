"""A lab in the simulator, as an experiment sees it: the supervisor's own faults and trace, on the world's clock."""

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from ipaddress import IPv4Address
from typing import Any, TypeVar

from labkit.lab.plan import Plan
from labkit.lab.probes.probe import SILENT_AFTER, ProbeSpec
from labkit.lab.provider import Completed, Emit, LackingError
from labkit.lab.scenario import Experiment
from labkit.lab.story import Scenario
from labkit.lab.supervisor import Lab
from labkit.lab.topology import Topology
from labkit.lab.verdict import Result, skipped
from labkit.providers.sim.provider import SimProvider
from labkit.providers.sim.wire import reaches
from labkit.sim.network import Rank
from labkit.trace import SECOND, Kind, Micros, Record, Value

_T = TypeVar("_T")


def simulate(plan: Plan, scenario: Scenario, say: Callable[[str], None]) -> Result:
    """Run a scenario in the simulator; what it cannot model is the reason why one is skipped."""
    provider = SimProvider(scenario.seed)
    try:
        lab = SimLab(plan, provider)
        return Experiment(scenario, plan.topology, plan.configs, lab, say, lab.now).run()
    except LackingError as lack:
        return skipped(scenario.name, scenario.title, str(lack))


class _Told(Lab):
    """Keeps what is emitted for who asks for it next."""

    def __init__(self, plan: Plan, provider: SimProvider) -> None:
        super().__init__(plan, provider, lambda: provider.world.now)
        self.told: list[Record] = []

    def emit(self, record: Record) -> None:
        super().emit(record)
        self.told.append(record)


class SimLab:
    """Implements `labkit.lab.scenario.Subject`."""

    def __init__(self, plan: Plan, provider: SimProvider) -> None:
        """Raise the lab: all daemons start at time 0.

        Raises:
            LackingError: it has something that is not modelled.
        """
        self.provider = provider
        self.topology = plan.topology
        self.lab = _Told(plan, provider)
        _at_once(provider.deploy(plan.topology, plan.files, self.lab.emit))
        for router in plan.topology.routers:
            _at_once(provider.start(router.name, "pykeepalived", ()))

    def now(self) -> Micros:
        """Return the world's time."""
        return self.provider.world.now

    def ask(self, verb: str, **arguments: object) -> dict[str, object]:
        """Do what the supervisor would do.

        Raises:
            LackingError: it is not modelled.
            LabkitError: it was refused.
        """
        nobody: Any = None
        match verb:
            case "info":
                return _at_once(self.lab.info(nobody))
            case "follow" | "sync":
                return {}
            case "fault":
                return _at_once(self.lab.fault(nobody, str(arguments["do"]), arguments["value"]))
            case "probe":
                _Ping(self.provider, self.topology, self.lab.emit, ProbeSpec(**arguments)).start()  # type: ignore[arg-type]
                return {}
        raise LackingError(f"the simulator does not model `{verb}`")

    def run(self, node: str, argv: Sequence[str]) -> Completed:
        """Run a command in a node.

        Raises:
            LackingError: it is not modelled.
        """
        return _at_once(self.provider.run(node, argv))

    def next_records(self, within_s: float) -> list[Record]:
        """Let things happen until one is told, or for so long; return what was told."""
        end = self.now() + round(within_s * SECOND)
        while not self.lab.told and self.provider.world.step(end):
            pass
        told, self.lab.told = self.lab.told, []
        return told


class _Ping:
    """Tells of answers as `labkit.lab.probes.probe.Probe` does of a kind that does not tell each."""

    def __init__(self, provider: SimProvider, topology: Topology, emit: Emit, spec: ProbeSpec) -> None:
        if spec.kind != "ping":
            raise LackingError(f"the simulator does not model a probe by {spec.kind}")
        self._world = provider.world
        self._reaches = partial(reaches, self._world, topology, spec.node, IPv4Address(spec.target))
        self._emit = emit
        self._spec = spec
        self._answered: Micros | None = None
        self._lost = 0

    def start(self) -> None:
        """Make the first try; the others follow."""
        now, spec = self._world.now, self._spec
        gap = now - self._answered if self._answered is not None else 0
        if self._reaches():
            if self._lost or self._answered is None:
                self._tell(ok=True, gap=gap if self._lost else 0)
            self._answered, self._lost = now, 0
        else:
            self._lost += 1
            if self._lost == SILENT_AFTER + 1:
                self._tell(ok=False, gap=0)
        self._world.call_at(now + spec.interval, Rank.TIMER, self.start)

    def _tell(self, *, ok: bool, gap: Micros) -> None:
        at = self._world.now if ok or self._answered is None else self._answered
        lost = self._lost if ok else 0
        data: dict[str, Value] = {
            "probe": self._spec.name,
            "target": self._spec.target,
            "ok": ok,
            "gap_us": gap,
            "lost": lost,
        }
        self._emit(Record(at=at, kind=Kind.PROBE, node=self._spec.node, data=data))


def _at_once(coroutine: Coroutine[object, None, _T]) -> _T:
    """Run a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        returned: _T = end.value
        return returned
    coroutine.close()
    raise LackingError("the simulator does not model what takes time beside the daemons")
