"""The text for nft, and whether nft takes it."""

import subprocess
from ipaddress import IPv4Address, IPv6Address

import pytest

from labkit.kernel.firewall import Blocked, Redirected, ruleset
from tests.kernel.lan import Lan

CLEARED = "add table ip keepalived\ndelete table ip keepalived\nadd table ip6 keepalived\ndelete table ip6 keepalived\n"
BLOCKED = (
    Blocked(IPv4Address("192.0.2.20"), "eth0"),
    Blocked(IPv4Address("192.0.2.3"), "eth0"),
    Blocked(IPv6Address("2001:db8::20"), "eth0"),
    Blocked(IPv6Address("fe80::20"), "eth0"),
)
REDIRECTED = (Redirected("vrrp.21", "eth0", 4), Redirected("vrrp6.21", "eth0", 6))


def test_nothing_needed_clears_the_tables() -> None:
    assert ruleset((), ()) == CLEARED


def test_addresses_are_dropped_both_ways() -> None:
    assert ruleset(BLOCKED[:2], ()) == CLEARED + (
        "table ip keepalived {\n"
        " set vips {\n  type ipv4_addr\n  elements = { 192.0.2.3, 192.0.2.20 }\n }\n"
        " chain in {\n  type filter hook input priority -1; policy accept;\n  ip daddr @vips drop\n }\n"
        " chain out {\n  type filter hook output priority -1; policy accept;\n  ip saddr @vips drop\n }\n"
        "}\n"
    )


def test_link_local_addresses_are_those_of_an_interface() -> None:
    text = ruleset(BLOCKED[3:], ())
    assert '  type ipv6_addr . iface_index\n  elements = { fe80::20 . "eth0" }\n' in text
    assert "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n  ip6 daddr . iif @vips_link_local" in text
    assert "set vips {" not in text


def test_reports_of_macvlans_leave_below() -> None:
    text = ruleset((), REDIRECTED)
    assert 'ip protocol igmp meta oifkind "macvlan" dup to ip daddr device oif map @vmac_map drop' in text
    assert 'elements = { "vrrp6.21" : "eth0" }' in text
    assert 'icmpv6 type nd-router-solicit oif { "vrrp6.21" } drop' in text
    assert "chain in" not in text


@pytest.mark.kernel
def test_nft_takes_it_again_and_again(lan: Lan) -> None:
    with lan.hosts[0].entered():
        for name in ("vrrp.21", "vrrp6.21"):
            subprocess.run(["ip", "link", "add", name, "link", "eth0", "type", "macvlan"], check=True)
        for _ in range(2):
            subprocess.run(["nft", ruleset(BLOCKED, REDIRECTED)], check=True)
        listed = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
        assert listed.count("drop") == 9
        subprocess.run(["nft", ruleset((), ())], check=True)
        assert subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout == ""
