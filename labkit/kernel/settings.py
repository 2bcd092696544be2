"""The kernel's settings of one interface (/proc/sys/net): read, set, and put back as they were."""

import contextlib
from pathlib import Path

_ROOT = Path("/proc/sys/net")


def read(interface: str, family: int, setting: str) -> str:
    """Return a setting of an interface; empty where there is none, or no such interface."""
    try:
        return _path(interface, family, setting).read_text().strip()
    except OSError:
        return ""


def forwards(interface: str, family: int) -> bool:
    """Return whether the machine is a router on this interface."""
    return read(interface, family, "forwarding") not in ("", "0")


def interfaces_with(family: int, setting: str) -> list[str]:
    """Return every name that has this setting, `all` and `default` among them."""
    return sorted(path.parent.name for path in (_ROOT / f"ipv{family}" / "conf").glob(f"*/{setting}"))


def _path(interface: str, family: int, setting: str) -> Path:
    return _ROOT / f"ipv{family}" / "conf" / interface / setting


class Settings:
    """Settings that were changed, and what they were."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, int, str], str] = {}

    def set(self, interface: str, family: int, setting: str, value: str) -> str:
        """Change a setting, and remember what it was; return what failed, in words, or nothing.

        One that has the value already is written, too: the kernel changes with `default` what nobody ever wrote.
        """
        before = read(interface, family, setting)
        try:
            _path(interface, family, setting).write_text(value)
        except OSError as error:
            return f"net.ipv{family}.conf.{interface}.{setting} cannot be set to {value}: {error.strerror}"
        self._before.setdefault((interface, family, setting), before)
        return ""

    def forget(self, interface: str) -> None:
        """Take note that an interface is gone: one of that name may be another."""
        for key in [key for key in self._before if key[0] == interface]:
            del self._before[key]

    def restore(self) -> None:
        """Put everything back."""
        for (interface, family, setting), value in self._before.items():
            with contextlib.suppress(OSError):  # the interface is gone
                _path(interface, family, setting).write_text(value)
        self._before.clear()
