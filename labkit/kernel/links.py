"""Interfaces, addresses, routes and neighbours: the requests labkit makes of rtnetlink(7), and the events it hears.

Builders return prepared messages for `Netlink.ask`; `decode` turns what a subscribed socket hears, or a dump answers,
into values.
"""

import struct
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, ip_address

from labkit.hints import TypeAlias
from labkit.kernel.netlink import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Netlink,
    attribute,
    attributes,
    message,
    messages,
    number,
    text,
)
from labkit.values import dataclass

Address: TypeAlias = IPv4Address | IPv6Address
Interface: TypeAlias = IPv4Interface | IPv6Interface

GROUP_LINK, GROUP_NEIGHBOUR, GROUP_IPV4_ADDRESS, GROUP_IPV6_ADDRESS = 0x1, 0x4, 0x10, 0x100  # RTMGRP_*

_RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK, _RTM_SETLINK = 16, 17, 18, 19
_RTM_NEWADDR, _RTM_DELADDR, _RTM_GETADDR = 20, 21, 22
_RTM_NEWROUTE, _RTM_DELROUTE = 24, 25
_RTM_NEWNEIGH, _RTM_DELNEIGH, _RTM_GETNEIGH = 28, 29, 30
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER, _IFLA_LINKINFO = 1, 3, 4, 5, 10, 18
_IFLA_NET_NS_FD, _IFLA_INFO_KIND, _IFLA_INFO_DATA, _VETH_INFO_PEER = 28, 1, 2, 1
_IFLA_PROTINFO, _IFLA_BRPORT_STATE, _IFLA_BR_FORWARD_DELAY, _IFLA_BR_MCAST_SNOOPING = 12, 1, 1, 23
_AF_INET6 = 10
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_BROADCAST, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 3, 4, 6, 8
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_NDA_DST, _NDA_LLADDR = 1, 2
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_IFA_F_SECONDARY, _IFA_F_NODAD, _IFA_F_DADFAILED, _IFA_F_HOMEADDRESS, _IFA_F_TENTATIVE = 0x1, 0x2, 0x8, 0x10, 0x40
_IFA_F_OPTIMISTIC, _IFA_F_MANAGETEMPADDR, _IFA_F_NOPREFIXROUTE, _IFA_F_MCAUTOJOIN = 0x4, 0x100, 0x200, 0x400
_FOREVER = 0xFFFFFFFF
_NUD_VALID = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80  # REACHABLE STALE DELAY PROBE NOARP PERMANENT
_BR_STATE_FORWARDING = 3
SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEvent:
    """An interface exists in this form, or was removed; `running` means up with carrier.

    `kind` is its driver's name as ip-link(8) writes it, empty for hardware; `base` the index of what it stands on.
    """

    index: int
    name: str
    up: bool
    running: bool
    lladdr: str
    present: bool = True
    kind: str = ""
    base: int = 0
    mtu: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressEvent:
    """An address is on an interface, or left it; `secondary` as the kernel sorts IPv4 addresses of one network.

    Nothing may come from an IPv6 address that is not `usable`: whether a neighbour has it is still being found out
    (RFC 4862 5.4), or one has.  `peer` is the far end of a point-to-point address.
    """

    index: int
    address: Interface
    secondary: bool
    present: bool = True
    usable: bool = True
    peer: Interface | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourEvent:
    """An entry of the ARP (ND) table; `lladdr` is empty while unresolved or failed."""

    index: int
    address: Address
    lladdr: str
    present: bool = True


LinkMessage: TypeAlias = LinkEvent | AddressEvent | NeighbourEvent


# --- requests ---------------------------------------------------------------------------------------------------------


def _ifinfo(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, flags, change)


def bridge(name: str, *, index: int) -> bytes:
    """Make a bridge that is up, forwards at once and floods multicast, as a plain switch does."""
    data = number(_IFLA_BR_FORWARD_DELAY, 0) + attribute(_IFLA_BR_MCAST_SNOOPING, b"\0")
    info = text(_IFLA_INFO_KIND, "bridge") + attribute(_IFLA_INFO_DATA, data)
    body = _ifinfo(index, _IFF_UP, _IFF_UP) + text(_IFLA_IFNAME, name) + attribute(_IFLA_LINKINFO, info)
    return message(_RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)


@dataclass(frozen=True, slots=True)
class Peer:
    """The far end of a cable: its name, index and link-layer address in another namespace (a descriptor)."""

    name: str
    index: int
    namespace: int
    lladdr: bytes


def _cable(end: bytes, peer: Peer) -> bytes:
    """Make a cable: `end` says what its near end is, the far one is left down in its namespace."""
    far = _ifinfo(peer.index) + text(_IFLA_IFNAME, peer.name) + attribute(_IFLA_ADDRESS, peer.lladdr)
    far += number(_IFLA_NET_NS_FD, peer.namespace)
    info = text(_IFLA_INFO_KIND, "veth") + attribute(_IFLA_INFO_DATA, attribute(_VETH_INFO_PEER, far))
    return message(_RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, end + attribute(_IFLA_LINKINFO, info))


