"""Why a check failed, in words."""

import errno
import os

from labkit.trace import SECOND, Micros

_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.EHOSTUNREACH: "no route to the host, or it does not answer ARP",
    errno.ENETUNREACH: "no route to the network",
    errno.ETIMEDOUT: "the kernel gave up waiting for an answer",
    errno.EADDRNOTAVAIL: "this machine does not have the address to connect from",
    errno.EADDRINUSE: "the port to connect from is in use",
    errno.EMFILE: "no descriptor is left",
    errno.ENFILE: "no descriptor is left",
}

LACKS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN})
"""What this machine has too little of to ask anybody."""


class CheckFailedError(Exception):
    """Ends a check; its text is the result's. It never leaves this package."""


def words(error: OSError) -> str:
    """Say what the kernel refused."""
    if error.errno in _WORDS:
        return _WORDS[error.errno]
    return os.strerror(error.errno).lower() if error.errno else str(error)


def late(what: str, timeout: Micros) -> CheckFailedError:
    """Return the failure of what did not come within `timeout`."""
    return CheckFailedError(f"{what} within {timeout / SECOND:g} s")
