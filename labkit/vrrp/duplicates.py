"""Whether somebody else claims a virtual address: which ARP and neighbour discovery packets are those of a stranger.

A claim is an ARP packet with a virtual address as its sender, or a neighbour advertisement for one (RFC 5227 2.4,
RFC 4861 7.2).  While we are MASTER nobody else should make one; while we are BACKUP only the master should, whose
link-layer address is that of the first claim since it became master.  A change of master makes for claims by both the
old and the new one, in any order, and adverts may be heard after them.  So a claim by another is kept, and is a
duplicate only if nothing has changed a second later.
"""

from collections.abc import Callable

from labkit.hints import TypeAlias
from labkit.trace import SECOND, Micros
from labkit.values import dataclass
from labkit.vrrp.config import Address
from labkit.vrrp.events import DuplicateSeen, State

SETTLING: Micros = SECOND
"""So long after a change, and after a claim, it is too early to say who is wrong."""

CAPACITY = 64
"""How many claims may wait to be judged; more are forgotten, those who make them will make them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How it stands with a router: its state since when, whom it follows, and which link-layer addresses are its own.

    Those are the ones of its interfaces, and the virtual router MAC address, whoever uses it (RFC 9568 7.3).  An
    `owner` (priority 255) has the virtual addresses as its own.
    """

    state: State
    since: Micros
    master: Address | None
    own: frozenset[bytes]
    owner: bool = False


Stands: TypeAlias = Callable[[str], Stand | None]
"""Tells how it stands with a router, by its name; None: there is none."""


@dataclass(frozen=True, slots=True)
class _Claim:
    router: str
    address: Address
    lladdr: bytes
    here: bool = False


class Duplicates:
    """Judges claims; asks how it stands with a router when a claim is made, and again when it is judged."""

    def __init__(self, stands: Stands) -> None:
        self._stands = stands
        self._holders: dict[tuple[str, Address], tuple[Address | None, bytes]] = {}  # the master and its lladdr
        self._waiting: dict[_Claim, tuple[Micros, Stand]] = {}  # in the order of their claims

    @property
    def deadline(self) -> Micros | None:
        """When the next claim is to be judged."""
        return next((at + SETTLING for at, _ in self._waiting.values()), None)

    def claimed(self, router: str, address: Address, lladdr: bytes, now: Micros) -> None:
        """Take note of a claim."""
        stand = self._stands(router)
        claim = _Claim(router, address, lladdr)
        if stand is None or lladdr in stand.own or claim in self._waiting or len(self._waiting) >= CAPACITY:
            return
        if stand.state is State.MASTER:
            suspect = now - stand.since >= SETTLING
        else:
            suspect = stand.state is State.BACKUP and not self._may(claim, stand)
        if suspect:
            self._waiting[claim] = now, stand

    def _may(self, claim: _Claim, stand: Stand) -> bool:
        """Whether a claim is the master's; the first one since it is master shows who that is."""
        master, lladdr = self._holders.get((claim.router, claim.address), (None, claim.lladdr))
        if master != stand.master:
            lladdr = claim.lladdr
        self._holders[claim.router, claim.address] = stand.master, lladdr
        return lladdr == claim.lladdr

    def present(self, router: str, address: Address, lladdr: bytes, now: Micros) -> bool:
        """Take note that a virtual address is on an interface of this machine, whose link-layer address is `lladdr`.

        Return whether it will be judged: only a BACKUP should not have it, unless it is the owner.
        """
        stand = self._stands(router)
        claim = _Claim(router, address, lladdr, here=True)
        if stand is None or stand.owner or stand.state is not State.BACKUP or len(self._waiting) >= CAPACITY:
            return False
        self._waiting.setdefault(claim, (now, stand))
        return True

    def judge(self, now: Micros) -> list[DuplicateSeen]:
        """Return what is due and is a duplicate."""
        found: list[DuplicateSeen] = []
        for claim, (at, before) in list(self._waiting.items()):
            if now - at < SETTLING:
                break
            del self._waiting[claim]
            stand = self._stands(claim.router)
            if stand is None or (stand.state, stand.since) != (before.state, before.since):
                continue
            if not claim.here and stand.state is State.BACKUP and stand.master != before.master:
                self._holders[claim.router, claim.address] = stand.master, claim.lladdr
                continue
            found.append(
                DuplicateSeen(router=claim.router, address=claim.address, lladdr=claim.lladdr, here=claim.here)
            )
        return found

    def forget(self, keep: Callable[[str], bool]) -> None:
        """Forget the routers that are not to be kept."""
        self._holders = {key: holder for key, holder in self._holders.items() if keep(key[0])}
