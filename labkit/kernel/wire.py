"""The sockets of VRRP: adverts in and out, and gratuitous ARP out.

All of them are opened when an interface appears, never when a router takes over: opening a packet socket costs 16 ms.
The IP header is written here, because what C keepalived 2.2.7 sends is the contract: TOS 0xC0, TTL 255, no DF, and an
identification that counts adverts from 1.

    IPv4:  45 c0 len16 | id16 0000 | ff 70 sum16 | source | 224.0.0.18            (RFC 791; RFC 9568 5.1.1)
    ARP:   ff:ff:ff:ff:ff:ff sender 0806 | 0001 0800 06 04 0001 | sender VIP | ff:ff:ff:ff:ff:ff VIP     (RFC 826)
"""

import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

from labkit.diagnostics import LabkitError
from labkit.vrrp.packet import GROUP4, PROTOCOL, TTL

_HEADER = struct.Struct("!BBHHHBBH4s4s")
_ARP = struct.Struct("!6s6sHHHBBH6s4s6s4s")
_TOS = 0xC0  # CS6, internetwork control
_IP_MULTICAST_ALL = 49
_PRIORITY_CONTROL = 6  # TC_PRIO_CONTROL: the band that queues for routing protocols
_BROADCAST = b"\xff" * 6
_LARGEST = 65535


class WireError(LabkitError):
    """A socket that VRRP needs cannot be had."""


def _open(kind: int, protocol: int, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    try:
        opened = socket.socket(family, kind, protocol)
    except PermissionError as error:
        raise WireError("raw sockets are not permitted here; VRRP needs CAP_NET_RAW") from error
    except OSError as error:
        raise WireError(f"cannot open a raw socket: {error.strerror}") from error
    opened.setblocking(False)
    return opened


class Port:
    """An interface as VRRP uses it: a socket that hears adverts and one that sends them.

    It belongs to the interface with `index`; when the interface is removed and made again it needs a new port.
    """

    def __init__(self, interface: str, index: int) -> None:
        """Open both sockets and join 224.0.0.18.

        Raises:
            WireError: a socket was refused, or the interface is gone already.
        """
        self.interface = interface
        self.index = index
        self._receiver = _open(socket.SOCK_RAW, PROTOCOL)
        self._sender = _open(socket.SOCK_RAW, socket.IPPROTO_RAW)  # for sending only: raw(7)
        group = GROUP4.packed + struct.pack("=4xi", index)  # struct ip_mreqn
        name = interface.encode()
        try:
            self._receiver.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
            self._receiver.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
            self._receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            self._sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
            self._sender.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _PRIORITY_CONTROL)
            self._sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # protocol 255 from strangers ends here
            self._sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, group)
            self._sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        except OSError as error:
            self.close()
            raise WireError(f"cannot use {interface}: {error.strerror}") from error

    def fileno(self) -> int:
        """Return the descriptor to wait on for adverts."""
        return self._receiver.fileno()

    def receive(self, limit: int) -> Iterator[bytes]:
        """Yield the IPv4 packets that are waiting, at most `limit` of them."""
        for _ in range(limit):
            try:
                yield self._receiver.recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError:  # the interface went down or away: said once, netlink tells the rest
                return

    def send(self, packet: bytes) -> None:
        """Send a whole IPv4 packet to the group.

        Raises:
            OSError: the interface is down, gone or its queue is full.
        """
        self._sender.sendto(packet, (str(GROUP4), 0))

    def close(self) -> None:
        """Leave the group and close."""
        self._receiver.close()
        self._sender.close()


def ipv4(message: bytes, source: IPv4Address, identification: int, destination: IPv4Address = GROUP4) -> bytes:
    """Return the IPv4 packet that carries a VRRP message; the kernel fills in the header checksum (raw(7)).

    An `identification` of 0 would make the kernel choose one.
    """
    length = _HEADER.size + len(message)
    header = (0x45, _TOS, length, identification, 0, TTL, PROTOCOL, 0, source.packed, destination.packed)
    return _HEADER.pack(*header) + message


def gratuitous_arp(lladdr: bytes, address: IPv4Address) -> bytes:
    """Return the broadcast frame by which the holder of `address` tells everyone its link-layer address.

    keepalived: the request form, with the target hardware address all ones where RFC 5227 has zeros.
    """
    head = (_BROADCAST, lladdr, 0x0806, 1, 0x0800, 6, 4, 1)
    return _ARP.pack(*head, lladdr, address.packed, _BROADCAST, address.packed)


class Announcer:
    """A packet socket that sends whole Ethernet frames on any interface and hears none."""

    def __init__(self) -> None:
        """Open it.

        Raises:
            WireError: packet sockets are refused.
        """
        self._socket = _open(socket.SOCK_RAW, 0, socket.AF_PACKET)

    def send(self, interface: str, frame: bytes) -> None:
        """Send one frame.

        Raises:
            OSError: the interface is down or gone.
        """
        self._socket.sendto(frame, (interface, 0))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
