"""Where balancing happens: one interface to IPVS and to nftables, and the choice between them."""

from collections.abc import Iterable

from labkit.diagnostics import LabkitError
from labkit.hints import Protocol
from labkit.kernel.ipvs import Ipvs, NoIpvsError
from labkit.kernel.nft.helper import NftError
from labkit.kernel.nft.plane import NftPlane
from labkit.lvs.model import Change, Connection, ServiceReading, ServiceState


class DataPlane(Protocol):
    """Virtual services in the kernel of the network namespace in which the plane was made."""

    def apply(self, changes: Iterable[Change]) -> None:
        """Bring services from what they were to what they are to be.

        Raises:
            LabkitError: the kernel does not take one of them.
        """

    def refusal(self, state: ServiceState) -> str:
        """Return why this plane cannot do a service, with what can instead, in words; empty where it can."""

    def tend(self) -> float:
        """Look after the services; to be called again and again, after the number of seconds that is returned.

        Raises:
            LabkitError: the kernel refused something; the services are as they were.
        """

    def connections(self) -> tuple[Connection, ...]:
        """Return the connections, and the persistent clients, that the kernel remembers."""

    def read(self) -> tuple[ServiceReading, ...]:
        """Return every service with its real servers and counters."""

    def flush(self) -> None:
        """Take every service out, whoever put it there."""

    def close(self) -> None:
        """Let go of the kernel; the services stay."""


class NoDataPlaneError(LabkitError):
    """This kernel can balance neither by IPVS nor by nftables."""


def choose() -> DataPlane:
    """Return IPVS where the kernel has it, else nftables.

    Raises:
        NoDataPlaneError: neither works here; it says why for each.
    """
    try:
        return Ipvs()
    except NoIpvsError as without_ipvs:
        plane = NftPlane()
        try:
            plane.probe()
        except NftError as error:
            plane.close()
            raise NoDataPlaneError(f"{without_ipvs}; {error}") from error
        return plane
