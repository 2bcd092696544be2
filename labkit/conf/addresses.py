"""IP addresses in a keepalived.conf: alone, with a port, and as a line of `virtual_ipaddress`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Interface, ip_address, ip_interface

from labkit.conf.arguments import PORT, Integer, Interface, UnfitError, take, unfit
from labkit.conf.model import Interface as AddressAndPrefix
from labkit.conf.model import VirtualAddress
from labkit.vrrp.config import Address as IpAddress


def parse_ip(text: str, wanted: str, word: int = 0) -> IpAddress:
    """Read one IPv4 or IPv6 address, without a zone (`%eth0`).

    Raises:
        UnfitError: it is none.
    """
    try:
        if "%" not in text:
            return ip_address(text)
    except ValueError:
        pass
    raise unfit(word, text, wanted)


def parse_address(text: str, wanted: str, word: int = 0) -> IPv4Address:
    """Read one IPv4 address.

    Raises:
        UnfitError: it is none.
    """
    try:
        return IPv4Address(text)
    except ValueError:
        refuse_ipv6(text, word)
        raise unfit(word, text, wanted) from None


def refuse_ipv6(text: str, word: int) -> None:
    """Say of an IPv6 address that it is not supported, rather than that it is wrong.

    Raises:
        UnfitError: `text` is an IPv6 address.
    """
    try:
        IPv6Interface(text)
    except ValueError:
        return
    message = f"the IPv6 address `{text}` is known to keepalived but not supported by labkit yet"
    raise UnfitError(word, message, "write an IPv4 address")


@dataclass(frozen=True, slots=True)
class Address:
    """One IPv4 address."""

    wanted: str = "an IPv4 address"

    def read(self, words: Sequence[str]) -> IPv4Address:
        """Read the one word."""
        take(self.wanted, words, 1, 1)
        return parse_address(words[0], self.wanted)


@dataclass(frozen=True, slots=True)
class AnyAddress:
    """One IPv4 or IPv6 address."""

    wanted: str = "an IPv4 or IPv6 address"

    def read(self, words: Sequence[str]) -> IpAddress:
        """Read the one word."""
        take(self.wanted, words, 1, 1)
        return parse_ip(words[0], self.wanted)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IPv4 address and a port."""

    wanted: str = "an IPv4 address and a port"

    def read(self, words: Sequence[str]) -> tuple[IPv4Address, int]:
        """Read the two words."""
        if words and words[0] in ("fwmark", "group"):
            message = f"`{words[0]}` is known to keepalived but not supported by labkit yet"
            raise UnfitError(0, message, f"write {self.wanted}")
        if len(words) != 2:
            take(self.wanted, words, 2, 2)
        return parse_address(words[0], "an IPv4 address"), PORT.parse(words[1], 1)


_BROADCAST = IPv4Address("255.255.255.255")
_MASK = re.compile(r"/.*\.|%")
_SCOPES = ("host", "link", "global", "site", "nowhere")
_ADDRESS_REFUSED = frozenset(
    ("peer", "home", "-nodad", "mngtmpaddr", "noprefixroute", "autojoin", "no_track", "track_group", "preferred_lft")
)


@dataclass(frozen=True, slots=True)
class AddressLine:
    """A line of `virtual_ipaddress`; where no `dev` is written, the device of the value is empty."""

    wanted: str = "an address such as 192.0.2.1/24, then what is needed of: dev, brd, scope, label"

    def read(self, words: Sequence[str]) -> VirtualAddress:
        """Read the line."""
        take(self.wanted, words, 1, 9)
        address = self._address(words[0])
        options: dict[str, int] = {}
        for place in range(1, len(words), 2):
            name = "brd" if words[place] == "broadcast" else words[place]
            self._check_option(name, words, place, options)
            options[name] = place + 1
        broadcast = options.get("brd")
        scope, label, device = (options.get(name) for name in ("scope", "label", "dev"))
        return VirtualAddress(
            address=address,
            device=Interface().parse(words[device], device) if device else "",
            label=self._label(words[label], address, label) if label else None,
            scope=self._scope(words[scope], scope) if scope else None,
            broadcast=self._broadcast(words[broadcast], address, broadcast) if broadcast else None,
        )

    def _check_option(self, name: str, words: Sequence[str], place: int, given: Mapping[str, int]) -> None:
        if name in _ADDRESS_REFUSED:
            message = f"`{name}` is known to keepalived but not supported by labkit yet"
            raise UnfitError(place, message, "remove it")
        if name not in ("dev", "brd", "scope", "label"):
            raise unfit(place, words[place], "one address a line, then dev, brd, scope or label")
        if name in given:
            raise UnfitError(place, f"`{words[place]}` stands here twice", "remove one of them")
        if place + 1 == len(words):
            raise UnfitError(place + 1, f"`{words[place]}` has no value", "write one after it")

    def _address(self, text: str) -> AddressAndPrefix:
        wanted = "an IPv4 or IPv6 address, and a prefix length after a `/`"
        if not _MASK.search(text):  # ip_interface also takes 255.255.255.0 and a zone, keepalived does not
            try:
                interface = ip_interface(text)
            except ValueError:
                raise unfit(0, text, wanted) from None
            if interface.ip.is_unspecified or interface.ip.is_multicast or interface.ip == _BROADCAST:
                raise UnfitError(0, f"{interface.ip} cannot be the address of a machine", f"write {wanted}")
            return interface
        raise unfit(0, text, wanted)

    def _label(self, text: str, address: AddressAndPrefix, place: int) -> str:
        if isinstance(address, IPv6Interface):
            raise UnfitError(place - 1, "an IPv6 address has no label", "remove it")
        if not text or len(text.encode()) > 15:
            raise unfit(place, text, "a label of 1 to 15 bytes, such as eth0:1")
        return text

    def _scope(self, text: str, place: int) -> str:
        if text in _SCOPES:
            return text
        wanted = f"{', '.join(_SCOPES)}, or a number from 0 to 255"
        try:
            return str(Integer(0, 255).parse(text))
        except UnfitError:
            raise unfit(place, text, wanted) from None

    def _broadcast(self, text: str, address: AddressAndPrefix, place: int) -> IPv4Address:
        if isinstance(address, IPv6Interface):
            raise UnfitError(place - 1, "IPv6 knows no broadcast", "remove it")
        if text in ("+", "-") and address.network.prefixlen > 30:
            raise UnfitError(place, f"{address} has no broadcast address", "write a prefix length up to 30")
        match text:
            case "+":
                return address.network.broadcast_address
            case "-":
                return address.network.network_address
            case _:
                return parse_address(text, "an IPv4 address, `+` (host bits set) or `-` (host bits cleared)", place)
