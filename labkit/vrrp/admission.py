"""Whether a well-formed advert is one for this virtual router (RFC 9568 7.1, RFC 3768 7.1).

An advert that is refused here touches no timer and no state: a stray sender with a mistyped password must not be able
to silence a healthy pair.
"""

from labkit.trace import SECOND
from labkit.vrrp.config import RouterConfig
from labkit.vrrp.packet import NO_AUTH, SIMPLE_TEXT, Advert, DecodeError, ErrorKind


def refusal(config: RouterConfig, advert: Advert) -> DecodeError | None:
    """Return why `advert` is not for the router of `config`, or None when it is."""

    def error(kind: ErrorKind, detail: str) -> DecodeError:
        return DecodeError(kind=kind, detail=detail, vrid=advert.vrid)

    if advert.version != config.version:
        return error(ErrorKind.VERSION, f"version {advert.version}, ours is {config.version}")
    if (advert.auth is None) != (config.auth is None):
        return error(
            ErrorKind.AUTH_TYPE, f"authentication type {_auth_type(advert.auth)}, ours is {_auth_type(config.auth)}"
        )
    if advert.auth != config.auth:
        return error(ErrorKind.PASSWORD, "wrong password")
    if config.version == 2 and advert.interval != config.advert_interval:
        theirs, ours = advert.interval // SECOND, config.advert_interval // SECOND
        return error(ErrorKind.INTERVAL, f"advertisement interval {theirs} s, ours is {ours} s")
    if not _same_addresses(config, advert):
        theirs_text, ours_text = _listed(advert.addresses), _listed(config.addresses)
        return error(ErrorKind.ADDRESSES, f"addresses {theirs_text}, ours are {ours_text}")
    return None


def _same_addresses(config: RouterConfig, advert: Advert) -> bool:
    """Compare as keepalived up to 2.3.2 does: the same number of addresses and the same ones, in any order."""
    if advert.addresses == config.addresses:
        return True
    return len(advert.addresses) == len(config.addresses) and set(advert.addresses) == set(config.addresses)


def _auth_type(auth: bytes | None) -> int:
    return NO_AUTH if auth is None else SIMPLE_TEXT


def _listed(addresses: tuple[object, ...]) -> str:
    """Name a few addresses; a stranger may send 255 of them."""
    shown = ", ".join(str(address) for address in addresses[:4]) or "none"
    return shown if len(addresses) <= 4 else f"{shown} and {len(addresses) - 4} more"
