"""The lines of virtual_ipaddress, virtual_ipaddress_excluded and static_ipaddress.

ADDRESS[/LENGTH] [brd ADDRESS] [dev NAME] [scope SCOPE] [label LABEL] [peer ADDRESS] [preferred_lft SECONDS] [FLAG ...]
"""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface

from labkit.conf.addresses import parse_address, parse_interface
from labkit.conf.arguments import Integer, UnfitError, take, unfit
from labkit.conf.cursor import Cursor, once
from labkit.conf.model import Interface, VirtualAddress
from labkit.diagnostics import did_you_mean
from labkit.hints import Any
from labkit.values import dataclass, field

_BROADCAST = IPv4Address("255.255.255.255")
_SCOPES = ("host", "link", "global", "site", "nowhere")


@dataclass(slots=True)
class _Draft:
    """An address in the making: what was given where, and the values so far."""

    address: Interface
    has_prefix: bool
    given: dict[str, int] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddressLine:
    """A line with an address; where no `dev` is written, the device of the value is empty.

    `static` is for static_ipaddress: such an address may name a track_group, and has no VMAC to be on.
    """

    static: bool = False
    wanted: str = "an address such as 192.0.2.1/24, then what is needed of: dev, brd, scope, label"

    def read(self, words: Sequence[str]) -> VirtualAddress:
        """Read the line.

        Raises:
            UnfitError: something of it does not fit.
        """
        take(self.wanted, words, 1, 99)
        cursor = Cursor(words)
        text = cursor.take(self.wanted)
        draft = _Draft(_address(text, "an IPv4 or IPv6 address, and a prefix length after a `/`", 0), "/" in text)
        while cursor.peek() is not None:
            self._option(cursor, draft)
        return _build(draft)

    def _option(self, cursor: Cursor, draft: _Draft) -> None:
        word = cursor.take("an option")
        name = _SPELLINGS.get(word, word)
        if word == "track_group" and not self.static:
            raise cursor.fault("`track_group` is for static addresses", "remove it here")
        if word == "use_vmac" and self.static:
            raise cursor.fault("`use_vmac` is for addresses of an instance", "remove it here")
        if name not in _OPTIONS:
            hint = did_you_mean(word, _OPTIONS)
            if word[:1].isdecimal() and ("." in word or ":" in word):
                hint = "write one address a line"
            raise cursor.fault(f"`{word}` is no option of an address", hint)
        once(cursor, draft.given, name)
        if name in _IPV6_ONLY and isinstance(draft.address, IPv4Interface):
            raise cursor.fault(f"`{word}` is for IPv6 addresses", "remove it")
        if name in _IPV4_ONLY and isinstance(draft.address, IPv6Interface):
            raise cursor.fault(_IPV4_ONLY[name], "remove it")
        _OPTIONS[name](cursor, draft)


def _address(text: str, wanted: str, place: int) -> Interface:
    try:
        interface = parse_interface(text)
    except ValueError:
        raise unfit(place, text, wanted) from None
    address = interface.ip
    if address.is_unspecified or address.is_multicast or address == _BROADCAST:
        raise UnfitError(place, f"{address} cannot be the address of a machine", f"write {wanted}")
    return interface


# --- options ----------------------------------------------------------------------------------------------------------

_Read = Callable[[Cursor, _Draft], None]


def _yes(name: str) -> _Read:
    def store(cursor: Cursor, draft: _Draft) -> None:
        draft.values[name] = True

    return store


def _device(cursor: Cursor, draft: _Draft) -> None:
    draft.values["device"] = cursor.device()


def _label(cursor: Cursor, draft: _Draft) -> None:
    wanted = "a label of 1 to 15 bytes, such as eth0:1"
    text = cursor.take(wanted)
    if not text or len(text.encode()) > 15:
        raise cursor.unfit(wanted)
    draft.values["label"] = text


