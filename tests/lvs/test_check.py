"""When a check runs and when its answers count."""

import pytest

from labkit.lvs.check import Check, CheckAction, CheckConfig, Failing, Result, Run, Settled
from labkit.trace import SECOND

GOOD, BAD = Result(ok=True), Result(ok=False, detail="connection refused")


def check(*, alpha: bool = False, retry: int = 1, delay_loop: int = 10 * SECOND) -> Check[str]:
    return Check("rs", CheckConfig(delay_loop=delay_loop, retry=retry, alpha=alpha), 0)


def settled(*, healthy: bool, first: bool = False, attempts: int = 0) -> list[CheckAction[str]]:
    return [Settled(check="rs", healthy=healthy, result=GOOD if healthy else BAD, attempts=attempts, first=first)]


def failing(attempt: int, retry: int = 1) -> list[CheckAction[str]]:
    return [Failing(check="rs", attempt=attempt, retry=retry, result=BAD)]


def test_a_healthy_server_is_asked_on_the_grid() -> None:
    one = check()
    assert one.deadline == 0
    assert one.wake(0) == [Run(check="rs")]
    assert one.deadline is None
    assert one.answered(GOOD, 300_000) == settled(healthy=True, first=True)
    assert one.deadline == 10 * SECOND
    assert one.wake(9 * SECOND) == []
    assert one.wake(10 * SECOND + 7) == [Run(check="rs")]
    assert one.answered(GOOD, 11 * SECOND) == []
    assert one.deadline == 20 * SECOND


def test_a_run_longer_than_the_loop_leaves_points_out() -> None:
    one = check()
    one.wake(0)
    one.answered(GOOD, 25 * SECOND)
    assert one.deadline == 30 * SECOND


def test_a_failure_is_tried_again_before_it_counts() -> None:
    one = check(retry=2)
    one.wake(0)
    one.answered(GOOD, 0)
    one.wake(10 * SECOND)
    assert one.answered(BAD, 10 * SECOND) == failing(1, 2)
    assert one.deadline == 11 * SECOND
    one.wake(11 * SECOND)
    assert one.answered(BAD, 11 * SECOND) == failing(2, 2)
    one.wake(12 * SECOND)
    assert one.healthy
    assert one.answered(BAD, 12 * SECOND) == settled(healthy=False, attempts=2)
    assert not one.healthy
    assert one.deadline == 20 * SECOND


def test_a_success_forgets_the_retries() -> None:
    one = check()
    one.wake(0)
    assert one.answered(BAD, 0) == failing(1)
    one.wake(SECOND)
    assert one.answered(GOOD, SECOND) == settled(healthy=True, first=True, attempts=1)
    one.wake(10 * SECOND)
    assert one.answered(BAD, 10 * SECOND) == failing(1)


def test_a_failed_server_is_not_tried_again_in_between() -> None:
    one = check(retry=0)
    one.wake(0)
    assert one.answered(BAD, 0) == settled(healthy=False, first=True)
    one.wake(10 * SECOND)
    assert one.answered(BAD, 10 * SECOND) == []
    one.wake(20 * SECOND)
    assert one.answered(GOOD, 20 * SECOND) == settled(healthy=True)


def test_what_is_final_is_not_tried_again() -> None:
    one, final = check(retry=3), Result(ok=False, final=True)
    one.wake(0)
    assert one.answered(final, 0) == [Settled(check="rs", healthy=False, result=final, attempts=0, first=True)]


def test_a_run_that_could_not_be_made_says_nothing() -> None:
    one = check()
    one.wake(0)
    assert one.answered(Result(ok=False, detail="no descriptor is left", void=True), 0) == []
    assert (one.healthy, one.settled, one.deadline) == (True, False, 10 * SECOND)
    one.wake(10 * SECOND)
    assert one.answered(BAD, 10 * SECOND) == failing(1)


def test_a_check_of_what_has_changed_runs_at_once_and_then_on_the_grid() -> None:
    one = check()
    one.wake(0)
    one.answered(GOOD, 0)
    one.hurry(4 * SECOND)
    assert one.wake(4 * SECOND) == [Run(check="rs")]
    one.hurry(5 * SECOND)  # the run that is under way may have begun before
    assert one.deadline is None
    one.answered(GOOD, 6 * SECOND)
    assert one.wake(6 * SECOND) == [Run(check="rs")]
    one.answered(GOOD, 6 * SECOND)
    assert one.deadline == 10 * SECOND


