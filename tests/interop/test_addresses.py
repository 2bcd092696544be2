"""Virtual addresses: several, excluded ones, on other interfaces; and hands that take them off or put them on."""

from tests.interop.configs import VIP, block, vi
from tests.interop.situation import Run, Script, situation
from tests.interop.story import Differs, advertised

SECOND = "192.168.1.30"


@situation(vi(150, vips=(VIP, SECOND)), vi(120, vips=(VIP, SECOND)))
def test_several_addresses_move_together(s: Run) -> Script:
    yield from s.settled()
    yield s.owner(1, SECOND)
    s.stop(1)
    yield s.owner(2)
    yield s.owner(2, SECOND)


@situation(
    *(vi(p, vips=(f"{VIP}/24 dev eth0 label eth0:v", f"{SECOND}/32 dev eth1 scope link")) for p in (150, 120)),
    interfaces=2,
)
def test_addresses_with_prefix_device_label_and_scope(s: Run) -> Script:
    yield from s.settled()
    yield s.owner(1, SECOND)
    s.stop(1)
    yield s.owner(2)
    yield s.owner(2, SECOND)


PUT_BACK = "an address that somebody took off is put back, without leaving MASTER for that"


@situation(
    vi(150),
    vi(120),
    loose=("announced", "states 2", "priorities 2", "held 2"),  # whoever is quicker wins against C keepalived
    differs=[
        Differs(host=1, facet="states", subject="VI", ours="BACKUP MASTER", why=PUT_BACK),
        Differs(host=1, facet="priorities", subject=advertised(1), ours=(150,), why=PUT_BACK),
    ],
)
def test_an_address_taken_off_by_hand_comes_back(s: Run) -> Script:
    yield from s.settled()
    s.host(1).remove_address(f"{VIP}/32")
    yield s.logged(1, f"Netlink reflector reports IP {VIP} removed from eth0")
    yield s.quiet()
    yield s.owner(1)
    if s.casting[0] == "ours":
        assert s.programs[2].entered() == [("VI", "BACKUP")]


@situation(vi(150), vi(120))
def test_an_address_put_on_a_backup_by_hand_is_taken_over(s: Run) -> Script:
    yield from s.settled()
    s.host(2).add_address(f"{VIP}/32")
    if s.casting[1] == "ours":  # C keepalived says nothing
        yield s.logged(2, f"{VIP}")
    yield s.adverts(1, 3)
    s.stop(1)
    yield s.entered(2, "MASTER")
    yield s.owner(2)
    s.stop(2)
    yield s.holds(2, present=False)


@situation(vi(150), vi(120))
def test_the_primary_address_taken_off_is_a_fault_until_it_is_back(s: Run) -> Script:
    yield from s.settled()
    s.host(1).remove_address("192.168.1.21/24")
    yield s.entered(1, "FAULT")
    yield s.owner(2)
    s.host(1).add_address("192.168.1.21/24")
    yield s.owner(1)


@situation(*(vi(p, block("virtual_ipaddress_excluded", (SECOND,))) for p in (150, 120)))
def test_excluded_addresses_are_held_but_not_advertised(s: Run) -> Script:
    yield from s.settled()
    yield s.owner(1, SECOND)
    assert s.last_advert(1).advert.count == 1
    s.stop(1)
    yield s.owner(2)
    yield s.owner(2, SECOND)


@situation(vi(150), vi(120))
def test_an_interface_that_is_made_again_is_used_again(s: Run) -> Script:
    yield from s.settled()
    s.network.unplug(2)
    yield s.entered(2, "FAULT")
    s.network.plug_in(s.host(2), "eth0")
    yield s.entered(2, "BACKUP")
    yield s.quiet()
    s.stop(1)
    yield s.owner(2)
