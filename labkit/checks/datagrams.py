"""Datagrams to a real server and back; what ICMP says of them is heard as an error."""

import socket

from labkit.checks.connecting import open_socket, place
from labkit.checks.waiting import READ, ready
from labkit.conf.model_balancing import Connection
from labkit.trace import Micros

_IP_RECVERR, _IPV6_RECVERR = 11, 25  # ip(7), ipv6(7); Python has no names for them


def connected(connection: Connection, kind: int = socket.SOCK_DGRAM, protocol: int = 0) -> socket.socket:
    """Return a socket that hears one server only, and every ICMP error about it.

    Raises:
        OSError: there is no route, or no right to such a socket.
    """
    opened = open_socket(connection, kind, protocol)
    try:
        if opened.family == socket.AF_INET:
            opened.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        else:
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        opened.connect(place(connection))
    except BaseException:
        opened.close()
        raise
    return opened


async def receive(opened: socket.socket, size: int, deadline: Micros) -> bytes | None:
    """Return the next datagram, or None when `deadline` came before.

    Raises:
        OSError: ICMP says that it does not arrive.
    """
    while await ready(opened, READ, deadline):
        code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, "")
        try:
            return opened.recv(size)
        except BlockingIOError:  # a datagram with a wrong checksum
            continue
    return None
