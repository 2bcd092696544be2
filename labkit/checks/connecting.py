"""Sockets to real servers: where they come from, how they are marked, and how they connect."""

import errno
import socket
import struct

from labkit.checks.trouble import late
from labkit.checks.waiting import WRITE, now, ready
from labkit.conf.model_balancing import Connection

_IP_BIND_ADDRESS_NO_PORT = 24  # ip(7); Python has no name for it
_FLAGS = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_UNDER_WAY = (errno.EINPROGRESS, errno.EALREADY)

Place = tuple[str, int] | tuple[str, int, int, int]


def place(connection: Connection) -> Place:
    """Return the server's address as sockets take it; a link-local one is reached through bind_if.

    Raises:
        OSError: there is no such interface.
    """
    if connection.address.version == 4:
        return socket.inet_ntoa(connection.address.packed), connection.port  # a third of what str costs
    scope = 0
    if connection.source_interface and connection.address.is_link_local:
        scope = socket.if_nametoindex(connection.source_interface)
    return str(connection.address), connection.port, 0, scope


def open_socket(connection: Connection, kind: int, protocol: int = 0) -> socket.socket:
    """Return a socket that is marked and bound as the connection says; it never blocks.

    Raises:
        OSError: the mark, the address or the interface is not to be had.
    """
    family = socket.AF_INET if connection.address.version == 4 else socket.AF_INET6
    opened = socket.socket(family, kind | _FLAGS, protocol)
    try:
        _prepare(opened, connection)
    except BaseException:
        opened.close()
        raise
    return opened


def _prepare(opened: socket.socket, connection: Connection) -> None:
    if connection.fwmark:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, struct.pack("=I", connection.fwmark))
    if connection.source_interface:
        name = connection.source_interface.encode()
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
    if connection.source is None and not connection.source_port:
        return
    if connection.source_port:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else:  # the port is chosen when it is known to where, so that each server may have all ports
        opened.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    every = "0.0.0.0" if opened.family == socket.AF_INET else "::"
    scope: tuple[int, ...] = ()
    if connection.source_interface and connection.source is not None and connection.source.is_link_local:
        scope = (0, socket.if_nametoindex(connection.source_interface))
    opened.bind((str(connection.source or every), connection.source_port, *scope))


async def connect(connection: Connection) -> socket.socket:
    """Return a TCP socket that is connected.

    Raises:
        CheckFailedError: it takes longer than the connection's timeout.
        OSError: it is refused.
    """
    opened = open_socket(connection, socket.SOCK_STREAM)
    try:
        where, deadline = place(connection), now() + connection.timeout
        while (code := opened.connect_ex(where)) in _UNDER_WAY:  # the second time it tells what became of the first
            if not await ready(opened, WRITE, deadline):
                raise late("no connection", connection.timeout)
        if code:
            raise OSError(code, "")
    except BaseException:
        opened.close()
        raise
    return opened
