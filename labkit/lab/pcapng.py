"""Captures that Wireshark reads: pcapng (draft-ietf-opsawg-pcapng), with an interface for each port of a switch.

    Section Header · Name Resolution · Interface Description ... · Enhanced Packet ...

Times are nanoseconds of UTC; the comment of the section may say when the trace's clock began, to compare both.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from ipaddress import IPv4Address

from labkit.lab.provider import Frame

_SECTION, _INTERFACE, _NAMES, _PACKET = 0x0A0D0D0A, 1, 4, 6
_BYTE_ORDER, _ETHERNET, _NANOSECONDS = 0x1A2B3C4D, 1, b"\x09"
_COMMENT, _IF_NAME, _IF_TSRESOL, _SHB_USERAPPL = 1, 2, 9, 4
_IPV4_NAME = 1


def pcapng(frames: Sequence[Frame], ports: Sequence[str], names: Mapping[IPv4Address, str], comment: str) -> bytes:
    """Return a capture: `ports` are the interfaces in their order, `names` what Wireshark shows for addresses."""
    section = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
    creator = f"labkit {version('labkit')}".encode()
    options = _option(_SHB_USERAPPL, creator) + (_option(_COMMENT, comment.encode()) if comment else b"")
    numbers = {port: number for number, port in enumerate(ports)}
    return b"".join(
        [
            _block(_SECTION, section + options + _END),
            _names(names.items()),
            *(_interface(port) for port in ports),
            *(_packet(numbers[frame.port], frame) for frame in frames),
        ]
    )


def _interface(name: str) -> bytes:
    head = struct.pack("<HHI", _ETHERNET, 0, 0)
    return _block(_INTERFACE, head + _option(_IF_NAME, name.encode()) + _option(_IF_TSRESOL, _NANOSECONDS) + _END)


def _packet(interface: int, frame: Frame) -> bytes:
    high, low = divmod(frame.at_ns, 1 << 32)
    head = struct.pack("<IIIII", interface, high, low, len(frame.data), frame.length)
    return _block(_PACKET, head + _padded(frame.data))


def _names(names: Iterable[tuple[IPv4Address, str]]) -> bytes:
    records = [_option(_IPV4_NAME, address.packed + name.encode() + b"\0") for address, name in names]
    return _block(_NAMES, b"".join(records) + _END)


_END = struct.pack("<HH", 0, 0)  # of options, and of name records


def _option(code: int, value: bytes) -> bytes:
    """Return an option; a name record has the same shape."""
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
