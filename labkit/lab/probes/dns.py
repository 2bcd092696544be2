"""DNS over UDP (RFC 1035 4): a question for an address, by a message of 12 bytes and the name."""

import socket
import struct

from labkit.lab.probes.connecting import ConnectingProbe

_HEADER = struct.Struct("!HHHHHH")
_ASKED, _ANSWERED = 0x0100, 0x8000  # recursion desired; QR
_A, _IN = 1, 1
_CODES = {1: "format error", 2: "server failure", 3: "no such name", 4: "not implemented", 5: "refused"}


class DnsProbe(ConnectingProbe):
    """Asks for the A record of the probe's `query`; an answer without an error is one, whatever it holds."""

    kind = socket.SOCK_DGRAM

    async def _converse(self, connection: socket.socket, sequence: int) -> tuple[str, str]:
        await self.loop.sock_sendall(connection, question(sequence & 0xFFFF, self.spec.query))
        return "", wrong(sequence & 0xFFFF, await self.loop.sock_recv(connection, 1 << 16))


def question(identity: int, name: str) -> bytes:
    """Return the message that asks for the A record of a name."""
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if label]
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return _HEADER.pack(identity, _ASKED, 1, 0, 0, 0) + encoded + struct.pack("!HH", _A, _IN)


def wrong(identity: int, answer: bytes) -> str:
    """Return what is wrong with an answer; empty when nothing is."""
    if len(answer) < _HEADER.size:
        return "no DNS"
    number, flags, *_ = _HEADER.unpack_from(answer)
    if number != identity or not flags & _ANSWERED:
        return "no answer to the question"
    return _CODES.get(flags & 0xF, f"code {flags & 0xF}") if flags & 0xF else ""
