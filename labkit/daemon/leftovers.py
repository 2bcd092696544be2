"""What the parent removes at the end because a process that was killed could not: FIFOs, and virtual services."""

import contextlib
import stat
from pathlib import Path

from labkit.conf.model import GlobalDefs
from labkit.daemon.log import Level, Log
from labkit.daemon.packed import unpack
from labkit.diagnostics import LabkitError


class Leftovers:
    """Knows which FIFOs of the configuration were there before the daemon: those belong to somebody else."""

    def __init__(self) -> None:
        self._was_there: dict[Path, bool] = {}

    def expect(self, defs: GlobalDefs) -> None:
        """Look at the FIFOs of a configuration before a process makes them."""
        named = (defs.notify_fifo, defs.vrrp_notify_fifo, defs.lvs_notify_fifo)
        paths = {Path(fifo.path) for fifo in named if fifo is not None}
        self._was_there = {path: self._was_there.get(path, _is_fifo(path)) for path in paths}

    def remove(self) -> None:
        """Remove those that the daemon made and that are still there."""
        for path, was_there in self._was_there.items():
            if not was_there and _is_fifo(path):
                path.unlink(missing_ok=True)


def _is_fifo(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISFIFO(path.lstat().st_mode)
    return False


def take_services_out(balancing: bytes, log: Log) -> None:
    """Take the services of a configuration (`Packed.balancing`) out of the kernel's table."""
    from labkit.daemon.balanced import Services  # that the parent has a use for it is rare
    from labkit.lvs.events import SetService

    keys = [key for server in unpack(balancing).virtual_servers for key in server.core.keys]
    try:
        services = Services(log, dict)
        services.adopt()
        services.take(SetService(key=key, state=None) for key in keys)
        services.close()
    except LabkitError as error:
        log.say(f"virtual services stay behind: {error}", Level.WARNING)
