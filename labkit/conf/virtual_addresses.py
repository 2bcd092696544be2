"""The addresses of a `vrrp_instance`: of one family, each once, and as many as an advert has room for."""

from labkit.conf.complaints import Complaints
from labkit.conf.model import VirtualAddress
from labkit.conf.schema import vrrp
from labkit.conf.section import Entry, Section
from labkit.conf.shared import line_of, require
from labkit.values import replace

MOST_ADDRESSES = 255
"""The number of addresses is one byte of an advert (RFC 9568 5.2.5)."""


def family_of(section: Section) -> int:
    """Return 4 or 6: the family of the first advertised address.

    Where none is written, or none that is right, it is what `native_ipv6`, `unicast_src_ip` or the first peer say.
    """
    if advertised := section.lines(vrrp.VIRTUAL_IPADDRESS):
        return advertised[0].value.address.version
    if section.says(vrrp.NATIVE_IPV6):
        return 6
    peers = [entry.value.address for entry in section.lines(vrrp.UNICAST_PEER)]
    other = section.get(vrrp.UNICAST_SRC_IP) or next(iter(peers), None)
    return 4 if other is None else other.version


def addresses_of(section: Section, interface: str) -> tuple[VirtualAddress, ...]:
    """Return all addresses, the advertised ones first; those without a device are on `interface`."""
    entries = section.lines(vrrp.VIRTUAL_IPADDRESS) + section.lines(vrrp.EXCLUDED)
    every = section.says(vrrp.USE_VMAC_ADDR)
    return tuple(_on_device(entry.value, interface, every) for entry in entries)


def _on_device(address: VirtualAddress, interface: str, every: bool) -> VirtualAddress:
    if not address.device or address.device == interface:
        return replace(address, device=interface)
    return replace(address, use_vmac=address.use_vmac or every)


def check_addresses(section: Section, strict: bool, complaints: Complaints) -> None:
    """Complain about too many addresses, two families, an address twice, and a first IPv6 address of the wrong kind."""
    advertised = section.lines(vrrp.VIRTUAL_IPADDRESS)
    if len(advertised) > MOST_ADDRESSES:
        place = section.entry_span(advertised[MOST_ADDRESSES])
        hint = "move it to `virtual_ipaddress_excluded`"
        complaints.error(place, f"an advert has room for {MOST_ADDRESSES} addresses", hint)
    _check_absent(section, complaints)
    _check_family(section, strict, complaints)
    seen: dict[object, Entry[VirtualAddress]] = {}
    for entry in advertised + section.lines(vrrp.EXCLUDED):
        address = entry.value.address.ip
        first = seen.setdefault(address, entry)
        if first is entry:
            continue
        place = section.entry_span(entry)
        message = f"{address} stands here again, after {line_of(section, first.statement, place)}"
        same_device = entry.value.device == first.value.device
        complain = complaints.error if same_device else complaints.warning
        complain(place, message, "keep one of them")


def _check_absent(section: Section, complaints: Complaints) -> None:
    """keepalived only warns of no addresses; version 3 demands one (RFC 9568 5.2.5)."""
    if not section.says(vrrp.NO_VIRTUAL_IPADDRESS):
        require(section, complaints, vrrp.VIRTUAL_IPADDRESS)
    elif section.lines(vrrp.VIRTUAL_IPADDRESS):
        message = "`no_virtual_ipaddress`, but there are addresses"
        complaints.error(section.span(vrrp.NO_VIRTUAL_IPADDRESS), message, "remove it")


def _check_family(section: Section, strict: bool, complaints: Complaints) -> None:
    advertised = section.lines(vrrp.VIRTUAL_IPADDRESS)
    family = family_of(section)
    for entry in advertised:
        if entry.value.address.version != family:
            message = f"an advert of IPv{family} addresses has no room for {entry.value.address.ip}"
            hint = "move it to `virtual_ipaddress_excluded`, or to an instance of its own"
            complaints.error(section.entry_span(entry), message, hint)
    if family == 4 and section.says(vrrp.NATIVE_IPV6):
        message = "`native_ipv6`, but the addresses are not IPv6"
        complaints.error(section.span(vrrp.NATIVE_IPV6), message, "remove it")
    if family == 6 and advertised and not advertised[0].value.address.is_link_local:  # RFC 9568 5.2.9
        message = "the first IPv6 address of a virtual router should be link-local"
        hint = "put one from fe80::/10 before it on every router"
        complain = complaints.error if strict else complaints.warning
        complain(section.entry_span(advertised[0]), message, hint)
