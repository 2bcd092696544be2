"""The parent's questions to its children: everything the VRRP process knows, page by page, and the director's table."""

from collections import deque
from collections.abc import Callable

from labkit.daemon.messages import AskPage, AskTable, Common, Page, RouterState, Table
from labkit.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the VRRP process knew; its pages are a few milliseconds apart."""

    common: Common
    routers: tuple[RouterState, ...]


Answer = Callable[[Snapshot | None], None]


class Inquiry:
    """Collects the pages of one snapshot at a time; who asks meanwhile gets the next one."""

    def __init__(self, ask: Callable[[AskPage], bool]) -> None:
        """Ask with `ask`, which answers False where there is nobody to ask."""
        self._ask = ask
        self._asking: list[Answer] = []
        self._waiting: list[Answer] = []
        self._common: Common | None = None
        self._routers: list[RouterState] = []

    def want(self, answer: Answer) -> None:
        """Call `answer` with a snapshot taken from now on; with None where the VRRP process does not run."""
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
        if self._asking and not self._ask(AskPage(first=0)):
            self._answer(None)

    def _answer(self, snapshot: Snapshot | None) -> None:
        asking, self._asking, self._common = self._asking, [], None
        for answer in asking:
            answer(snapshot)
        if self._waiting and not self._asking:
            self._next()


class Tables:
    """The parent's questions to the balancing process: its table, as often as somebody asks."""

    def __init__(self, ask: Callable[[AskTable], bool]) -> None:
        """Ask with `ask`, which answers False where there is nobody to ask."""
        self._ask = ask
        self._asking: deque[Callable[[Table | None], None]] = deque()

    def want(self, answer: Callable[[Table | None], None], *, connections: bool = False) -> None:
        """Call `answer` with the table of now; with None where nothing balances."""
        if self._ask(AskTable(connections=connections)):
            self._asking.append(answer)
        else:
            answer(None)

    def told(self, table: Table) -> None:
        """Take an answer: they come in the order of the questions."""
        if self._asking:
            self._asking.popleft()(table)

    def gone(self) -> None:
        """Answer everybody that the process has ended."""
        while self._asking:
            self._asking.popleft()(None)
