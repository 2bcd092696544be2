from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.daemon import Daemon
from tests.kernel.lan import Lan, why_not

Start = Callable[..., Daemon]


@pytest.fixture
def lan() -> Iterator[Lan]:
    """Two hosts and an observer."""
    if why_not():
        pytest.skip(why_not())
    made = Lan(2)
    yield made
    made.close()


@pytest.fixture
def start(lan: Lan, tmp_path: Path) -> Iterator[Start]:
    """Start a daemon: start(host number, configuration); all are ended with the test."""
    running: list[Daemon] = []

    def start_on(host: int, config: str) -> Daemon:
        daemon = Daemon(lan.hosts[host], tmp_path / f"{host}", config)
        running.append(daemon)
        return daemon

    yield start_on
    for daemon in running:
        daemon.close()
