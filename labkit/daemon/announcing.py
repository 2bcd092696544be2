"""Sends announcements of virtual addresses, at the pace that the configuration sets."""

from collections.abc import Iterable

from labkit.conf.model import Config
from labkit.daemon.loop import Appointment, Loop
from labkit.kernel.process import now
from labkit.kernel.wire import Announcer
from labkit.vrrp.pacing import Frame, Pace, Pacer


def paces(config: Config) -> dict[str, Pace]:
    """Return the pace of each interface that addresses are on.

    A macvlan has that of the interface below it; a garp_group has what it says, and the global intervals for the rest.
    """
    settings = config.global_defs
    groups = {name: group for group in settings.garp_groups for name in group.interfaces}
    below = {one.vmac.name: one.router.interface for one in config.instances if one.vmac is not None}
    found: dict[str, Pace] = {}
    for device in {virtual.device for instance in config.instances for virtual in instance.addresses}:
        base = below.get(device, device)
        group = groups.get(base)
        pace = Pace(base, settings.garp_interval, settings.gna_interval)
        if group is not None:
            interval4 = settings.garp_interval if group.garp_interval is None else group.garp_interval
            interval6 = settings.gna_interval if group.gna_interval is None else group.gna_interval
            pace = Pace(f"group of {group.interfaces[0]}", interval4, interval6)
        if pace.interval4 or pace.interval6:
            found[device] = pace
    return found


class Announcements:
    """The announcements of this process: those that go out now, and those that wait for their turn."""

    def __init__(self, loop: Loop) -> None:
        """Open the socket.

        Raises:
            WireError: packet sockets are refused.
        """
        self._loop = loop
        self._pacer = Pacer()
        self._announcer = Announcer()
        self._appointment: Appointment | None = None

    def configure(self, config: Config) -> None:
        """Take the intervals of a configuration."""
        self._pacer.configure(paces(config))

    def announce(self, router: str, frames: Iterable[Frame], repeat: int) -> str:
        """Announce what a router holds; return what failed, in words, or nothing."""
        problem = self._send(self._pacer.announce(router, frames, repeat, now()))
        self._arrange()
        return problem

    def forget(self, router: str) -> None:
        """Announce nothing more for a router."""
        self._pacer.forget(router)

    def _send(self, frames: Iterable[Frame]) -> str:
        """Send frames; an interface that takes none does not keep the others from theirs."""
        problem = ""
        for frame in frames:
            try:
                self._announcer.send(frame.device, frame.data)
            except OSError as error:
                problem = problem or f"{frame.device}: {error.strerror or error}"
        return problem

    def _arrange(self) -> None:
        if self._appointment is not None:
            self._appointment.cancel()
        deadline = self._pacer.deadline
        self._appointment = None if deadline is None else self._loop.at(deadline, self._wake)

    def _wake(self) -> None:
        self._appointment = None
        while (deadline := self._pacer.deadline) is not None and deadline <= now():
            self._send(self._pacer.wake(now()))
        self._arrange()