def veth(*, port: str, index: int, master: int, peer: Peer) -> bytes:
    """Make a cable: `port` is up in the bridge with index `master`, the other end is left down in its namespace."""
    return _cable(_ifinfo(index, _IFF_UP, _IFF_UP) + text(_IFLA_IFNAME, port) + number(_IFLA_MASTER, master), peer)


def veth_pair(*, name: str, index: int, lladdr: bytes, peer: Peer) -> bytes:
    """Make a cable between two namespaces, without a bridge; both ends are left down."""
    return _cable(_ifinfo(index) + text(_IFLA_IFNAME, name) + attribute(_IFLA_ADDRESS, lladdr), peer)


def set_link(index: int, *, up: bool) -> bytes:
    """Set an interface up or down."""
    return message(_RTM_NEWLINK, 0, _ifinfo(index, _IFF_UP if up else 0, _IFF_UP))


def set_master(index: int, master: int) -> bytes:
    """Plug a port into the bridge with index `master`; 0 pulls it out (the carrier stays)."""
    return message(_RTM_SETLINK, 0, _ifinfo(index) + number(_IFLA_MASTER, master))


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressOptions:
    """What may be said of an address besides itself (ip-address(8)).

    Whether a neighbour has an IPv6 address already is asked only with `detect_duplicates`: that takes a second, and who
    takes over cannot wait.  `preferred_lft` is in seconds, None: for ever.
    """

    label: str | None = None
    scope: str | None = None
    broadcast: IPv4Address | None = None
    peer: Interface | None = None
    home: bool = False
    detect_duplicates: bool = False
    manage_temporary: bool = False
    no_prefix_route: bool = False
    auto_join: bool = False
    preferred_lft: int | None = None

    @property
    def flags(self) -> int:
        """Return the IFA_F_* bits, those that IPv4 has no use for left out."""
        return (
            _IFA_F_MANAGETEMPADDR * self.manage_temporary
            | _IFA_F_NOPREFIXROUTE * self.no_prefix_route
            | _IFA_F_MCAUTOJOIN * self.auto_join
        )


_PLAIN = AddressOptions()


def _scope_number(scope: str | None) -> int:
    return SCOPES[scope] if scope in SCOPES else int(scope or 0)


def _address_body(index: int, interface: Interface, options: AddressOptions) -> bytes:
    family = 2 if interface.version == 4 else _AF_INET6
    far = options.peer or interface
    body = struct.pack("=BBBBi", family, far.network.prefixlen, 0, _scope_number(options.scope), index)
    body += attribute(_IFA_LOCAL, interface.ip.packed) + attribute(_IFA_ADDRESS, far.ip.packed)
    if options.broadcast is not None:
        body += attribute(_IFA_BROADCAST, options.broadcast.packed)
    return body + (text(_IFA_LABEL, options.label) if options.label else b"")


def add_address(
    index: int,
    interface: Interface,
    options: AddressOptions = _PLAIN,
) -> bytes:
    """Put an address on an interface; refused with EEXIST when it is there."""
    body = _address_body(index, interface, options)
    flags = options.flags
    if interface.version == 6:
        flags |= (0 if options.detect_duplicates else _IFA_F_NODAD) | _IFA_F_HOMEADDRESS * options.home
    if flags:
        body += number(_IFA_FLAGS, flags)
    if options.preferred_lft is not None:
        body += attribute(_IFA_CACHEINFO, struct.pack("=IIII", options.preferred_lft, _FOREVER, 0, 0))
    return message(_RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body)


def remove_address(index: int, interface: Interface, peer: Interface | None = None) -> bytes:
    """Take an address off an interface; refused with EADDRNOTAVAIL when it is not there."""
    return message(_RTM_DELADDR, 0, _address_body(index, interface, AddressOptions(peer=peer)))


def add_route(network: IPv4Network, *, gateway: IPv4Address | None = None, index: int | None = None) -> bytes:
    """Add or replace a route in the main table, by a gateway, an interface or both."""
    scope = 0 if gateway else 253
    body = struct.pack("=BBBBBBBBI", 2, network.prefixlen, 0, 0, 254, 4, scope, 1, 0)
    if network.prefixlen:
        body += attribute(_RTA_DST, network.network_address.packed)
    if gateway:
        body += attribute(_RTA_GATEWAY, gateway.packed)
    if index:
        body += number(_RTA_OIF, index)
    return message(_RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body)


# --- what the kernel tells --------------------------------------------------------------------------------------------


def _lladdr(raw: bytes) -> str:
    return raw.hex(":")


