"""The sockets of VRRP: adverts in and out, and announcements out.

All of them are opened when an interface appears, never when a router takes over: opening a packet socket costs 16 ms.
IP headers are written by us (`frames.py`, `labkit.vrrp.sending`): what C keepalived 2.2.7 sends is the contract.
"""

import contextlib
import ctypes
import socket
import struct
import sys
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from ipaddress import IPv6Address

from labkit.diagnostics import LabkitError
from labkit.vrrp.config import Address
from labkit.vrrp.events import Received
from labkit.vrrp.hearing import Key, hear4, hear6, key4, key6
from labkit.vrrp.packet import AH_LENGTH, AH_PROTOCOL, PROTOCOL

_IP_MULTICAST_ALL, _IPV6_MULTICAST_ALL = 49, 29
_IPV6_RECVPKTINFO, _IPV6_PKTINFO, _IPV6_RECVHOPLIMIT, _IPV6_HOPLIMIT = 49, 50, 51, 52
_SO_ATTACH_FILTER = 26
_PRIORITY_CONTROL = 6  # TC_PRIO_CONTROL: the band that queues for routing protocols
_LARGEST = 65535
_ANCILLARY = 256
_VRID_AT = 1
_LD_BYTE, _LD_BYTE_AT_X, _LDX_HEADER, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x50, 0xB1, 0x15, 0x06  # linux/bpf_common.h


def _never(key: Key) -> bool:
    """Have every packet decoded."""
    return False


