"""What may stand after the keywords of load balancing: endpoints, ranges, forwarding methods, status codes, bytes."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from labkit.conf.addresses import parse_ip
from labkit.conf.arguments import PORT, Choice, Integer, UnfitError, take, unfit
from labkit.conf.expressions import expression
from labkit.hints import NamedTuple
from labkit.lvs.model import Address, Forwarding, Tunnel, TunnelChecksum, TunnelKind
from labkit.values import dataclass

MARK = Integer(1, 2**32 - 1)
_FAMILIES = Choice({"inet": 4, "inet6": 6})
_MOST_OF_A_RANGE = 65536
_IP = "an IPv4 or IPv6 address"


class Place(NamedTuple):
    """An address and a port; port 0 is every port."""

    address: Address
    port: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, and a port where it is not every port."""

    wanted: str = "an address, and a port if it is not every port"

    def read(self, words: Sequence[str]) -> Place:
        """Read one word or two."""
        take(self.wanted, words, 1, 2)
        return Place(parse_ip(words[0], _IP), _port(words[1]) if len(words) == 2 else 0)


def _port(text: str) -> int:
    """Read a port; keepalived: 0, which many write beside `fwmark`, is every port."""
    return 0 if text == "0" else PORT.parse(text, 1)


class Title(NamedTuple):
    """What a virtual_server is for: a place, a firewall mark, or the name of a virtual_server_group."""

    place: Place | None = None
    fwmark: int = 0
    group: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """What stands after `virtual_server`."""

    wanted: str = "an address and a port, or `fwmark` and a number, or `group` and a name"

    def read(self, words: Sequence[str]) -> Title:
        """Read one word or two."""
        take(self.wanted, words, 1, 2)
        if words[0] in ("fwmark", "group"):
            take(self.wanted, words, 2, 2)
            return Title(fwmark=MARK.parse(words[1], 1)) if words[0] == "fwmark" else Title(group=words[1])
        return Title(place=Endpoint().read(words))


