"""The keyword table of keepalived.conf, as data: where a keyword stands, what follows it, what it is for.

Loading, suggestions and the reference documentation are made from this table.  `Leaf` is a line with a value, `Lines` a
block of lines that are values, `Block` a block of keywords.  Words that keepalived knows (keepalived.conf(5)) and
labkit does not do are `refused` in their block, by name and with a reason; what does nothing is `idle`, and warned of.

Load balancing is half of the table, and most files have none of it: the whole table is `labkit.conf.schema.whole`.
"""

from collections.abc import Collection

from labkit.conf.schema.keyword import BFD, NO_TITLE, ONE_NAMESPACE, Block, Keyword, Leaf, Lines, table, words
from labkit.conf.schema.process import GLOBAL_DEFS, TOP
from labkit.conf.schema.statics import STATIC_IPADDRESS, STATIC_ROUTES, STATIC_RULES, TRACK_GROUP
from labkit.conf.schema.trackers import GARP_GROUP, INTERFACE_DELAYS, TRACK_FILE_BLOCK, VRRP_SCRIPT, VRRP_TRACK_PROCESS
from labkit.conf.schema.vrrp import VRRP_INSTANCE, VRRP_SYNC_GROUP
from labkit.hints import Any

__all__ = ["DIRECTIVES", "ROUTING", "Block", "Keyword", "Leaf", "Lines", "root_for"]

DIRECTIVES = words("include includer includem includew includeb includea include_check")
"""These may stand in any block, first on a line (labkit.conf.preprocess)."""

ROUTING = Block(
    "",
    NO_TITLE,
    "A file without load balancing",
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
    ),
    refused={"bfd_instance": BFD, "net_namespace_ipvs": ONE_NAMESPACE},
)


def root_for(keywords: Collection[str]) -> Block[Any]:
    """Return the table of a file with these words at its top: `ROUTING` where no other is among them."""
    if ROUTING.children.keys() >= set(keywords):
        return ROUTING
    from labkit.conf.schema.whole import ROOT

    return ROOT
