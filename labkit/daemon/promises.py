"""Settings of the kernel that a configuration asks for by name: promote_secondaries and disable_local_igmp."""

from labkit.conf.model import Config
from labkit.daemon.interfaces import Interfaces
from labkit.daemon.log import Level, Log
from labkit.kernel.settings import IGMP_OF_LINK_LOCAL_GROUPS, Settings, of_interface


class Promises:
    """Keeps these settings while the configuration asks for them, and puts them back then."""

    def __init__(self, interfaces: Interfaces, log: Log) -> None:
        self._interfaces = interfaces
        self._log = log
        self._promoting: set[str] = set()
        self._common: dict[str, str] = {}
        self._set_at: dict[str, int] = {}  # interface, and the index it had
        self._settings = Settings()
        self._told: list[str] = []  # what was refused, and is tried again

    def configure(self, config: Config) -> None:
        """Take what a configuration asks for."""
        asking = (instance for instance in config.instances if instance.promote_secondaries)
        self._promoting = {virtual.device for instance in asking for virtual in instance.addresses}
        quiet = config.global_defs.disable_local_igmp and any(instance.vmac for instance in config.instances)
        self._common = {IGMP_OF_LINK_LOCAL_GROUPS: "0"} if quiet else {}
        self.refresh()

    def refresh(self) -> None:
        """Have exactly these settings changed, on interfaces made anew, too."""
        wanted = dict(self._common)
        for name in self._promoting:
            interface = self._interfaces[name]
            if interface is None:
                continue
            if self._set_at.get(name) != interface.index:
                self._settings.forget(name)
            self._set_at[name] = interface.index
            wanted[of_interface(name, 4, "promote_secondaries")] = "1"
        problems = self._settings.keep(wanted)
        for problem in problems:
            if problem not in self._told:
                self._log.say(problem, Level.WARNING)
        self._told = problems

    def close(self) -> None:
        """Put everything back."""
        self._settings.restore()
