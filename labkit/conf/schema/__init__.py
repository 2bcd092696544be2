"""The keyword table of keepalived.conf, as data: where a keyword stands, what follows it, what it is for.

Loading, suggestions and the reference documentation are made from this table.  `Leaf` is a line with a value, `Lines` a
block of lines that are values, `Block` a block of keywords.  The `unsupported` words of a block are those which
keepalived knows there (keepalived.conf(5)) and labkit does not yet; they are refused by name.
"""

from collections.abc import Iterable
from typing import Any

from labkit.conf.schema.balancing import VIRTUAL_SERVER
from labkit.conf.schema.keyword import NO_TITLE, Block, Keyword, Leaf, Lines, table, words
from labkit.conf.schema.process import ANYWHERE, GLOBAL_DEFS
from labkit.conf.schema.statics import STATIC_IPADDRESS, STATIC_ROUTES, STATIC_RULES, TRACK_GROUP
from labkit.conf.schema.trackers import TRACK_FILE_BLOCK, VRRP_SCRIPT, VRRP_TRACK_PROCESS
from labkit.conf.schema.vrrp import VRRP_INSTANCE, VRRP_SYNC_GROUP

__all__ = ["DIRECTIVES", "ROOT", "Block", "Keyword", "Leaf", "Lines", "homes"]

DIRECTIVES = words("include includer includem includew includeb includea include_check")
"""These may stand in any block; labkit supports none of them yet."""

ROOT = Block(
    "",
    NO_TITLE,
    "A whole file",
    table(
        GLOBAL_DEFS,
        *ANYWHERE,
        VRRP_SCRIPT,
        TRACK_FILE_BLOCK,
        VRRP_TRACK_PROCESS,
        VRRP_INSTANCE,
        VRRP_SYNC_GROUP,
        STATIC_IPADDRESS,
        STATIC_ROUTES,
        STATIC_RULES,
        TRACK_GROUP,
        VIRTUAL_SERVER,
    ),
    words(
        "bfd_instance",
        "garp_group virtual_server_group SSL linkbeat_use_polling net_namespace_ipvs",
        "namespace_with_ipsets interface_up_down_delays linkbeat_interfaces",
    ),
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