def _link(kind: int, body: bytes) -> LinkEvent:
    _, _, index, flags, _ = struct.unpack_from("=BxHiII", body)
    found = attributes(body[16:])
    return LinkEvent(
        index=index,
        name=found.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode(),
        up=bool(flags & _IFF_UP),
        running=bool(flags & _IFF_UP and flags & _IFF_RUNNING),
        lladdr=_lladdr(found.get(_IFLA_ADDRESS, b"")),
        present=kind == _RTM_NEWLINK,
        kind=attributes(found.get(_IFLA_LINKINFO, b"")).get(_IFLA_INFO_KIND, b"").rstrip(b"\0").decode(),
        base=int.from_bytes(found.get(_IFLA_LINK, b""), sys.byteorder),
        mtu=int.from_bytes(found.get(_IFLA_MTU, b""), sys.byteorder),
    )


def _address(kind: int, body: bytes) -> AddressEvent | None:
    _, prefix, flags, _, index = struct.unpack_from("=BBBBi", body)
    found = attributes(body[8:])
    far = found.get(_IFA_ADDRESS)
    own = found.get(_IFA_LOCAL) or far
    if own is None or far is None:
        return None
    if _IFA_FLAGS in found:
        (flags,) = struct.unpack("=I", found[_IFA_FLAGS])
    waiting = flags & _IFA_F_TENTATIVE and not flags & _IFA_F_OPTIMISTIC
    return AddressEvent(
        index=index,
        address=_interface(own, prefix),
        secondary=bool(flags & _IFA_F_SECONDARY and len(own) == 4),
        present=kind == _RTM_NEWADDR,
        usable=not (waiting or flags & _IFA_F_DADFAILED),
        peer=None if far == own else _interface(far, prefix),
    )


def _interface(packed: bytes, prefix: int) -> Interface:
    if len(packed) == 4:
        return IPv4Interface((packed, prefix))
    return IPv6Interface((packed, prefix))


def _neighbour(kind: int, body: bytes) -> NeighbourEvent | None:
    _, index, state, _, _ = struct.unpack_from("=BxxxiHBB", body)
    found = attributes(body[12:])
    if _NDA_DST not in found:
        return None
    lladdr = _lladdr(found.get(_NDA_LLADDR, b"")) if state & _NUD_VALID else ""
    present = kind == _RTM_NEWNEIGH
    return NeighbourEvent(index=index, address=ip_address(found[_NDA_DST]), lladdr=lladdr, present=present)


def _one(kind: int, body: bytes) -> LinkMessage | None:
    match kind:
        case 16 | 17:  # a bridge's own messages about its ports come with their family set; they are not ours
            return _link(kind, body) if body[0] == 0 else None
        case 20 | 21:
            return _address(kind, body)
        case 28 | 29:
            return _neighbour(kind, body) if body[0] in (2, _AF_INET6) else None
    return None


def decode(datagram: bytes) -> Iterator[LinkMessage]:
    """Yield what a datagram of a subscribed socket tells; messages of other kinds are passed over."""
    for kind, _, body in messages(datagram):
        event = _one(kind, body)
        if event is not None:
            yield event


def _all(netlink: Netlink, kind: int, body: bytes) -> Iterator[LinkMessage]:
    for answer, content in netlink.dump(kind, body):
        event = _one(answer, content)
        if event is not None:
            yield event


def links(netlink: Netlink) -> list[LinkEvent]:
    """Return every interface of the namespace."""
    return [event for event in _all(netlink, _RTM_GETLINK, _ifinfo()) if isinstance(event, LinkEvent)]


def addresses(netlink: Netlink) -> list[AddressEvent]:
    """Return every address of the namespace, in the kernel's order: an interface's primary one comes first."""
    body = struct.pack("=BBBBi", 0, 0, 0, 0, 0)
    return [event for event in _all(netlink, _RTM_GETADDR, body) if isinstance(event, AddressEvent)]


def neighbours(netlink: Netlink) -> list[NeighbourEvent]:
    """Return the ARP and ND tables of the namespace."""
    body = struct.pack("=BxxxiHBB", 2, 0, 0, 0, 0)
    return [event for event in _all(netlink, _RTM_GETNEIGH, body) if isinstance(event, NeighbourEvent)]


def forwarding_ports(netlink: Netlink) -> int:
    """Return how many bridge ports of the namespace forward; a frame to one that does not yet is lost."""
    body = struct.pack("=BxHiII", 7, 0, 0, 0, 0)  # AF_BRIDGE
    count = 0
    for _, content in netlink.dump(_RTM_GETLINK, body):
        port = attributes(attributes(content[16:]).get(_IFLA_PROTINFO, b""))
        count += port.get(_IFLA_BRPORT_STATE) == bytes([_BR_STATE_FORWARDING])
    return count
