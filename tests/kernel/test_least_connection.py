"""Picks that are made ten times a second keep near to those of an exact scheduler (figures: docs/dataplane.md)."""

from random import Random
from statistics import mean

import pytest

from labkit.lvs.model import Scheduler
from tests.kernel.visits import Fleet, by_turns, distance, exactly, history, in_advance, visits

HELD = 32  # by a server, of 100 visits a second that last 0.96 s on the average


@pytest.mark.parametrize(
    ("scheduler", "weights"),
    [
        (Scheduler.LC, (1, 1, 1)),
        (Scheduler.WLC, (3, 2, 1)),
        (Scheduler.SED, (3, 2, 1)),
        (Scheduler.NQ, (3, 2, 1)),
    ],
)
def test_picks_in_advance_are_near_to_exact_ones(scheduler: Scheduler, weights: tuple[int, ...]) -> None:
    fleet, crowd = Fleet(scheduler, weights), visits(Random(21), 100, 20)
    exact = history(crowd, 3, exactly(fleet))
    apart = mean(distance(history(crowd, 3, in_advance(fleet)), exact))
    assert 0 < apart < HELD / 16
    assert apart < mean(distance(history(crowd, 3, by_turns(fleet)), exact)) / 2
