"""Keeping the packet filter as the configuration wants it, by nft(8), without ever waiting for it."""

from collections.abc import Callable, Iterable

from labkit.conf.model import VrrpInstance
from labkit.daemon.children import Children
from labkit.daemon.log import Level, Log
from labkit.daemon.spawning import NOT_FOUND
from labkit.daemon.virtual_macs import Macvlan
from labkit.daemon.wording import exit_words
from labkit.kernel.firewall import Blocked, Redirected, ruleset
from labkit.vrrp.config import OWNER

_EMPTY = ruleset((), ())


class Firewall:
    """The tables of this process; nothing is run while no router needs them.

    `settled` is called when the tables are as they were last asked to be, or cannot be.
    """

    def __init__(self, children: Children, log: Log, settled: Callable[[], None]) -> None:
        self._children = children
        self._log = log
        self._settled = settled
        self._wanted = self._current = _EMPTY
        self._purpose = ""
        self._running = False

    def update(self, instances: Iterable[VrrpInstance], macvlans: Iterable[Macvlan]) -> None:
        """Bring the tables to what these need."""
        kept = [instance for instance in instances if not (instance.router.accept or instance.router.priority == OWNER)]
        blocked = [Blocked(virtual.address.ip, virtual.device) for one in kept for virtual in one.addresses]
        redirected = [Redirected(made.name, made.base, made.family) for made in macvlans]
        purposes = {"no_accept": blocked, "use_vmac": redirected}
        self._purpose = " and ".join(name for name, needed in purposes.items() if needed)
        self._wanted = ruleset(blocked, redirected)
        self._proceed()

    def clear(self) -> None:
        """Remove the tables."""
        self._wanted, self._purpose = _EMPTY, ""
        self._proceed()

    def _proceed(self) -> None:
        if self._running:  # its end leads here again
            return
        if self._wanted == self._current:
            self._settled()
            return
        self._current = self._wanted
        self._children.start(("nft", self._wanted), None, self._ended)
        self._running = True

    def _ended(self, _: int, status: int | OSError) -> None:
        self._running = False
        if isinstance(status, OSError):
            self._failed(f"nft cannot be run: {status.strerror}")
        elif status == NOT_FOUND:
            self._failed("nft is not installed")
        elif status:
            self._failed(f"nft {exit_words(status)}")
        self._proceed()

    def _failed(self, why: str) -> None:
        if self._purpose:
            self._log.say(f"{self._purpose} has no packet filter: {why}", Level.WARNING)
            self._log.flush()
