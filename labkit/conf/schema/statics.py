"""The keywords of what is there whatever the state of virtual routers: static addresses, routes and rules."""

from labkit.conf.address_line import AddressLine
from labkit.conf.arguments import Word
from labkit.conf.routes import RouteLine
from labkit.conf.rules import RuleLine
from labkit.conf.schema.keyword import NAME, Block, Lines, table

STATIC_IPADDRESS = Lines("static_ipaddress", AddressLine(static=True), "Addresses that are there from start to stop")
STATIC_ROUTES = Lines("static_routes", RouteLine(may_name_group=True), "Routes that are there from start to stop")
STATIC_RULES = Lines("static_rules", RuleLine(may_name_group=True), "Rules that are there from start to stop")
TRACK_GROUP_MEMBERS = Lines(
    "group", Word("the name of a vrrp_instance"), "The instances that cannot do without", each_word=True
)
TRACK_GROUP = Block(
    "track_group",
    NAME,
    "Instances that go to FAULT while a static address, route or rule of this group is lost",
    table(TRACK_GROUP_MEMBERS),
)
