"""Which kinds of probes there are, and the usual pace and port of each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from labkit.lab.probes.http import HttpProbe
from labkit.lab.probes.ping import PingProbe
from labkit.lab.probes.probe import Open, Probe, ProbeSpec
from labkit.lab.provider import Emit
from labkit.trace import Micros


@dataclass(frozen=True, slots=True)
class Kind:
    """What a probe of a kind does where nothing is said: microseconds from try to try, and the port (0: none)."""

    interval: Micros
    port: int = 0


KINDS: Final[Mapping[str, Kind]] = {
    "ping": Kind(10_000),
    "http": Kind(50_000, 80),
}


def make(spec: ProbeSpec, open_socket: Open, emit: Emit, nodes: Collection[str]) -> Probe:
    """Return a probe, not started; `nodes` are the names by which it knows who answers.

    Raises:
        OSError: the node's kernel has no such socket.
    """
    if spec.kind == "http":
        return HttpProbe(spec, open_socket, emit, nodes)
    return PingProbe(spec, open_socket, emit)
