"""What the parent removes at the end because a VRRP process that was killed could not: the FIFOs that were made."""

import contextlib
import stat
from pathlib import Path

from labkit.conf.model import GlobalDefs


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
