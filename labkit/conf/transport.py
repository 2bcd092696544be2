"""How the adverts of an instance travel: source, destination, unicast peers, TTL and the virtual MAC address."""

from labkit.conf.complaints import Complaints
from labkit.conf.model import Vmac
from labkit.conf.schema import Leaf, process, vrrp
from labkit.conf.section import Section
from labkit.conf.source import line_from
from labkit.diagnostics import Span
from labkit.hints import Any
from labkit.values import replace
from labkit.vrrp.config import Address

_WORDS = {
    leaf.name
    for leaf in (
        vrrp.MCAST_SRC_IP,
        vrrp.UNICAST_SRC_IP,
        vrrp.MCAST_DST_IP,
        vrrp.UNICAST_TTL,
        vrrp.CHECK_UNICAST_SRC,
        vrrp.TRACK_SRC_IP,
        vrrp.DONT_TRACK_PRIMARY,
    )
}
"""Without any of these, and without peers, there is little to look at: most instances are so."""


class Transport:
    """What the lines of one instance say of its adverts' way, checked against its address family (4 or 6)."""

    def __init__(self, section: Section, global_defs: Section, family: int, complaints: Complaints) -> None:
        self._section = section
        self._global_defs = global_defs
        self._family = family
        self._complaints = complaints
        self._unicast = bool(section.lines(vrrp.UNICAST_PEER)) or section.says(vrrp.UNICAST_FAULT_NO_PEER)

    def fields(self) -> dict[str, Any]:
        """Return the fields of the instance's RouterConfig, after complaining."""
        section = self._section
        if _WORDS.isdisjoint(section.values) and not self._unicast and vrrp.UNICAST_PEER.name not in section.empty:
            return {
                "destination": self._destination(),
                "check_unicast_source": self._global_defs.says(process.VRRP_CHECK_UNICAST_SRC),
            }
        peers = tuple(entry.value for entry in section.lines(vrrp.UNICAST_PEER))
        self._check_peers()
        self._check_unicast_words()
        bounded = any((peer.min_ttl, peer.max_ttl) != (0, 255) for peer in peers)
        ttl = section.get(vrrp.UNICAST_TTL)
        return {
            "source": self._source(),
            "destination": self._destination(),
            "peers": peers,
            "unicast": self._unicast,
            "check_unicast_source": bounded
            or section.says(vrrp.CHECK_UNICAST_SRC)
            or self._global_defs.says(process.VRRP_CHECK_UNICAST_SRC),
            "ttl": 255 if ttl is None else ttl,
            "watch_source": section.says(vrrp.TRACK_SRC_IP),
            "watch_interface": not section.says(vrrp.DONT_TRACK_PRIMARY),
        }

    def vmac(self, vrid: int) -> Vmac | None:
        """Return how the macvlan is to be made; None: there is none."""
        section = self._section
        on_base = section.says(vrrp.VMAC_XMIT_BASE)
        vmac = section.get(vrrp.USE_VMAC)
        if vmac is None:
            if on_base and section.lacks(vrrp.USE_VMAC):
                message = "`vmac_xmit_base` has no effect without `use_vmac`"
                self._complaints.error(section.span(vrrp.VMAC_XMIT_BASE), message, "remove it, or add `use_vmac`")
            return None
        if self._unicast and not on_base:
            message = "unicast adverts go through the interface below the macvlan"
            self._complaints.warning(section.span(vrrp.USE_VMAC), message, "add `vmac_xmit_base`")
        address = vmac.address
        if address is not None and len(address) == 5:
            address += bytes([vrid])
        return replace(
            vmac,
            address=address,
            on_base=on_base or self._unicast,
            other_devices=section.says(vrrp.USE_VMAC_ADDR),
        )

    def _source(self) -> Address | None:
        own: tuple[Leaf[Address], Leaf[Address]] = (vrrp.MCAST_SRC_IP, vrrp.UNICAST_SRC_IP)
        written = [leaf for leaf in own if self._section.get(leaf) is not None]
        if len(written) == 2:
            message = "an advert comes from one address"
            hint = "keep `mcast_src_ip`, or with unicast peers `unicast_src_ip`"
            self._complaints.error(self._section.span(written[1]), message, hint)
        if not written and self._section.says(vrrp.TRACK_SRC_IP):
            message = "`track_src_ip` has no address to watch"
            hint = "add `mcast_src_ip` or `unicast_src_ip`, or remove it"
            self._complaints.error(self._section.span(vrrp.TRACK_SRC_IP), message, hint)
        for leaf in written:
            self._check_family(leaf)
        return self._section.get(written[0]) if written else None

    def _destination(self) -> Address | None:
        shared = process.VRRP_MCAST_GROUP4 if self._family == 4 else process.VRRP_MCAST_GROUP6
        own = self._section.get(vrrp.MCAST_DST_IP)
        if own is None:
            return self._global_defs.get(shared)
        self._check_family(vrrp.MCAST_DST_IP)
        if self._unicast:
            message = "`mcast_dst_ip` has no effect beside `unicast_peer`"
            self._complaints.error(self._section.span(vrrp.MCAST_DST_IP), message, "remove one of them")
        return own

    def _check_family(self, leaf: Leaf[Address]) -> None:
        address = self._section.get(leaf)
        if address is not None and address.version != self._family:
            message = f"{address} is not of the family of the virtual addresses"
            self._complaints.error(self._section.span(leaf), message, f"write an IPv{self._family} address")

    def _check_peers(self) -> None:
        section = self._section
        seen: dict[Address, Span] = {}
        for entry in section.lines(vrrp.UNICAST_PEER):
            address, place = entry.value.address, section.entry_span(entry)
            if address.version != self._family:
                message = f"{address} is not of the family of the virtual addresses"
                self._complaints.error(place, message, f"write an IPv{self._family} address")
            elif address.is_multicast or address.is_unspecified:
                message = f"{address} cannot be the address of a machine"
                self._complaints.error(place, message, "write the address of another router")
            elif address == section.get(vrrp.UNICAST_SRC_IP):
                message = f"{address} is this machine itself (unicast_src_ip)"
                self._complaints.error(place, message, "name the other routers only")
            elif address in seen:
                message = f"{address} stands here again, after {line_from(seen[address], place)}"
                self._complaints.error(place, message, "keep one of them")
            seen.setdefault(address, place)

    def _check_unicast_words(self) -> None:
        """keepalived falls back to multicast where unicast has no peers, with a complaint."""
        section = self._section
        if self._unicast:
            return
        for leaf in (vrrp.UNICAST_SRC_IP, vrrp.UNICAST_TTL, vrrp.CHECK_UNICAST_SRC):
            if leaf.name in section.values:
                message = f"`{leaf.name}` without `unicast_peer`: nobody would hear a unicast advert"
                hint = "add a block `unicast_peer`"
                if leaf is vrrp.UNICAST_SRC_IP:
                    hint += ", or write `mcast_src_ip`"
                self._complaints.error(section.span(leaf), message, hint)
        if vrrp.UNICAST_PEER.name in section.empty:
            message = "no peer stands in `unicast_peer`: nobody would hear an advert"
            hint = "add the addresses of the other routers, or `unicast_fault_no_peer`"
            self._complaints.error(section.document.span(section.empty[vrrp.UNICAST_PEER.name]), message, hint)
