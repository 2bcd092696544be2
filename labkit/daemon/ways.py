"""The ways by which tidings reach who is to know: scripts, FIFOs and mail; never waiting for any of them."""

from collections.abc import Iterable

from labkit.daemon.alerts import Alerts
from labkit.daemon.fifo import Fifos
from labkit.daemon.notify import Notifier
from labkit.daemon.report import DeliveryReport
from labkit.daemon.tidings import Tidings


class Ways:
    """All three of one process, whatever it tells of."""

    def __init__(self, notifier: Notifier, fifos: Fifos, alerts: Alerts) -> None:
        self._notifier = notifier
        self._fifos = fifos
        self._alerts = alerts

    def carry(self, told: Iterable[Tidings]) -> None:
        """Tell everybody of everything, in this order."""
        for tidings in told:
            self._fifos.write(tidings)
            self._notifier.tell(tidings)
            self._alerts.tell(tidings)

    def deliveries(self) -> tuple[DeliveryReport, ...]:
        """Return how much was told over each way that is used."""
        ways = (self._notifier.delivery(), *self._fifos.deliveries(), self._alerts.delivery())
        return tuple(way for way in ways if way.name or way.told or way.lost or way.waiting)

    @property
    def farewells(self) -> int:
        """How many scripts that tell of the end have not ended yet."""
        return self._notifier.farewells

    def hurry(self) -> None:
        """Start what waits: there is no time left."""
        self._notifier.hurry()

    def close(self) -> None:
        """Tell nobody anything more."""
        self._fifos.close()
        self._alerts.close()

    def settle(self) -> None:
        """Say what could not be told."""
        self._alerts.settle()