_address = lru_cache(maxsize=512)(IPv6Address)  # a few addresses come again and again


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
    """An interface as VRRP uses it in one address family: a socket that hears adverts and one that sends them.

    It belongs to the interface with `index`; when the interface is removed and made again it needs a new port.  What it
    hears is said to come in on `heard_as`: a macvlan is part of the interface below it.
    """

    def __init__(
        self, interface: str, index: int, *, family: int = 4, protocol: int = PROTOCOL, heard_as: str = ""
    ) -> None:
        """Open both sockets; it hears what is sent to an address of this machine until it joins groups.

        Raises:
            WireError: a socket was refused, or the interface is gone already.
        """
        self.interface = interface
        self.index = index
        self.family = family
        self.heard_as = heard_as or interface
        self.protocol = protocol
        self._groups: set[Address] = set()
        socket_family = socket.AF_INET if family == 4 else socket.AF_INET6
        self._receiver = _open(socket.SOCK_RAW, protocol, socket_family)
        self._sender = _open(socket.SOCK_RAW, socket.IPPROTO_RAW, socket_family)  # for sending only: raw(7)
        try:
            for opened in (self._receiver, self._sender):
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            self._sender.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _PRIORITY_CONTROL)
            self._sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # protocol 255 from strangers ends here
            self._set_up4() if family == 4 else self._set_up6()
        except OSError as error:
            self.close()
            raise WireError(f"cannot use {interface}: {error.strerror}") from error

    def _set_up4(self) -> None:
        self._receiver.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        out = struct.pack("=8xi", self.index)  # struct ip_mreqn
        self._sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, out)
        self._sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)

    def _set_up6(self) -> None:
        self._receiver.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)
        self._receiver.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        self._receiver.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVHOPLIMIT, 1)
        self._sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self.index)
        self._sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)

    def join(self, groups: Collection[Address]) -> None:
        """Be a member of these groups and of no others.

        Raises:
            WireError: the kernel refuses a membership.
        """
        for group in self._groups - set(groups):
            with contextlib.suppress(OSError):  # the interface is gone, and the membership with it
                self._membership(group, member=False)
        try:
            for group in set(groups) - self._groups:
                self._membership(group, member=True)
        except OSError as error:
            raise WireError(f"cannot join a group on {self.interface}: {error.strerror}") from error
        self._groups = set(groups)

    def _membership(self, group: Address, *, member: bool) -> None:
        if isinstance(group, IPv6Address):
            request = struct.pack("=16si", group.packed, self.index)  # struct ipv6_mreq
            option = socket.IPV6_JOIN_GROUP if member else socket.IPV6_LEAVE_GROUP
            self._receiver.setsockopt(socket.IPPROTO_IPV6, option, request)
        else:
            request = struct.pack("=4s4xi", group.packed, self.index)
            option = socket.IP_ADD_MEMBERSHIP if member else socket.IP_DROP_MEMBERSHIP
            self._receiver.setsockopt(socket.IPPROTO_IP, option, request)

    def listen_for(self, vrids: Collection[int], *, others: bool = False) -> None:
        """Hear adverts of these VRIDs only, or with `others` of all but these; the kernel throws the rest away."""
        wanted = sorted(vrids)
        program: list[tuple[int, int, int, int]] = []
        if wanted and self.family == 4:  # behind the IPv4 header, whose length goes to X
            skipped = AH_LENGTH if self.protocol == AH_PROTOCOL else 0
            program += [(_LDX_HEADER, 0, 0, 0), (_LD_BYTE_AT_X, 0, 0, skipped + _VRID_AT)]
        elif wanted:
            program.append((_LD_BYTE, 0, 0, _VRID_AT))
        program += [(_JUMP_IF_EQUAL, len(wanted) - place, 0, vrid) for place, vrid in enumerate(wanted)]
        program += [(_RETURN, 0, 0, _LARGEST if others else 0), (_RETURN, 0, 0, 0 if others else _LARGEST)]
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
        filter_ = struct.pack("HP", len(program), ctypes.addressof(code))  # struct sock_fprog
        self._receiver.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_)

    def fileno(self) -> int:
        """Return the descriptor to wait on for adverts."""
        return self._receiver.fileno()

    @property
    def sender(self) -> int:
        """The descriptor that adverts leave by."""
        return self._sender.fileno()

    def receive(self, limit: int, heard_again: Callable[[Key], bool] = _never) -> Iterator[Received]:
        """Yield what waits here as events for the core, of at most `limit` packets.

        `heard_again` is asked about each before it is decoded; what it takes is not an event any more.
        """
        hear = self._hear4 if self.family == 4 else self._hear6
        for _ in range(limit):
            try:
                received = hear(heard_again)
            except OSError:  # nothing waits; or the interface went down or away, and netlink tells the rest
                return
            if received is not None:
                yield received

    def _hear4(self, heard_again: Callable[[Key], bool]) -> Received | None:
        packet = self._receiver.recv(_LARGEST)
        return None if heard_again(key4(self.heard_as, packet)) else hear4(self.heard_as, packet)

    def _hear6(self, heard_again: Callable[[Key], bool]) -> Received | None:
        message, ancillary, _, address = self._receiver.recvmsg(_LARGEST, _ANCILLARY)
        particulars = {kind: data for level, kind, data in ancillary if level == socket.IPPROTO_IPV6}
        where = {
            "source": _address(address[0].split("%")[0]),
            "destination": _address(particulars[_IPV6_PKTINFO][:16]),
        }
        hop_limit = int.from_bytes(particulars[_IPV6_HOPLIMIT], sys.byteorder)
        if heard_again(key6(self.heard_as, message, hop_limit=hop_limit, **where)):
            return None
        return hear6(self.heard_as, message, hop_limit=hop_limit, **where)

    def send(self, packet: bytes, destination: str) -> None:
        """Send a whole IP packet to the address `destination`.

        Raises:
            OSError: the interface is down, gone or its queue is full, or there is no way to the destination.
        """
        if self.family == 4:
            self._sender.sendto(packet, (destination, 0))
        else:
            self._sender.sendto(packet, (destination, 0, 0, self.index))

    def close(self) -> None:
        """Leave the groups and close."""
        self._receiver.close()
        self._sender.close()


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
