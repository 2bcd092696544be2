"""Arguments whose readers are loaded when a file has them: they are long, and few files do."""

from collections.abc import Callable, Sequence

from labkit.conf.arguments import Argument
from labkit.hints import TYPE_CHECKING, Generic, TypeVar
from labkit.trace import Micros
from labkit.values import dataclass

if TYPE_CHECKING:
    from labkit.conf.hmac_key import NumberedKey
    from labkit.conf.model import SyncDaemon, Vmac
    from labkit.conf.model_routes import Route, Rule

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Later(Generic[T]):
    """What `load` returns, from the time on when somebody asks it something."""

    load: Callable[[], Argument[T]]

    @property
    def wanted(self) -> str:
        """What to write."""
        return self.load().wanted

    def read(self, words: Sequence[str]) -> T:
        """Read the words."""
        return self.load().read(words)


def route(*, static: bool = False) -> "Argument[Route]":
    """Return what reads a route."""

    def load() -> "Argument[Route]":
        from labkit.conf.routes import RouteLine

        return RouteLine(may_name_group=static)

    return Later(load)


def rule(*, static: bool = False) -> "Argument[Rule]":
    """Return what reads a rule."""

    def load() -> "Argument[Rule]":
        from labkit.conf.rules import RuleLine

        return RuleLine(may_name_group=static)

    return Later(load)


def vmac() -> "Argument[Vmac]":
    """Read what follows `use_vmac`."""
    from labkit.conf.macvlan import VmacLine

    return VmacLine()


def key() -> "Argument[NumberedKey]":
    """Read a key of `auth_hmac`."""
    from labkit.conf.hmac_key import KeyLine

    return KeyLine()


def mode() -> Argument[int]:
    """Read a umask."""
    from labkit.conf.modes import FileMode

    return FileMode()


def sync_daemon() -> "Argument[SyncDaemon]":
    """Read `lvs_sync_daemon`."""
    from labkit.conf.kernel_balancing import SyncLine

    return SyncLine()


def timeouts() -> Argument[tuple[Micros | None, Micros | None, Micros | None]]:
    """Read `lvs_timeouts`."""
    from labkit.conf.kernel_balancing import TimeoutsLine

    return TimeoutsLine()
