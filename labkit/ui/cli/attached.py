"""A command in a node that cannot be entered from here: its terminal, or its pipes, come over the lab's socket."""

import base64
import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence

from labkit.diagnostics import LabkitError
from labkit.lab.client import Client

_PIECE = 1 << 15  # bytes
_BEHIND = 8  # pieces of input that may wait to be taken


def run(client: Client, node: str, argv: Sequence[str], environment: dict[str, str]) -> int:
    """Run it with this process's input and output; return the exit status as a shell would tell it.

    Raises:
        LabkitError: the node or the lab is gone.
    """
    terminal = os.isatty(0) and os.isatty(1)
    columns, rows = _size() if terminal else (0, 0)
    number = client.send(
        "attach",
        node=node,
        session="exec",
        argv=list(argv),
        environment=environment,
        rows=rows,
        columns=columns,
    )
    with _raw_terminal(client) if terminal else contextlib.nullcontext():
        status = _carry(client, number)
    return status if status >= 0 else 128 - status


def _size() -> tuple[int, int]:
    """Return the terminal's columns and rows; one that does not know has 80 and 24."""
    size = os.get_terminal_size(1)
    return (size.columns, size.lines) if size.lines else (80, 24)


def _carry(client: Client, number: int) -> int:
    """Carry input and output until the command's end."""
    fed: set[int] = set()
    feeding = True
    while True:
        inputs = [0] if feeding and len(fed) < _BEHIND else []
        ready, _, _ = select.select([client.socket.fileno(), *inputs], [], [])
        if 0 in ready:
            data = os.read(0, _PIECE)
            feeding = bool(data)
            fed.add(client.send("input", session="exec", data=base64.b64encode(data).decode()))
        for message in client.messages(0.0):
            if "session" in message:
                os.write(message["stream"], base64.b64decode(message["data"]))
            elif message["id"] == number:
                if "error" in message:
                    raise LabkitError(message["error"])
                return int(message["ok"]["status"])
            else:
                fed.discard(message["id"])


@contextlib.contextmanager
def _raw_terminal(client: Client) -> Iterator[None]:
    """Pass every key on, Ctrl-C too, and tell the node's terminal when this one changes its size."""

    def resized(*_: object) -> None:
        columns, rows = _size()
        client.send("resize", session="exec", rows=rows, columns=columns)

    before = termios.tcgetattr(0)
    old = signal.signal(signal.SIGWINCH, resized)
    try:
        tty.setraw(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, old)
        sys.stdout.flush()
