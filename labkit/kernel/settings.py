"""The kernel's settings of networks (/proc/sys/net): read, set, and put back as they were."""

import contextlib
from pathlib import Path

IGMP_OF_LINK_LOCAL_GROUPS = "ipv4/igmp_link_local_mcast_reports"

_ROOT = Path("/proc/sys/net")


def of_interface(interface: str, family: int, setting: str) -> str:
    """Return the path of a setting of an interface, below /proc/sys/net."""
    return f"ipv{family}/conf/{interface}/{setting}"


def read(setting: str) -> str:
    """Return the value of a setting; empty where there is none, or no such interface."""
    try:
        return (_ROOT / setting).read_text().strip()
    except OSError:
        return ""


def forwards(interface: str, family: int) -> bool:
    """Return whether the machine is a router on this interface."""
    return read(of_interface(interface, family, "forwarding")) not in ("", "0")


def interfaces_with(family: int, setting: str) -> list[str]:
    """Return every name that has this setting, `all` and `default` among them."""
    return sorted(path.parent.name for path in (_ROOT / f"ipv{family}" / "conf").glob(f"*/{setting}"))


class Settings:
    """Settings that were changed, and what they were."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}

    def set(self, setting: str, value: str) -> str:
        """Change a setting, and remember what it was; return what failed, in words, or nothing.

        One that has the value already is written, too: the kernel changes with `default` what nobody ever wrote.  If
        that is refused, as in a container, nothing is wrong.
        """
        before = read(setting)
        try:
            (_ROOT / setting).write_text(value)
        except OSError as error:
            if before == value:
                return ""
            return f"net.{setting.replace('/', '.')} cannot be set to {value}: {error.strerror}"
        self._before.setdefault(setting, before)
        return ""

    def forget(self, interface: str) -> None:
        """Take note that an interface is gone: one of that name may be another."""
        for setting in [setting for setting in self._before if setting.split("/")[2:3] == [interface]]:
            del self._before[setting]

    def keep(self, wanted: dict[str, str]) -> list[str]:
        """Have exactly these settings changed, and all others as they were; return what failed, in words."""
        for setting in [setting for setting in self._before if setting not in wanted]:
            self._put_back(setting)
        return [problem for setting, value in wanted.items() if (problem := self._change(setting, value))]

    def _change(self, setting: str, value: str) -> str:
        return "" if setting in self._before else self.set(setting, value)

    def restore(self) -> None:
        """Put everything back."""
        for setting in list(self._before):
            self._put_back(setting)

    def _put_back(self, setting: str) -> None:
        with contextlib.suppress(OSError):  # the interface is gone
            (_ROOT / setting).write_text(self._before[setting])
        del self._before[setting]
