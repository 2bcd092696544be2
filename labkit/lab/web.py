"""A small web server whose process is named like the real one, so that `killall -0 apache2` finds it.

    python -m labkit.lab.web --name apache2 --root /var/www/html --pid /run/apache2.pid

It returns when it serves; the server goes on in the background until SIGTERM.
"""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from labkit.kernel.process import set_process_name


class _Handler(SimpleHTTPRequestHandler):
    """Serves files; no request keeps a connection, so that each one shows who answers."""

    protocol_version = "HTTP/1.0"
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".html": "text/html; charset=utf-8"}

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the node has no one to read it."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 511  # nginx's and apache2's; with the 5 of the standard library a short stall costs a second


def run(argv: Sequence[str]) -> int:
    """Start the server in the background; return 0 when it accepts connections, 1 when it cannot."""
    parser = argparse.ArgumentParser(prog="labkit-web", description=__doc__)
    parser.add_argument("--name", default="apache2", help="the process name")
    parser.add_argument("--root", type=Path, default=Path("/var/www/html"), help="the folder served")
    parser.add_argument("--pid", type=Path, default=Path("/run/apache2.pid"), help="where the process id is written")
    parser.add_argument("--port", type=int, default=80)
    options = parser.parse_args(argv)
    try:
        server = _Server(("", options.port), partial(_Handler, directory=str(options.root)))
    except OSError as error:
        sys.stderr.write(f"labkit-web: port {options.port}: {error.strerror}\n")
        return 1
    if os.fork():
        return 0
    os.setsid()
    set_process_name(options.name)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    options.pid.write_text(f"{os.getpid()}\n")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
