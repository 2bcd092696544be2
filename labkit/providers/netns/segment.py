"""A segment: a bridge in a network namespace of its own, and an ear on it for adverts and gratuitous ARP."""

import contextlib
import ctypes
import errno
import os
import select
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path

from labkit.kernel import links
from labkit.kernel.netlink import Netlink
from labkit.lab.provider import DeployError, Drop, Emit, Impairment
from labkit.providers.netns import impairing, linux
from labkit.trace import Kind, Record
from labkit.vrrp.packet import Advert, DecodeError, decode

_ETH_P_ALL, _ETHERNET = 0x0003, 14
_SO_TIMESTAMPNS, _SO_ATTACH_FILTER = 35, 26
_BRIDGE = 2  # the bridge's index: the first interface made after lo
_FIRST_PORT = 3

_IFINDEX, _PACKET_TYPE, _OUTGOING = 0xFFFFF008, 0xFFFFF004, 4  # linux/filter.h, SKF_AD_OFF; linux/if_packet.h

# Classic BPF: pass ARP, and IPv4 of protocol 112; drop all else before it wakes us.  What goes to many is heard once,
# on the bridge; what goes to one, such as an advert by unicast, where the bridge hands it to the port that it is for.
_FILTER = (
    (0x30, 0, 0, 0),  # ldb [0]            the first byte of the destination
    (0x45, 0, 2, 1),  # jset #1, else unicast
    (0x20, 0, 0, _IFINDEX),  # ld ifindex
    (0x15, 2, 8, _BRIDGE),  # jeq bridge, to many; else drop
    (0x20, 0, 0, _PACKET_TYPE),  # unicast: ld type
    (0x15, 0, 6, _OUTGOING),  # jeq outgoing, else drop
    (0x28, 0, 0, 12),  # to many: ldh [12]   the Ethernet type
    (0x15, 3, 0, 0x0806),  # jeq ARP, pass
    (0x15, 0, 3, 0x0800),  # jeq IPv4, else drop
    (0x30, 0, 0, 23),  # ldb [23]           the IP protocol
    (0x15, 0, 1, 112),  # jeq VRRP, else drop
    (0x06, 0, 0, 0xFFFF),  # pass
    (0x06, 0, 0, 0),  # drop
)


class Segment:
    """One L2 segment; made in a new namespace that the calling thread is left in."""

    def __init__(self, name: str) -> None:
        linux.unshare(linux.CLONE_NEWNET)
        self.name = name
        self.namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.netlink, self.changes = Netlink(), Netlink(groups=links.GROUP_LINK)
        self.netlink.ask([links.bridge("br0", index=_BRIDGE)])
        with contextlib.suppress(OSError):  # a kernel without IPv6; where it is a module, the bridge has loaded it
            Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
        self.peers: list[links.Peer] = []
        self.sniffer = _sniffer()

    def add_port(self, peer: links.Peer) -> int:
        """Plan the next port, with the end of its cable; return its index."""
        self.peers.append(peer)
        return _FIRST_PORT + len(self.peers) - 1

    def connect(self) -> None:
        """Make all cables.

        Raises:
            KernelRefusedError: the kernel refused a cable.
        """
        planned = enumerate(self.peers, _FIRST_PORT)
        self.netlink.ask(
            [links.veth(port=f"port{index}", index=index, master=_BRIDGE, peer=peer) for index, peer in planned]
        )

    def wait_until_it_forwards(self, within_s: float) -> None:
        """Wait until every port forwards: a frame sent earlier is lost, and ARP tries again only after a second.

        Raises:
            DeployError: a port does not come up.
        """
        deadline = time.monotonic() + within_s
        while links.forwarding_ports(self.netlink) < len(self.peers):
            if not select.select([self.changes], [], [], max(0, deadline - time.monotonic()))[0]:
                raise DeployError(f"a port of network {self.name} does not forward within {within_s:.0f} s")
            try:
                self.changes.socket.recv(1 << 16)
            except OSError as error:  # of many ports some changes are lost, and the ports are asked again anyway
                if error.errno != errno.ENOBUFS:
                    raise

    def plug(self, port: int, *, connected: bool) -> None:
        """Put a port into the switch, or pull it out while its carrier stays."""
        self.netlink.ask([links.set_master(port, _BRIDGE if connected else 0)])

    def set_port(self, port: int, *, up: bool) -> None:
        """Set a port down or up; the other end of its cable loses its carrier with it."""
        self.netlink.ask([links.set_link(port, up=up)])

    def drop(self, drops: Sequence[Drop], ports: Mapping[str, int]) -> None:
        """Have the bridge drop frames from node to node, instead of those that it dropped before.

        Raises:
            LabkitError: nft is not there, or the kernel has no packet filter for bridges.
        """
        linux.setns(self.namespace, linux.CLONE_NEWNET)
        impairing.drop(drops, {node: f"port{port}" for node, port in ports.items()})

    def impair(self, port: int, impairment: Impairment | None) -> str:
        """Put netem on a port, for frames to the node, or take it away; return what is missing."""
        linux.setns(self.namespace, linux.CLONE_NEWNET)
        return impairing.apply(f"port{port}", impairment)

    def hear(self, emit: Emit) -> None:
        """Tell of every advert and gratuitous ARP that came in, with the kernel's time."""
        skew = time.time_ns() - time.monotonic_ns()
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, ancillary, _, _ = self.sniffer.recvmsg(2048, 64)
                at = time.monotonic_ns()
                for _, kind, stamp in ancillary:
                    if kind == _SO_TIMESTAMPNS:
                        seconds, nanoseconds = struct.unpack("=qq", stamp)
                        at = seconds * 1_000_000_000 + nanoseconds - skew
                record = _read(frame, at // 1000, self.name)
                if record is not None:
                    emit(record)


def _sniffer() -> socket.socket:
    every = socket.htons(_ETH_P_ALL)  # on every interface, those to come too
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, every)
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in _FILTER))
    fprog = struct.pack("HL", len(_FILTER), ctypes.addressof(program))
    ear.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
    ear.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    with contextlib.suppress(BlockingIOError):
        while ear.recv(1):  # what came before there was a filter
            pass
    return ear


def _read(frame: bytes, at: int, segment: str) -> Record | None:
    payload = frame[_ETHERNET:]
    if frame[12:14] == b"\x08\x06":
        return _read_arp(payload, at, segment)
    source, advert = decode(payload)
    match advert:
        case Advert():
            return Record(
                at=at,
                kind=Kind.ADVERT,
                node=segment,
                data={
                    "source": str(source),
                    "vrid": advert.vrid,
                    "version": advert.version,
                    "priority": advert.priority,
                    "interval_us": advert.interval,
                    "addresses": " ".join(str(address) for address in advert.addresses),
                    "lladdr": frame[6:12].hex(":"),
                },
            )
        case DecodeError():
            data = {"source": str(source), "error": advert.kind.value, "detail": advert.detail}
            return Record(at=at, kind=Kind.REJECTED, node=segment, data=data)


def _read_arp(payload: bytes, at: int, segment: str) -> Record | None:
    """Tell of an announcement: sender and target address are the same (RFC 826, RFC 5227 4)."""
    if len(payload) < 28 or payload[14:18] != payload[24:28]:
        return None
    data = {"address": str(IPv4Address(payload[14:18])), "lladdr": payload[8:14].hex(":")}
    return Record(at=at, kind=Kind.ANNOUNCE, node=segment, data=data)
