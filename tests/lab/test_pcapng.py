"""Captures, byte by byte and as tshark reads them."""

import shutil
import struct
import subprocess
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from labkit.lab.pcapng import pcapng
from labkit.lab.provider import Frame

_TSHARK = shutil.which("tshark")
PING = bytes.fromhex(  # ICMP echo request of 192.168.1.10 for 192.168.1.20
    "02000000ff01 02000000000a 0800".replace(" ", "")
    + "4500001c0001000040018b6e".replace("8b6e", "f770")
    + "c0a8010a"
    + "c0a80114"
    + "0800f7fd00010001"
)


def capture() -> bytes:
    frames = [
        Frame(number=1, at_ns=1_700_000_000_123_456_789, port="host.eth0", length=len(PING), data=PING),
        Frame(number=2, at_ns=1_700_000_000_123_556_789, port="server1.eth0", length=1500, data=PING[:-1]),
    ]
    names = {IPv4Address("192.168.1.10"): "host", IPv4Address("192.168.1.21"): "server1"}
    return pcapng(frames, ["host.eth0", "server1.eth0"], names, "a word")


def test_blocks_follow_one_another_and_say_their_length_at_both_ends() -> None:
    data, kinds = capture(), []
    while data:
        kind, length = struct.unpack_from("<II", data)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, length - 4)[0] == length
        kinds.append(kind)
        data = data[length:]
    assert kinds == [0x0A0D0D0A, 4, 1, 1, 6, 6]


def test_a_packet_block() -> None:
    block = capture()[-(32 + 44) :]  # the second frame: 41 bytes, padded to 44
    kind, length, interface, high, low, captured, original = struct.unpack_from("<IIIIIII", block)
    assert (kind, length, interface, captured, original) == (6, 76, 1, 41, 1500)
    assert (high << 32) + low == 1_700_000_000_123_556_789
    assert block[28:69] == PING[:-1]


@pytest.mark.interop
@pytest.mark.skipif(_TSHARK is None, reason="tshark is not installed")
def test_tshark_reads_it_with_names_and_nanoseconds(tmp_path: Path) -> None:
    (tmp_path / "x.pcapng").write_bytes(capture())
    assert _TSHARK is not None
    fields = ["frame.interface_name", "frame.time_epoch", "ip.src_host", "ip.dst", "icmp.type", "frame.len"]
    wanted = [f"-e{field}" for field in fields]
    arguments = [_TSHARK, "-r", "x.pcapng", "-N", "n", "-T", "fields", *wanted]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [
        "host.eth0\t1700000000.123456789\thost\t192.168.1.20\t8\t42",
        "server1.eth0\t1700000000.123556789\thost\t192.168.1.20\t8\t1500",
    ]
