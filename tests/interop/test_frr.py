"""Ours beside FRR's vrrpd, with version 3 over IPv4 and IPv6; each is the better one once."""

from collections.abc import Iterator

import pytest

from tests.interop.configs import vi
from tests.interop.frr import FOLDER, frr
from tests.interop.situation import Run, Script
from tests.interop.stage import Situation, Stage

pytestmark = pytest.mark.skipif(not (FOLDER / "vrrpd").exists(), reason="FRR is not installed")

FOUR, SIX = ("192.168.1.20",), ("fe80::20", "2001:db8::20")


def both(s: Run) -> Script:
    """Host 1 is MASTER, host 2 has heard it."""
    s.start(1)
    yield s.adverts(1, 3)
    s.start(2)
    yield s.adverts(1, 8)
    assert not [frame for frame in s.network.frames if frame.host == 2 and frame.advert]


def stop(s: Run) -> Script:
    yield from both(s)
    s.stop(1)
    released = yield s.advert(1, priority=0)
    taken = yield s.advert(2)
    s.apart(released, taken, 0.053)
    yield s.adverts(2, 3)


def crash(s: Run) -> Script:
    yield from both(s)
    s.crash(1)
    taken = yield s.advert(2)
    s.apart(s.last_advert(1), taken, 0.353)
    yield s.adverts(2, 3)


def preempt(s: Run) -> Script:
    """The second one is the better one, and comes later."""
    s.start(1)
    yield s.adverts(1, 3)
    s.start(2)
    yield s.adverts(2, 5)
    last = s.last_advert(1)
    yield s.adverts(2, 5)
    assert s.last_advert(1) is last


def split(s: Run) -> Script:
    yield from both(s)
    s.cut(1)
    yield s.adverts(2, 3)
    s.cut(1, healed=True)
    yield s.adverts(1, 4)
    last = s.last_advert(2)
    yield s.adverts(1, 4)
    assert s.last_advert(2) is last


def _situations() -> Iterator[object]:
    for script, priorities in ((stop, (150, 120)), (crash, (150, 120)), (preempt, (120, 150)), (split, (150, 120))):
        for names in (("FRR", "ours"), ("ours", "FRR")):
            for family, vips in (("ipv4", FOUR), ("ipv6", SIX)):
                configs = tuple(
                    frr(priority, *vips) if name == "FRR" else vi(priority, vips=vips)
                    for name, priority in zip(names, priorities, strict=True)
                )
                made = Situation(configs=configs, script=script, castings=(names,))
                yield pytest.param(made, id=f"{script.__name__}-{'-'.join(names)}-{family}")


@pytest.mark.kernel
@pytest.mark.interop
@pytest.mark.parametrize("situation", list(_situations()))
def test_beside_frr(stage: Stage, situation: Situation) -> None:
    if failure := stage.perform(situation):
        pytest.fail(failure, pytrace=False)
