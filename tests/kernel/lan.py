"""A small network for tests: namespaces with eth0 on one bridge, all of which the kernel removes with this process."""

import os
import select
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from pathlib import Path

from labkit.kernel.links import (
    GROUP_IPV4_ADDRESS,
    GROUP_LINK,
    Peer,
    add_address,
    addresses,
    bridge,
    forwarding_ports,
    links,
    set_link,
    set_master,
    veth,
)
from labkit.kernel.netlink import Netlink, message
from labkit.providers.netns.linux import CLONE_NEWNET, NamespaceError, can_be_root, setns, unshare
from labkit.vrrp.packet import Advert, decode, decode_message

_ETH_P_ALL = 3
_SO_TIMESTAMPNS = 35
_PACKET_ADD_MEMBERSHIP, _PACKET_MR_PROMISC = 1, 1


def why_not() -> str:
    """Return why namespaces cannot be made here, or nothing."""
    return "" if can_be_root() else "network namespaces need root here"


def eventually(condition: Callable[[], object], within: float = 15.0) -> None:
    """Wait until `condition` holds; for what no descriptor tells of."""
    deadline = time.monotonic() + within
    pause = select.poll()
    while not condition():
        assert time.monotonic() < deadline, f"not true within {within} s"
        pause.poll(5)


@dataclass(frozen=True, slots=True)
class Frame:
    """One Ethernet frame and when the kernel received it (seconds of CLOCK_REALTIME)."""

    at: float
    data: bytes

    @property
    def advert(self) -> Advert | None:
        if self.data[12:14] == b"\x08\x00" and self.data[23] == 112:
            content = decode(self.data[14:])[1]
        elif self.data[12:14] == b"\x86\xdd" and self.data[20] == 112:
            source, destination = IPv6Address(self.data[22:38]), IPv6Address(self.data[38:54])
            content = decode_message(self.data[54:], source=source, destination=destination)
        else:
            return None
        return content if isinstance(content, Advert) else None

    @property
    def source(self) -> str:
        if self.data[12:14] == b"\x86\xdd":
            return str(IPv6Address(self.data[22:38]))
        return str(IPv4Address(self.data[26:30]))

    @property
    def lladdr(self) -> str:
        """Whom the frame comes from."""
        return self.data[6:12].hex(":")

    @property
    def announced(self) -> str:
        """The address of a gratuitous ARP or of an unsolicited neighbour advertisement, else nothing."""
        if self.data[12:14] == b"\x86\xdd" and self.data[20] == 58 and self.data[54] == 136:
            return str(IPv6Address(self.data[62:78]))
        is_arp = self.data[12:14] == b"\x08\x06" and self.data[28:32] == self.data[38:42]
        return str(IPv4Address(self.data[38:42])) if is_arp else ""


class Namespace:
    """A network namespace without a name, held by a descriptor."""

    def __init__(self) -> None:
        home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            unshare(CLONE_NEWNET)
            self.descriptor = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            setns(home, CLONE_NEWNET)
            os.close(home)
        with self.entered():
            self.netlink = Netlink()
        self.netlink.ask([set_link(1, up=True)])

    @contextmanager
    def entered(self) -> Iterator[None]:
        home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        setns(self.descriptor, CLONE_NEWNET)
        try:
            yield
        finally:
            setns(home, CLONE_NEWNET)
            os.close(home)

    def index(self, name: str) -> int:
        return next(link.index for link in links(self.netlink) if link.name == name)

    def set_link(self, name: str, *, up: bool) -> None:
        self.netlink.ask([set_link(self.index(name), up=up)])

    def start(self, argv: Sequence[str | Path], **options: object) -> subprocess.Popen[bytes]:
        """Start a program in the namespace."""
        enter = lambda: setns(self.descriptor, CLONE_NEWNET)  # noqa: E731
        return subprocess.Popen([str(word) for word in argv], preexec_fn=enter, **options)  # type: ignore[call-overload,no-any-return]

    def addresses(self) -> set[str]:
        return {str(event.address.ip) for event in addresses(self.netlink) if event.address.version == 4}

    def wait_address(self, address: str, *, present: bool = True, within: float = 15.0) -> None:
        """Wait until an address is there, or is not, by what the kernel tells."""
        with self.entered():
            monitor = Netlink(GROUP_IPV4_ADDRESS | GROUP_LINK)
        deadline = time.monotonic() + within
        with monitor:
            while (address in self.addresses()) is not present:
                left = deadline - time.monotonic()
                assert left > 0, f"{address} {'not there' if present else 'still there'} after {within} s"
                if select.select([monitor], [], [], left)[0]:
                    monitor.socket.recv(1 << 16)

    def close(self) -> None:
        self.netlink.close()
        os.close(self.descriptor)


