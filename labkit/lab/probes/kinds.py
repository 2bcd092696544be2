"""Which kinds of probes there are, and the usual pace and port of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from labkit.lab.probes.arp import ArpProbe
from labkit.lab.probes.connecting import TcpProbe, UdpProbe
from labkit.lab.probes.dns import DnsProbe
from labkit.lab.probes.http import HttpProbe
from labkit.lab.probes.ping import PingProbe
from labkit.lab.probes.probe import Open, Probe, ProbeSpec
from labkit.lab.provider import Emit
from labkit.lab.topology import Topology
from labkit.trace import Micros


@dataclass(frozen=True, slots=True)
class Kind:
    """What makes a probe of a kind; its microseconds from try to try and its port (0: it has none) unless said."""

    make: Callable[[ProbeSpec, Open, Emit, Topology], Probe]
    interval: Micros
    port: int = 0


KINDS: Final[Mapping[str, Kind]] = {
    "ping": Kind(PingProbe, 10_000),
    "arp": Kind(ArpProbe, 100_000),
    "tcp": Kind(TcpProbe, 50_000, 80),
    "http": Kind(HttpProbe, 50_000, 80),
    "dns": Kind(DnsProbe, 50_000, 53),
    "udp": Kind(UdpProbe, 50_000, 7),
}
