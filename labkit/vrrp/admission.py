"""Whether a well-formed advert is one for this virtual router (RFC 9568 7.1, RFC 3768 7.1).

An advert that is refused here touches no timer and no state: a stray sender with a mistyped password must not be able
to silence a healthy pair.
"""

from labkit.hints import TypeAlias
from labkit.trace import SECOND
from labkit.vrrp.config import Address, RouterConfig
from labkit.vrrp.events import Received
from labkit.vrrp.packet import HEADER, NO_AUTH, SIMPLE_TEXT, TTL, Advert, ErrorKind

Fault: TypeAlias = tuple[ErrorKind, str]
"""Why an advert is refused, in a counter's name and in words with the figures."""


def fault(config: RouterConfig, event: Received, advert: Advert) -> Fault | None:
    """Return why `advert` is not for the router of `config`, or None when it is; who signed it is not judged here."""
    return _wrong_sender(config, event) or _wrong_kind(config, advert)


def _wrong_sender(config: RouterConfig, event: Received) -> Fault | None:
    """Judge TTL and source: RFC 9568 7.1 wants 255; of unicast peers, who may be hops away, what is written counts."""
    if not config.is_unicast:
        return None if event.ttl == TTL else (ErrorKind.TTL, f"TTL {event.ttl}, expected {TTL}")
    for peer in config.peers:
        if peer.address == event.source:
            if peer.min_ttl <= event.ttl <= peer.max_ttl:
                return None
            return ErrorKind.TTL, f"TTL {event.ttl}, expected {peer.min_ttl} to {peer.max_ttl}"
    bounded = any((peer.min_ttl, peer.max_ttl) != (0, TTL) for peer in config.peers)
    if config.check_unicast_source or bounded:
        return ErrorKind.PEER, "not one of our unicast peers"
    return None


def _wrong_kind(config: RouterConfig, advert: Advert) -> Fault | None:
    if advert.version != config.version:
        return ErrorKind.VERSION, f"version {advert.version}, ours is {config.version}"
    if advert.auth_type != auth_type(config):
        return ErrorKind.AUTH_TYPE, f"authentication type {advert.auth_type}, ours is {auth_type(config)}"
    if advert.auth != config.auth:
        return ErrorKind.PASSWORD, "wrong password"
    # A trailer vouches for the message, and signers compute the checksum either way.
    if advert.as_v2 is not config.checksum_as_v2 and config.version == 3 and config.family == 4 and not advert.trailer:
        theirs, ours = ("without", "with") if advert.as_v2 else ("with", "without")
        return ErrorKind.CHECKSUM, f"checksum {theirs} pseudo header, ours is {ours} (v3_checksum_as_v2)"
    if config.version == 2 and advert.interval != config.advert_interval:
        theirs_s, ours_s = advert.interval // SECOND, config.advert_interval // SECOND
        return ErrorKind.INTERVAL, f"advertisement interval {theirs_s} s, ours is {ours_s} s"
    return None


def other_addresses(config: RouterConfig, advert: Advert) -> str:
    """Say how the advert's list of addresses differs from ours, whatever the order; nothing where it does not."""
    theirs, ours = set(advert.addresses), set(config.addresses)
    if theirs == ours and len(advert.addresses) == len(config.addresses):
        return ""
    return f"addresses {_listed(advert.addresses)}, ours are {_listed(config.addresses)}"


def foreign(config: RouterConfig, advert: Advert) -> bool:
    """Whether the advert is of another cluster that uses our VRID: not one address in common."""
    return set(advert.addresses).isdisjoint(config.addresses)


def auth_type(config: RouterConfig) -> int:
    """Return the authentication type of the router's own adverts."""
    return HEADER if config.ah is not None else NO_AUTH if config.auth is None else SIMPLE_TEXT


def _listed(addresses: tuple[Address, ...]) -> str:
    """Name a few addresses; a stranger may send 255 of them."""
    shown = ", ".join(str(address) for address in addresses[:4]) or "none"
    return shown if len(addresses) <= 4 else f"{shown} and {len(addresses) - 4} more"
