"""The network of a situation: hosts with eth0, eth1, ... each on a switch, and a tap that knows who sent each frame.

    host 1: eth0 192.168.1.21  2001:db8:0::21        eth1 192.168.2.21  2001:db8:1::21
    host 2: eth0 192.168.1.22  2001:db8:0::22        eth1 192.168.2.22  2001:db8:1::22
    STRANGER, the last one, has no daemon: what it sends is forged

All of it is namespaces without a name, which the kernel removes with this process.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from pathlib import Path

from labkit.kernel.links import (
    GROUP_IPV4_ADDRESS,
    AddressEvent,
    Peer,
    add_address,
    addresses,
    bridge,
    decode,
    forwarding_ports,
    remove_address,
    set_link,
    set_master,
    veth,
)
from labkit.kernel.netlink import KernelRefusedError, Netlink, message
from tests.interop.frames import Frame
from tests.kernel.lan import Namespace, eventually

STRANGER = 9
_GROUP_IPV6_ADDRESS = 0x100
_ETH_P_ALL = 3
_SO_TIMESTAMPNS = 35
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_RTM_DELLINK = 17
_BRIDGE = 1000  # the index of the first bridge


class Host:
    """One host: its namespace, its interfaces, and which addresses came and went."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.namespace = Namespace()
        with self.namespace.entered():
            Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")
            self.monitor = Netlink(GROUP_IPV4_ADDRESS | _GROUP_IPV6_ADDRESS)
        os.set_blocking(self.monitor.fileno(), False)
        self.history: list[AddressEvent] = []

    def address(self, interface: str) -> IPv4Interface:
        """The IPv4 address that the host has on an interface from the beginning."""
        return IPv4Interface(f"192.168.{int(interface[3:]) + 1}.{20 + self.number}/24")

    def address6(self, interface: str) -> IPv6Interface:
        return IPv6Interface(f"2001:db8:{interface[3:]}::{20 + self.number}/64")

    def read(self) -> None:
        """Take in what the kernel says of addresses."""
        while True:
            try:
                datagram = self.monitor.socket.recv(1 << 16)
            except BlockingIOError:
                return
            self.history += [event for event in decode(datagram) if isinstance(event, AddressEvent)]

    def holds(self, address: str) -> bool:
        """Whether the address is on the host, whatever its prefix."""
        wanted = ip_interface(address).ip
        return any(event.address.ip == wanted for event in addresses(self.namespace.netlink))

    def add_address(self, address: str, interface: str = "eth0") -> None:
        self.namespace.netlink.ask([add_address(self.namespace.index(interface), ip_interface(address))])

    def remove_address(self, address: str, interface: str = "eth0") -> None:
        self.namespace.netlink.ask([remove_address(self.namespace.index(interface), ip_interface(address))])

    def set_link(self, interface: str, *, up: bool) -> None:
        self.namespace.set_link(interface, up=up)
        if up:  # the kernel took the IPv6 address off with the link
            self._readdress(interface)

    def _readdress(self, interface: str) -> None:
        with contextlib.suppress(KernelRefusedError):
            self.add_address(str(self.address6(interface)), interface)

    def close(self) -> None:
        self.monitor.close()
        self.namespace.close()


class Network:
    """Hosts 1..N and the stranger on one switch for each interface."""

    def __init__(self, hosts: int, interfaces: int = 1) -> None:
        self.switch = Namespace()
        with self.switch.entered():
            for name in ("all", "default"):
                Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
        self.switch.netlink.ask([bridge(f"br{eth}", index=_BRIDGE + eth) for eth in range(interfaces)])
        self.hosts = {number: Host(number) for number in (*range(1, hosts + 1), STRANGER)}
        for host in self.hosts.values():
            for eth in range(interfaces):
                self.plug_in(host, f"eth{eth}")
        eventually(lambda: forwarding_ports(self.switch.netlink) == len(self.hosts) * interfaces)
        self.tap = self._tap()
        self.frames: list[Frame] = []

    def plug_in(self, host: Host, interface: str) -> None:
        """Give a host an interface with its addresses, on a cable to the switch."""
        eth = int(interface[3:])
        lladdr = bytes([2, 0, 0, 0, eth, host.number])
        peer = Peer(name=interface, index=10 + eth, namespace=host.namespace.descriptor, lladdr=lladdr)
        port, index = self._port(host.number, interface)
        self.switch.netlink.ask([veth(port=port, index=index, master=_BRIDGE + eth, peer=peer)])
        host.namespace.netlink.ask(
            [
                set_link(peer.index, up=True),
                add_address(peer.index, host.address(interface)),
                add_address(peer.index, host.address6(interface)),
            ]
        )

    def unplug(self, host: int, interface: str = "eth0") -> None:
        """Remove a cable with both its ends: the host's interface is gone."""
        _, index = self._port(host, interface)
        self.switch.netlink.ask([message(_RTM_DELLINK, 0, struct.pack("=BxHiII", 0, 0, index, 0, 0))])

    def set_port(self, host: int, interface: str = "eth0", *, up: bool) -> None:
        """Set the switch's side of a cable: down takes the carrier away from the host."""
        self.switch.netlink.ask([set_link(self._port(host, interface)[1], up=up)])

    def set_joined(self, host: int, interface: str = "eth0", *, joined: bool) -> None:
        """Take a port out of its switch, or back: the host keeps its carrier and hears nobody."""
        _, index = self._port(host, interface)
        self.switch.netlink.ask([set_master(index, _BRIDGE + int(interface[3:]) if joined else 0)])

    @staticmethod
    def _port(host: int, interface: str) -> tuple[str, int]:
        return f"p{host}{interface}", 100 * (1 + int(interface[3:])) + host

    def _tap(self) -> socket.socket:
        """Hear each frame once, where it comes into the switch: the port says who sent it, a forged source cannot."""
        with self.switch.entered():
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        tap.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        tap.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE
        tap.setblocking(False)
        return tap

    def read(self) -> None:
        """Take in what the tap heard and what the kernel says of the hosts."""
        for frame in self._heard():
            self.frames.append(frame)
        for host in self.hosts.values():
            host.read()

    def _heard(self) -> Iterator[Frame]:
        while True:
            try:
                data, ancillary, _, sender = self.tap.recvmsg(65535, 64)
            except BlockingIOError:
                return
            port = sender[0]
            if not port.startswith("p"):  # the bridge shows it again
                continue
            seconds, nanoseconds = struct.unpack("=qq", ancillary[0][2])
            host, _, eth = port[1:].partition("eth")
            yield Frame(at=seconds + nanoseconds / 1e9, host=int(host), interface=f"eth{eth}", data=data)

    def close(self) -> None:
        self.tap.close()
        for host in self.hosts.values():
            host.close()
        self.switch.close()
