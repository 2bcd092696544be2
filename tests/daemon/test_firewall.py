"""The packet filter follows what routers need, by one nft at a time."""

from collections.abc import Callable, Iterator
from ipaddress import ip_interface
from pathlib import Path

import pytest

from labkit.conf.model import VirtualAddress, VrrpInstance
from labkit.daemon.children import Children
from labkit.daemon.firewall import Firewall
from labkit.daemon.log import Log
from labkit.daemon.loop import Loop
from labkit.diagnostics import Span
from labkit.kernel.process import now
from labkit.trace import SECOND
from labkit.vrrp.config import RouterConfig
from tests.kernel.lan import eventually

VIP = VirtualAddress(address=ip_interface("192.0.2.1/32"), device="eth0")
CLOSED = VrrpInstance(
    router=RouterConfig(name="X", interface="eth0", vrid=21, addresses=(VIP.address.ip,), accept=False),
    addresses=(VIP,),
    span=Span(file="f", line=1, column=1),
)


class Nft:
    """A program of that name that notes what it is told, and the firewall that uses it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, script: str | None) -> None:
        self.told = folder / "told"
        self._said = (folder / "log").open("w+b")
        if script is not None:
            program = folder / "nft"
            program.write_text(f'#!/bin/sh\necho "$1" | grep -c drop >> {self.told}\n{script}\n')
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin" if script is not None else str(folder))
        self.settled = 0
        self.loop = Loop()
        log = Log("test", console=self._said.fileno(), detail=True)
        self.firewall = Firewall(Children(self.loop), log, self._note)

    def _note(self) -> None:
        self.settled += 1

    def wait(self, settled: int) -> None:
        """Run the loop until the tables were settled so many times."""

        def done() -> bool:
            if self.settled < settled:
                self.loop.step(now() + SECOND // 50)
            return self.settled >= settled

        eventually(done)

    def close(self) -> None:
        """Let go of its descriptors."""
        self.loop.close()
        self._said.close()

    @property
    def log(self) -> str:
        self._said.seek(0)
        return self._said.read().decode()


Make = Callable[[str | None], Nft]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make an nft that ends with a script, or (None) is not installed: make(script)."""
    made: list[Nft] = []

    def make_one(script: str | None) -> Nft:
        made.append(Nft(tmp_path, monkeypatch, script))
        return made[-1]

    yield make_one
    for one in made:
        one.close()


def test_nothing_is_run_where_nothing_is_needed(make: Make) -> None:
    nft = make("exit 0")
    nft.firewall.update([], [])
    nft.firewall.clear()
    assert nft.settled == 2
    assert not nft.told.exists()


def test_what_is_asked_for_meanwhile_comes_next(make: Make) -> None:
    nft = make("exit 0")
    nft.firewall.update([CLOSED], [])
    nft.firewall.clear()
    nft.firewall.update([CLOSED], [])
    nft.firewall.clear()
    nft.wait(1)
    assert nft.told.read_text() == "2\n0\n"  # two rules drop; then none is left
    assert nft.log == ""


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param(None, "no_accept has no packet filter: nft is not installed", id="missing"),
        pytest.param("exit 1", "no_accept has no packet filter: nft exited with status 1", id="refused"),
    ],
)
def test_a_filter_that_cannot_be_is_told(make: Make, script: str | None, words: str) -> None:
    nft = make(script)
    nft.firewall.update([CLOSED], [])
    nft.wait(1)
    assert words in nft.log
    nft.firewall.update([CLOSED], [])
    assert nft.log.count(words) == 1
