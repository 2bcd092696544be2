"""Hears who claims given addresses on an interface: ARP by a filtered packet socket, neighbour adverts by a raw one.

    ARP:  0001 0800 06 04 op16 | sender lladdr | sender address | target lladdr | target address        (RFC 826)
    NA:   88 00 sum16 | flags32 | target | options; number 2 is the target's lladdr                     (RFC 4861 4.4)

The kernel throws away every other packet: ARP from other addresses by a BPF program, ICMPv6 of other types by its own
filter.  A packet socket for ARP alone sees no other traffic, and nothing that this machine sends.
"""

import ctypes
import socket
import struct
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv6Address

from labkit.hints import TypeAlias
from labkit.kernel.wire import WireError
from labkit.vrrp.config import Address

Claim: TypeAlias = tuple[Address, bytes]
"""An address, and the link-layer address of who claims it."""

_ETH_P_ARP = 0x0806
_ARP = struct.Struct("!HHBBH6s4s")
_SENDER_AT = 14
_SO_ATTACH_FILTER, _ICMP6_FILTER = 26, 1
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h
_MOST = 2000  # addresses in one program, which has at most 4096 steps; with more every ARP packet comes here
_ADVERTISEMENT, _TARGET_AT, _OPTIONS_AT, _TARGET_LLADDR = 136, 8, 24, 2
_ROOM = 1 << 16  # bytes that may wait in a socket: a flood is lost there
_LARGEST = 2048


class Ear:
    """Hears claims of some addresses on the interface with `index`; made anew, that needs a new one.

    To close it takes the kernel 15 ms, to hear of other addresses nothing.
    """

    def __init__(self, interface: str, index: int, addresses: Collection[Address]) -> None:
        """Open a socket for each family among the addresses.

        Raises:
            WireError: a socket was refused, or the interface is gone already.
        """
        self.interface = interface
        self.index = index
        self.addresses: frozenset[Address] = frozenset()
        self.sockets: dict[int, socket.socket] = {}  # by address family
        try:
            self.listen_for(addresses)
        except WireError:
            self.close()
            raise

    def listen_for(self, addresses: Collection[Address]) -> None:
        """Hear of these addresses and no others.

        Raises:
            WireError: a socket was refused, or the interface is gone already.
        """
        self.addresses = frozenset(addresses)
        four = [address for address in addresses if isinstance(address, IPv4Address)]
        try:
            if four and 4 not in self.sockets:
                self.sockets[4] = _arp_socket(self.interface, four)
            elif 4 in self.sockets:
                _attach(self.sockets[4], four)
            if len(four) < len(addresses) and 6 not in self.sockets:
                self.sockets[6] = _neighbour_socket(self.interface)
        except OSError as error:
            raise WireError(f"cannot watch {self.interface} for duplicates: {error.strerror}") from error

    def hear(self, limit: int) -> Iterator[Claim]:
        """Yield the claims that wait in each socket, at most `limit`."""
        for family, heard in self.sockets.items():
            read = _arp_claim if family == 4 else _neighbour_claim
            for _ in range(limit):
                try:
                    claim = read(heard.recv(_LARGEST))
                except OSError:  # nothing waits; or the interface went down or away
                    break
                if claim is not None and claim[0] in self.addresses:
                    yield claim

    def close(self) -> None:
        """Close the sockets."""
        for opened in self.sockets.values():
            opened.close()


def _arp_socket(interface: str, addresses: Collection[IPv4Address]) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
    try:
        _attach(opened, addresses)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        opened.bind((interface, _ETH_P_ARP))
    except OSError:
        opened.close()
        raise
    return opened


def _attach(opened: socket.socket, addresses: Collection[IPv4Address]) -> None:
    steps = [(_LOAD_WORD, 0, 0, _SENDER_AT)]
    for address in addresses if len(addresses) <= _MOST else ():
        steps += [(_JUMP_IF_EQUAL, 0, 1, int(address)), (_RETURN, 0, 0, _LARGEST)]
    steps.append((_RETURN, 0, 0, 0 if len(addresses) <= _MOST else _LARGEST))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("HP", len(steps), ctypes.addressof(code))  # struct sock_fprog
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _neighbour_socket(interface: str) -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
    opened = socket.socket(socket.AF_INET6, kind, socket.IPPROTO_ICMPV6)
    try:
        blocked = bytearray(b"\xff" * 32)  # struct icmp6_filter: a bit for each type
        word, bit = divmod(_ADVERTISEMENT, 32)
        blocked[4 * word : 4 * word + 4] = struct.pack("=I", 0xFFFFFFFF & ~(1 << bit))
        opened.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, bytes(blocked))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    except OSError:
        opened.close()
        raise
    return opened


def _arp_claim(packet: bytes) -> Claim | None:
    if len(packet) < _ARP.size:
        return None
    hardware, protocol, hardware_length, length, _, lladdr, address = _ARP.unpack_from(packet)
    if (hardware, protocol, hardware_length, length) != (1, 0x0800, 6, 4):
        return None
    return IPv4Address(address), lladdr


def _neighbour_claim(message: bytes) -> Claim | None:
    if len(message) < _OPTIONS_AT:
        return None
    address = IPv6Address(message[_TARGET_AT:_OPTIONS_AT])
    place = _OPTIONS_AT
    while place + 8 <= len(message) and (length := 8 * message[place + 1]):
        if message[place] == _TARGET_LLADDR:
            return address, message[place + 2 : place + 8]
        place += length
    return None
