"""A `vrrp_instance` block: from checked lines to a virtual router that can be."""

from collections.abc import Mapping

from labkit.conf.authentication import authentication
from labkit.conf.complaints import Complaints
from labkit.conf.model import VrrpInstance
from labkit.conf.schema import Leaf, process, vrrp
from labkit.conf.section import Section
from labkit.conf.shared import first, notifies, require
from labkit.conf.statics import check_routes, rules_of
from labkit.conf.strict import Strict
from labkit.conf.tracking import Known, entries_of, track, tracks_of
from labkit.conf.transport import Transport
from labkit.conf.virtual_addresses import addresses_of, check_addresses, family_of
from labkit.hints import Any
from labkit.trace import SECOND, Micros
from labkit.values import dataclass
from labkit.vrrp.config import OWNER, RouterConfig, Track, TrackKind

_V3_STEP: Micros = 10_000  # centiseconds, in 12 bits (RFC 9568 5.2.7)
_V3_LONGEST: Micros = 4095 * _V3_STEP


_SHARED: tuple[tuple[str, Leaf[Any], Leaf[Any]], ...] = (
    ("announce_repeat", vrrp.GARP_MASTER_REPEAT, process.VRRP_GARP_REPEAT),
    ("announce_delay", vrrp.GARP_MASTER_DELAY, process.VRRP_GARP_DELAY),
    ("refresh_interval", vrrp.GARP_MASTER_REFRESH, process.VRRP_GARP_REFRESH),
    ("refresh_repeat", vrrp.GARP_MASTER_REFRESH_REPEAT, process.VRRP_GARP_REFRESH_REPEAT),
    ("lower_prio_delay", vrrp.GARP_LOWER_PRIO_DELAY, process.VRRP_GARP_LOWER_PRIO_DELAY),
    ("lower_prio_repeat", vrrp.GARP_LOWER_PRIO_REPEAT, process.VRRP_GARP_LOWER_PRIO_REPEAT),
    ("lower_prio_no_advert", vrrp.LOWER_PRIO_NO_ADVERT, process.VRRP_LOWER_PRIO_NO_ADVERT),
    ("higher_prio_send_advert", vrrp.HIGHER_PRIO_SEND_ADVERT, process.VRRP_HIGHER_PRIO_SEND_ADVERT),
    ("down_timer_adverts", vrrp.DOWN_TIMER_ADVERTS, process.VRRP_DOWN_TIMER_ADVERTS),
    ("owner_ignore_adverts", vrrp.OWNER_IGNORE_ADVERTS, process.VRRP_OWNER_IGNORE_ADVERTS),
    ("checksum_as_v2", vrrp.V3_CHECKSUM_AS_V2, process.V3_CHECKSUM_AS_V2),
    ("skip_check_adv_addr", vrrp.SKIP_CHECK_ADV_ADDR, process.VRRP_SKIP_CHECK_ADV_ADDR),
)
"""Fields of RouterConfig, the keyword of an instance that sets each, and the keyword of global_defs for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What instances take from the rest of the file: global defaults, and the trackers with their weights."""

    global_defs: Section
    shared: Mapping[str, Any]
    known: Known
    preferences: Mapping[int, int]


_LOWER = (
    ("lower_prio_repeat", "announce_repeat", 5),
    ("lower_prio_delay", "announce_delay", 5 * SECOND),
)
"""keepalived: what an instance says of becoming MASTER does not reach its announcements after a lower priority."""

_OWN = {own.name: field for field, own, _ in _SHARED}


