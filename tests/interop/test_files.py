"""What a daemon watches besides scripts and interfaces: files and processes; and the routes that follow a master."""

from tests.interop.configs import VIP, block, tracking, vi
from tests.interop.situation import Run, Script, situation

FILE = block("vrrp_track_file level", ('file "%HOME%/level"',))


def watched(priority: int, *entry: str) -> str:
    return FILE + vi(priority, tracking("file", *entry))


@situation(watched(150, "level weight 1"), vi(120))
def test_a_number_in_a_file_is_added_to_the_priority(s: Run) -> Script:
    s.write(1, "level", "0")
    yield from s.settled()
    s.write(1, "level", "-50")
    yield s.advert(1, priority=100)
    yield s.owner(2)
    s.write(1, "level", "20")
    yield s.owner(1)
    yield s.advert(1, priority=170)


@situation(watched(150, "level weight -2"), vi(120), loose=("priorities",))
def test_a_weight_multiplies_the_number(s: Run) -> Script:
    s.write(1, "level", "0")
    yield from s.settled()
    s.write(1, "level", "40")
    yield s.advert(1, priority=70)
    yield s.owner(2)
    s.write(1, "level", "0")
    yield s.owner(1)


@situation(watched(150, "level weight 0"), vi(120))
def test_without_a_weight_any_number_but_zero_is_a_fault(s: Run) -> Script:
    s.write(1, "level", "0")
    yield from s.settled()
    s.write(1, "level", "1")
    yield s.entered(1, "FAULT")
    yield s.owner(2)
    s.write(1, "level", "0")
    yield s.owner(1)


@situation(watched(150, "level weight 1"), vi(120))
def test_a_number_that_is_low_enough_is_a_fault(s: Run) -> Script:
    s.write(1, "level", "0")
    yield from s.settled()
    s.write(1, "level", "-254")
    yield s.entered(1, "FAULT")
    yield s.advert(1, priority=0)
    yield s.owner(2)
    s.flag(1, "level", up=False)
    yield s.owner(1)


FOLLOWING = (
    block("virtual_routes", ("10.9.0.0/16 via 192.168.1.99", "10.8.0.0/16 dev eth0 metric 7", "blackhole 10.7.0.0/16")),
    block("virtual_rules", ("from 10.9.0.0/16 table 100 priority 300",)),
)


def noted_routes(s: Run, number: int, when: str) -> None:
    s.note(number, f"routes {when}", sorted(s.ip(number, "route").splitlines()))
    s.note(number, f"rules {when}", sorted(s.ip(number, "rule").splitlines()))


@situation(vi(150, *FOLLOWING), vi(120, *FOLLOWING))
def test_routes_and_rules_are_the_master_s(s: Run) -> Script:
    yield from s.settled()
    assert "10.9.0.0/16 via 192.168.1.99" in s.ip(1, "route")
    for number in (1, 2):
        noted_routes(s, number, "at first")
    s.stop(1)
    yield s.owner(2)
    yield s.ended(1)
    for number in (1, 2):
        noted_routes(s, number, "at last")
    assert "10.9.0.0" not in s.ip(1, "route")


STATIC = block("static_ipaddress", ("192.168.1.77/32 dev eth0",)) + block(
    "static_routes", ("10.6.0.0/16 via 192.168.1.98 dev eth0",)
)


@situation(STATIC + vi(150), vi(120))
def test_statics_stay_from_start_to_stop(s: Run) -> Script:
    yield from s.settled()
    yield s.holds(1, "192.168.1.77")
    noted_routes(s, 1, "at first")
    s.stop(1)
    yield s.owner(2)
    yield s.ended(1)
    noted_routes(s, 1, "at last")


OPTIONS = (f"{VIP}/24 brd 192.168.1.255 dev eth0 label eth0:1", "192.168.1.30/32 dev eth0 scope link")


@situation(vi(150, vips=OPTIONS), vi(120, vips=OPTIONS))
def test_options_of_an_address(s: Run) -> Script:
    yield from s.settled()
    lines = s.ip(1, "-o", "-4", "addr", "show", "eth0").splitlines()
    s.note(1, "addresses", [line.split("inet ")[1].split("\\")[0].strip() for line in lines])
    s.stop(1)
    yield s.owner(2)
