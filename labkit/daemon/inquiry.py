"""The parent's questions to its children: everything the VRRP process knows, page by page, and the director's table."""

from collections import deque
from collections.abc import Callable

from labkit.daemon.loop import Appointment, Loop
from labkit.daemon.messages import AskPage, AskTable, Common, Page, RouterState, Table
from labkit.kernel.process import now
from labkit.trace import SECOND, Micros
from labkit.values import dataclass

_PATIENCE: Micros = 2 * SECOND  # with a process of checks that hangs: what VRRP does is told all the same
_LONGEST: Micros = 5 * SECOND  # with a VRRP process that hangs: who asks waits for ten


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the VRRP process knew; its pages are a few milliseconds apart."""

    common: Common
    routers: tuple[RouterState, ...]


Answer = Callable[[Snapshot | None], None]


class Inquiry:
    """Collects the pages of one snapshot at a time; who asks meanwhile gets the next one."""

    def __init__(self, ask: Callable[[AskPage], bool], loop: Loop) -> None:
        """Ask with `ask`, which answers False where there is nobody to ask."""
        self._ask = ask
        self._loop = loop
        self._patience: Appointment | None = None
        self._asking: list[Answer] = []
        self._waiting: list[Answer] = []
        self._common: Common | None = None
        self._routers: list[RouterState] = []

    def want(self, answer: Answer) -> None:
        """Call `answer` with a snapshot taken from now on; with None where the VRRP process does not run, or hangs."""
        self._waiting.append(answer)
        if not self._asking:
            self._next()

    def page(self, page: Page) -> None:
        """Take a page, and ask for the one after it."""
        if page.common is not None:
            self._common, self._routers = page.common, []
        if self._common is None or page.first != len(self._routers):  # an answer to a question of before a respawn
            return
        self._routers += page.routers
        if page.routers and len(self._routers) < self._common.router_count:
            self._ask(AskPage(first=len(self._routers)))
            return
        self._answer(Snapshot(common=self._common, routers=tuple(self._routers)))

    def gone(self) -> None:
        """Answer everybody that the VRRP process has ended."""
        waiting, self._waiting = self._waiting, []
        self._asking += waiting
        self._answer(None)

    def _next(self) -> None:
        self._asking, self._waiting = self._waiting, []
        self._common = None
        if not self._asking:
            return
        if self._ask(AskPage(first=0)):
            self._patience = self._loop.at(now() + _LONGEST, self._give_up)
        else:
            self._answer(None)

    def _give_up(self) -> None:
        self._patience = None
        self._answer(None)

    def _answer(self, snapshot: Snapshot | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        asking, self._asking, self._common = self._asking, [], None
        for answer in asking:
            answer(snapshot)
        if self._waiting and not self._asking:
            self._next()


class _Question:
    """One question for the table, answered once."""

    def __init__(self, answer: Callable[[Table | None], None]) -> None:
        self._answer: Callable[[Table | None], None] | None = answer

    def answer(self, table: Table | None) -> None:
        """Answer it, unless that was done."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer(table)

    def give_up(self) -> None:
        """Say that there is no answer."""
        from labkit.daemon.report import TableReport  # where a process hangs, and nowhere else

        self.answer(Table(report=TableReport(by=""), problem="the process of checks does not answer"))


class Tables:
    """The parent's questions to the balancing process: its table, as often as somebody asks."""

    def __init__(self, ask: Callable[[AskTable], bool], loop: Loop) -> None:
        """Ask with `ask`, which answers False where there is nobody to ask."""
        self._ask = ask
        self._loop = loop
        self._asking: deque[_Question] = deque()

    def want(self, answer: Callable[[Table | None], None], *, connections: bool = False) -> None:
        """Call `answer` with the table of now, or why it is not told; with None where nothing balances."""
        if self._ask(AskTable(connections=connections)):
            question = _Question(answer)
            self._asking.append(question)
            self._loop.at(now() + _PATIENCE, question.give_up)
        else:
            answer(None)

    def told(self, table: Table) -> None:
        """Take an answer: they come in the order of the questions."""
        if self._asking:
            self._asking.popleft().answer(table)

    def gone(self) -> None:
        """Answer everybody that the process has ended."""
        while self._asking:
            self._asking.popleft().answer(None)
