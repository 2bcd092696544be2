"""The programs of labkit that run inside nodes: loaded once in the supervisor, started in a node by a fork."""

from collections.abc import Mapping
from typing import Final

from labkit.conf import loader
from labkit.daemon import packed, runner, serve, start
from labkit.daemon.main import run as keepalived
from labkit.kernel import timer
from labkit.lab.web import run as web
from labkit.providers.netns.node import Program

PRELOADED: Final = (start, serve, loader, packed, runner, timer)
"""What `pykeepalived` loads when it is needed: here it is needed often."""

PROGRAMS: Final[Mapping[str, Program]] = {
    "pykeepalived": lambda argv: keepalived(argv[1:]),
    "web": lambda argv: web(argv[1:]),
}
