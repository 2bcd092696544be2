"""Many virtual routers at once: what is counted, and that what must not happen is noticed."""

from dataclasses import replace
from functools import partial

import pytest

from labkit.sim import crowd
from labkit.sim.crowd import CRASH, STOP, Crowd, Plan
from labkit.trace import SECOND
from labkit.vrrp.config import RouterConfig

FEW = Plan(routers=31, duration=30 * SECOND)


def test_takeovers_keep_their_bounds_and_the_best_owns_at_the_end() -> None:
    census = Crowd(FEW).run()
    assert FEW.groups == 10
    assert census.wrong == []
    assert census.usurped == 0
    for kind, most in ((STOP, 672_000), (CRASH, 3_672_000)):  # the last has priority 84: a skew of 172 / 256 s
        found = census.takeovers[kind]
        assert found.took
        assert found.late == 0
        assert max(found.took) <= most
    none, one, more = census.lasted
    assert 0 < none < one
    assert census.longest[2] <= FEW.latency  # the old owner lets go when it hears the new one
    assert more <= 100 * FEW.latency


def test_equal_seeds_have_equal_histories() -> None:
    first, second = Crowd(FEW).run(), Crowd(FEW).run()
    assert first == second
    assert Crowd(replace(FEW, seed=2)).run() != first


def test_losses_are_seen_and_got_over() -> None:
    census = Crowd(replace(FEW, loss=0.4)).run()
    assert census.usurped > 0
    assert census.longest[2] > FEW.latency
    assert census.wrong == []


def test_a_takeover_that_is_late_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "skew_time", lambda *_: 1)
    found = Crowd(FEW).run().takeovers[STOP]
    assert found.late > 0
    assert 0 < found.latest <= 672_000


def test_a_wrong_owner_at_the_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "RouterConfig", partial(RouterConfig, preempt=False))
    assert Crowd(FEW).run().wrong != []


@pytest.mark.parametrize("figures", [{"routers": 2}, {"routers": 9, "together": 1}], ids=["too-few", "alone"])
def test_what_is_no_crowd(figures: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="two routers or more"):
        Plan(**figures)
