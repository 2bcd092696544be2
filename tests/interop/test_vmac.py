"""use_vmac: the virtual address answers with the virtual router's own link-layer address, whoever is MASTER."""

from tests.interop.configs import vi
from tests.interop.situation import Run, Script, situation

VMAC = "00:00:5e:00:01:15"


@situation(vi(150, "use_vmac"), vi(120, "use_vmac"))
def test_a_stop_is_taken_up_after_the_skew(s: Run) -> Script:
    yield from s.settled()
    assert s.last_advert(1).lladdr == VMAC
    s.note(1, "links", [line.split(":")[1].strip() for line in s.ip(1, "-o", "link").splitlines()])
    s.stop(1)
    released = yield s.advert(1, priority=0)
    taken = yield s.advert(2)
    s.apart(released, taken, 0.053)
    yield s.owner(2)
    yield s.ended(1)
    s.note(1, "links after", [line.split(":")[1].strip() for line in s.ip(1, "-o", "link").splitlines()])


@situation(vi(150, "use_vmac vrrp0"), vi(120))
def test_with_a_name_beside_a_router_without_one(s: Run) -> Script:
    yield from s.settled()
    s.note(1, "vmac", s.ip(1, "-o", "link", "show", "vrrp0").split(" mtu ")[0])
    s.stop(1)
    yield s.owner(2)


@situation(vi(150, "use_vmac", "vmac_xmit_base"), vi(120, "use_vmac", "vmac_xmit_base"))
def test_adverts_from_the_base_interface(s: Run) -> Script:
    yield from s.settled()
    assert s.last_advert(1).lladdr == "02:00:00:00:00:01"
    s.crash(1)
    taken = yield s.advert(2)
    s.apart(s.last_advert(1), taken, 0.353)


# The macvlan's copy of the link-local address goes with it, one second after the stop of a C keepalived
@situation(*(vi(p, "use_vmac", vips=("fe80::20", "2001:db8::20")) for p in (150, 120)), loose=("held 1",))
def test_over_ipv6(s: Run) -> Script:
    yield from s.settled()
    assert s.last_advert(1).lladdr == "00:00:5e:00:02:15"
    s.stop(1)
    yield s.owner(2, "2001:db8::20")


@situation(vi(150, "use_vmac"), vi(120, "use_vmac"), loose=("announced",))
def test_a_lost_base_link_is_a_fault(s: Run) -> Script:
    yield from s.settled()
    s.link(1, up=False)
    yield s.entered(1, "FAULT")
    yield s.owner(2)
    s.link(1, up=True)
    yield s.owner(1)
