"""Addresses of a configuration as requests to the kernel."""

from ipaddress import ip_interface

from labkit.conf.model import Interface, VirtualAddress
from labkit.kernel.links import AddressOptions, add_address, remove_address


def addition(virtual: VirtualAddress, index: int) -> bytes:
    """Return the request that puts an address on the interface with this index."""
    options = AddressOptions(
        label=virtual.label,
        scope=virtual.scope,
        broadcast=virtual.broadcast,
        peer=virtual.peer,
        home=virtual.home,
        detect_duplicates=virtual.detect_duplicates,
        manage_temporary=virtual.manage_temporary,
        no_prefix_route=virtual.no_prefix_route,
        auto_join=virtual.auto_join,
        preferred_lft=virtual.preferred_lft,
    )
    return add_address(index, virtual.address, options)


def removal(virtual: VirtualAddress, index: int) -> bytes:
    """Return the request that takes an address off the interface with this index."""
    return remove_address(index, virtual.address, virtual.peer)


def on_link(virtual: VirtualAddress) -> Interface:
    """Return an address as the kernel tells of it: with the prefix length of its far end, where it has one."""
    if virtual.peer is None:
        return virtual.address
    return ip_interface((virtual.address.ip, virtual.peer.network.prefixlen))
