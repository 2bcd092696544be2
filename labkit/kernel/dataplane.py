"""Where balancing happens: one interface to IPVS and to nftables, and the choice between them."""

from collections.abc import Iterable
from typing import Protocol

from labkit.diagnostics import LabkitError
from labkit.kernel.ipvs import Ipvs, NoIpvsError
from labkit.kernel.nft.helper import NftError
from labkit.kernel.nft.plane import NftPlane
from labkit.lvs.model import Change, ServiceReading


class DataPlane(Protocol):
    """Virtual services in the kernel of the network namespace in which the plane was made."""

    def apply(self, changes: Iterable[Change]) -> None:
        """Bring services from what they were to what they are to be.

        Raises:
            LabkitError: the kernel does not take one of them.
        """

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
