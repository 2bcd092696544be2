"""The programs of labkit that run inside nodes: loaded once in the supervisor, started in a node by a fork."""

from collections.abc import Mapping
from typing import Final

from labkit.daemon import main as daemon
from labkit.lab import web
from labkit.providers.netns.node import Program

PROGRAMS: Final[Mapping[str, Program]] = {
    "pykeepalived": lambda argv: daemon.run(argv[1:]),
    "web": lambda argv: web.run(argv[1:]),
}
