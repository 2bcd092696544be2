import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import tell_at_the_end
from tests.daemon.daemon import OURS, C, Daemon
from tests.interop.stage import Situation, Stage
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
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Where the chosen situations take place; what was repeated is told at the end of the run."""
    chosen = [found for item in request.session.items if (found := _situation(item))]
    made = Stage(chosen, tmp_path_factory.mktemp("stage"))
    yield made
    tell_at_the_end(request.config, "repeated, and then right or told above", made.repeated)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Situations of a module stay together, because they are performed together."""
    for item in items:
        if _situation(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def _situation(item: pytest.Item) -> Situation | None:
    """The situation of a test: an attribute of its function, or its parameter."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    function = getattr(item, "function", None)
    return getattr(function, "situation", None) or parameters.get("situation")


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
