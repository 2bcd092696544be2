"""IP addresses in a keepalived.conf."""

from _socket import AF_INET, inet_pton  # of socket, which takes 2 ms more to name its constants
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface, ip_address

from labkit.conf.arguments import Integer, UnfitError, is_digits, take, unfit
from labkit.values import dataclass
from labkit.vrrp.config import Address as IpAddress
from labkit.vrrp.config import Peer


def parse_ip(text: str, wanted: str, word: int = 0) -> IpAddress:
    """Read one IPv4 or IPv6 address, without a zone (`%eth0`).

    Raises:
        UnfitError: it is none.
    """
    try:
        return _ipv4(text)
    except ValueError:
        pass
    try:
        if "%" not in text:
            return ip_address(text)
    except ValueError:
        pass
    raise unfit(word, text, wanted)


def _ipv4(text: str) -> IPv4Address:
    """Return `IPv4Address(text)`; that takes most of the time of a big file when ipaddress parses.

    Raises:
        ValueError: it is none.
    """
    try:
        return IPv4Address(inet_pton(AF_INET, text))
    except OSError as error:
        raise ValueError(text) from error


def parse_interface(text: str) -> IPv4Interface | IPv6Interface:
    """Read an address and the length of its prefix, which may be missing.

    Raises:
        ValueError: it is none; 255.255.255.0 is no length, and there are no zones, other than for `ip_interface`.
    """
    address, slash, length = text.partition("/")
    if slash and not is_digits(length, 3):
        raise ValueError(text)
    if "." in address and ":" not in address:
        return IPv4Interface((int(_ipv4(address)), int(length) if slash else 32))
    if "%" in address:
        raise ValueError(text)
    return IPv6Interface(text)


def parse_address(text: str, wanted: str, word: int = 0) -> IPv4Address:
    """Read one IPv4 address.

    Raises:
        UnfitError: it is none.
    """
    try:
        return _ipv4(text)
    except ValueError:
        raise unfit(word, text, wanted) from None


@dataclass(frozen=True, slots=True)
class AnyAddress:
    """One IPv4 or IPv6 address."""

    wanted: str = "an IPv4 or IPv6 address"

    def read(self, words: Sequence[str]) -> IpAddress:
        """Read the one word."""
        take(self.wanted, words, 1, 1)
        return parse_ip(words[0], self.wanted)


@dataclass(frozen=True, slots=True)
class Group:
    """A multicast address, of one family where that is known; an IPv6 one is of the link (ff02::/16 and its like)."""

    version: int | None = None

    @property
    def wanted(self) -> str:
        """What to write."""
        v4, v6 = (
            "an IPv4 multicast address such as 224.0.0.18",
            "an IPv6 multicast address of the link such as ff02::12",
        )
        return {4: v4, 6: v6}.get(self.version or 0, f"{v4}, or {v6}")

    def read(self, words: Sequence[str]) -> IpAddress:
        """Read the one word."""
        take(self.wanted, words, 1, 1)
        address = parse_ip(words[0], self.wanted)
        of_link = address.version == 4 or address.packed[1] & 0x0F == 2
        if not address.is_multicast or not of_link or self.version not in (None, address.version):
            raise unfit(0, words[0], self.wanted)
        return address


@dataclass(frozen=True, slots=True)
class PeerLine:
    """A line of `unicast_peer`: an address, then the TTLs (hop limits) that its adverts may have."""

    wanted: str = "an IPv4 or IPv6 address; then, if needed, min_ttl and a number, max_ttl and a number"

    def read(self, words: Sequence[str]) -> Peer:
        """Read one word, three or five."""
        take(self.wanted, words, 1, 5)
        address = parse_ip(words[0], "an IPv4 or IPv6 address")
        bounds: dict[str, int] = {}
        for place in range(1, len(words), 2):
            name = words[place]
            if name not in ("min_ttl", "max_ttl"):
                raise unfit(place, name, "one address a line, then min_ttl or max_ttl")
            if name in bounds:
                raise UnfitError(place, f"`{name}` stands here twice", "remove one of them")
            take("a whole number from 0 to 255", words, place + 2, 5)
            bounds[name] = Integer(0, 255).parse(words[place + 1], place + 1)
        peer = Peer(address=address, **bounds)
        if peer.min_ttl > peer.max_ttl:
            message = f"no TTL is at least {peer.min_ttl} and at most {peer.max_ttl}"
            raise UnfitError(0, message, "write a min_ttl that is not above max_ttl")
        return peer
