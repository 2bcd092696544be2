"""The names that iproute2 gives to numbers: routing tables, protocols, scopes, realms, DS fields, interface groups.

They are read where iproute2 reads them: /etc/iproute2/FILE and /etc/iproute2/FILE.d/*.conf before
/usr/share/iproute2/FILE; a configuration may name other folders.  The names of the kernel's own numbers are known
without any file.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from labkit.conf.arguments import UnfitError
from labkit.diagnostics import did_you_mean
from labkit.hints import TYPE_CHECKING
from labkit.values import dataclass, field

if TYPE_CHECKING:
    from pathlib import Path

USR_DIR, ETC_DIR = "/usr/share/iproute2", "/etc/iproute2"
_folders = ContextVar("folders", default=(USR_DIR, ETC_DIR))


@contextmanager
def read_from(usr_dir: str, etc_dir: str) -> Iterator[None]:
    """Read names in these two folders meanwhile; what the second one says counts."""
    token = _folders.set((usr_dir, etc_dir))
    try:
        yield
    finally:
        _folders.reset(token)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one kind of number, `what`, kept in the file `file`; `most` is the highest number."""

    what: str
    file: str
    most: int
    known: Mapping[str, int] = field(default_factory=dict, hash=False)

    def number(self, text: str, word: int) -> int:
        """Return the number for a name, or for a number as it is written (decimal, 0x or 0).

        Raises:
            UnfitError: there is no such name, or the number is out of bounds.
        """
        if (value := as_number(text)) is not None:
            if value <= self.most:
                return value
            raise UnfitError(word, f"`{text}` is no {self.what}", f"write a number from 0 to {self.most}, or a name")
        if text in self.known:
            return self.known[text]
        from pathlib import Path  # hardly any file has such names

        names = dict(self.known)
        folders = _folders.get()
        for folder in map(Path, folders):
            for file in (folder / self.file, *sorted((folder / f"{self.file}.d").glob("*.conf"))):
                names.update(_read(file))
        if text in names and names[text] <= self.most:
            return names[text]
        hint = f"{did_you_mean(text, names)} or write a number, or name it in {folders[-1]}/{self.file}"
        raise UnfitError(word, f"no {self.what} is called `{text}`", hint)


def as_number(text: str) -> int | None:
    """Return a whole number as C reads it (strtoul with base 0), or None where it is none."""
    if not text or not text[0].isdecimal() or not text.isascii() or "_" in text:
        return None
    try:
        return int(text, 8 if text.isdecimal() and text[0] == "0" else 0)
    except ValueError:
        return None


def _read(file: "Path") -> dict[str, int]:
    """Return what a file says; one that is not there says nothing, a line that is not `NUMBER NAME` neither."""
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return {}
    found: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        if len(words) == 2 and (value := as_number(words[0])) is not None:
            found[words[1]] = value
    return found


TABLES = Names("routing table", "rt_tables", 2**32 - 1, {"local": 255, "main": 254, "default": 253})
SCOPES = Names("scope", "rt_scopes", 255, {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255})
PROTOCOLS = Names(
    "routing protocol", "rt_protos", 255, {"redirect": 1, "kernel": 2, "boot": 3, "static": 4, "keepalived": 18}
)
DS_FIELDS = Names("DS field", "rt_dsfield", 255)
REALMS = Names("realm", "rt_realms", 65535)
GROUPS = Names("group of interfaces", "group", 2**31 - 1, {"default": 0})