def test_alpha_begins_as_failed() -> None:
    one = check(alpha=True)
    assert not one.healthy
    one.wake(0)
    assert one.answered(BAD, 0) == settled(healthy=False, first=True)
    one.wake(10 * SECOND)
    assert one.answered(GOOD, 10 * SECOND) == settled(healthy=True)


def test_a_weight_that_changes_is_told_and_a_failure_keeps_it() -> None:
    one = check(retry=0)
    for at, result, told in (
        (0, Result(ok=True, weight=5), 1),
        (1, Result(ok=True, weight=5), 0),
        (2, Result(ok=True, weight=9), 1),
        (3, BAD, 1),
    ):
        one.wake(at * 10 * SECOND)
        assert len(one.answered(result, at * 10 * SECOND)) == told
    assert one.weight == 9
    assert one.last == BAD


def test_an_answer_that_nobody_waits_for_is_passed_over() -> None:
    one = check()
    assert one.answered(BAD, 0) == []
    assert one.last is None


def test_a_suspended_check_rests_and_resumes_at_once() -> None:
    one = check()
    one.suspend()
    assert one.deadline is None
    assert one.wake(0) == []
    one.resume(5 * SECOND)
    assert one.deadline == 5 * SECOND
    one.resume(6 * SECOND)  # not suspended: nothing changes
    assert one.deadline == 5 * SECOND
    one.wake(5 * SECOND)
    one.suspend()
    one.resume(6 * SECOND)  # the run is under way still
    assert one.deadline is None


def test_a_check_resumed_before_its_time_goes_back_to_the_grid() -> None:
    one = check()
    one.wake(0)
    one.answered(GOOD, 0)
    one.suspend()
    one.resume(4 * SECOND)
    assert one.wake(4 * SECOND) == [Run(check="rs")]
    one.answered(GOOD, 4 * SECOND)
    assert one.deadline == 10 * SECOND


def test_other_times_keep_the_health() -> None:
    one = check(retry=0)
    one.wake(0)
    one.answered(BAD, 0)
    one.reconfigure(CheckConfig(delay_loop=20 * SECOND), SECOND, SECOND)
    assert one.deadline == 10 * SECOND
    one.wake(10 * SECOND)
    one.answered(BAD, 10 * SECOND)
    assert (one.healthy, one.deadline) == (False, 30 * SECOND)


def test_a_shorter_loop_does_not_wait_for_the_end_of_the_longer_one() -> None:
    one = check(delay_loop=600 * SECOND)
    one.wake(0)
    one.answered(GOOD, 0)
    one.reconfigure(CheckConfig(delay_loop=7 * SECOND), 100 * SECOND, 100 * SECOND)
    assert one.deadline == 103 * SECOND  # 600 - 71 * 7: what was spread out stays so
    one.wake(103 * SECOND)
    one.answered(GOOD, 103 * SECOND)
    assert one.deadline == 110 * SECOND


def test_a_retry_is_made_when_it_was_to_be_whatever_a_reload_says() -> None:
    one = check(delay_loop=600 * SECOND)
    one.wake(0)
    one.answered(BAD, 0)
    one.reconfigure(CheckConfig(delay_loop=SECOND // 10), 0, 0)
    assert one.deadline == SECOND


def test_something_else_to_look_at_is_looked_at_soon() -> None:
    one = check(delay_loop=600 * SECOND)
    one.wake(0)
    one.answered(GOOD, 0)
    one.reconfigure(CheckConfig(spec="another", delay_loop=600 * SECOND), 100 * SECOND, 101 * SECOND)
    assert one.deadline == 101 * SECOND
    one.wake(101 * SECOND)
    one.reconfigure(CheckConfig(spec="a third", delay_loop=600 * SECOND), 102 * SECOND, 109 * SECOND)
    assert one.answered(BAD, 103 * SECOND) == []  # of the second, which says nothing of the third
    assert one.deadline == 103 * SECOND
    one.wake(103 * SECOND)
    assert one.answered(BAD, 104 * SECOND) == failing(1)


@pytest.mark.parametrize(
    "wrong", [{"delay_loop": 0}, {"retry": -1}, {"delay_before_retry": -1}, {"warmup": -1}], ids=lambda w: next(iter(w))
)
def test_times_that_cannot_be(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        CheckConfig(**wrong)
