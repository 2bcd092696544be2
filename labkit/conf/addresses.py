"""IP addresses in a keepalived.conf: alone, and with a port."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Interface, ip_address

from labkit.conf.arguments import PORT, UnfitError, take, unfit
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
