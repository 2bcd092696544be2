"""What may follow `use_vmac`: a name for the interface and a MAC address, in any order."""

from collections.abc import Sequence

from labkit.conf.arguments import Interface, UnfitError, take
from labkit.conf.expressions import expression
from labkit.conf.model import Vmac
from labkit.values import dataclass

_MAC = expression(r"[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{1,2}){4,5}")
_VIRTUAL_ROUTER = (bytes.fromhex("00005e0001"), bytes.fromhex("00005e0002"))  # RFC 9568 7.3


@dataclass(frozen=True, slots=True)
class VmacLine:
    """A name, a MAC address of six bytes or of five (the VRID is the sixth), both, or nothing."""

    wanted: str = "nothing, or the name of the interface to make, a MAC address, or both"

    def read(self, words: Sequence[str]) -> Vmac:
        """Read up to two words; an address of five bytes still lacks the VRID."""
        take(self.wanted, words, 0, 2)
        name, address = "", None
        for place, word in enumerate(words):
            if ":" in word and address is None:
                address = self._address(word, place)
            elif name:
                raise UnfitError(place, "two names for one interface", f"write {self.wanted}")
            else:
                name = Interface().parse(word, place)
        return Vmac(name=name, address=address)

    def _address(self, text: str, place: int) -> bytes:
        if not _MAC.fullmatch(text):
            raise UnfitError(place, f"`{text}` is no MAC address", "write five or six bytes, such as 02:00:5e:00:01")
        address = bytes(int(octet, 16) for octet in text.split(":"))
        if address[:5] in _VIRTUAL_ROUTER:
            message = f"{text} belongs to the virtual routers of VRRP (RFC 9568 7.3), which have it without being told"
            raise UnfitError(place, message, "remove it, or write another")
        if address[0] & 1:
            raise UnfitError(place, f"{text} is the address of a group", "write one whose first byte is even")
        return address
