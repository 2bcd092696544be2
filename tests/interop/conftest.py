import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.daemon import OURS, C, Daemon
from tests.interop.frames import Frame
from tests.kernel.lan import Lan, why_not

PROGRAMS = {"ours": OURS, "C": C}
Start = Callable[[int, str, str], Daemon]


@pytest.fixture(autouse=True)
def peers() -> None:
    """C keepalived and tshark, which judge."""
    for program in ("keepalived", "tshark"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if why_not():
        pytest.skip(why_not())


@pytest.fixture(scope="session")
def captured() -> list[Frame]:
    """Every frame of the situations so far, but for the forged ones."""
    return []


@pytest.fixture(scope="session")
def repeated(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """What did not happen again when a situation was repeated; told at the end of the run."""
    found: list[str] = []
    yield found
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    if found and reporter is not None:
        reporter.write_line("\nrepeated once, and then right:\n" + "\n".join(found))


@pytest.fixture
def lan() -> Iterator[Lan]:
    """Three hosts and an observer."""
    made = Lan(3)
    yield made
    made.close()


@pytest.fixture
def start(lan: Lan, tmp_path: Path) -> Iterator[Start]:
    """Start a daemon: start("ours" or "C", host number, configuration); all are ended with the test."""
    running: list[Daemon] = []

    def start_on(program: str, host: int, config: str) -> Daemon:
        daemon = Daemon(lan.hosts[host], tmp_path / f"{program}{host}", config, PROGRAMS[program])
        running.append(daemon)
        return daemon

    yield start_on
    for daemon in running:  # not stopped: C keepalived takes a second for that
        daemon.crash()