class Member(NamedTuple):
    """A line of a virtual_server_group: places, or a mark and its family where that is written."""

    places: tuple[Place, ...] = ()
    fwmark: int = 0
    family: int | None = None


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A line of `virtual_server_group`."""

    wanted: str = (
        "an address, a range such as 192.0.2.1-10 or 192.0.2.8/29, and a port if it is not every port; "
        "or `fwmark` and a number"
    )

    def read(self, words: Sequence[str]) -> Member:
        """Read up to three words."""
        take(self.wanted, words, 1, 3)
        if words[0] == "fwmark":
            take("a number, then, if needed, inet or inet6", words, 2, 3)
            family = _FAMILIES.read(words[2:]) if len(words) == 3 else None
            return Member(fwmark=MARK.parse(words[1], 1), family=family)
        take(self.wanted, words, 1, 2)
        port = _port(words[1]) if len(words) == 2 else 0
        return Member(places=tuple(Place(address, port) for address in self._range(words[0])))

    def _range(self, text: str) -> list[Address]:
        if "/" in text:
            return self._network(text)
        first_text, dash, last_text = text.partition("-")
        first = parse_ip(first_text, _IP)
        if not dash:
            return [first]
        last = self._last(first, last_text, text)
        count = int(last) - int(first) + 1
        if count < 1 or last.version != first.version:
            raise unfit(0, text, "a range that begins with its lower address")
        self._bound(count, text)
        return [first + number for number in range(count)]

    def _last(self, first: Address, text: str, whole: str) -> Address:
        """Return the end of a range: an address, or its last part alone."""
        separator, base = (".", 10) if first.version == 4 else (":", 16)
        if separator in text:
            return parse_ip(text, _IP)
        head = str(first if first.version == 4 else first.exploded).rpartition(separator)[0]
        try:
            number = int(text, base)
            return ip_address(f"{head}.{number}" if first.version == 4 else f"{head}:{number:x}")
        except ValueError:
            raise unfit(0, whole, "a range such as 192.0.2.1-10") from None

    def _network(self, text: str) -> list[Address]:
        try:
            network: IPv4Network | IPv6Network = ip_network(text, strict=False)
        except ValueError:
            raise unfit(0, text, "a range such as 192.0.2.8/29") from None
        self._bound(network.num_addresses, text)
        return list(network)

    def _bound(self, count: int, text: str) -> None:
        if count > _MOST_OF_A_RANGE:
            raise UnfitError(0, f"`{text}` has {count} addresses", f"write a range of at most {_MOST_OF_A_RANGE}")


class Way(NamedTuple):
    """A forwarding method, and its tunnel."""

    forwarding: Forwarding
    tunnel: Tunnel = Tunnel()


@dataclass(frozen=True, slots=True)
class Method:
    """What stands after `lvs_method`: NAT, DR, or TUN and how it wraps."""

    wanted: str = "NAT, DR or TUN; after TUN, if needed, type ipip, type gue port N or type gre, and nocsum or csum"

    def read(self, words: Sequence[str]) -> Way:
        """Read the words."""
        take(self.wanted, words, 1, 6)
        try:
            forwarding = Forwarding(words[0])
        except ValueError:
            raise unfit(0, words[0], "NAT, DR or TUN") from None
        if forwarding is not Forwarding.TUN:
            take(self.wanted, words, 1, 1)
            return Way(forwarding)
        return Way(forwarding, self._tunnel(words))

    def _tunnel(self, words: Sequence[str]) -> Tunnel:
        place, kind, port, checksum = 1, TunnelKind.IPIP, 0, TunnelChecksum.NONE
        kinds = Choice({one.value: one for one in TunnelKind})
        checksums = {one.value: one for one in TunnelChecksum}
        if words[1:2] == ["type"]:
            take(kinds.wanted, words, 3, 6)
            try:
                kind = kinds.read(words[2:3])
            except UnfitError as error:
                raise UnfitError(2, error.message, error.hint) from None
            place = 3
        if words[place : place + 1] == ["port"]:
            take("a port", words, place + 2, 6)
            port, place = PORT.parse(words[place + 1], place + 1), place + 2
        if place < len(words):
            if words[place] not in checksums:
                raise unfit(place, words[place], self.wanted)
            checksum, place = checksums[words[place]], place + 1
        take(self.wanted, words, 1, place)
        if (kind is TunnelKind.GUE) != (port > 0):
            raise UnfitError(len(words), "a port belongs to type gue, and to it only", "write `type gue port N`")
        if kind is TunnelKind.GRE and checksum is TunnelChecksum.REMOTE:
            raise UnfitError(len(words) - 1, "type gre has no remcsum", "write csum or nocsum")
        return Tunnel(kind=kind, port=port, checksum=checksum)


@dataclass(frozen=True, slots=True)
class Netmask:
    """A netmask such as 255.255.255.0, or a prefix length; read as a prefix length."""

    wanted: str = "a netmask such as 255.255.255.0, or a prefix length such as 64"

    def read(self, words: Sequence[str]) -> int:
        """Read the one word."""
        take(self.wanted, words, 1, 1)
        if "." not in words[0]:
            return Integer(1, 128).parse(words[0])
        try:
            return IPv4Network((0, words[0])).prefixlen
        except ValueError:
            raise unfit(0, words[0], self.wanted) from None


@dataclass(frozen=True, slots=True)
class StatusCodes:
    """HTTP statuses: numbers and ranges of them."""

    wanted: str = "numbers from 100 to 999 and ranges of them, such as 200-299 304"

    def read(self, words: Sequence[str]) -> tuple[tuple[int, int], ...]:
        """Read all words."""
        take(self.wanted, words, 1, len(words))
        return tuple(self._range(text, word) for word, text in enumerate(words))

    def _range(self, text: str, word: int) -> tuple[int, int]:
        low, dash, high = text.partition("-")
        status = Integer(100, 999)
        try:
            first, last = status.parse(low), status.parse(high if dash else low)
        except UnfitError:
            raise unfit(word, text, self.wanted) from None
        if first > last:
            raise unfit(word, text, "a range that begins with its lower number")
        return first, last


@dataclass(frozen=True, slots=True)
class Words:
    """Some words."""

    wanted: str

    def read(self, words: Sequence[str]) -> frozenset[str]:
        """Read all words."""
        take(self.wanted, words, 1, len(words))
        return frozenset(words)


class Pattern(NamedTuple):
    """Bytes, and which of their bits count."""

    data: bytes
    mask: bytes


_HEX = expression(r"[0-9a-fA-F]+")
_HEX_OR_ANY = expression(r"[0-9a-fA-FxX]+")


@dataclass(frozen=True, slots=True)
class HexBytes:
    """Bytes as hexadecimal digits, two a byte; a word of odd length begins with a 0.  With wildcards X is any digit."""

    wildcards: bool = False

    @property
    def wanted(self) -> str:
        """What to write."""
        return "hexadecimal digits" + (", X for any digit, or nothing" if self.wildcards else "")

    def read(self, words: Sequence[str]) -> Pattern:
        """Read all words."""
        take(self.wanted, words, 0 if self.wildcards else 1, len(words))
        digits = ""
        for word, text in enumerate(words):
            if not (_HEX_OR_ANY if self.wildcards else _HEX).fullmatch(text):
                raise unfit(word, text, self.wanted)
            digits += "0" * (len(text) % 2) + text.lower()
        mask = "".join("0" if digit == "x" else "f" for digit in digits)
        return Pattern(bytes.fromhex(digits.replace("x", "0")), bytes.fromhex(mask))