def shared_fields(global_defs: Section) -> dict[str, Any]:
    """Return the fields of RouterConfig that hold for all instances which say nothing else."""
    few = {"announce_repeat": 1, "announce_delay": 0} if global_defs.get(process.VRRP_MIN_GARP) else {}
    written = global_defs.given({field: shared for field, _, shared in _SHARED})
    return few | written | {"start_delay": global_defs.get(process.VRRP_STARTUP_DELAY) or 0}


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
        own: bool | None = section.get(vrrp.STRICT_MODE)
        self.strict = first(own, around.global_defs.get(process.VRRP_STRICT)) or False
        self.version = self._version()
        self.is_master = section.get(vrrp.STATE) is True

    def build(self) -> VrrpInstance | None:
        errors = self.complaints.errors
        section = self.section
        require(section, self.complaints, vrrp.INTERFACE, vrrp.VIRTUAL_ROUTER_ID)
        check_addresses(section, self.strict, self.complaints)
        check_routes(section, self.complaints)
        transport = Transport(section, self.around.global_defs, self.family, self.complaints)
        fields = self._shared() | self._election() | transport.fields()
        if self.strict:
            fields |= Strict(section, self.version, self.complaints).fields()
        interface, vrid = section.get(vrrp.INTERFACE), section.get(vrrp.VIRTUAL_ROUTER_ID)
        vmac = transport.vmac(vrid or 0)
        if self.complaints.errors > errors or interface is None or vrid is None or section.title is None:
            return None
        router = RouterConfig(
            name=str(section.title),
            interface=interface,
            vrid=vrid,
            addresses=tuple(entry.value.address.ip for entry in section.lines(vrrp.VIRTUAL_IPADDRESS)),
            family=self.family,
            version=self.version,
            **fields,
        )
        extra = first(section.get(vrrp.GARP_EXTRA_IF), self.around.global_defs.get(process.VRRP_GARP_EXTRA_IF))
        return VrrpInstance(
            router=router,
            addresses=addresses_of(section, interface),
            routes=tuple(entry.value for entry in section.lines(vrrp.VIRTUAL_ROUTES)),
            rules=rules_of(section, vrrp.VIRTUAL_RULES, self.around.preferences),
            state_master=self.is_master,
            vmac=vmac,
            promote_secondaries=section.says(vrrp.PROMOTE_SECONDARIES),
            garp_extra_interval=extra.interval or None if extra else None,
            garp_extra_all=extra.every if extra else False,
            notify_master_rx_lower_pri=section.get(vrrp.NOTIFY_MASTER_RX_LOWER_PRI),
            notify_deleted=vrrp.NOTIFY_DELETED.name in section.values,
            notify_deleted_script=section.get(vrrp.NOTIFY_DELETED),
            span=section.span(),
            **notifies(section, self.around.global_defs),
        )

    def _election(self) -> dict[str, Any]:
        """Return what decides who is MASTER, after complaining."""
        self._check_opposites(vrrp.PREEMPT, vrrp.NOPREEMPT)
        self._check_opposites(vrrp.ACCEPT, vrrp.NO_ACCEPT)
        interval, priority = self._advert_interval(), self._priority()
        return {
            "advert_interval": interval,
            "tracks": self._tracks(),
            "priority": priority,
            "preempt": self._preempt(),
            "preempt_delay": self._preempt_delay(),
            "accept": priority == OWNER or not self.section.says(vrrp.NO_ACCEPT),
        } | authentication(self.section, self.version, self.family, interval, self.complaints)

    def _shared(self) -> dict[str, Any]:
        """Return what the instance says, or else global_defs."""
        own = {_OWN[name]: value for name, value in self.section.values.items() if name in _OWN and value is not None}
        fields = {**self.around.shared, **own}
        for lower, master, default in _LOWER:
            if master in own and lower not in fields:
                fields[lower] = self.around.shared.get(master, default)
        return fields

    def _check_opposites(self, one: Leaf[bool], other: Leaf[bool]) -> None:
        if self.section.says(one) and self.section.says(other):
            message = f"`{one.name}` and `{other.name}` contradict each other"
            self.complaints.error(self.section.span(other), message, "remove one of them")

    def _version(self) -> int:
        """IPv6 has version 3 only (RFC 9568 1); keepalived takes it, whatever is written."""
        own = self.section.get(vrrp.VERSION)
        if self.family == 6 and own == 2:
            message = "VRRP version 2 has no IPv6: labkit uses version 3, as keepalived does"
            complain = self.complaints.error if self.strict else self.complaints.warning
            complain(self.section.span(vrrp.VERSION), message, "write `version 3`")
        return 3 if self.family == 6 else own or self.around.global_defs.get(process.VRRP_VERSION) or 2

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
        if self.version == 2 and interval % SECOND:
            message = "an advert interval of VRRP version 2 is in whole seconds"
            self.complaints.error(
                self.section.span(vrrp.ADVERT_INT), message, "write `advert_int 1`, or add `version 3` on every router"
            )
        if self.version == 3 and (interval % _V3_STEP or interval > _V3_LONGEST):
            message = "an advert interval of VRRP version 3 is in steps of 0.01 s, up to 40.95 s"
            self.complaints.error(self.section.span(vrrp.ADVERT_INT), message, "write such a number")
        return interval

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
        """Return what is tracked; keepalived leaves out the instance's own interface, which it watches anyway."""
        tracks = tracks_of(self.section, self.around.known, self.complaints)
        own = self.section.get(vrrp.INTERFACE)
        for kind, entry in entries_of(self.section):
            place = self.section.entry_span(entry)
            if kind is TrackKind.INTERFACE and entry.value.name == own:
                message = f"`{own}` is watched anyway, as the interface of the instance"
                self.complaints.warning(place, message, "remove it")
            elif self.section.get(vrrp.PRIORITY) == OWNER and track(kind, entry, self.around.known).weight:
                message = (
                    f"the weight of `{entry.value.name}` has no effect on the owner of the addresses (priority 255)"
                )
                self.complaints.error(place, message, "write `weight 0`: its failure is FAULT; or a lower priority")
        return tuple(track for track in tracks if (track.kind, track.name) != (TrackKind.INTERFACE, own))
