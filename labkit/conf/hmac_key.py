"""A line `key` of an auth_hmac block: its number, and 32 to 64 bytes as text, as hexadecimal digits, or in a file."""

from collections.abc import Sequence

from labkit.conf.arguments import Integer, UnfitError, take
from labkit.conf.expressions import expression
from labkit.hints import NamedTuple
from labkit.values import dataclass

_SHORTEST, _LONGEST = 32, 64
_MOST_IN_FILE = 4 * _LONGEST
_HEX = expression(r"([0-9A-Fa-f]{2})+")


class NumberedKey(NamedTuple):
    """A key and its number, 1..255."""

    number: int
    key: bytes


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A number and a key; no message shows a key."""

    wanted: str = "a number from 1 to 255, then 32 to 64 bytes: text, hex: and digits, or file: and a path"

    def read(self, words: Sequence[str]) -> NumberedKey:
        """Read the two words, and the file that the second may name."""
        take(self.wanted, words, 2, 2)
        number = Integer(1, 255).parse(words[0])
        text = words[1].removeprefix("file:")
        key = self._key(self._content(text) if text != words[1] else words[1])
        if not _SHORTEST <= len(key) <= _LONGEST:
            raise UnfitError(1, f"the key has {len(key)} bytes", f"write {self.wanted}")
        return NumberedKey(number, key)

    def _content(self, path: str) -> str:
        """Return what is in the file, without the line end."""
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - see labkit.conf.include
                return file.read(_MOST_IN_FILE).decode().rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            message = f"the key cannot be read from `{path}`: {reason}"
            raise UnfitError(1, message, "name a file that can be read and holds text or hex: and digits") from None

    def _key(self, text: str) -> bytes:
        digits = text.removeprefix("hex:")
        if digits == text:
            return text.encode()
        if not _HEX.fullmatch(digits):
            raise UnfitError(1, "these are not pairs of hexadecimal digits", f"write {self.wanted}")
        return bytes.fromhex(digits)
