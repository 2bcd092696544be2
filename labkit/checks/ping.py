"""PING_CHECK: an ICMP echo is answered (RFC 792, RFC 4443 4.1).

         0               1               2               3
        +---------------+---------------+-------------------------------+
        | 8 / 128 echo  |      0        |           checksum            |
        +---------------+---------------+-------------------------------+
        |       identifier (ours)       |            number             |
        +-------------------------------+-------------------------------+
        | 16 random bytes: an answer to another check has others        |

An ICMP socket needs a right that /proc/sys/net/ipv4/ping_group_range gives; a raw one needs CAP_NET_RAW.  keepalived:
C writes itself into ping_group_range; we take the raw socket.
"""

import os
import socket
import struct

from labkit.checks.datagrams import connected, receive
from labkit.checks.target import Target
from labkit.checks.trouble import late
from labkit.checks.waiting import now
from labkit.conf.model_balancing import Connection, PingCheck
from labkit.lvs.check import Result

_ECHO = {4: (8, 0), 6: (128, 129)}
_PROTOCOL = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
_HEADER = struct.Struct("!BBHHH")


async def check(spec: PingCheck, target: Target) -> Result:
    """Send an echo and wait for its answer.

    Raises:
        CheckFailedError, OSError: what `run` says in words.
    """
    connection = spec.connection
    asked, answered = _ECHO[connection.address.version]
    deadline = now() + connection.timeout
    payload = os.urandom(16)
    with _open(connection) as opened:
        opened.send(_echo(asked, payload))
        while (heard := await receive(opened, 2048, deadline)) is not None:
            message = heard[_options(heard, opened) :]
            if message[:1] == bytes([answered]) and message[_HEADER.size :] == payload:
                return Result(ok=True, detail="answers")
    raise late("no answer", connection.timeout)


def _open(connection: Connection) -> socket.socket:
    protocol = _PROTOCOL[connection.address.version]
    try:
        return connected(connection, socket.SOCK_DGRAM, protocol)
    except PermissionError:
        return connected(connection, socket.SOCK_RAW, protocol)


def _options(heard: bytes, opened: socket.socket) -> int:
    """Return how long the IP header is; only raw IPv4 sockets show it."""
    shown = opened.type == socket.SOCK_RAW and opened.family == socket.AF_INET
    return (heard[0] & 15) * 4 if shown and heard else 0


def _echo(kind: int, payload: bytes) -> bytes:
    """Return an echo request; over IPv6 the kernel puts the checksum in."""
    identifier = os.getpid() & 0xFFFF
    words = struct.unpack(f"!{len(payload) // 2}H", payload)
    total = (kind << 8) + identifier + 1 + sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return _HEADER.pack(kind, 0, ~total & 0xFFFF, identifier, 1) + payload
