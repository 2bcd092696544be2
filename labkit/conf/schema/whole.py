"""The keyword table of a whole file, with load balancing, and where in it a keyword may stand."""

from collections.abc import Iterable

from labkit.conf.schema import ROUTING, Block
from labkit.conf.schema.balancing import SSL, VIRTUAL_SERVER, VIRTUAL_SERVER_GROUP
from labkit.conf.schema.keyword import table
from labkit.hints import Any
from labkit.values import replace

ROOT = replace(
    ROUTING,
    description="A whole file",
    children={**ROUTING.children, **table(VIRTUAL_SERVER_GROUP, VIRTUAL_SERVER, SSL)},
)


def homes(name: str) -> Iterable[str]:
    """Return the names of the blocks in which a keyword may stand; the top of the file has an empty name."""
    return _HOMES.get(name, ())


def _homes(block: Block[Any], into: dict[str, list[str]]) -> dict[str, list[str]]:
    for name, keyword in block.children.items():
        into.setdefault(name, []).append(block.name)
        if isinstance(keyword, Block) and name == keyword.name:
            _homes(keyword, into)
    return into


_HOMES = _homes(ROOT, {})
