"""Addresses and interfaces as the kernel takes and tells them."""

import subprocess
from ipaddress import IPv4Interface, ip_interface

import pytest

from labkit.kernel.links import AddressEvent, AddressOptions, add_address, addresses, remove_address
from tests.kernel.lan import Lan, eventually

pytestmark = pytest.mark.kernel


@pytest.fixture
def eth0(lan: Lan) -> int:
    return lan.hosts[0].index("eth0")


def found(lan: Lan, address: str) -> AddressEvent | None:
    """Return what the kernel tells of an address."""
    known = {event.address: event for event in addresses(lan.hosts[0].netlink)}
    return known.get(ip_interface(address))


def shown(lan: Lan, address: str) -> str:
    """Return what ip-address(8) says of an address."""
    with lan.hosts[0].entered():
        text = subprocess.run(["ip", "addr", "show", "to", address], capture_output=True, text=True, check=True).stdout
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("address", "options", "words"),
    [
        pytest.param(
            "192.168.9.1/24", AddressOptions(label="eth0:1"), "inet 192.168.9.1/24 scope global eth0:1", id="label"
        ),
        pytest.param("192.168.9.1/32", AddressOptions(scope="link"), "inet 192.168.9.1/32 scope link eth0", id="scope"),
        pytest.param(
            "192.168.9.1/32", AddressOptions(scope="77"), "inet 192.168.9.1/32 scope 77 eth0", id="scope-number"
        ),
        pytest.param(
            "192.168.9.1/32",
            AddressOptions(peer=IPv4Interface("192.168.9.2/30")),
            "inet 192.168.9.1 peer 192.168.9.2/30 scope global eth0",
            id="peer",
        ),
        pytest.param(
            "192.168.9.1/24", AddressOptions(no_prefix_route=True), "global noprefixroute eth0", id="no-route"
        ),
        pytest.param(
            "2001:db8::9/64", AddressOptions(), "inet6 2001:db8::9/64 scope global nodad valid_lft", id="ipv6"
        ),
        pytest.param("2001:db8::9/64", AddressOptions(home=True), "scope global nodad home valid_lft", id="home"),
        pytest.param("2001:db8::9/64", AddressOptions(manage_temporary=True), "nodad mngtmpaddr", id="mngtmpaddr"),
        pytest.param(
            "2001:db8::9/128",
            AddressOptions(preferred_lft=0),
            "deprecated valid_lft forever preferred_lft 0sec",
            id="deprecated",
        ),
        pytest.param("2001:db8::9/64", AddressOptions(preferred_lft=77), "forever preferred_lft 77sec", id="lifetime"),
    ],
)
def test_every_option_is_taken(lan: Lan, eth0: int, address: str, options: AddressOptions, words: str) -> None:
    lan.hosts[0].netlink.ask([add_address(eth0, ip_interface(address), options)])
    assert words in shown(lan, address.split("/")[0])
    lan.hosts[0].netlink.ask([remove_address(eth0, ip_interface(address), options.peer)])
    assert shown(lan, address.split("/")[0]) == ""


def test_an_address_is_unusable_while_it_is_tentative(lan: Lan, eth0: int) -> None:
    eventually(lambda: all(event.usable for event in addresses(lan.hosts[0].netlink)))
    lan.hosts[0].netlink.ask(
        [add_address(eth0, ip_interface("2001:db8::9/64"), AddressOptions(detect_duplicates=True))]
    )
    told = found(lan, "2001:db8::9/64")
    assert told is not None
    assert not told.usable
    eventually(lambda: (now := found(lan, "2001:db8::9/64")) is not None and now.usable)


def test_an_address_that_a_neighbour_has_is_never_usable(lan: Lan, eth0: int) -> None:
    theirs = add_address(lan.hosts[1].index("eth0"), ip_interface("2001:db8::9/64"))
    lan.hosts[1].netlink.ask([theirs])
    eventually(lambda: all(event.usable for event in addresses(lan.hosts[0].netlink)))
    lan.hosts[0].netlink.ask(
        [add_address(eth0, ip_interface("2001:db8::9/64"), AddressOptions(detect_duplicates=True))]
    )
    eventually(lambda: "dadfailed" in shown(lan, "2001:db8::9"))
    told = found(lan, "2001:db8::9/64")
    assert told is not None
    assert not told.usable


def test_the_far_end_of_an_address_is_told(lan: Lan, eth0: int) -> None:
    peer = IPv4Interface("192.168.9.2/30")
    lan.hosts[0].netlink.ask([add_address(eth0, ip_interface("192.168.9.1/32"), AddressOptions(peer=peer))])
    told = found(lan, "192.168.9.1/30")
    assert told is not None
    assert told.peer == peer
