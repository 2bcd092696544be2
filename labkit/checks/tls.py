"""TLS to a real server, as SSL_GET speaks it.

Like C keepalived it takes any certificate: what is checked is a server, often by its address, and not who it is.  Where
the `SSL` block names a `ca`, the certificate must be signed by it (C keepalived reads the file and checks nothing).
"""

import socket
import ssl
from functools import lru_cache, partial
from pathlib import Path

from labkit.checks.streams import CHUNK, Stream
from labkit.checks.trouble import CheckFailedError, late
from labkit.checks.waiting import READ, WRITE, now, ready
from labkit.conf.model_balancing import TlsMaterial
from labkit.trace import Micros


async def secure(connected: socket.socket, material: TlsMaterial | None, name: str | None, patience: Micros) -> Stream:
    """Return a stream over a connection after its handshake; the socket is closed if there is none.

    `name` is told to the server (SNI).

    Raises:
        CheckFailedError: the handshake fails, or takes longer than `patience`; the `SSL` block does not hold.
        OSError: the connection is gone.
    """
    try:
        context = _context(material, _changed(material))
        wrapped = context.wrap_socket(connected, do_handshake_on_connect=False, server_hostname=name)
    except (OSError, ValueError) as error:
        connected.close()
        raise CheckFailedError(f"TLS cannot begin: {_words(error)}") from error
    stream = _TlsStream(wrapped)
    try:
        if not await stream.handshake(now() + patience):
            raise late("no end of the TLS handshake", patience)
    except BaseException:
        stream.close()
        raise
    return stream


class _TlsStream(Stream):
    """The same over TLS; both directions may wait for either."""

    def __init__(self, wrapped: ssl.SSLSocket) -> None:
        super().__init__(wrapped)
        self._tls = wrapped

    async def handshake(self, deadline: Micros) -> bool:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLError as error:
                if not await self._again(error, deadline):
                    return False
            else:
                return True

    async def send(self, data: bytes, deadline: Micros) -> bool:
        while data:
            try:
                data = data[self._tls.send(data) :]
            except ssl.SSLError as error:
                if not await self._again(error, deadline):
                    return False
        return True

    async def receive(self, deadline: Micros) -> bytes | None:
        while True:
            try:
                return self._tls.recv(CHUNK)
            except ssl.SSLError as error:
                if not await self._again(error, deadline):
                    return None

    async def _again(self, error: ssl.SSLError, deadline: Micros) -> bool:
        if isinstance(error, ssl.SSLWantReadError):
            return await ready(self._tls, READ, deadline)
        if isinstance(error, ssl.SSLWantWriteError):
            return await ready(self._tls, WRITE, deadline)
        raise CheckFailedError(f"TLS failed: {_words(error)}") from error


def _changed(material: TlsMaterial | None) -> tuple[int, ...]:
    """Return when the files were written: a context is made again when certificates are renewed."""
    names = (material.ca, material.certificate, material.key) if material else ()
    return tuple(Path(name).stat().st_mtime_ns for name in names if name)


@lru_cache(maxsize=4)
def _context(material: TlsMaterial | None, changed: tuple[int, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if material and material.ca:
        context.load_verify_locations(material.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    own = material and (material.certificate or material.key)
    if material and own:
        context.load_cert_chain(own, material.key, partial(_passphrase, material))
    return context


def _passphrase(material: TlsMaterial) -> str:
    """Return what the key is locked with; left to itself OpenSSL would ask on the terminal, and wait.

    Raises:
        ValueError: nobody wrote it.
    """
    if material.password is None:
        raise ValueError(f"{material.key or material.certificate} is locked: add `password` to the `SSL` block")
    return material.password


def _words(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not to be trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        said = error.reason or str(error).removeprefix("[SSL] ").partition(" (_ssl.c")[0]  # where in Python's source
        return said.replace("_", " ").lower()
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {(error.strerror or '').lower()}"
    return str(error)
