"""What the parent answers at the control socket; docs/control.md has the fields."""

import os
import time
from collections.abc import Iterable

from labkit.daemon.control import Ask, Client, Request
from labkit.daemon.dumping import Dumper
from labkit.daemon.inquiry import Snapshot
from labkit.daemon.messages import Table
from labkit.daemon.reading import Reading
from labkit.daemon.report import DeliveryReport, to_json
from labkit.diagnostics import did_you_mean
from labkit.hints import TYPE_CHECKING
from labkit.kernel.process import now
from labkit.values import replace

if TYPE_CHECKING:
    from labkit.daemon.parent import Parent


_NO_VRRP: dict[str, object] = {"ok": False, "error": "the VRRP process does not run at the moment; ask again"}


class Answers:
    """Answers requests for one parent."""

    def __init__(self, parent: "Parent", dumper: Dumper) -> None:
        self._parent = parent
        self._dumper = dumper

    def answer(self, client: Client, request: Request) -> None:
        """Answer a request, now or as soon as the VRRP process has answered."""
        match request.ask:
            case Ask.STATUS:
                self._status(client, request.instance)
            case Ask.EVENTS:
                self._events(client, follow=request.follow)
            case Ask.RELOAD:
                self._parent.reload(lambda reading: client.reply(_reloaded(reading)))
            case Ask.STOP:
                client.reply({"ok": True, "pid": os.getpid()})
                self._parent.stop()
            case Ask.PRIO:
                self._prio(client, request)
            case Ask.LVS:
                self._table(client, connections=request.connections)

    def _status(self, client: Client, only: str) -> None:
        parent = self._parent
        if only and only not in parent.config.instances:
            client.reply(_no_instance(only, self._names()))
            return

        def told(snapshot: Snapshot | None) -> None:
            if snapshot is None:
                client.reply(self._why_no_snapshot())
            elif only:
                client.reply({"ok": True, "report": to_json(self._dumper.report(snapshot, only))})
            else:
                parent.tables.want(lambda table: reply(snapshot, table))

        def reply(snapshot: Snapshot, table: Table | None) -> None:
            report = self._dumper.report(snapshot)
            if table is not None:
                deliveries = _summed((*report.deliveries, *table.deliveries))
                report = replace(report, table=replace(table.report, problem=table.problem), deliveries=deliveries)
            client.reply({"ok": True, "report": to_json(report)})

        parent.inquiry.want(told)

    def _why_no_snapshot(self) -> dict[str, object]:
        if not self._parent.vrrp.ready:
            return _NO_VRRP
        return {"ok": False, "error": f"the VRRP process (pid {self._parent.vrrp.pid}) does not answer: it hangs"}

    def _table(self, client: Client, *, connections: bool) -> None:
        def told(table: Table | None) -> None:
            if table is None:
                client.reply({"ok": False, "error": self._why_no_table()})
            elif table.problem:
                client.reply({"ok": False, "error": table.problem})
            else:
                client.reply({"ok": True, "table": to_json(table.report)})

        self._parent.tables.want(told, connections=connections)

    def _why_no_table(self) -> str:
        if not self._parent.config.services:
            return "no virtual_server is configured"
        if not self._parent.settings.checkers:
            return "nothing balances: it was started with -P"
        return "nothing balances at the moment; the log says why"

    def _events(self, client: Client, *, follow: bool) -> None:
        events = list(self._parent.events)
        client.following = follow
        client.reply({"ok": True, "count": len(events), "now_us": now(), "time": time.time()})
        for line in events:
            client.add(line)

    def _prio(self, client: Client, request: Request) -> None:
        if request.instance not in self._names():
            client.reply(_no_instance(request.instance, self._names()))
            return
        if self._parent.override(request.instance, request.priority):
            client.reply({"ok": True})
        else:
            client.reply(_NO_VRRP)

    def _names(self) -> list[str]:
        return list(self._parent.config.instances)


def _summed(ways: Iterable[DeliveryReport]) -> tuple[DeliveryReport, ...]:
    """Add up what both processes told by the same way."""
    found: dict[tuple[str, str], DeliveryReport] = {}
    for way in ways:
        before = found.get((way.kind, way.name), DeliveryReport(kind=way.kind, name=way.name))
        found[way.kind, way.name] = replace(
            before, told=before.told + way.told, lost=before.lost + way.lost, waiting=before.waiting + way.waiting
        )
    return tuple(found.values())


def _reloaded(reading: Reading) -> dict[str, object]:
    diagnostics = [str(diagnostic) for diagnostic in reading.diagnostics]
    return {"ok": True, "taken": reading.config is not None, "diagnostics": diagnostics}


def _no_instance(name: str, known: list[str]) -> dict[str, object]:
    return {"ok": False, "error": f"there is no vrrp_instance '{name}'; {did_you_mean(name, known)}"}
