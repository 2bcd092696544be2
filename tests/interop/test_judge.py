"""Wireshark judges what the situations before left on the stage; alone this module has nothing to judge."""

import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.interop.frames import Frame
from tests.interop.stage import Stage

pytestmark = [pytest.mark.interop]
_CHECKS = ("ip.check_checksum:TRUE", "vrrp.v3_checksum_as_in_v2:FALSE")
# One address on two hosts is what failover is: not an error here
WRONG = "(_ws.malformed || _ws.expert.severity >= 0x600000) && !arp.duplicate-address-detected"  # warnings, errors


def write_pcap(path: Path, frames: Iterable[Frame]) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))  # Ethernet
        for frame in frames:
            seconds, part = divmod(frame.at, 1)
            length = len(frame.data)
            file.write(struct.pack("=IIII", int(seconds), int(part * 1e6), length, length) + frame.data)


def judged(path: Path, wanted: str) -> list[str]:
    """Return one line for each frame that a display filter wants."""
    checks = [word for check in _CHECKS for word in ("-o", check)]
    command = ["tshark", "-n", "-r", str(path), *checks, "-Y", wanted]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_no_frame_of_any_situation_is_malformed_or_doubtful(stage: Stage, tmp_path: Path) -> None:
    # Wireshark does not know auth_hmac's trailer and takes it into the checksum; tests/conformance has its vectors
    relevant = [f for f in stage.captured if f.announced or ((advert := f.advert) and not advert.signed)]
    if not relevant:
        pytest.skip("no situation ran before")
    write_pcap(tmp_path / "all.pcap", relevant)
    assert judged(tmp_path / "all.pcap", WRONG) == []


def test_the_judge_sees_a_wrong_checksum(tmp_path: Path) -> None:
    right = bytes.fromhex("01005e000012020000000001080045c00020000100 00ff7018ddc0a80115e0000012".replace(" ", ""))
    advert = bytes.fromhex("31159601000ad4d5c0a80114")
    frames = [
        Frame(at=1.0, host=1, interface="eth0", data=right + message)
        for message in (advert, advert[:6] + b"\0\1" + advert[8:])
    ]
    write_pcap(tmp_path / "two.pcap", frames)
    assert [line.split()[0] for line in judged(tmp_path / "two.pcap", WRONG)] == ["2"]
