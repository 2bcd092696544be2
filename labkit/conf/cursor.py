"""Reading the words of a line one after another, as the lines of routes and rules need."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from labkit.conf.arguments import Interface, UnfitError, unfit
from labkit.conf.names import DS_FIELDS, REALMS, Names, as_number
from labkit.diagnostics import did_you_mean
from labkit.hints import TypeVar
from labkit.vrrp.config import Address

T = TypeVar("T")
Network = IPv4Network | IPv6Network
FAMILIES = {"inet": 4, "inet6": 6}


class Cursor:
    """A place in the words of a line; `place` is that of the word taken last."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.place = -1

    def peek(self) -> str | None:
        """Return the next word without taking it; None at the end."""
        following = self.place + 1
        return self.words[following] if following < len(self.words) else None

    def take(self, wanted: str) -> str:
        """Take the next word.

        Raises:
            UnfitError: there is none.
        """
        word = self.peek()
        if word is None:
            raise UnfitError(len(self.words), f"`{self.words[self.place]}` has no value", f"write {wanted}")
        self.place += 1
        return word

    def skip(self, word: str) -> bool:
        """Take the next word if it is `word`; return whether it was."""
        if self.peek() != word:
            return False
        self.place += 1
        return True

    def unfit(self, wanted: str) -> UnfitError:
        """Return the error for the word taken last."""
        return unfit(self.place, self.words[self.place], wanted)

    def fault(self, message: str, hint: str) -> UnfitError:
        """Return an error at the word taken last."""
        return UnfitError(self.place, message, hint)

    # --- values -------------------------------------------------------------------------------------------------------

    def whole(self, low: int, high: int, wanted: str = "") -> int:
        """Take a whole number (decimal, 0x or 0) between two bounds, both included."""
        wanted = wanted or f"a whole number from {low} to {high}"
        value = as_number(self.take(wanted))
        if value is None or not low <= value <= high:
            raise self.unfit(wanted)
        return value

    def range(self, high: int, wanted: str, low: int = 0) -> tuple[int, int]:
        """Take `FIRST-LAST`, or one number that is both."""
        first, dash, last = self.take(wanted).partition("-")
        begin = as_number(first)
        end = as_number(last) if dash else begin
        if begin is None or end is None or not low <= begin <= end <= high:
            raise self.unfit(wanted)
        return begin, end

    def device(self) -> str:
        """Take the name of an interface."""
        argument = Interface()
        return argument.parse(self.take(argument.wanted), self.place)

    def address(self, wanted: str = "an address") -> Address:
        """Take an address."""
        try:
            return ip_address(self.take(wanted))
        except ValueError:
            raise self.unfit(wanted) from None

    def network(self, wanted: str = "a network such as 192.0.2.0/24") -> Network:
        """Take a network; one with host bits set is refused with the network that is probably meant."""
        text = self.take(wanted)
        address, slash, length = text.partition("/")
        try:
            if slash and not (length.isdecimal() and length.isascii()):
                raise ValueError  # ip_network takes 10.0.0.0/255.0.0.0 as well, keepalived does not
            network = ip_network(text, strict=False)
        except ValueError:
            raise self.unfit(wanted) from None
        if network.network_address != ip_address(address):
            raise self.fault(f"`{text}` has bits set after its prefix", f"write {network}")
        return network


_ECN_BITS = 3  # the lowest two bits are not the router's to choose by (RFC 3168 5)


def ds_field(cursor: Cursor) -> int:
    """Take a DS field, as a name or a number."""
    value = DS_FIELDS.number(cursor.take("a DS field"), cursor.place)
    if value & _ECN_BITS:
        message = f"`{cursor.words[cursor.place]}` has one of the ECN bits set"
        raise cursor.fault(message, f"write {value & ~_ECN_BITS:#x}, which leaves them out")
    return value


def named(names: Names) -> Callable[[Cursor], int]:
    """Return what takes a number that may have a name."""

    def take(cursor: Cursor) -> int:
        return names.number(cursor.take(f"a {names.what}"), cursor.place)

    return take


def realms(cursor: Cursor) -> int:
    """Take the realm of the destination, or SOURCE/DESTINATION: the source's is in the upper 16 bits."""
    first, slash, second = cursor.take("the realm of the destination, or SOURCE/DESTINATION").partition("/")
    if not slash:
        return REALMS.number(first, cursor.place)
    return REALMS.number(first, cursor.place) << 16 | REALMS.number(second, cursor.place)


def once(cursor: Cursor, given: dict[str, int], name: str) -> None:
    """Note that an option was given.

    Raises:
        UnfitError: it was given before.
    """
    if name in given:
        raise cursor.fault(f"`{cursor.words[cursor.place]}` stands here twice", "remove one of them")
    given[name] = cursor.place


def unknown(cursor: Cursor, known: Mapping[str, Callable[..., object]] | frozenset[str], what: str) -> UnfitError:
    """Return the error for a word that is no option of a `what`."""
    word = cursor.words[cursor.place]
    return cursor.fault(f"`{word}` is no option of a {what}", did_you_mean(word, known))
