"""What IPVS counts of a service or a real server; apart, so that who only shows figures loads nothing else."""

from labkit.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Counters since the entry was made, and rates per second over the kernel's last seconds."""

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    connection_rate: int = 0
    packet_in_rate: int = 0
    packet_out_rate: int = 0
    byte_in_rate: int = 0
    byte_out_rate: int = 0
