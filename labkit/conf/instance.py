"""A `vrrp_instance` block: from checked lines to a virtual router that can be."""

from collections.abc import Mapping
from dataclasses import dataclass

from labkit.conf.complaints import Complaints
from labkit.conf.model import VrrpInstance
from labkit.conf.schema import Leaf, process, vrrp
from labkit.conf.section import Section
from labkit.conf.shared import notifies, require
from labkit.conf.statics import check_routes, rules_of
from labkit.conf.virtual_addresses import addresses_of, check_addresses, family_of
from labkit.diagnostics import did_you_mean
from labkit.trace import SECOND, Micros
from labkit.vrrp.config import RouterConfig, Track, TrackKind

PASSWORD_BYTES = 8
"""So much of a password is in an advert (RFC 2338 5.3.6.1)."""

_V3_STEP: Micros = 10_000  # centiseconds, in 12 bits (RFC 9568 5.2.7)
_V3_LONGEST: Micros = 4095 * _V3_STEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What instances take from the rest of the file: global defaults, and the scripts with their weights."""

    global_defs: Section
    script_weights: Mapping[str, int]
    preferences: Mapping[int, int]


def build_instance(section: Section, around: Surroundings, complaints: Complaints) -> VrrpInstance | None:
    """Return the instance, or None after complaining."""
    return _Builder(section, around, complaints).build()


class _Builder:
    """One instance in the making."""

    def __init__(self, section: Section, around: Surroundings, complaints: Complaints) -> None:
        self.section = section
        self.around = around
        self.complaints = complaints
        self.family = family_of(section)
        self.version = self._version()
        self.is_master = section.get(vrrp.STATE) is True

    def build(self) -> VrrpInstance | None:
        errors = self.complaints.errors
        section = self.section
        require(section, self.complaints, vrrp.INTERFACE, vrrp.VIRTUAL_ROUTER_ID, vrrp.VIRTUAL_IPADDRESS)
        check_addresses(section, self.complaints)
        check_routes(section, self.complaints)
        interval, auth, tracks, priority = self._advert_interval(), self._auth(), self._tracks(), self._priority()
        preempt, preempt_delay = self._preempt(), self._preempt_delay()
        interface, vrid = section.get(vrrp.INTERFACE), section.get(vrrp.VIRTUAL_ROUTER_ID)
        if self.complaints.errors > errors or interface is None or vrid is None or section.title is None:
            return None
        advertised = section.lines(vrrp.VIRTUAL_IPADDRESS)
        router = RouterConfig(
            name=str(section.title),
            interface=interface,
            vrid=vrid,
            addresses=tuple(entry.value.address.ip for entry in advertised),
            family=self.family,
            version=self.version,
            priority=priority,
            advert_interval=interval,
            auth=auth,
            preempt=preempt,
            preempt_delay=preempt_delay,
            tracks=tracks,
            announce_repeat=self._first(vrrp.GARP_MASTER_REPEAT, process.VRRP_GARP_REPEAT, 5),
            announce_delay=self._first(vrrp.GARP_MASTER_DELAY, process.VRRP_GARP_DELAY, 5 * SECOND),
        )
        return VrrpInstance(
            router=router,
            addresses=addresses_of(section, interface),
            routes=tuple(entry.value for entry in section.lines(vrrp.VIRTUAL_ROUTES)),
            rules=rules_of(section, vrrp.VIRTUAL_RULES, self.around.preferences),
            state_master=self.is_master,
            span=section.span(),
            **notifies(section),
        )

    def _version(self) -> int:
        """IPv6 has version 3 only (RFC 9568 1); keepalived takes it, whatever is written."""
        own = self.section.get(vrrp.VERSION)
        if self.family == 6 and own == 2:
            message = "VRRP version 2 has no IPv6: labkit uses version 3, as keepalived does"
            self.complaints.warning(self.section.span(vrrp.VERSION), message, "write `version 3`")
        return 3 if self.family == 6 else own or self.around.global_defs.get(process.VRRP_VERSION) or 2

    def _first(self, own: Leaf[int], shared: Leaf[int], default: int) -> int:
        for value in (self.section.get(own), self.around.global_defs.get(shared)):
            if value is not None:
                return value
        return default

    def _priority(self) -> int:
        if self.is_master and self.section.lacks(vrrp.PRIORITY):
            self.complaints.warning(
                self.section.span(vrrp.STATE),
                "`state MASTER` without `priority`: keepalived takes 255 (address owner), labkit takes 100",
                "add `priority` and a number from 1 to 254",
            )
        return self.section.get(vrrp.PRIORITY) or 100

    def _advert_interval(self) -> Micros:
        interval = self.section.get(vrrp.ADVERT_INT)
        if interval is None:
            return SECOND
        span = self.section.span(vrrp.ADVERT_INT)
        if self.version == 2 and interval % SECOND:
            message = "an advert interval of VRRP version 2 is in whole seconds"
            self.complaints.error(span, message, "write `advert_int 1`, or add `version 3` on every router")
        if self.version == 3 and (interval % _V3_STEP or interval > _V3_LONGEST):
            message = "an advert interval of VRRP version 3 is in steps of 0.01 s, up to 40.95 s"
            self.complaints.error(span, message, "write such a number")
        return interval

    def _auth(self) -> bytes | None:
        """Return what of the password is in an advert (RFC 2338 5.3.6.1)."""
        for block in self.section.sections(vrrp.AUTHENTICATION):
            require(block, self.complaints, vrrp.AUTH_TYPE, vrrp.AUTH_PASS)
            if self.version == 3:
                message = "VRRP version 3 has no authentication (RFC 9568 9)"
                hint = "remove the block" if self.family == 6 else "remove the block, or write `version 2`"
                self.complaints.error(block.span(), message, hint)
            password = (block.get(vrrp.AUTH_PASS) or "").encode()
            if len(password) > PASSWORD_BYTES:
                message = f"the password has {len(password)} bytes, of which the first {PASSWORD_BYTES} count"
                hint = f"shorten it to {PASSWORD_BYTES} on every router"
                self.complaints.warning(block.span(vrrp.AUTH_PASS), message, hint)
            return password[:PASSWORD_BYTES] or None
        return None

    def _preempt(self) -> bool:
        """keepalived: `state MASTER` clears nopreempt, so that the instance preempts."""
        if self.is_master and self.section.says(vrrp.NOPREEMPT):
            message = "`nopreempt` has no effect beside `state MASTER`"
            self.complaints.warning(self.section.span(vrrp.NOPREEMPT), message, "write `state BACKUP` on every router")
        return self.is_master or not self.section.says(vrrp.NOPREEMPT)

    def _preempt_delay(self) -> Micros:
        """keepalived: `state MASTER` and nopreempt clear preempt_delay."""
        delay = self.section.get(vrrp.PREEMPT_DELAY) or 0
        cause = "state MASTER" if self.is_master else "nopreempt"
        if delay and (self.is_master or self.section.says(vrrp.NOPREEMPT)):
            message = f"`preempt_delay` has no effect beside `{cause}`"
            self.complaints.warning(self.section.span(vrrp.PREEMPT_DELAY), message, "remove one of them")
            return 0
        return delay

    def _tracks(self) -> tuple[Track, ...]:
        weights = self.around.script_weights
        tracks: dict[tuple[TrackKind, str], Track] = {}
        for kind, keyword in (TrackKind.SCRIPT, vrrp.TRACK_SCRIPT), (TrackKind.INTERFACE, vrrp.TRACK_INTERFACE):
            for entry in self.section.lines(keyword):
                name, weight = entry.value
                span = self.section.entry_span(entry)
                if kind is TrackKind.SCRIPT and name not in weights:
                    self.complaints.error(span, f"no vrrp_script is called `{name}`", did_you_mean(name, weights))
                if (kind, name) in tracks:
                    self.complaints.error(span, f"`{name}` is tracked already", "track it once")
                default = weights.get(name, 0) if kind is TrackKind.SCRIPT else 0
                tracks[kind, name] = Track(kind=kind, name=name, weight=default if weight is None else weight)
        return tuple(tracks.values())
