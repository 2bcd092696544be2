"""What global_defs says of IPVS itself: how long it remembers connections, and whom it tells of them.

    lvs_sync_daemon, no instance    the master's and the backup's daemon run as long as this process
    ..., with an instance           the master's while the instance is MASTER, else the backup's

The daemons belong to the kernel: one that a killed process left is ended when its successor starts.
"""

from collections.abc import Callable

from labkit.conf.model import GlobalDefs
from labkit.conf.model import SyncDaemon as Wanted
from labkit.diagnostics import LabkitError
from labkit.kernel.ipvs import Ipvs
from labkit.lvs.model import SyncDaemon, SyncRole, Timeouts
from labkit.trace import SECOND


class IpvsSettings:
    """The settings of IPVS, where this kernel balances by it; elsewhere it says that they need it."""

    def __init__(self, ipvs: Ipvs | None, say: Callable[[str], None]) -> None:
        self._ipvs = ipvs
        self._say = say
        self._wanted: Wanted | None = None
        self._master = False
        self._running: dict[SyncRole, SyncDaemon] = {}
        self._found: Timeouts | None = None  # before anything was changed

    def configure(self, defaults: GlobalDefs) -> None:
        """Take other settings; a timeout that is not named becomes what it was before this process set any."""
        wanted, times = defaults.lvs_sync_daemon, defaults.lvs_timeouts
        if self._ipvs is None:
            for name, is_wanted in (("lvs_sync_daemon", wanted is not None), ("lvs_timeouts", any(times))):
                if is_wanted:
                    self._say(f"{name} has no effect: it is of IPVS, and this kernel has none")
            return
        try:
            self._set_timeouts(self._ipvs, *((time or 0) // SECOND for time in times))
            if wanted is not None and self._wanted is None and not self._running:
                for role in self._ipvs.sync_daemons():
                    self._ipvs.stop_sync(role)
        except LabkitError as error:
            self._say(f"IPVS is not set as it should be: {error}")
        self._wanted = wanted
        self._synchronise()

    def _set_timeouts(self, ipvs: Ipvs, tcp: int, tcp_fin: int, udp: int) -> None:
        if self._found is None and (tcp or tcp_fin or udp):
            self._found = ipvs.timeouts
        if self._found is not None:
            found = self._found
            ipvs.set_timeouts(
                Timeouts(tcp_s=tcp or found.tcp_s, tcp_fin_s=tcp_fin or found.tcp_fin_s, udp_s=udp or found.udp_s)
            )

    def follow(self, *, master: bool) -> None:
        """The instance that the synchronisation follows is MASTER now, or not."""
        self._master = master
        self._synchronise()

    def _synchronise(self) -> None:
        if self._ipvs is None:
            return
        wanted = self._daemons()
        try:
            for role in [role for role, running in self._running.items() if wanted.get(role) != running]:
                self._ipvs.stop_sync(role)
                del self._running[role]
            for role, daemon in wanted.items():
                if role not in self._running:
                    self._ipvs.start_sync(daemon)
                    self._running[role] = daemon
        except LabkitError as error:
            self._say(f"lvs_sync_daemon does not run as it should: {error}")

    def _daemons(self) -> dict[SyncRole, SyncDaemon]:
        """Return the synchronisation daemons that are to run now."""
        wanted = self._wanted
        if wanted is None:
            return {}
        follows = SyncRole.MASTER if self._master else SyncRole.BACKUP
        return {
            role: SyncDaemon(
                role=role,
                interface=wanted.interface,
                sync_id=wanted.sync_id or 0,
                max_length=wanted.max_length,
                group=wanted.group,
                port=wanted.port,
                ttl=wanted.ttl,
            )
            for role in ((follows,) if wanted.instance is not None else SyncRole)
        }

    def close(self) -> None:
        """End the synchronisation; timeouts are as they were found."""
        self._wanted = None
        self._synchronise()
        if self._ipvs is not None and self._found is not None:
            try:
                self._ipvs.set_timeouts(self._found)
            except LabkitError as error:
                self._say(f"the timeouts of IPVS stay as they are: {error}")
