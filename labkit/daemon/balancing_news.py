"""What scripts, FIFOs and mail are told of balancing: real servers that come and go, quorum gained and lost.

Pure.  Lines, subjects and texts are keepalived 2.2.7's (keepalived.conf(5), lvs_notify_fifo); mail also says why.
"""

from collections.abc import Iterable, Iterator, Mapping

from labkit.conf.model import Command, GlobalDefs
from labkit.conf.model_balancing import ServerNotifies, VirtualServer
from labkit.daemon.balancing_words import kind_of, quorum_figures, server_name
from labkit.daemon.tidings import Mail, Subject
from labkit.lvs.check import Result, Settled
from labkit.lvs.config import RealServerConfig
from labkit.lvs.events import Action, CheckId, QuorumChanged, ServerChanged
from labkit.lvs.model import ServiceKey
from labkit.values import dataclass

_MAIL_NAMES = {"TCP_CHECK": "TCP CHECK", "HTTP_GET": "CHECK", "SSL_GET": "CHECK", "MISC_CHECK": "MISC CHECK"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _News:
    """Something is up or down now; `farewell`: the daemon ends."""

    virtual: VirtualServer
    up: bool
    farewell: bool = False

    @property
    def is_state(self) -> bool:
        """Always."""
        return True

    @property
    def final(self) -> bool:
        """At the end of the daemon."""
        return self.farewell

    @property
    def is_farewell(self) -> bool:
        """At the end of the daemon."""
        return self.farewell


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerNews(_News):
    """A real server counts as up or down; `check` and `why` are what made it so; `initial`: that is how it begins."""

    server: RealServerConfig
    notifies: ServerNotifies
    check: str = ""
    why: str = ""
    initial: bool = False

    @property
    def kind(self) -> str:
        """RS."""
        return "RS"

    @property
    def name(self) -> str:
        """The real server and its virtual server, as in FIFOs."""
        key = self.virtual.core.key
        return f"{server_name(key, self.server.destination)} {key}"

    @property
    def line(self) -> str:
        """The line that FIFOs get."""
        return f"RS {self.name} {_word(up=self.up)}\n"

    def to_run(self) -> list[tuple[Command, tuple[str, ...]]]:
        """Return notify_up or notify_down."""
        return _script(self.notifies.up if self.up else self.notifies.down)

    def mail(self, defaults: GlobalDefs) -> Mail | None:
        """Return the letter; servers are told unless something says otherwise, but not how they begin."""
        if self.initial or not wants_mail(self.notifies.smtp_alert, defaults, usual=True):
            return None
        service = self.virtual.core.key
        name = server_name(service, self.server.destination)
        subject = f"Realserver {name} of virtual server {service} - {_word(up=self.up)}"
        if self.farewell:
            return Mail(subject, "=> Shutting down <=\n")
        what = _MAIL_NAMES.get(self.check, self.check or "CHECK")
        reason = f"\nReason: {self.why}\n" if self.why else ""
        return Mail(subject, f"=> {what} {'succeed' if self.up else 'failed'} on service <=\n{reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumNews(_News):
    """A virtual server has its quorum or not; `sentence` says it with figures, as the log does."""

    sentence: str

    @property
    def kind(self) -> str:
        """VS."""
        return "VS"

    @property
    def name(self) -> str:
        """The virtual server."""
        return str(self.virtual.core.key)

    @property
    def line(self) -> str:
        """The line that FIFOs get."""
        return f"VS {self.name} {_word(up=self.up)}\n"

    def to_run(self) -> list[tuple[Command, tuple[str, ...]]]:
        """Return quorum_up or quorum_down."""
        return _script(self.virtual.quorum_up if self.up else self.virtual.quorum_down)

    def mail(self, defaults: GlobalDefs) -> Mail | None:
        """Return the letter; virtual servers are not told unless something says so."""
        if not wants_mail(self.virtual.smtp_alert, defaults, usual=False):
            return None
        text = "Shutting down" if self.farewell else self.sentence
        return Mail(f"Virtualserver {self.name} - {_word(up=self.up)}", f"=> {text} <=\n")


BalancingNews = ServerNews | QuorumNews


def _word(*, up: bool) -> str:
    return "UP" if up else "DOWN"


def _script(command: Command | None) -> list[tuple[Command, tuple[str, ...]]]:
    return [] if command is None else [(command, ())]


def wants_mail(own: bool | None, defaults: GlobalDefs, *, usual: bool) -> bool:
    """Tell whether mail is wanted: by the first of smtp_alert, smtp_alert_checker and smtp_alert of all that says."""
    said = (own, defaults.smtp_alert_checker, defaults.smtp_alert)
    return next((value for value in said if value is not None), usual)


class BalancingEditor:
    """Knows the virtual servers and whom to tell of each."""

    def __init__(self) -> None:
        self._virtual: Mapping[ServiceKey, VirtualServer] = {}

    def configure(self, servers: Iterable[VirtualServer]) -> None:
        """Take other virtual servers."""
        self._virtual = {server.core.key: server for server in servers}

    @property
    def subjects(self) -> set[Subject]:
        """Everything that has a state."""
        return {(one.kind, one.name) for one in self._servers()} | {("VS", str(key)) for key in self._virtual}

    @property
    def scripts(self) -> set[Command]:
        """Every script that may have to be run."""
        named: set[Command | None] = set()
        for virtual in self._virtual.values():
            named |= {virtual.quorum_up, virtual.quorum_down}
            named |= {command for one in virtual.servers for command in (one.up, one.down)}
        return {command for command in named if command is not None}

    def initial(self) -> list[BalancingNews]:
        """Return that real servers are up (rs_init_notifies), but for those that begin as down (alpha)."""
        return [one for one in self._servers() if not any(check.alpha for check in one.server.checks)]

    def _servers(self) -> Iterator[ServerNews]:
        for virtual in self._virtual.values():
            for server, notifies in zip(virtual.core.servers, virtual.servers, strict=True):
                yield ServerNews(virtual=virtual, server=server, notifies=notifies, up=True, initial=True)

    def news(self, actions: Iterable[Action], *, farewell: bool = False) -> list[BalancingNews]:
        """Return what actions that were decided together amount to, in their order."""
        decided = list(actions)
        settled: dict[tuple[ServiceKey, object], Settled[CheckId]] = {
            (action.check.service, action.check.server): action for action in decided if isinstance(action, Settled)
        }
        found: list[BalancingNews] = []
        for action in decided:
            if isinstance(action, QuorumChanged) and action.service in self._virtual:
                word = "up" if action.up else "down"
                head = f"Starting with quorum {word}" if action.first else f"{'Gained' if action.up else 'Lost'} quorum"
                sentence = f"{head} {quorum_figures(action)}"
                virtual = self._virtual[action.service]
                found.append(QuorumNews(virtual=virtual, up=action.up, sentence=sentence, farewell=farewell))
            elif isinstance(action, ServerChanged) and action.service in self._virtual:
                cause = settled.get((action.service, action.destination.key))
                found += self._server(action, cause, farewell=farewell)
        return found

    def _server(
        self, action: ServerChanged, cause: Settled[CheckId] | None, *, farewell: bool
    ) -> Iterator[BalancingNews]:
        virtual = self._virtual[action.service]
        for server, notifies in zip(virtual.core.servers, virtual.servers, strict=True):
            if server.destination.key != action.destination.key:
                continue
            check, result = "", Result(ok=action.up)
            if cause is not None:
                check, result = kind_of(server.checks[cause.check.number].spec), cause.result
            yield ServerNews(
                virtual=virtual,
                server=server,
                notifies=notifies,
                up=action.up,
                check=check,
                why=result.detail,
                farewell=farewell,
            )
