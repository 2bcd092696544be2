"""What nftables cannot do for a virtual service, in words; a pure function of what the service is to be."""

from collections.abc import Iterator

from labkit.lvs.model import Forwarding, Scheduler, ServiceState

_INSTEAD = "it needs IPVS: a kernel with the module ip_vs, or a lab with `--provider uml`"

_SCHEDULERS = {
    Scheduler.LBLC: "remembers a real server for each destination",
    Scheduler.LBLCR: "remembers real servers for each destination",
    Scheduler.OVF: "looks at the connections of the heaviest server for each new one",
    Scheduler.TWOS: "compares the connections of two random servers for each new one",
}


def refusal(state: ServiceState) -> str:
    """Return why the nftables data plane cannot do this service, with what can instead; empty where it can."""
    found = list(_reasons(state))
    return f"{'; '.join(found)}; {_INSTEAD}" if found else ""


def _reasons(state: ServiceState) -> Iterator[str]:
    service = state.service
    methods = {destination.forwarding for destination in state.destinations}
    if service.scheduler in _SCHEDULERS:
        yield f"lb_algo {service.scheduler} {_SCHEDULERS[service.scheduler]}, which nftables cannot"
    if service.persistence_engine is not None:
        yield f"persistence_engine {service.persistence_engine} reads what packets carry, which nftables cannot"
    if Forwarding.TUN in methods:
        yield "lb_kind TUN wraps packets, which nftables cannot"
    if {Forwarding.NAT, Forwarding.DR} <= methods:
        yield "NAT and DR in one service are scheduled at different places of nftables"
    if Forwarding.DR in methods and service.key.fwmark:
        yield "lb_kind DR takes packets before a firewall mark is put on them"
    if Forwarding.NAT in methods and service.one_packet:
        yield "one-packet scheduling with NAT needs a translation without connections, which nftables cannot"
    if any(destination.address.version != service.key.family for destination in state.destinations):
        yield "a real server of the other address family needs a tunnel"
