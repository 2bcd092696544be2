"""A small mail server for tests, with the bad manners that servers have."""

import contextlib
import socket
import threading
from collections.abc import Callable
from enum import Enum, auto


class Manners(Enum):
    """How the server behaves."""

    GOOD = auto()
    SILENT = auto()  # takes the connection and says nothing
    DRIPPING = auto()  # a byte of the greeting now and then, never all
    REFUSING = auto()  # 550 for every recipient
    BUSY = auto()  # 451 for every letter
    CLOSING = auto()  # ends the connection after the greeting


class MailServer:
    """Listens on 127.0.0.1 and keeps what it gets; made inside a namespace it listens there."""

    def __init__(self, manners: Manners = Manners.GOOD, port: int = 0) -> None:
        self.manners = manners
        self.letters: list[str] = []
        self.talks: list[list[str]] = []
        self._end = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", port))
        self._connections: list[socket.socket] = []
        self.port: int = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._end.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rwb", buffering=0)
        talk: list[str] = []
        self.talks.append(talk)
        with connection, contextlib.suppress(OSError):
            {
                Manners.SILENT: lambda: self._end.wait(),
                Manners.DRIPPING: lambda: self._drip(connection),
            }.get(self.manners, lambda: self._talk(stream.readline, stream.write, talk))()

    def _drip(self, connection: socket.socket) -> None:
        while not self._end.wait(0.02):
            connection.sendall(b"2")

    def _talk(self, read: Callable[[], bytes], write: Callable[[bytes], object], talk: list[str]) -> None:
        write(b"220 test ESMTP\r\n")
        if self.manners is Manners.CLOSING:
            return
        while line := read().decode().rstrip("\r\n"):
            talk.append(line)
            word = line[:4].upper()
            if word == "DATA":
                write(b"354 go on\r\n")
                letter = ""
                while (part := read()) not in (b".\r\n", b""):
                    letter += part.decode()
                if self.manners is Manners.GOOD:
                    self.letters.append(letter)
                write(b"451 later\r\n" if self.manners is Manners.BUSY else b"250 ok\r\n")
            elif word == "QUIT":
                write(b"221 bye\r\n")
                return
            else:
                refused = word == "RCPT" and self.manners is Manners.REFUSING
                write(b"550 no such user\r\n" if refused else b"250 ok\r\n")

    def close(self) -> None:
        self._end.set()
        for end in (self._socket, *self._connections):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join()
