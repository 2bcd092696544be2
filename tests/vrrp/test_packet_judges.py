"""Two independent implementations judge the codec: scapy both ways, tshark on what we send."""

import shutil
import subprocess
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from labkit.trace import SECOND
from labkit.vrrp.packet import GROUP4, Advert, decode, encode
from tests.vrrp.test_vectors import NAMES, vector

SOURCE = IPv4Address("192.0.2.7")
VIPS = (IPv4Address("192.0.2.100"), IPv4Address("192.0.2.101"), IPv4Address("198.51.100.1"))

ADVERTS = [
    pytest.param(
        Advert(version=2, vrid=7, priority=254, interval=3 * SECOND, addresses=VIPS, auth=b"secret"), id="v2-password"
    ),
    pytest.param(Advert(version=2, vrid=255, priority=0, interval=SECOND, addresses=VIPS[:1]), id="v2-release"),
    pytest.param(Advert(version=3, vrid=1, priority=100, interval=40_950_000, addresses=VIPS), id="v3-longest"),
    pytest.param(Advert(version=3, vrid=99, priority=255, interval=10_000, addresses=VIPS[:2]), id="v3-shortest"),
]


@pytest.fixture
def scapy() -> Any:
    layers = pytest.importorskip("scapy.layers.vrrp", reason="scapy is not installed")
    inet = pytest.importorskip("scapy.layers.inet", reason="scapy is not installed")
    return layers, inet.IP


@pytest.mark.parametrize("advert", ADVERTS)
def test_scapy_sends_we_read(scapy: Any, advert: Advert) -> None:
    layers, ip = scapy
    header = ip(src=str(SOURCE), dst=str(GROUP4), ttl=255, proto=112)
    addresses = [str(address) for address in advert.addresses]
    if advert.version == 3:
        centiseconds = advert.interval // 10_000
        message = layers.VRRPv3(vrid=advert.vrid, priority=advert.priority, adv=centiseconds, addrlist=addresses)
    else:
        auth = (advert.auth or b"").ljust(8, b"\0")
        message = layers.VRRP(
            vrid=advert.vrid,
            priority=advert.priority,
            authtype=0 if advert.auth is None else 1,
            adv=advert.interval // SECOND,
            addrlist=addresses,
            auth1=int.from_bytes(auth[:4], "big"),
            auth2=int.from_bytes(auth[4:], "big"),
        )
    assert decode(bytes(header / message)) == (SOURCE, advert)


@pytest.mark.parametrize("advert", ADVERTS)
def test_we_send_scapy_reads(scapy: Any, advert: Advert) -> None:
    layers, ip = scapy
    message = encode(advert, SOURCE)
    header = ip(src=str(SOURCE), dst=str(GROUP4), ttl=255, proto=112, len=20 + len(message))
    packet = ip(bytes(header) + message)
    vrrp = packet[layers.VRRPv3 if advert.version == 3 else layers.VRRP]
    unit = 10_000 if advert.version == 3 else SECOND
    assert (vrrp.version, vrrp.type, vrrp.vrid, vrrp.priority) == (advert.version, 1, advert.vrid, advert.priority)
    assert (vrrp.ipcount, vrrp.adv * unit) == (len(advert.addresses), advert.interval)
    assert vrrp.addrlist == [str(address) for address in advert.addresses]
    vrrp.chksum = None  # scapy works it out anew
    assert bytes(vrrp) == message


@pytest.mark.interop
@pytest.mark.skipif(not shutil.which("tshark") or not shutil.which("text2pcap"), reason="tshark is not installed")
@pytest.mark.parametrize("advert", ADVERTS)
def test_tshark_finds_nothing_wrong(advert: Advert, tmp_path: Path) -> None:
    message = encode(advert, SOURCE)
    header = bytes([0x45, 0xC0, 0, 20 + len(message), 0, 1, 0, 0, 255, 112, 0, 0]) + SOURCE.packed + GROUP4.packed
    dump, capture = tmp_path / "advert.txt", tmp_path / "advert.pcap"
    dump.write_text(f"0000 {(header + message).hex(' ')}\n")
    subprocess.run(["text2pcap", "-q", "-e", "0x800", dump, capture], check=True, capture_output=True)
    names = ["version", "virt_rtr_id", "prio", "addr_count", "checksum.status", "ip_addr", "auth_string"]
    fields = [word for name in names for word in ("-e", f"vrrp.{name}")]
    interval = "vrrp.short_adver_int" if advert.version == 3 else "vrrp.adver_int"
    command = ["tshark", "-r", str(capture), "-T", "fields", "-E", "separator=|", *fields, "-e", interval]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    unit = 10_000 if advert.version == 3 else SECOND
    good = "1"
    assert run.stdout.rstrip("\n").split("|") == [
        str(advert.version),
        str(advert.vrid),
        str(advert.priority),
        str(len(advert.addresses)),
        good,
        ",".join(str(address) for address in advert.addresses),
        (advert.auth or b"").decode(),
        str(advert.interval // unit),
    ]


@pytest.mark.interop
@pytest.mark.skipif(not shutil.which("tshark") or not shutil.which("text2pcap"), reason="tshark is not installed")
@pytest.mark.parametrize("name", [name for name in NAMES if "hmac" not in name])  # which tshark does not know
def test_tshark_agrees_on_every_vector(name: str, tmp_path: Path) -> None:
    given = vector(name)
    dump, capture = tmp_path / "advert.txt", tmp_path / "advert.pcap"
    dump.write_text(f"0000 {given.packet.hex(' ')}\n")
    kind = "0x800" if given.source.version == 4 else "0x86dd"
    subprocess.run(["text2pcap", "-q", "-e", kind, dump, capture], check=True, capture_output=True)
    addresses = "ip_addr" if given.source.version == 4 else "ipv6_addr"
    names = ["version", "virt_rtr_id", "prio", "checksum.status", addresses]
    fields = [word for name in names for word in ("-e", f"vrrp.{name}")]
    command = ["tshark", "-r", str(capture), "-T", "fields", "-E", "separator=|", *fields]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    advert = given.advert
    expected = (advert.version, advert.vrid, advert.priority, 1, ",".join(map(str, advert.addresses)))
    assert run.stdout.rstrip("\n") == "|".join(map(str, expected))


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("ipv6")])
def test_scapy_agrees_on_ipv6_checksums(scapy: Any, name: str) -> None:
    """scapy works out the transport checksum of RFC 8200 8.1 by itself."""
    inet6 = pytest.importorskip("scapy.layers.inet6")
    given = vector(name)
    header, message = inet6.IPv6(given.packet[:40]), given.packet[40:]
    assert inet6.in6_chksum(112, header, message[:6] + bytes(2) + message[8:]) == int.from_bytes(message[6:8])
