"""The keywords of what is there whatever the state of virtual routers: static addresses, routes and rules."""

from labkit.conf.address_line import AddressLine
from labkit.conf.arguments import Word
from labkit.conf.schema import later
from labkit.conf.schema.keyword import NAME, Block, Lines, table

STATIC_IPADDRESS = Lines("static_ipaddress", AddressLine(static=True), "Addresses that are there from start to stop")
STATIC_ROUTES = Lines("static_routes", later.route(static=True), "Routes that are there from start to stop")
STATIC_RULES = Lines("static_rules", later.rule(static=True), "Rules that are there from start to stop")
TRACK_GROUP_MEMBERS = Lines(
    "group", Word("the name of a vrrp_instance"), "The instances that cannot do without", each_word=True
)
TRACK_GROUP = Block(
    "track_group",
    NAME,
    "Instances that go to FAULT while a static address, route or rule of this group is lost",
    table(TRACK_GROUP_MEMBERS),
)
