"""How adverts of an instance are authenticated: a password (VRRPv2), an authentication header, or auth_hmac."""

from labkit.conf.complaints import Complaints
from labkit.conf.schema import vrrp
from labkit.conf.section import Section
from labkit.conf.shared import require
from labkit.hints import Any
from labkit.trace import SECOND, Micros
from labkit.vrrp.config import AntiReplay, HmacConfig, HmacMode

PASSWORD_BYTES = 8
"""So much of a password is in an advert (RFC 2338 5.3.6.1)."""

LEAST_WINDOW: Micros = 5 * SECOND
"""An advert signed no longer ago than this is fresh, however short the interval (draft-cassen-vrrp-auth-hmac)."""


def authentication(
    section: Section, version: int, family: int, interval: Micros, complaints: Complaints
) -> dict[str, Any]:
    """Return the fields of RouterConfig that are about authentication, after complaining."""
    fields: dict[str, Any] = {}
    for block in section.sections(vrrp.AUTHENTICATION):
        fields |= _password(block, version, family, complaints)
        for other in section.sections(vrrp.AUTH_HMAC):
            message = "an advert is authenticated by `authentication` or by `auth_hmac`, not by both"
            complaints.error(other.span(), message, "remove one of them")
    for block in section.sections(vrrp.AUTH_HMAC):
        fields["hmac"] = _hmac(block, interval, complaints)
    return fields


def _password(block: Section, version: int, family: int, complaints: Complaints) -> dict[str, Any]:
    require(block, complaints, vrrp.AUTH_TYPE, vrrp.AUTH_PASS)
    if version == 3:
        message = "VRRP version 3 has no authentication (RFC 9568 9)"
        hint = "remove the block, or write `auth_hmac`" if family == 6 else "remove the block, or write `version 2`"
        complaints.error(block.span(), message, hint)
    password = (block.get(vrrp.AUTH_PASS) or "").encode()
    if len(password) > PASSWORD_BYTES:
        message = f"the password has {len(password)} bytes, of which the first {PASSWORD_BYTES} count"
        hint = f"shorten it to {PASSWORD_BYTES} on every router"
        complaints.warning(block.span(vrrp.AUTH_PASS), message, hint)
    field = "ah" if block.get(vrrp.AUTH_TYPE) == "AH" else "auth"
    return {field: password[:PASSWORD_BYTES] or None}


def _hmac(block: Section, interval: Micros, complaints: Complaints) -> HmacConfig | None:
    require(block, complaints, vrrp.KEY)
    keys: dict[int, bytes] = {}
    for entry in block.repeated(vrrp.KEY):
        number, key = entry.value
        if number in keys:
            complaints.error(block.entry_span(entry), f"there is a key {number} already", "write another number")
        keys[number] = key
    active = block.get(vrrp.ACTIVE_KEY)
    if active is None and len(keys) > 1:
        complaints.error(block.span(), "which key signs?", "add `active_key` and its number")
    elif active is not None and keys and active not in keys:
        known = ", ".join(map(str, sorted(keys)))
        complaints.error(block.span(vrrp.ACTIVE_KEY), f"there is no key {active}", f"known here: {known}")
    anti_replay = block.get(vrrp.ANTI_REPLAY) or AntiReplay.TIME
    window = block.get(vrrp.TIME_WINDOW)
    if window is not None and anti_replay is not AntiReplay.TIME:
        message = "`time_window` has no effect beside `anti_replay monotonic`"
        complaints.error(block.span(vrrp.TIME_WINDOW), message, "remove one of them")
    if not keys:
        return None
    return HmacConfig(
        keys=keys,
        active=active or next(iter(keys)),
        anti_replay=anti_replay,
        window=window or max(3 * interval, LEAST_WINDOW),
        mode=block.get(vrrp.HMAC_MODE) or HmacMode.ENFORCE,
    )
