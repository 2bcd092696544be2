"""Our packets beside those of C keepalived, for the guide's router; tshark takes both apart."""

import json
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.kernel.links import addresses
from tests.daemon.daemon import FAST, GUIDE, OURS, C, Daemon, instance
from tests.kernel.lan import Frame, Lan, eventually, why_not

pytestmark = [pytest.mark.kernel, pytest.mark.interop]
# What differs between any two captures: times, and numbers of frames in the file
_INCIDENTAL = ("frame.time", "frame.number", "frame.offset", "frame.encap", "frame.section", "frame.interface")


def _dissect(frames: list[Frame], path: Path) -> list[dict[str, list[str]]]:
    """Return every field that tshark finds in each frame."""
    with path.open("wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))  # pcap, Ethernet
        for frame in frames:
            file.write(struct.pack("=IIII", int(frame.at), 0, len(frame.data), len(frame.data)) + frame.data)
    command = ["tshark", "-r", path, "-T", "json", "--no-duplicate-keys", "-o", "ip.check_checksum:TRUE"]
    answer = subprocess.run(command, capture_output=True, check=True).stdout
    return [_fields(packet["_source"]["layers"]) for packet in json.loads(answer)]


def _fields(tree: object, found: dict[str, list[str]] | None = None) -> dict[str, list[str]]:
    found = {} if found is None else found
    for name, value in tree.items() if isinstance(tree, dict) else ():
        if isinstance(value, dict):
            _fields(value, found)
        elif not name.startswith(_INCIDENTAL):
            found.setdefault(name, []).extend(value if isinstance(value, list) else [value])
    return found


@pytest.fixture
def lans() -> Iterator[tuple[Lan, Lan]]:
    """Two networks that are alike to the last address, one for each program."""
    if why_not():
        pytest.skip(why_not())
    made = Lan(1), Lan(1)
    yield made
    for lan in made:
        lan.close()


def _life(lan: Lan, daemon: Daemon) -> tuple[list[Frame], list[Frame]]:
    """Return the adverts and announcements of a router from its first advert to its last."""
    lan.sniffer.wait_advert("192.168.1.21")
    lan.sniffer.wait_advert("192.168.1.21")
    daemon.process.terminate()
    lan.sniffer.wait_advert("192.168.1.21", priority=0)
    frames = lan.sniffer.frames
    return [frame for frame in frames if frame.advert], [frame for frame in frames if frame.announced]


@pytest.mark.parametrize(
    ("timing", "vip"),
    [
        pytest.param(GUIDE, "192.168.1.20", id="guide-v2-password"),
        pytest.param("advert_int 1", "192.168.1.20\n  192.168.1.30", id="v2-no-password-two-addresses"),
        pytest.param(FAST, "192.168.1.20", id="v3"),
        pytest.param(FAST, "192.168.1.20\n  192.168.1.30", id="v3-two-addresses"),
    ],
)
def test_every_field_is_the_same(lans: tuple[Lan, Lan], tmp_path: Path, timing: str, vip: str) -> None:
    config = instance(150, timing=timing, vip=vip)
    programs = (("C", C), ("ours", OURS))
    daemons = [
        Daemon(lan.hosts[0], tmp_path / name, config, program)
        for lan, (name, program) in zip(lans, programs, strict=True)
    ]
    theirs, ours = [_life(lan, daemon) for lan, daemon in zip(lans, daemons, strict=True)]
    for kind, our_frames, their_frames in zip(("adverts", "arp"), ours, theirs, strict=True):
        our_fields = _dissect(our_frames, tmp_path / f"ours-{kind}.pcap")
        their_fields = _dissect(their_frames, tmp_path / f"theirs-{kind}.pcap")
        assert our_fields == their_fields
    count = len(ours[0])
    assert [frame.data[18:20] for frame in ours[0]] == [bytes([0, number]) for number in range(1, count + 1)]
    assert len(ours[1]) == 5 * len(vip.split())
    for daemon in daemons:
        daemon.close()


_PLAIN = ("192.168.1.20",)
_SIX = ("fe80::1:20/64", "2001:db8::20")
_PEER = "unicast_src_ip {}\n unicast_peer {{\n  {}\n }}"
_FOUR = _PEER.format("192.168.1.21", "192.168.1.100")
_PEER_SIX = _PEER.format("fe80::ff:fe00:1", "fe80::ff:fe00:50")
_ON_BASE = "use_vmac\n vmac_xmit_base"
# What C keepalived leaves to the kernel: a flow label that is a hash, and names that tshark makes of it
_CHOSEN_BY_THE_KERNEL = ("ipv6.flow", "ip.id", "ip.checksum", "ip.stream", "ipv6.stream")


def _kinds(frames: list[Frame], path: Path) -> list[dict[str, list[str]]]:
    """Return each kind of frame once, in the order of their first."""
    found: list[dict[str, list[str]]] = []
    for fields in _dissect(frames, path):
        kind = {name: value for name, value in fields.items() if not name.startswith(_CHOSEN_BY_THE_KERNEL)}
        if kind not in found:
            found.append(kind)
    return found


@pytest.mark.parametrize(
    ("more", "vips"),
    [
        pytest.param("", _SIX, id="ipv6"),
        pytest.param(_FOUR, _PLAIN, id="unicast"),
        pytest.param(_PEER_SIX, _SIX, id="unicast-ipv6"),
        pytest.param("use_vmac", _PLAIN, id="vmac"),
        pytest.param("use_vmac", _SIX, id="vmac-ipv6"),
        pytest.param(_ON_BASE, _PLAIN, id="vmac-xmit-base"),
        pytest.param(_ON_BASE, _SIX, id="vmac-xmit-base-ipv6"),
        pytest.param("mcast_dst_ip 224.0.0.99", _PLAIN, id="another-group"),
        pytest.param("mcast_dst_ip ff02::99", _SIX, id="another-group-ipv6"),
        pytest.param("mcast_src_ip 192.168.1.77", _PLAIN, id="another-source"),
        pytest.param("use_vmac front 02:00:5e:10:20:30", _PLAIN, id="vmac-of-ones-own"),
    ],
)
def test_each_kind_of_packet_is_the_same(
    lans: tuple[Lan, Lan], tmp_path: Path, more: str, vips: tuple[str, ...]
) -> None:
    for lan in lans:
        eventually(lambda: all(event.usable for event in addresses(lan.hosts[0].netlink)))  # noqa: B023
    config = instance(150, vip="\n".join(vips), more=more)
    kinds = []
    for lan, program in zip(lans, (C, OURS), strict=True):
        daemon = Daemon(lan.hosts[0], tmp_path / program[-1], config, program)
        for _ in range(5 * len(vips)):
            lan.sniffer.wait(lambda frame: frame.announced)
        lan.sniffer.wait(lambda frame: frame.advert)
        daemon.process.terminate()
        lan.sniffer.wait(lambda frame: frame.advert and frame.advert.priority == 0)
        daemon.process.wait()
        known = [vip.partition("/")[0] for vip in vips]  # and not what the kernel says of the host's own addresses
        relevant = [frame for frame in lan.sniffer.frames if frame.advert or frame.announced in known]
        relevant.sort(key=lambda frame: frame.advert is None)  # who looks for the peer first is late with its advert
        kinds.append(_kinds(relevant, tmp_path / "frames.pcap"))
    theirs, ours = kinds
    if more == _PEER_SIX:
        limits = [[kind.pop("ipv6.hlim") for kind in found[:2]] for found in kinds]
        assert limits == [[["64"]] * 2, [["255"]] * 2]  # RFC 9568 5.1.2.3
    assert ours == theirs
    assert len(ours) == 2 + len(vips)  # an advert, a release, and an announcement of each address
