"""Who was heard on a VRID: senders of adverts that were taken, and senders whose adverts were refused.

Memory is bounded whatever strangers send: of each kind `CAPACITY` senders are known, the one heard longest ago goes.
"""

from labkit.trace import Micros
from labkit.values import dataclass
from labkit.vrrp.config import Address
from labkit.vrrp.packet import DecodeError
from labkit.vrrp.status import Claim, PeerStatus

CAPACITY = 32
"""How many senders of each kind are known."""


@dataclass(slots=True)
class Peer:
    """A sender that was taken, as it is counted."""

    adverts: int
    priority: int
    heard: Micros


@dataclass(slots=True)
class _Claimant:
    error: DecodeError
    count: int
    since: Micros
    heard: Micros


class Peers:
    """The senders of one VRID."""

    def __init__(self) -> None:
        self._peers: dict[Address, Peer] = {}
        self._claimants: dict[Address, _Claimant] = {}

    def heard(self, source: Address, priority: int, now: Micros) -> Peer:
        """Note an advert that was taken; return its sender."""
        peer = self._peers.get(source)
        if peer is not None:
            peer.adverts += 1
            peer.priority, peer.heard = priority, now
            return peer
        if len(self._peers) >= CAPACITY:
            del self._peers[min(self._peers, key=lambda address: self._peers[address].heard)]
        self._peers[source] = peer = Peer(1, priority, now)
        self._claimants.pop(source, None)  # what was wrong with it is not any more
        return peer

    def refused(self, source: Address, error: DecodeError, now: Micros) -> None:
        """Note an advert that was refused."""
        claimant = self._claimants.get(source)
        if claimant is not None:
            claimant.error, claimant.heard = error, now
            claimant.count += 1
            return
        if len(self._claimants) >= CAPACITY:
            del self._claimants[min(self._claimants, key=lambda address: self._claimants[address].heard)]
        self._claimants[source] = _Claimant(error, 1, now, now)
        self._peers.pop(source, None)

    @property
    def statuses(self) -> tuple[PeerStatus, ...]:
        """The senders that were taken, the last one heard first."""
        peers = sorted(self._peers.items(), key=lambda item: -item[1].heard)
        return tuple(
            PeerStatus(address=address, adverts=peer.adverts, priority=peer.priority, heard=peer.heard)
            for address, peer in peers
        )

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The senders that were refused, the last one heard first."""
        claimants = sorted(self._claimants.items(), key=lambda item: -item[1].heard)
        return tuple(
            Claim(
                address=address,
                vrid=claimant.error.vrid,
                kind=claimant.error.kind,
                detail=claimant.error.detail,
                count=claimant.count,
                since=claimant.since,
                heard=claimant.heard,
            )
            for address, claimant in claimants
        )
