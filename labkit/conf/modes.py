"""What may follow `umask`: a number, or the names of permissions."""

import stat
from collections.abc import Sequence

from labkit.conf.arguments import take, unfit
from labkit.conf.expressions import expression
from labkit.values import dataclass

_BITS = {
    name.removeprefix("S_"): getattr(stat, name) for name in dir(stat) if name.startswith(("S_IR", "S_IW", "S_IX"))
}


_NUMBER = expression(r"(?P<hexadecimal>0[xX][0-9A-Fa-f]{1,8})|(?P<octal>0[0-7]{0,11})|(?P<decimal>[1-9][0-9]{0,8})")
_BASES = {"hexadecimal": 16, "octal": 8, "decimal": 10}


@dataclass(frozen=True, slots=True)
class FileMode:
    """A number (octal with a leading 0, hexadecimal with 0x), or names such as IWGRP, parted by `|`."""

    wanted: str = "a number up to 0777, or names such as IWGRP|IWOTH"

    def read(self, words: Sequence[str]) -> int:
        """Read the words: a `|` may have blanks around it."""
        take(self.wanted, words, 1, len(words))
        text = "".join(words)
        names = text.split("|")
        if all(name in _BITS for name in names):
            return sum({_BITS[name] for name in names})
        match = _NUMBER.fullmatch(text)
        number = int(text, _BASES[match.lastgroup or ""]) if match else -1
        if not 0 <= number <= 0o777:
            raise unfit(0, words[0], self.wanted)
        return number