def _scope(cursor: Cursor, draft: _Draft) -> None:
    wanted = f"{', '.join(_SCOPES)}, or a number from 0 to 255"
    text = cursor.take(wanted)
    if text not in _SCOPES:
        try:
            text = str(Integer(0, 255).parse(text))
        except UnfitError:
            raise cursor.unfit(wanted) from None
    if isinstance(draft.address, IPv4Interface):
        draft.values["scope"] = text
    elif text != (own := _own_scope(draft.address)):
        raise cursor.fault(f"the scope of {draft.address.ip} follows from the address: {own}", "remove it")


def _own_scope(address: IPv6Interface) -> str:
    """Return the scope that the kernel gives to an IPv6 address, whatever it is asked for."""
    if address.ip.is_loopback:
        return "host"
    if address.ip.is_link_local:
        return "link"
    return "site" if address.ip.is_site_local else "global"


def _broadcast(cursor: Cursor, draft: _Draft) -> None:
    wanted = "an IPv4 address, `+` (host bits set) or `-` (host bits cleared)"
    text, network = cursor.take(wanted), draft.address.network
    if text in ("+", "-") and network.prefixlen > 30:
        raise cursor.fault(f"{draft.address} has no broadcast address", "write a prefix length up to 30")
    match text:
        case "+":
            draft.values["broadcast"] = network.broadcast_address
        case "-":
            draft.values["broadcast"] = network.network_address
        case _:
            draft.values["broadcast"] = parse_address(text, wanted, cursor.place)


def _peer(cursor: Cursor, draft: _Draft) -> None:
    wanted = "the address at the other end of the link"
    peer = _address(cursor.take(wanted), wanted, cursor.place)
    if peer.version != draft.address.version:
        raise cursor.fault(f"{peer.ip} is not of the family of {draft.address.ip}", "write a peer of the same family")
    if draft.has_prefix:
        raise UnfitError(0, "an address with a peer has no prefix length", "write it at the peer")
    draft.values["peer"] = peer


def _lifetime(cursor: Cursor, draft: _Draft) -> None:
    forever = cursor.skip("forever")
    draft.values["preferred_lft"] = None if forever else cursor.whole(0, 2**32 - 2, "a number of seconds, or forever")


def _no_track(cursor: Cursor, draft: _Draft) -> None:
    draft.values["tracked"] = False


def _track_group(cursor: Cursor, draft: _Draft) -> None:
    draft.values["track_group"] = cursor.take("the name of a track_group")


_SPELLINGS = {"broadcast": "brd"}
_IPV6_ONLY = ("home", "-nodad", "mngtmpaddr")
_IPV4_ONLY = {
    "brd": "IPv6 knows no broadcast",
    "label": "an IPv6 address has no label",
}
_OPTIONS: Mapping[str, _Read] = {
    "dev": _device,
    "brd": _broadcast,
    "scope": _scope,
    "label": _label,
    "peer": _peer,
    "home": _yes("home"),
    "-nodad": _yes("detect_duplicates"),
    "mngtmpaddr": _yes("manage_temporary"),
    "noprefixroute": _yes("no_prefix_route"),
    "autojoin": _yes("auto_join"),
    "preferred_lft": _lifetime,
    "no_track": _no_track,
    "use_vmac": _yes("use_vmac"),
    "track_group": _track_group,
}


def _build(draft: _Draft) -> VirtualAddress:
    address = draft.address
    if address.version == 6 and address.network.prefixlen == 128 and "peer" not in draft.values:
        draft.values.setdefault("preferred_lft", 0)  # keepalived: nobody should choose a /128 as a source by itself
    if draft.values.get("manage_temporary") and address.network.prefixlen != 64:
        place = draft.given["mngtmpaddr"]
        raise UnfitError(place, "only a /64 can have temporary addresses", f"write `{address.ip}/64`, or remove it")
    return VirtualAddress(address=address, **{"device": ""} | draft.values)