class Sniffer:
    """Hears every frame of an interface, with the kernel's time stamps."""

    def __init__(self, namespace: Namespace, interface: str = "eth0") -> None:
        with namespace.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
            self._socket.bind((interface, _ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.frames: list[Frame] = []

    def read(self, within: float) -> Frame | None:
        """Return the next frame, or None when none came in time."""
        if not select.select([self._socket], [], [], max(within, 0))[0]:
            return None
        data, ancillary, _, _ = self._socket.recvmsg(65535, 64)
        seconds, nanoseconds = struct.unpack("=qq", ancillary[0][2])
        frame = Frame(seconds + nanoseconds / 1e9, data)
        self.frames.append(frame)
        return frame

    def wait(self, wanted: Callable[[Frame], object], within: float = 15.0) -> Frame:
        """Return the next frame that is `wanted`."""
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            frame = self.read(left)
            if frame is not None and wanted(frame):
                return frame
        raise AssertionError(f"no such frame within {within} s; heard {len(self.frames)}")

    def wait_advert(self, source: str, priority: int | None = None, within: float = 15.0) -> Frame:
        """Return the next advert of `source`, with this priority where one is given."""

        def wanted(frame: Frame) -> bool:
            advert = frame.advert
            return advert is not None and frame.source == source and priority in (None, advert.priority)

        return self.wait(wanted, within)

    def listen(self, seconds: float) -> list[Frame]:
        """Return every frame of the next `seconds`."""
        deadline = time.monotonic() + seconds
        heard: list[Frame] = []
        while (left := deadline - time.monotonic()) > 0:
            frame = self.read(left)
            if frame is not None:
                heard.append(frame)
        return heard

    def drain(self) -> None:
        """Forget what is queued."""
        while self.read(0):
            pass

    def close(self) -> None:
        self._socket.close()


class Lan:
    """A bridge and hosts 192.168.1.21, .22, ... with eth0 on it; the last host is the one that observes."""

    def __init__(self, hosts: int) -> None:
        self.segment = Namespace()
        self.segment.netlink.ask([bridge("br0", index=9)])
        self._bridge = 9
        self.hosts = [self._host(number) for number in range(1, hosts + 1)]
        self.observer = self._host(80)
        eventually(lambda: forwarding_ports(self.segment.netlink) == hosts + 1)
        self.sniffer = Sniffer(self.observer)

    def _host(self, number: int) -> Namespace:
        host = Namespace()
        self.segment.netlink.ask([self.cable(host, f"p{number}", "eth0", number)])
        index = host.index("eth0")
        address = IPv4Interface(f"192.168.1.{20 + number}/24")
        host.netlink.ask([set_link(index, up=True), add_address(index, address)])
        return host

    def cable(self, host: Namespace, port: str, interface: str, number: int) -> bytes:
        """Return the request for a cable from a port of the bridge to an interface of a host."""
        lladdr = bytes([2, 0, 0, 0, int(interface[3:]), number])
        index = 10 + int(interface[3:])
        peer = Peer(name=interface, index=index, namespace=host.descriptor, lladdr=lladdr)
        return veth(port=port, index=100 * index + number, master=self._bridge, peer=peer)

    def remove_port(self, port: str) -> None:
        """Remove a cable, both its ends."""
        index = self.segment.index(port)
        self.segment.netlink.ask([message(17, 0, struct.pack("=BxHiII", 0, 0, index, 0, 0))])  # RTM_DELLINK

    def plug_anew(self, number: int) -> None:
        """Give host `number` (from 0) an eth0 again, with its address, after `remove_port`."""
        host = self.hosts[number]
        self.segment.netlink.ask([self.cable(host, f"p{number + 1}", "eth0", number + 1)])
        address = IPv4Interface(f"192.168.1.{21 + number}/24")
        host.netlink.ask([set_link(host.index("eth0"), up=True), add_address(host.index("eth0"), address)])

    def set_port(self, number: int, *, up: bool) -> None:
        """Set the switch's side of a cable: down takes the carrier away from the host."""
        self.segment.set_link(f"p{number}", up=up)

    def set_plugged(self, number: int, *, plugged: bool) -> None:
        """Take a port out of the bridge, or back: the host keeps its carrier and hears nobody."""
        self.segment.netlink.ask([set_master(self.segment.index(f"p{number}"), self._bridge if plugged else 0)])

    def close(self) -> None:
        self.sniffer.close()
        for namespace in (*self.hosts, self.observer, self.segment):
            namespace.close()


__all__ = ["Frame", "Lan", "Namespace", "NamespaceError", "Sniffer", "eventually", "why_not"]
