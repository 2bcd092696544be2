"""The keyword table of keepalived.conf, as data: where a keyword stands, what follows it, what it is for.

Loading, suggestions and the reference documentation are made from this table.  `Leaf` is a line with a value, `Lines` a
block of lines that are values, `Block` a block of keywords.  Words that keepalived knows (keepalived.conf(5)) and
labkit does not are `unsupported` or `refused` in their block, and refused by name; what does nothing is `idle`, and
warned of.
"""

from collections.abc import Iterable
from typing import Any

from labkit.conf.schema.balancing import SSL, VIRTUAL_SERVER, VIRTUAL_SERVER_GROUP
from labkit.conf.schema.keyword import BFD, NO_TITLE, Block, Keyword, Leaf, Lines, table, words
from labkit.conf.schema.process import GLOBAL_DEFS, TOP
from labkit.conf.schema.statics import STATIC_IPADDRESS, STATIC_ROUTES, STATIC_RULES, TRACK_GROUP
from labkit.conf.schema.trackers import GARP_GROUP, INTERFACE_DELAYS, TRACK_FILE_BLOCK, VRRP_SCRIPT, VRRP_TRACK_PROCESS
from labkit.conf.schema.vrrp import VRRP_INSTANCE, VRRP_SYNC_GROUP

__all__ = ["DIRECTIVES", "ROOT", "Block", "Keyword", "Leaf", "Lines", "homes"]

DIRECTIVES = words("include includer includem includew includeb includea include_check")
"""These may stand in any block, first on a line (labkit.conf.preprocess)."""

ROOT = Block(
    "",
    NO_TITLE,
    "A whole file",
    table(
        GLOBAL_DEFS,
        *TOP,
        VRRP_SCRIPT,
        TRACK_FILE_BLOCK,
        VRRP_TRACK_PROCESS,
        GARP_GROUP,
        INTERFACE_DELAYS,
        VRRP_INSTANCE,
        VRRP_SYNC_GROUP,
        STATIC_IPADDRESS,
        STATIC_ROUTES,
        STATIC_RULES,
        TRACK_GROUP,
        VIRTUAL_SERVER_GROUP,
        VIRTUAL_SERVER,
        SSL,
    ),
    words("net_namespace_ipvs"),
    {"bfd_instance": BFD},
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
